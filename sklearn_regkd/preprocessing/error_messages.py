"""What is wrong with X or y, said so that a newcomer knows where to look and what to do."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, time, timedelta
from typing import Any

import numpy as np

from sklearn_regkd.preprocessing.categories import is_frame

DATES = (date, time, timedelta, np.datetime64, np.timedelta64)
# More names nobody reads.
MOST_NAMES = 5


@contextmanager
def explained(X: Any, y: Any = None, *, gaps: str = "") -> Iterator[None]:
    """Put a better error in the place of one that says neither which column nor what to do.

    Nothing is looked at before something has failed.

    Parameters
    ----------
    X, y : array-like
        As they were given; without `y` these are rows to predict.
    gaps : str, default=""
        The parameter with which missing values in X are taken, if there is one.

    Raises
    ------
    ValueError
        If X or y holds text, dates, NaN or infinity; else what was raised inside.
    """
    try:
        yield
    except (TypeError, ValueError) as error:
        if "feature names" in str(error):  # other columns than in fit: that says it all
            raise
        words = _about_X(X, y is not None, gaps) or ("" if y is None else _about_y(y))
        if not words:
            raise
        raise ValueError(words) from error


def columns_without_numbers(X: Any) -> dict[str, dict[Any, Any]]:
    """Return the columns that hold ``"text"`` and ``"dates"``, each with the first such value.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_regkd.preprocessing.error_messages import columns_without_numbers
    >>> columns_without_numbers(pd.DataFrame({"a": [1, 2], "kind": ["x", "y"]}))
    {'text': {'kind': 'x'}, 'dates': {}}
    """
    found: dict[str, dict[Any, Any]] = {"text": {}, "dates": {}}
    for name, values in _columns(X):
        odd = first_odd(values)
        if odd is not None:
            found["text" if isinstance(odd, str) else "dates"].setdefault(name, odd)
    return found


def first_odd(values: np.ndarray) -> Any:
    """Return the first value that is a date or a text which is no number, or None."""
    if values.dtype.kind in "mM":
        return values[0] if len(values) else None
    if values.dtype.kind not in "OUT":
        return None
    return next((v for v in values.tolist() if isinstance(v, DATES) or _is_text(v)), None)


def _is_text(value: Any) -> bool:
    if not isinstance(value, str):
        return False
    try:
        float(value)
    except ValueError:
        return True
    return False


def _columns(X: Any) -> Iterator[tuple[Any, np.ndarray]]:
    if is_frame(X):
        for name in X.columns:
            yield name, np.asarray(X[name])
    elif isinstance(X, np.ndarray) and X.ndim == 2:
        yield from enumerate(X.T)


def listed(names: Any) -> str:
    """Return names as one says them.

    Examples
    --------
    >>> from sklearn_regkd.preprocessing.error_messages import listed
    >>> listed(["a"]), listed(range(7))
    ("column 'a'", 'columns 0, 1, 2, 3, 4 and 2 more')
    """
    names = list(names)
    words = ", ".join(repr(name) for name in names[:MOST_NAMES])
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return f"{'columns' if len(names) > 1 else 'column'} {words}{more}"


def _about_X(X: Any, fitting: bool, gaps: str) -> str:
    odd = columns_without_numbers(X)
    parts = [_about_odd(kind, columns, X, fitting) for kind, columns in odd.items() if columns]
    if parts:
        return "; ".join(parts)
    infinite, missing, n_missing = [], [], 0
    for name, values in _columns(X):
        if values.dtype.kind not in "biufO":
            return ""  # whatever else it is
        try:
            numbers = values.astype(np.float64)
        except (TypeError, ValueError):
            return ""
        unknown = int(np.isnan(numbers).sum())
        n_missing += unknown
        if unknown:
            missing.append(name)
        if np.isinf(numbers).any():
            infinite.append(name)
    if infinite:
        return (
            f"Input X contains infinity in {listed(infinite)}: put a number there, or NaN if the "
            "value is not known"
        )
    if missing:
        return (
            f"Input X contains NaN, {n_missing} times in {listed(missing)}: "
            + (f"fit with {gaps}, which takes missing values, or " if gaps else "")
            + "fill them in before, for example with SimpleImputer in a Pipeline"
        )
    return ""


def _about_odd(kind: str, columns: dict[Any, Any], X: Any, fitting: bool) -> str:
    name, value = next(iter(columns.items()))
    words = f"X holds {kind} in {listed(columns)}, such as {str(value)!r}"
    if not fitting:
        return (
            f"{words}, where numbers are expected: pass rows in the form that fit got, a data "
            "frame if it got a data frame"
        )
    if kind == "dates":
        return (
            f"{words}: make numbers of them, such as the day of the week, the day of the year, or "
            "the days since a fixed date"
        )
    if not is_frame(X):
        return f"{words}: encode it as numbers, for example with OrdinalEncoder or OneHotEncoder"
    more = ", ..." if len(columns) > 1 else ""
    return (
        f"{words}: declare such columns as categories, in pandas "
        f"X.astype({{{name!r}: 'category'{more}}}), in polars X.cast({{{name!r}: "
        f"polars.Categorical{more}}}), or encode them in a Pipeline, for example with "
        "OneHotEncoder(sparse_output=False)"
    )


def _about_y(y: Any) -> str:
    values = np.asarray(y)
    if values.ndim not in (1, 2) or not len(values):
        return ""
    odd = first_odd(values.reshape(-1))
    if isinstance(odd, str):
        return (
            f"y must hold numbers, got text such as {odd!r}: convert the labels, for example with "
            "pandas.to_numeric(y, errors='coerce'), and leave out rows that have none"
        )
    if odd is not None:
        return (
            f"y must hold numbers, got dates or durations such as {str(odd)!r}: convert the "
            "labels, for example to days since a fixed date"
        )
    if values.dtype.kind not in "biufO":
        return ""
    try:
        numbers = values.astype(np.float64)
    except (TypeError, ValueError):
        return ""
    rows = np.flatnonzero(~np.isfinite(numbers).reshape(len(numbers), -1).all(axis=1))
    if not len(rows):
        return ""
    what = "NaN" if np.isnan(numbers).any() else "infinity"
    of = f"{len(rows)} of {len(numbers)} rows (first: row {rows[0]})"
    return (
        f"Input y contains {what}, in {of}: leave these rows out of X and y; with "
        "DistilledRegressor they may go to fit(X_unlabeled=...)"
    )

"""What is wrong with X or y, said so that a newcomer knows where to look and what to do."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, time, timedelta
from typing import Any

import numpy as np

from sklearn_regkd.preprocessing.frames import (
    as_floats,
    column,
    columns_of_no_numbers,
    declared_categories,
    is_frame,
    is_missing,
    named_columns,
)

DATES = (date, time, timedelta, np.datetime64, np.timedelta64)
OBJECTS = "objects of type"
# More names nobody reads.
MOST_NAMES = 5
MOST_LETTERS = 40
MOST_IN_SINGLE = float(np.finfo(np.float32).max)
# How the errors of other libraries are worded where a value is no number.
ABOUT_TYPES = re.compile(
    r"convert|dtype|promot|\bcast\b|object_|categor|datetime|timestamp|float\(\)|'str'|not str\b"
    r"|unsupported operand|not supported between|not supported for the input types",
    re.IGNORECASE,
)


@contextmanager
def explained(X: Any, y: Any = None, *, allow_nan: bool = False, gaps: str = "") -> Iterator[None]:
    """Put a better error in the place of one that says neither which column nor what to do.

    Nothing is looked at before something has failed.

    Parameters
    ----------
    X, y : array-like
        As they were given; without `y` these are rows to predict.
    allow_nan : bool, default=False
        Whether missing values in X are none of what is wrong.
    gaps : str, default=""
        The parameter with which missing values in X would be taken, if there is one.

    Raises
    ------
    ValueError
        If X or y holds text, dates, NaN, infinity or too large numbers; else what was raised
        inside.
    TypeError
        If X holds objects that are no numbers, text or dates.
    """
    try:
        yield
    except (TypeError, ValueError, OverflowError) as error:
        if "feature names" in str(error):  # other columns than in fit: that says it all
            raise
        words = _about_X(X, y is not None, allow_nan, gaps) or ("" if y is None else _about_y(y))
        if not words:
            raise
        if isinstance(error, TypeError) and OBJECTS in words:  # neither text nor dates
            raise TypeError(f"{words} ({error})") from error
        raise ValueError(words) from error


def refuse_dates(values: Any) -> None:
    """Raise an error if a table, or labels, hold dates or durations.

    NumPy takes those of its own, and of polars, for bare numbers of their unit: the same instants
    would be other numbers in another unit.

    Parameters
    ----------
    values : array-like
        What can be converted to numbers.

    Raises
    ------
    ValueError
        If there is a date, a time or a duration.
    """
    for some in not_of_numbers(values):
        odd = first_odd(some)
        if odd is not None and _kind_of(odd) == "dates":
            raise ValueError(f"dates such as {str(odd)!r} are no numbers")


def not_of_numbers(values: Any) -> Iterator[np.ndarray]:
    """Yield what may hold something else than numbers, as flat arrays."""
    if is_frame(values):
        for position in columns_of_no_numbers(values):
            yield np.asarray(column(values, position))
        return
    array = np.asarray(values)
    if array.dtype.kind not in "biufc":
        yield array.reshape(-1)


def refuse_beyond_single(X: np.ndarray) -> None:
    """Raise an error if an array holds numbers that single precision does not.

    The network is trained and exported in single precision.

    Parameters
    ----------
    X : ndarray
        Of any numbers; NaN is let pass.

    Raises
    ------
    ValueError
        If there is a number beyond 3.4e38 or below its negative.
    """
    if X.dtype != np.float64 or not X.size:
        return
    for extreme in (np.fmax.reduce(X, axis=None), np.fmin.reduce(X, axis=None)):
        if abs(extreme) > MOST_IN_SINGLE:
            raise ValueError(f"X holds {extreme:g}: {TOO_LARGE}")


TOO_LARGE = (
    f"numbers go up to {MOST_IN_SINGLE:.2g}, the largest of single precision; take their "
    "logarithm, or another unit"
)


def columns_without_numbers(X: Any) -> dict[str, dict[Any, Any]]:
    """Return the columns that hold what is no number, each with the first such value.

    Parameters
    ----------
    X : data frame or ndarray of shape (n_samples, n_features)
        Whatever the user gave.

    Returns
    -------
    dict of dict
        Of what there is: ``"text"``, ``"dates"``, or objects of another type.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_regkd.preprocessing.error_messages import columns_without_numbers
    >>> columns_without_numbers(pd.DataFrame({"a": [1, 2], "kind": ["x", "y"]}))
    {'text': {'kind': 'x'}}
    """
    found: dict[str, dict[Any, Any]] = {}
    for name, values in named_columns(X):
        odd = first_odd(values)
        if odd is not None:
            found.setdefault(_kind_of(odd), {}).setdefault(name, odd)
    return dict(sorted(found.items(), key=lambda item: item[0] != "text"))


def first_odd(values: np.ndarray) -> Any:
    """Return the first value that is neither a number nor the text of one nor missing, or None."""
    if values.dtype.kind in "mM":
        return values[0] if len(values) else None
    if values.dtype.kind not in "OUT":
        return None
    return next((value for value in values.tolist() if _is_odd(value)), None)


def _is_odd(value: Any) -> bool:
    if _is_date(value):
        return True
    if is_missing(value):
        return False
    try:
        float(value)
    except OverflowError:  # a number, but too large
        return False
    except (TypeError, ValueError):
        return True
    return False


def _is_date(value: Any) -> bool:
    # A Period is of pandas, which is no dependency.
    return isinstance(value, DATES) or type(value).__name__ == "Period"


def _kind_of(odd: Any) -> str:
    if isinstance(odd, str):
        return "text"
    return "dates" if _is_date(odd) else f"{OBJECTS} {type(odd).__name__}"


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


def hint_about_columns(X: Any, error: Exception) -> str:
    """Return which columns of a frame a teacher may have failed at, in brackets; "" if at none.

    Parameters
    ----------
    X : array-like
        What the teacher got.
    error : Exception
        What it raised. Nothing is said of columns of text or dates, which many teachers take,
        unless the error speaks of types, or of such a column or its value.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_regkd.preprocessing.error_messages import hint_about_columns
    >>> X = pd.DataFrame({"town": ["Ames", "Rome"]})
    >>> hint_about_columns(X, ValueError("could not convert string to float"))[:47]
    ' (a teacher gets the data frame as it is, here '
    >>> hint_about_columns(X, ValueError("out of memory"))
    ''
    """
    if not is_frame(X):
        return ""
    odd = [pair for columns in columns_without_numbers(X).values() for pair in columns.items()]
    words = str(error)
    if not odd or not (
        ABOUT_TYPES.search(words) or any(repr(one) in words for pair in odd for one in pair)
    ):
        return ""
    return (
        " (a teacher gets the data frame as it is, here with text, dates or other objects in "
        f"{listed(name for name, _ in odd)}: take a teacher that knows what to do with them, or a "
        "Pipeline that encodes them before it)"
    )


def _about_X(X: Any, fitting: bool, allow_nan: bool, gaps: str) -> str:
    odd = columns_without_numbers(X)
    if odd:
        return "; ".join(_about_odd(kind, columns, X, fitting) for kind, columns in odd.items())
    infinite, large, missing, n_missing = [], {}, [], 0
    for name, values in named_columns(X):
        numbers = as_floats(values)
        if numbers is None:
            return ""  # whatever else it is
        is_nan, size = np.isnan(numbers), np.abs(numbers)
        if is_nan.any():
            missing.append(name)
            n_missing += int(is_nan.sum())
        if np.isinf(size).any():
            infinite.append(name)
        elif (size > MOST_IN_SINGLE).any():
            large[name] = int(np.flatnonzero(size > MOST_IN_SINGLE)[0]), values
    if infinite:
        return (
            f"Input X contains infinity in {listed(infinite)}: put a number there, or NaN if the "
            "value is not known"
        )
    if large:
        row, values = next(iter(large.values()))
        return f"X holds {_short(values[row])} in {listed(large)}, first in row {row}: {TOO_LARGE}"
    if missing and not allow_nan:
        return (
            f"Input X contains NaN, {n_missing} times in {listed(missing)}: "
            + (f"fit with {gaps}, which takes missing values, or " if gaps else "")
            + "fill them in before, for example with SimpleImputer in a Pipeline"
        )
    return ""


def _about_odd(kind: str, columns: dict[Any, Any], X: Any, fitting: bool) -> str:
    name, value = next(iter(columns.items()))
    words = f"X holds {kind} in {listed(columns)}, such as {_short(value)!r}"
    if kind == "dates":
        return (
            f"{words}: make numbers of them, such as the day of the week, the day of the year, or "
            "the days since a fixed date, " + ("also in predict" if fitting else "as for fit")
        )
    if not fitting:
        return (
            f"{words}, where numbers are expected: pass rows in the form that fit got, a data "
            "frame if it got a data frame"
        )
    if not is_frame(X):
        return f"{words}: encode it as numbers, for example with OrdinalEncoder or OneHotEncoder"
    encoder = "encode them in a Pipeline, for example with OneHotEncoder(sparse_output=False)"
    if name in {list(X.columns)[position] for position in declared_categories(X)}:
        return (
            f"{words}: it is declared as categories, which the student takes with "
            "categorical_features='from_dtype', input_transform='quantile' and its built-in "
            f"network only; else {encoder}"
        )
    more = ", ..." if len(columns) > 1 else ""
    return (
        f"{words}: declare such columns as categories, in pandas "
        f"X.astype({{{name!r}: 'category'{more}}}), in polars X.cast({{{name!r}: "
        f"polars.Categorical{more}}}), or {encoder}"
    )


def _short(value: Any) -> str:
    """Return a value as text that fits into a sentence."""
    words = f"{value:g}" if isinstance(value, float) else str(value)
    return words if len(words) <= MOST_LETTERS else f"{words[:MOST_LETTERS]}..."


def _about_y(y: Any) -> str:
    if is_frame(y):
        arrays = [values for _, values in named_columns(y)]
    else:
        arrays = [np.asarray(y)]
    if not arrays or arrays[0].ndim not in (1, 2) or not len(arrays[0]):
        return ""
    odd = next((odd for some in arrays if (odd := first_odd(some.reshape(-1))) is not None), None)
    if isinstance(odd, str):
        return (
            f"y must hold numbers, got text such as {_short(odd)!r}: convert the labels, for "
            "example with pandas.to_numeric(y, errors='coerce'), and leave out rows that have none"
        )
    if odd is not None and _is_date(odd):
        return (
            f"y must hold numbers, got dates or durations such as {_short(odd)!r}: convert the "
            "labels, for example to days since a fixed date"
        )
    if odd is not None:
        return f"y must hold numbers, got a {type(odd).__name__}, {_short(odd)!r}"
    labels = [as_floats(some) for some in arrays]
    if any(some is None for some in labels):
        return ""
    numbers = np.column_stack(labels)  # type: ignore[arg-type]
    rows = np.flatnonzero(~np.isfinite(numbers).all(axis=1))
    if not len(rows):
        return ""
    what = "NaN" if np.isnan(numbers).any() else "infinity"
    of = f"{len(rows)} of {len(numbers)} rows (first: row {rows[0]})"
    return (
        f"Input y contains {what}, in {of}: leave these rows out of X and y; with "
        "DistilledRegressor they may go to fit(X_unlabeled=...)"
    )

"""Data frames of pandas and polars, and arrays of objects, read column by column."""

import sys
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

# As the types of columns are called that are declared as categories: of pandas, of polars (two),
# and of Arrow inside pandas.
CATEGORICAL_TYPES = ("category", "categorical", "enum", "dictionary")


def is_frame(X: Any) -> bool:
    """Whether X is a data frame of pandas or polars, with rows that can be read at once."""
    return all(hasattr(X, name) for name in ("shape", "columns", "dtypes"))


def column(X: Any, position: int) -> Any:
    """Return a column of a frame by its position: names may occur twice."""
    return X.iloc[:, position] if hasattr(X, "iloc") else X[:, position]


def replace_columns(X: Any, new: Mapping[int, np.ndarray]) -> Any:
    """Return a frame with other values in some columns; the one that was given is not changed.

    Parameters
    ----------
    X : data frame of shape (n_samples, n_features)
        From pandas or polars.
    new : mapping of int to ndarray of shape (n_samples,)
        Values by the position of their column.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from sklearn_regkd.preprocessing.frames import replace_columns
    >>> replace_columns(pd.DataFrame({"a": [1, 2], "kind": ["x", "y"]}), {1: np.array([0, 1])})
       a  kind
    0  1     0
    1  2     1
    """
    if not new:
        return X
    if hasattr(X, "iloc"):
        X = X.copy(deep=False)
        for position, values in new.items():
            X.isetitem(position, values)
        return X
    return X.with_columns(
        [type(X[:, position])(X.columns[position], values) for position, values in new.items()]
    )


def columns_of_no_numbers(X: Any) -> list[int]:
    """Return the positions of columns of a frame whose type does not say that they hold numbers."""
    return [position for position, dtype in enumerate(X.dtypes) if not _is_of_numbers(dtype)]


def _is_of_numbers(dtype: Any) -> bool:
    if hasattr(dtype, "kind"):  # of NumPy, and of the extensions of pandas
        return dtype.kind in "biuf"
    return dtype.is_numeric()


def declared_categories(X: Any) -> list[int]:
    """Return the positions of columns of a frame that are declared as categories.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_regkd.preprocessing.frames import declared_categories
    >>> declared_categories(pd.DataFrame({"a": [1, 2], "kind": pd.Categorical(["x", "y"])}))
    [1]
    """
    dtypes = list(X.dtypes)
    return [
        position
        for position in columns_of_no_numbers(X)
        if str(dtypes[position]).lower().startswith(CATEGORICAL_TYPES)
    ]


def named_columns(X: Any) -> Iterator[tuple[Any, np.ndarray]]:
    """Yield the columns of a frame, or of an array of two dimensions, each with its name."""
    if is_frame(X):
        for position, name in enumerate(X.columns):
            yield name, np.asarray(column(X, position))
    elif isinstance(X, np.ndarray | list | tuple) and (array := np.asarray(X)).ndim == 2:
        yield from enumerate(array.T)


def is_missing(value: Any) -> bool:
    """Whether a value means that there is none: None, NaN, NaT or ``pandas.NA``.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_regkd.preprocessing.frames import is_missing
    >>> [is_missing(value) for value in (None, float("nan"), pd.NA, pd.NaT, 0, "")]
    [True, True, True, True, False, False]
    """
    if value is None or value is _pandas_na():
        return True
    differs = value != value
    return isinstance(differs, bool | np.bool_) and bool(differs)


def na_as_nan(X: Any) -> Any:
    """Return a frame, or an array or list of objects, with NaN in the place of each ``pandas.NA``.

    NumPy makes a number of None and NaN, but not of ``pandas.NA``. Anything else is returned as
    it is, and what was given is not changed. A column of categories stays one.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from sklearn_regkd.preprocessing.frames import na_as_nan
    >>> na_as_nan(np.array([1.0, pd.NA], dtype=object)).astype(float)
    array([ 1., nan])
    """
    if isinstance(X, np.ndarray | list | tuple):
        values = np.asarray(X)
        without = _na_as_nan(values)
        return X if without is values else without
    if not (is_frame(X) and hasattr(X, "iloc")):
        return X
    new, declared = {}, declared_categories(X)
    for position in columns_of_no_numbers(X):
        series = column(X, position)
        values = np.asarray(series)
        without = _na_as_nan(values)
        if without is not values:
            new[position] = _of_objects(series) if position in declared else without
    return replace_columns(X, new)


def _of_objects(series: Any) -> Any:
    """Return the values of a categorical series of pandas, of which the missing ones are NaN."""
    if not hasattr(series, "cat"):  # a dictionary of Arrow
        return series.astype(object).astype("category").array
    return series.cat.rename_categories(series.cat.categories.astype(object)).array


def _na_as_nan(values: np.ndarray) -> np.ndarray:
    na = _pandas_na()
    if values.dtype != object or na is None:
        return values
    at = np.array([value is na for value in values.flat], bool).reshape(values.shape)
    return np.where(at, np.nan, values) if at.any() else values


def _pandas_na() -> Any:
    """Return ``pandas.NA``, or None where pandas, which is no dependency, was not imported."""
    pandas = sys.modules.get("pandas")
    return None if pandas is None else pandas.NA


def as_floats(values: np.ndarray) -> np.ndarray | None:
    """Return values as float64, NaN where they are missing; None if they are no numbers.

    Integers of Python beyond float64 become its largest number.
    """
    if values.dtype.kind not in "biufO":
        return None
    values = _na_as_nan(values)
    try:
        return values.astype(np.float64)
    except OverflowError:
        return np.array([_as_float(value) for value in values.flat]).reshape(values.shape)
    except (TypeError, ValueError):
        return None


def _as_float(value: Any) -> float:
    try:
        return float(np.nan if value is None else value)
    except OverflowError:
        return float(np.copysign(np.finfo(np.float64).max, 1 if value > 0 else -1))

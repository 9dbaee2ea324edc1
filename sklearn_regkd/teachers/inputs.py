"""The rows that a teacher gets: what it may spoil, and columns that it cannot take."""

from typing import Any

import numpy as np

from sklearn_regkd.preprocessing.frames import is_frame
from sklearn_regkd.utils.unwrap import layers

# Models of these packages keep to scikit-learn's convention and never write into what they get.
# (A net of skorch trains and predicts on copies of batches.)
CAREFUL = ("sklearn", "lightgbm", "xgboost", "catboost", "skorch", "sklearn_regkd")
COPY = ("copy", "copy_X", "copy_x")


def to_spoil(teacher: Any, X: Any) -> Any:
    """Return rows that a teacher may write into without changing the user's.

    A copy is made only for teachers of packages that are not known to leave their input alone.

    Parameters
    ----------
    teacher : object
        The teacher, fitted or not.
    X : array-like of shape (n_samples, ...)
        Inputs in the teacher's form.
    """
    if all(_is_careful(layer) for layer in layers(teacher)):
        return X
    if hasattr(X, "clone"):  # polars, which is never changed in place
        return X
    return X.copy() if hasattr(X, "copy") else np.array(X)


def _is_careful(model: Any) -> bool:
    """Return whether a model, and each model among its parameters, leaves its input alone."""
    params = model.get_params() if hasattr(model, "get_params") else {}
    # StandardScaler(copy=False) and its like write where they read.
    if any(name.rpartition("__")[2] in COPY and value is False for name, value in params.items()):
        return False
    parts = [model, *(value for value in params.values() if hasattr(type(value), "fit"))]
    return all(type(part).__module__.partition(".")[0] in CAREFUL for part in parts)


def columns_without_values(X: Any) -> list[Any]:
    """Return the columns of a table of which all values are missing.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Inputs in the teacher's form.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_regkd.teachers.inputs import columns_without_values
    >>> columns_without_values(np.array([[1.0, np.nan], [2.0, np.nan]]))
    [1]
    """
    if is_frame(X):
        return [name for name in X.columns if _is_missing(X[name])]
    if isinstance(X, np.ndarray) and X.ndim == 2 and X.dtype.kind == "f" and len(X):
        return np.flatnonzero(np.isnan(X).all(axis=0)).tolist()
    return []


def _is_missing(column: Any) -> bool:
    missing = column.is_null() if hasattr(column, "is_null") else column.isna()
    if hasattr(column, "is_nan") and getattr(column.dtype, "is_float", bool)():
        missing = missing | column.is_nan().fill_null(True)
    return bool(missing.all())

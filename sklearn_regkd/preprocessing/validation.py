"""One place that decides the shape and type of X, y, the weights and the teacher's word."""

from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.base import BaseEstimator
from sklearn.utils import assert_all_finite
from sklearn.utils.validation import validate_data

from sklearn_regkd.preprocessing.error_messages import (
    MOST_IN_SINGLE,
    explained,
    first_odd,
    not_of_numbers,
    refuse_beyond_single,
    refuse_dates,
)
from sklearn_regkd.preprocessing.frames import as_floats, na_as_nan
from sklearn_regkd.utils.sklearn_compat import check_sample_weight

# Predictions leave the range of the labels, and float64 ends at 1.8e308.
LARGEST_LABEL = 1e306


def check_fit_data(
    estimator: BaseEstimator,
    X: Any,
    y: Any,
    allow_nd: bool = False,
    allow_nan: bool = False,
    reset: bool = True,
) -> tuple[np.ndarray, np.ndarray, int]:
    """Validate X and y, and remember the names and the number of features.

    Without `reset` compare these with what is remembered; one row is enough then.

    Returns
    -------
    X : ndarray of shape (n_samples, ...), float32 or float64
        Not a copy where it had one of these types and C order. Images, of three or four
        dimensions, may be uint8 as well: as floats they would take four or eight times the memory.
    y : ndarray of shape (n_samples, n_outputs), float64
        The labels, one column per output.
    ndim : int
        Dimensions that y came with.

    Raises
    ------
    ValueError
        NaN, infinity, strings, dates, numbers in X that single precision does not hold,
        wrong lengths, fewer than two rows, sparse y.
    TypeError
        Sparse X, or a LazyFrame.
    """
    if issparse(y):
        raise ValueError("sparse y is not supported: pass y.toarray()")
    _refuse_containers(X)
    with _sums_may_overflow(), explained(X, y, allow_nan=allow_nan, gaps=_gaps(estimator)):
        given = X, y
        X, y = validate_data(
            estimator,
            na_as_nan(X),
            na_as_nan(y),
            dtype=_types(allow_nd and getattr(X, "ndim", 2) > 2),
            order="C",
            allow_nd=allow_nd,
            ensure_all_finite="allow-nan" if allow_nan else True,
            multi_output=True,
            y_numeric=True,
            ensure_min_samples=2 if reset else 1,
            reset=reset,
        )
        if y.dtype.kind not in "buif":
            raise ValueError(f"y must hold numbers, got dtype {y.dtype}")
        label = np.asarray(y, np.float64).reshape(len(y), -1)
        # None in a list was no NaN before it became a number.
        assert_all_finite(label, input_name="y")
        for one in given:
            refuse_dates(one)
        refuse_beyond_single(X)
        _refuse_large(label)
    return X, label, y.ndim


def _sums_may_overflow() -> np.errstate:
    """Keep NumPy from warnings where a sum is taken to see whether all numbers are finite."""
    return np.errstate(over="ignore", invalid="ignore")


def _refuse_large(label: np.ndarray) -> None:
    """Refuse labels so large that predictions near them are no float64."""
    size = np.abs(label)
    if size.max(initial=0) > LARGEST_LABEL:
        row, output = np.argwhere(size > LARGEST_LABEL)[0]
        raise ValueError(
            f"y holds {label[row, output]:g} in row {row}, and labels go up to "
            f"{LARGEST_LABEL:g}: take another unit"
        )


def _refuse_containers(X: Any) -> None:
    if hasattr(X, "collect_schema") and not hasattr(X, "shape"):
        raise TypeError("X is a LazyFrame, which holds no rows yet: pass X.collect()")
    if issparse(X):
        raise TypeError(
            "X is sparse, but dense rows are expected: pass X.toarray(); in a Pipeline take "
            "OneHotEncoder(sparse_output=False), or ColumnTransformer(sparse_threshold=0)"
        )


def _gaps(estimator: BaseEstimator) -> str:
    """Return the parameter with which an estimator would take missing values, if there is one."""
    student = getattr(estimator, "student", estimator)
    if getattr(student, "module", None) is not None:
        return ""
    if hasattr(estimator, "student"):
        return "student=StudentRegressor(missing_values='indicator')"
    return "missing_values='indicator'" if hasattr(estimator, "missing_values") else ""


def check_predict_data(
    estimator: BaseEstimator,
    X: Any,
    input_shape: tuple,
    allow_nan: bool = False,
    any_number: bool = False,
) -> np.ndarray:
    """Validate X for prediction: as in fit, and each row of the shape seen there.

    With `any_number` numbers may be missing, infinite, or too large for single precision.
    """
    allow_nan = allow_nan or any_number
    if _is_beyond_doubt(estimator, X, input_shape):
        return X
    _refuse_containers(X)
    with _sums_may_overflow(), explained(X, allow_nan=allow_nan, gaps=_gaps(estimator)):
        given = X
        X = validate_data(
            estimator,
            na_as_nan(X),
            dtype=_types(len(input_shape) > 1),
            order="C",
            allow_nd=len(input_shape) > 1,
            ensure_all_finite=not any_number and ("allow-nan" if allow_nan else True),
            reset=False,
        )
        refuse_dates(given)
        if not any_number:
            refuse_beyond_single(X)
    if X.shape[1:] != input_shape:
        raise ValueError(
            f"X has rows of shape {X.shape[1:]}, but {type(estimator).__name__} was fitted on "
            f"rows of shape {input_shape}"
        )
    return X


def _types(images: bool) -> tuple[type, ...]:
    """Return the types that X may keep."""
    return (np.float64, np.float32, np.uint8) if images else (np.float64, np.float32)


def _is_beyond_doubt(estimator: BaseEstimator, X: Any, input_shape: tuple) -> bool:
    """Tell at once whether X is an array that needs neither an error nor a conversion.

    scikit-learn asks the same of everything that X might be, which takes longer
    than the prediction of a row.
    """
    if (
        type(X) is not np.ndarray
        or X.dtype.char not in "fd"
        or not X.dtype.isnative
        or not X.flags.c_contiguous
        or X.shape[1:] != input_shape
        or not len(X)
        or hasattr(estimator, "feature_names_in_")  # an array without names earns a warning
    ):
        return False
    flat = X.reshape(-1)
    with _sums_may_overflow():
        if X.dtype == np.float32:
            return bool(np.isfinite(flat.sum()))
        return bool(flat @ flat < MOST_IN_SINGLE**2)  # so is each number


def check_weight(sample_weight: Any, X: np.ndarray) -> np.ndarray | None:
    """Validate weights of rows; None stays None.

    Raises
    ------
    ValueError
        Wrong length, NaN, infinity, a negative weight, or no positive one.
    """
    if sample_weight is None:
        return None
    try:
        refuse_dates(sample_weight)
    except ValueError as error:
        raise ValueError(f"sample_weight must hold numbers: {error}") from error
    weight = check_sample_weight(sample_weight, X, dtype=np.float64)
    if not np.any(weight):  # newer versions of scikit-learn have raised by now
        raise ValueError("Sample weights must contain at least one non-zero number.")
    if np.any(weight < 0):
        row = int(np.flatnonzero(weight < 0)[0])
        raise ValueError(
            f"sample_weight must not be negative, got {weight[row]:g} in row {row}; "
            "give rows that should not count the weight 0"
        )
    return weight


def check_trusted(trusted: Any, y: Any) -> np.ndarray | None:
    """Validate which labels somebody has checked, (n_samples, n_outputs); None stays None.

    Raises
    ------
    ValueError
        If it has another shape than y, or holds anything but true and false.
    """
    if trusted is None:
        return None
    values, label = np.asarray(trusted), np.asarray(y)
    shape = (len(label), 1) if label.ndim < 2 else label.shape
    if values.shape not in (shape, shape[:1], label.shape):
        raise ValueError(
            f"trusted must say of each label whether somebody has checked it, with shape "
            f"{shape[:1]} or that of y, {label.shape}; got shape {values.shape}"
        )
    if values.dtype != bool and not np.isin(values, [0, 1]).all():
        odd = values[~np.isin(values, [0, 1])].ravel()[0]
        raise ValueError(f"trusted must hold True and False (or 1 and 0), got {odd!r}")
    columns = values.astype(bool).reshape(len(label), -1)
    return np.broadcast_to(columns, shape).copy()


def as_columns(prediction: Any, n_samples: int, n_outputs: int, who: str) -> np.ndarray:
    """Bring what a teacher says into shape (n_samples, n_outputs), float64.

    Parameters
    ----------
    prediction : array-like
        Of shape (n_samples, n_outputs), or (n_samples,) for one output.
    n_samples, n_outputs : int
        What is expected.
    who : str
        Named in errors.

    Raises
    ------
    ValueError
        If the shape differs or a value is not a finite number.
    """
    values = np.asarray(prediction)
    expected = (n_samples, n_outputs)
    if values.shape != expected and not (n_outputs == 1 and values.shape == (n_samples,)):
        wanted = f"{expected} or {(n_samples,)}" if n_outputs == 1 else f"{expected}"
        raise ValueError(f"{who} has shape {values.shape}, expected {wanted}, like y")
    numbers = as_floats(values)
    if numbers is None or any(first_odd(some) is not None for some in not_of_numbers(prediction)):
        raise ValueError(f"{who} must hold numbers, got dtype {values.dtype}")
    numbers = numbers.reshape(expected)
    finite = np.isfinite(numbers).all(axis=1)
    if not finite.all():
        rows = np.flatnonzero(~finite)
        raise ValueError(
            f"{who} is NaN or infinite in {len(rows)} of {n_samples} rows (first: row {rows[0]})"
        )
    return numbers


def like_y(columns: np.ndarray, ndim: int) -> np.ndarray:
    """Give an array (n_samples, n_outputs) the number of dimensions that y came with."""
    return columns[:, 0] if ndim == 1 else columns

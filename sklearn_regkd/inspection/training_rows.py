"""What a fitted estimator knows about its training rows, as plain arrays."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from sklearn_regkd.estimators.base import BaseDistiller
from sklearn_regkd.estimators.student import StudentRegressor
from sklearn_regkd.preprocessing.frames import as_floats
from sklearn_regkd.preprocessing.validation import as_columns
from sklearn_regkd.utils.sklearn_compat import check_fitted
from sklearn_regkd.utils.unwrap import layers, unwrap


def columns_of(values: Any) -> np.ndarray:
    """Return (n_samples,) or (n_samples, n_outputs) as (n_samples, n_outputs), float64."""
    values = np.asarray(values, np.float64)
    return values[:, None] if values.ndim == 1 else values


def check_shapes(expected: tuple[int, ...], **arrays: np.ndarray) -> None:
    """Raise a ValueError if an array has another shape than y."""
    for name, values in arrays.items():
        if values.shape != expected:
            raise ValueError(f"{name} has shape {values.shape}, expected {expected}, like y")


def fitted_distiller(estimator: Any, caller: str, *rows: Any) -> tuple[BaseDistiller, list[Any]]:
    """Return the fitted distillation estimator in an estimator, and rows as it sees them.

    Parameters
    ----------
    estimator : estimator
        TORRegressor or DistilledRegressor, or a Pipeline or search around one.
    caller : str
        Name of the function or class that the user has called, for the message.
    *rows : array-like of shape (n_samples, n_features) or None
        Rows as `estimator` takes them; None stays None.

    Raises
    ------
    TypeError
        If there is none.
    sklearn.exceptions.NotFittedError
        If it is not fitted.
    """
    distiller = layers(estimator)[-1]
    if not isinstance(distiller, BaseDistiller):
        raise TypeError(
            f"{caller} takes a fitted TORRegressor or DistilledRegressor, a Pipeline that ends "
            f"with one, or a search over them, got {type(distiller).__name__}; of a "
            "TransformedTargetRegressor pass its regressor_, and labels as that one learned them"
        )
    check_fitted(distiller, "student_")
    return distiller, [unwrap(estimator, X)[1] for X in rows]


def fitted_history(estimator: Any, caller: str) -> list[dict[str, Any]]:
    """Return the epochs of an estimator that was trained by this library.

    Parameters
    ----------
    estimator : estimator
        Any estimator of this library, or a Pipeline or search around one.
    caller : str
        Name of the function or class that the user has called, for the message.

    Raises
    ------
    TypeError
        If there is none.
    sklearn.exceptions.NotFittedError
        If it is not fitted.
    """
    inner = layers(estimator)[-1]
    if not isinstance(inner, BaseDistiller | StudentRegressor):
        raise TypeError(
            f"{caller} takes a fitted StudentRegressor, TORRegressor or DistilledRegressor, a "
            f"Pipeline that ends with one, or a search over them, got {type(inner).__name__}"
        )
    check_fitted(inner, "history_")
    return list(inner.history_)


@dataclass(frozen=True, kw_only=True)
class TrainingRows:
    """What a fit found out about its training rows; all arrays have one shape.

    Parameters
    ----------
    label : ndarray of shape (n_samples, n_outputs) or None
        Labels as they were given to `fit`; None if they are unknown.
    teacher_prediction : ndarray of shape (n_samples, n_outputs)
        Out-of-fold predictions of the teacher, in units of y.
    probability : ndarray of shape (n_samples, n_outputs)
        Probability that a label is wrong.
    flagged : ndarray of bool of shape (n_samples, n_outputs)
        Mask of the labels that were rejected.
    """

    label: np.ndarray | None
    teacher_prediction: np.ndarray
    probability: np.ndarray
    flagged: np.ndarray

    @classmethod
    def of(cls, estimator: BaseDistiller, y: Any = None) -> "TrainingRows":
        """Read them from a fitted estimator.

        Raises
        ------
        ValueError
            If the labels cannot be those that it was fitted with, or if the estimator was
            loaded from a file that does not hold its training rows.
        """
        if "teacher_prediction_" not in vars(estimator):
            raise ValueError(
                "this estimator does not know its training rows: it was saved with "
                "training_rows=False; save it with training_rows=True, or fit it here"
            )
        teacher_prediction = columns_of(estimator.teacher_prediction_)
        label = None
        if y is not None:
            given = np.asarray(y)
            if len(given) != len(teacher_prediction):
                raise ValueError(
                    f"y has {len(given)} rows, but {type(estimator).__name__} was fitted with "
                    f"{len(teacher_prediction)}: pass the labels that were given to fit, in that "
                    "order"
                )
            n_samples, n_outputs = teacher_prediction.shape
            if getattr(estimator, "missing_labels", "error") == "teacher":
                # A label that there is not has no error.
                values = as_floats(given)
                if values is not None and values.size == teacher_prediction.size:
                    filled = teacher_prediction.reshape(values.shape)
                    given = np.where(np.isnan(values), filled, values)
            label = as_columns(given, n_samples, n_outputs, "y")
        return cls(
            label=label,
            teacher_prediction=teacher_prediction,
            probability=1 - columns_of(estimator.inlier_probability_),
            flagged=columns_of(estimator.outlier_mask_).astype(bool),
        )

    @classmethod
    def none(cls, n_outputs: int) -> "TrainingRows":
        """Return no rows at all, of an estimator that was saved without them."""
        nothing = np.empty((0, n_outputs))
        return cls(
            label=None,
            teacher_prediction=nothing,
            probability=nothing,
            flagged=nothing.astype(bool),
        )

    def __len__(self) -> int:
        return len(self.teacher_prediction)


def check_output(output: int, n_outputs: int) -> int:
    """Return the number of an output; raise a ValueError if y has no such column."""
    if not 0 <= output < n_outputs:
        raise ValueError(f"output={output!r}, but y has outputs 0 to {n_outputs - 1}")
    return output


def ranked(probability: np.ndarray, distance: np.ndarray) -> np.ndarray:
    """Return row numbers, the most suspicious first.

    Many gross errors are certain to the last digit: of these the farthest comes first.
    """
    return np.lexsort((-distance, -probability))

"""What a fitted estimator knows, as plain arrays for pictures and the report."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline

from sklearn_regkd.estimators.base import BaseDistiller
from sklearn_regkd.estimators.student import StudentRegressor
from sklearn_regkd.preprocessing.validation import as_columns
from sklearn_regkd.utils.sklearn_compat import check_fitted


def columns_of(values: Any) -> np.ndarray:
    """Return (n_samples,) or (n_samples, n_outputs) as (n_samples, n_outputs), float64."""
    values = np.asarray(values, np.float64)
    return values[:, None] if values.ndim == 1 else values


def unpacked(estimator: Any, *rows: Any) -> tuple[Any, list[Any]]:
    """Return what is inside searches and Pipelines, and rows as it sees them.

    Parameters
    ----------
    estimator : estimator
        Of a fitted search the best one is taken, of a Pipeline the last step.
    *rows : array-like of shape (n_samples, n_features) or None
        As the whole takes them. None stays None.
    """
    seen = list(rows)
    while True:
        estimator = getattr(estimator, "best_estimator_", estimator)
        if not isinstance(estimator, Pipeline):
            return estimator, seen
        if len(estimator) > 1:
            steps = estimator[:-1]
            seen = [None if X is None else steps.transform(X) for X in seen]
        estimator = estimator[-1]


def fitted_distiller(estimator: Any, who: str, *rows: Any) -> tuple[BaseDistiller, list[Any]]:
    """Return the fitted distillation estimator in an estimator, and rows as it sees them.

    Raises
    ------
    TypeError
        If there is none.
    sklearn.exceptions.NotFittedError
        If it is not fitted.
    """
    estimator, seen = unpacked(estimator, *rows)
    if not isinstance(estimator, BaseDistiller):
        raise TypeError(
            f"{who} takes a fitted TORRegressor or DistilledRegressor, a Pipeline that ends with "
            f"one, or a search over them, got {type(estimator).__name__}; of a "
            "TransformedTargetRegressor pass its regressor_, and labels as that one learned them"
        )
    check_fitted(estimator, "student_")
    return estimator, seen


def fitted_history(estimator: BaseEstimator, who: str) -> list[dict[str, Any]]:
    """Return the epochs of an estimator that was trained by this library."""
    estimator, _ = unpacked(estimator)
    if not isinstance(estimator, BaseDistiller | StudentRegressor):
        raise TypeError(
            f"{who} takes a fitted StudentRegressor, TORRegressor or DistilledRegressor, a "
            f"Pipeline that ends with one, or a search over them, got {type(estimator).__name__}"
        )
    check_fitted(estimator, "history_")
    return list(estimator.history_)


@dataclass(frozen=True)
class TrainingRows:
    """What a fit found out about the rows that it was given, all of one shape.

    Parameters
    ----------
    label : ndarray of shape (n_samples, n_outputs) or None
        As they were given to `fit`; None if unknown.
    teacher, probability : ndarray of shape (n_samples, n_outputs)
        What the teacher said out-of-fold, and the probability that a label is wrong.
    flagged : ndarray of bool of shape (n_samples, n_outputs)
        Which labels were rejected.
    """

    label: np.ndarray | None
    teacher: np.ndarray
    probability: np.ndarray
    flagged: np.ndarray

    @classmethod
    def of(cls, estimator: BaseDistiller, y: Any = None) -> "TrainingRows":
        """Read them from a fitted estimator.

        Raises
        ------
        ValueError
            If the labels cannot be those that it was fitted with, or if the file that
            the estimator was loaded from does not hold what was found out about rows.
        """
        if "teacher_prediction_" not in vars(estimator):
            raise ValueError(
                "this estimator does not know its training rows: it was saved with "
                "training_rows=False; save it with training_rows=True, or fit it here"
            )
        teacher = columns_of(estimator.teacher_prediction_)
        label = None
        if y is not None:
            given = np.asarray(y)
            if len(given) != len(teacher):
                raise ValueError(
                    f"y has {len(given)} rows, but {type(estimator).__name__} was fitted with "
                    f"{len(teacher)}: pass the labels that were given to fit, in that order"
                )
            label = as_columns(given, teacher.shape[0], teacher.shape[1], "y")
        return cls(
            label,
            teacher,
            1 - columns_of(estimator.inlier_probability_),
            columns_of(estimator.outlier_mask_).astype(bool),
        )


def check_output(output: int, n_outputs: int) -> int:
    """Return the number of an output, or say which there are."""
    if not 0 <= output < n_outputs:
        raise ValueError(f"output={output!r}, but y has outputs 0 to {n_outputs - 1}")
    return output


def ranked(probability: np.ndarray, distance: np.ndarray) -> np.ndarray:
    """Return row numbers, the most suspicious first.

    Many gross errors are certain to the last digit: of these the farthest comes first.
    """
    return np.lexsort((-distance, -probability))

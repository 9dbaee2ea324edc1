"""What is exported: a student, its head, and what is around it."""

from dataclasses import dataclass
from typing import Any

from sklearn.base import BaseEstimator
from sklearn.compose import TransformedTargetRegressor
from sklearn.pipeline import Pipeline

from sklearn_regkd.estimators.base import BaseDistiller
from sklearn_regkd.estimators.student import StudentRegressor
from sklearn_regkd.export.target import target_transformer
from sklearn_regkd.utils.sklearn_compat import check_fitted, target_ndim
from sklearn_regkd.utils.unwrap import layers


@dataclass(frozen=True, kw_only=True)
class Wrapped:
    """A fitted student and the estimators around it.

    Parameters
    ----------
    student : StudentRegressor
        Fitted.
    head : {"label", "teacher", "mean"}
        The output that `predict` takes.
    steps : bool
        Whether there is a Pipeline with steps before the student.
    transformers : list of object
        Of the target, the innermost first: their inverses lead to the units of `predict`.
    y_ndim : int
        Dimensions of what `predict` returns.
    """

    student: StudentRegressor
    head: str
    steps: bool
    transformers: list[Any]
    y_ndim: int


def unwrap_student(estimator: BaseEstimator) -> Wrapped:
    """Return the fitted student inside an estimator, and what is around it.

    Raises
    ------
    TypeError
        If there is no student inside, or a target is transformed in a way that ONNX does
        not know.
    ValueError
        If some steps of a Pipeline, but not all, are ``"passthrough"``.
    sklearn.exceptions.NotFittedError
        If it is not fitted.
    """
    found = all_layers(estimator)
    student, head = student_of(found[-1])
    outer = [one for one in found if isinstance(one, TransformedTargetRegressor)]
    return Wrapped(
        student=student,
        head=head,
        steps=any(isinstance(one, Pipeline) and _transforms(one) for one in found),
        transformers=[target_transformer(one) for one in reversed(outer)],
        y_ndim=target_ndim(outer[0]) if outer else student._y_ndim,
    )


def _transforms(pipeline: Pipeline) -> bool:
    """Return whether a Pipeline has steps before the last one that do something."""
    idle = [step in (None, "passthrough") for _, step in pipeline.steps[:-1]]
    if any(idle) and not all(idle):
        raise ValueError(
            "skl2onnx cannot write a step 'passthrough' of a Pipeline: leave it away before fit"
        )
    return not all(idle)


def all_layers(estimator: Any) -> list[Any]:
    """Return an estimator, what is inside it, and so on down to the one that learns."""
    found = layers(estimator)
    while isinstance(found[-1], TransformedTargetRegressor):
        check_fitted(found[-1], "regressor_")
        found += layers(found[-1].regressor_)
    return found


def student_of(estimator: BaseEstimator) -> tuple[StudentRegressor, str]:
    """Return the fitted student of an estimator of ours, and the head that it predicts with."""
    if isinstance(estimator, BaseDistiller):
        check_fitted(estimator, "student_")
        return estimator.student_, estimator.predict_head
    if isinstance(estimator, StudentRegressor):
        check_fitted(estimator, "net_")
        return estimator, "label"
    raise TypeError(
        "an export takes a fitted StudentRegressor, TORRegressor or DistilledRegressor, also "
        f"inside a search, a Pipeline or a TransformedTargetRegressor, got {estimator!r}"
    )

"""Which labels of a fit are wrong, by the rule, the models and the loss that its estimator has."""

from typing import Any

from sklearn_regkd.estimators.student import StudentRegressor
from sklearn_regkd.label_noise.detect import (
    detect_by_evidence,
    detect_by_rule,
    detect_standing_out,
)
from sklearn_regkd.label_noise.given_loss import follow_loss, follows_loss
from sklearn_regkd.label_noise.noise import LabelNoise
from sklearn_regkd.label_noise.out_of_fold import OutOfFoldModels
from sklearn_regkd.label_noise.rules import resolve_rule
from sklearn_regkd.label_noise.stable_scale import (
    from_stable_scale,
    on_stable_scale,
    restore,
)
from sklearn_regkd.label_noise.student_folds import CrossFittedStudents
from sklearn_regkd.label_noise.teacher_quality import has_memorised, warn_of_memory
from sklearn_regkd.losses.modules import is_log_loss
from sklearn_regkd.teachers.fit_data import FitData
from sklearn_regkd.utils.random import draw_seed


def find_label_noise(data: FitData, outliers: Any, find_alpha: bool, loss: Any) -> LabelNoise:
    """Find wrong labels, by evidence or by the rule that was named.

    Parameters
    ----------
    data : FitData
        The data of the fit.
    outliers : str, ThresholdRule, MixtureRule or None
        The rule; ``"auto"`` is evidence.
    find_alpha : bool
        Whether the weight of the teacher is to be found.
    loss : str or callable
        The loss of the student, which teacher and copies follow where it is a matter of what y is.
    """
    memorised = has_memorised(data)
    if memorised:
        warn_of_memory(data)
    honest = data.with_default_teacher() if memorised else data
    if is_log_loss(loss):
        noise, students = _detect_on_stable_scale(honest, outliers, find_alpha, loss)
    else:
        students = _cross_fitted_students(data)
        noise = _detect(OutOfFoldModels(honest, students), outliers, find_alpha, loss)
    if follows_loss(loss):
        noise = follow_loss(noise, honest, students, loss)
    if memorised:
        assert data.teacher_prediction is not None  # that of a teacher which came fitted
        # A memory of the labels is no evidence that it knows more than they do.
        return noise.without_teacher(data.teacher, data.teacher_prediction)
    return noise


def _detect(models: OutOfFoldModels, outliers: Any, find_alpha: bool, loss: Any) -> LabelNoise:
    if isinstance(outliers, str) and outliers == "auto":
        # Logarithms of amounts are as even as errors of other labels, roots of counts are not.
        skewed = follows_loss(loss) and loss != "gamma"
        return detect_standing_out(models) if skewed else detect_by_evidence(models)
    return detect_by_rule(resolve_rule(outliers), models, find_alpha)


def _detect_on_stable_scale(
    data: FitData, outliers: Any, find_alpha: bool, loss: str
) -> tuple[LabelNoise, CrossFittedStudents | None]:
    """Find wrong labels among counts and positive amounts; return the students as well.

    A teacher of the user's is cross-fitted once, on labels as they came, and its predictions are
    brought to that scale.
    """
    prediction = None
    if not data.is_default_teacher:
        prediction = OutOfFoldModels(data, None).cross_fit_teacher().prediction
    stable = on_stable_scale(data, loss, prediction)
    students = _cross_fitted_students(stable)
    noise = _detect(OutOfFoldModels(stable, students), outliers, find_alpha, loss)
    if prediction is None:  # one of its own follows
        prediction = restore(noise.teacher_prediction, loss)
    return from_stable_scale(noise, stable, data, loss, prediction), students


def _cross_fitted_students(data: FitData) -> CrossFittedStudents | None:
    if data.X.ndim > 2:
        return None
    student = data.student if data.student.module is None else StudentRegressor()
    rows, seed = data.network_rows, draw_seed(data.random_state)
    return CrossFittedStudents(
        student, rows, data.label, data.weight, data.folds, seed, data.held_out, data.cache
    )

"""What follows for teacher and student where the user has named the loss of counts or quantiles."""

from dataclasses import replace
from typing import Any

import numpy as np
import torch

from sklearn_regkd.label_noise.noise import LabelNoise
from sklearn_regkd.label_noise.out_of_fold import with_params
from sklearn_regkd.label_noise.student_folds import CrossFittedStudents
from sklearn_regkd.losses.modules import is_log_loss, label_cost
from sklearn_regkd.losses.quantile import QuantileLoss
from sklearn_regkd.preprocessing.scaling import fit_log_scaling
from sklearn_regkd.supervision.mixing import mix
from sklearn_regkd.teachers.ensemble import cross_fit_teacher
from sklearn_regkd.teachers.fit_data import FitData
from sklearn_regkd.teachers.kinds import weight_params
from sklearn_regkd.utils.random import draw_seed

# Weights of the teacher that are compared. A deviance or a quantile loss is flat round its best.
ALPHAS = np.linspace(0, 1, 5)
# What stands for a mean of 0, in units of the mean label: of this the logarithm is finite.
LEAST_MEAN = 1e-6


def follows_loss(loss: Any) -> bool:
    """Return whether teacher and copies of the student are to learn by that loss themselves."""
    return isinstance(loss, QuantileLoss) or is_log_loss(loss)


def follow_loss(
    noise: LabelNoise, data: FitData, students: CrossFittedStudents | None, loss: Any
) -> LabelNoise:
    """Let the default teacher learn by a loss, and find how far the student is to follow it.

    Which labels are wrong was found out before, by errors. Here the library's own teacher gets
    the loss; that of the user keeps its own. Its weight is the one of five with which it and
    copies of the student, both out-of-fold, predict trusted labels best by that loss.

    Parameters
    ----------
    noise : LabelNoise
        What was found out about the labels, in the units of the data.
    data : FitData
        The data of the fit.
    students : CrossFittedStudents or None
        Copies of the student; without them the weight of the teacher stays what it is.
    loss : str or QuantileLoss
        A loss for which :func:`follows_loss` is true.
    """
    noise = replace(noise, by_fold=None)
    if data.is_default_teacher:
        noise = _with_own_loss(noise, data, loss)
    if students is None:
        return noise
    student = _predict_student(noise, data, students, loss)
    alpha = np.zeros(data.n_outputs)
    for output in range(data.n_outputs):
        rows = noise.trust[:, output] >= 0.5
        columns = (v[rows, output] for v in (data.y, student, noise.teacher_prediction))
        alpha[output] = _best_of(loss, *columns)
    decisions = [
        replace(one, alpha=float(best)) for one, best in zip(noise.decisions, alpha, strict=True)
    ]
    return replace(noise, alpha=alpha, decisions=decisions)


def _with_own_loss(noise: LabelNoise, data: FitData, loss: Any) -> LabelNoise:
    """Return the noise with a teacher of that loss, and its out-of-fold predictions."""
    of_teacher: dict[str, Any] = {"loss": loss}
    weight = None
    if isinstance(loss, QuantileLoss):
        of_teacher = {"loss": "quantile", "quantile": loss.quantile}
        if (noise.trust < 1).any():
            # A replaced label lies in the middle of the labels, and would draw quantiles there.
            weight = data.weight * noise.trust.mean(axis=1)
    unfitted = with_params(noise.unfitted, **of_teacher)
    repaired = noise.repaired(data.label)
    params = data.teacher_params if weight is None else weight_params(unfitted, weight)
    prediction = cross_fit_teacher(
        unfitted,
        data.teacher_X,
        data.raised(data.scaling.restore(repaired)),
        params=params,
        folds=data.folds,
        refit=False,
        n_jobs=data.n_jobs,
        seed=draw_seed(data.random_state),
        cache=data.cache,
    ).prediction
    return replace(noise, unfitted=unfitted, teacher_prediction=prediction, row_weight=weight)


def _predict_student(
    noise: LabelNoise, data: FitData, students: CrossFittedStudents, loss: Any
) -> np.ndarray:
    """Return out-of-fold predictions of copies of the student under that loss, in raw units."""
    repaired = data.raised(data.scaling.restore(noise.repaired(data.label)))
    trust = np.maximum(noise.trust, 1e-6)
    if isinstance(loss, QuantileLoss):
        return data.scaling.restore(students.predict(data.label, trust, [loss])[0])
    units = fit_log_scaling(repaired, data.weight)
    return units.restore(np.exp(students.predict(units.standardize(repaired), None, [loss])[0]))


def _best_of(loss: Any, label: np.ndarray, student: np.ndarray, teacher: np.ndarray) -> float:
    """Return the weight of the teacher by which a mixture costs least on labels, (n_rows,) each."""
    if not len(label):
        return 0.0
    unit = float(label.mean()) or 1.0
    cost = []
    for alpha in ALPHAS:
        predicted = mix(student, teacher, float(alpha))
        if not isinstance(loss, QuantileLoss):
            predicted = np.log(np.maximum(predicted / unit, LEAST_MEAN))
        value = label if isinstance(loss, QuantileLoss) else label / unit
        cost.append(label_cost(loss, *map(torch.from_numpy, (predicted, value))).mean().item())
    return float(ALPHAS[int(np.argmin(cost))])

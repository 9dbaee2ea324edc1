"""Several targets of which not all are measured: each is decided about on the rows that have it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sklearn_regkd.label_noise.noise import LabelNoise
from sklearn_regkd.label_noise.rules import Rule
from sklearn_regkd.label_noise.verdict import Verdict, join_outputs
from sklearn_regkd.supervision.route import RouteSchedule
from sklearn_regkd.teachers.cross_fit import CrossFitResult, predict_teacher
from sklearn_regkd.teachers.fit_data import FitData
from sklearn_regkd.teachers.kinds import weight_params
from sklearn_regkd.teachers.multioutput import OneTeacherPerTarget
from sklearn_regkd.teachers.refit import refit_teacher
from sklearn_regkd.utils.sklearn_compat import safe_indexing


@dataclass(frozen=True, kw_only=True)
class KnownTarget:
    """One target: what was found on the rows in which it is measured.

    Parameters
    ----------
    data : FitData
        Of these rows and this target alone.
    rows : ndarray of bool of shape (n_samples,)
        The rows in which it is measured.
    teacher : object or None
        The teacher, fitted on them; None if only its predictions are known.
    prediction : ndarray of shape (n_samples,)
        What it predicts for the other rows, in raw units; anything for these rows.
    """

    data: FitData
    rows: np.ndarray
    teacher: Any
    prediction: np.ndarray

    @classmethod
    def of(cls, whole: FitData, target: int, own: FitData, teacher: Any) -> "KnownTarget":
        """Let a teacher that has learned one target predict the rows that lack it."""
        assert whole.known is not None
        rows = whole.known[:, target]
        if whole.teacher_prediction is not None:
            return cls(
                data=own, rows=rows, teacher=teacher, prediction=whole.teacher_prediction[:, target]
            )
        prediction = np.zeros(len(rows))
        others = np.flatnonzero(~rows)
        if len(others):
            X = safe_indexing(whole.teacher_X, others)
            prediction[others] = predict_teacher(teacher, X, 1)[:, 0]
        return cls(data=own, rows=rows, teacher=teacher, prediction=prediction)

    @property
    def standardized(self) -> np.ndarray:
        """The same prediction in standard units."""
        return self.data.scaling.standardize(self.prediction[:, None])[:, 0]

    def spread(self, values: np.ndarray, others: np.ndarray | float) -> np.ndarray:
        """Return values of the measured rows (n_known, 1) and others of the rest, (n_samples,)."""
        every = np.broadcast_to(np.asarray(others, values.dtype), self.rows.shape).copy()
        every[self.rows] = values[:, 0]
        return every


def join_teachers(data: FitData, targets: list[KnownTarget]) -> Any:
    """Return one teacher of all targets; the one that was given if it came fitted."""
    if data.teacher_prediction is not None:
        return data.teacher
    return OneTeacherPerTarget([target.teacher for target in targets])


def cross_fit_by_target(
    data: FitData, cross_fit: Callable[[FitData], CrossFitResult]
) -> CrossFitResult:
    """Cross-fit a teacher target by target, each on the rows that have a label.

    Parameters
    ----------
    data : FitData
        The data of the fit; its labels are known in part.
    cross_fit : callable
        Returns predictions for the data of one target, and the teacher of all its rows.

    Returns
    -------
    CrossFitResult
        Predictions of all rows and targets: where there is no label, of a teacher that has
        learned all those that there are.
    """
    targets, columns = [], []
    for output in range(data.n_outputs):
        own = data.of_target(output)
        result = cross_fit(own)
        targets.append(KnownTarget.of(data, output, own, result.teacher))
        columns.append(targets[-1].spread(result.prediction, targets[-1].prediction))
    return CrossFitResult(np.column_stack(columns), join_teachers(data, targets))


def detect_known(rule: Rule, error: np.ndarray, known: np.ndarray | None) -> Verdict:
    """Apply a rule to the errors (n_samples, n_outputs) of the labels that are known; None is all.

    Nothing is doubted where there is no label.
    """
    if known is None:
        return rule.detect(error)
    verdicts = []
    for column, rows in zip(error.T, known.T, strict=True):
        verdict = rule.detect(column[rows, None])
        inlier, probability = np.ones((len(error), 1), bool), np.ones((len(error), 1))
        inlier[rows], probability[rows] = verdict.inlier, verdict.inlier_probability
        verdicts.append(verdict.on_rows(inlier, probability))
    return join_outputs(verdicts)


def refit_on_repaired(
    data: FitData, noise: LabelNoise, route: RouteSchedule | None
) -> tuple[Any, np.ndarray]:
    """Fit the teacher on repaired labels; see :func:`~sklearn_regkd.teachers.refit.refit_teacher`.

    Parameters
    ----------
    data : FitData
        The data of the fit.
    noise : LabelNoise
        Which labels are replaced by what, and the teacher that learns the result.
    route : RouteSchedule or None
        Whether to predict at earlier stages.
    """
    if noise.row_weight is not None:
        params = weight_params(noise.unfitted, noise.row_weight)
        data = replace(data, teacher_params=params)
    return refit_teacher(data, noise.unfitted, noise.repaired(data.label), route)


def detect_by_target(
    data: FitData, detect: Callable[[FitData], LabelNoise]
) -> tuple[LabelNoise, Any, np.ndarray]:
    """Find wrong labels and fit the teacher, target by target, on the rows that have a label.

    Parameters
    ----------
    data : FitData
        The data of the fit; its labels are known in part.
    detect : callable
        Finds the wrong labels of the data of one target.

    Returns
    -------
    noise : LabelNoise
        Of all rows and targets: nothing is doubted where there is no label, and the teacher's
        prediction stands for it.
    teacher : object or None
        The teacher, fitted on repaired labels.
    prediction : ndarray of shape (n_samples, n_outputs)
        What it predicts for all rows, standardised.
    """
    targets, noises, stages = [], [], []
    for output in range(data.n_outputs):
        own = data.of_target(output)
        noise = detect(own)
        teacher, (prediction,) = refit_on_repaired(own, noise, None)
        targets.append(KnownTarget.of(data, output, own, teacher))
        noises.append(noise)
        stages.append(prediction)
    pairs = list(zip(targets, noises, strict=True))

    def joined(name: str) -> np.ndarray:
        return np.column_stack([t.spread(getattr(n, name), t.standardized) for t, n in pairs])

    verdict = join_outputs(
        [
            noise.verdict.on_rows(
                target.spread(noise.verdict.inlier, True)[:, None],
                target.spread(noise.verdict.inlier_probability, 1.0)[:, None],
            )
            for target, noise in pairs
        ]
    )
    decays = [noise.weight_decay for noise in noises if noise.weight_decay is not None]
    noise = replace(
        noises[0],
        verdict=verdict,
        trust=np.column_stack([target.spread(noise.trust, 1.0) for target, noise in pairs]),
        replacement=joined("replacement"),
        teacher_prediction=np.column_stack(
            [target.spread(noise.teacher_prediction, target.prediction) for target, noise in pairs]
        ),
        alpha=np.concatenate([noise.alpha for noise in noises]),
        unfitted=None,
        decisions=[decision for noise in noises for decision in noise.decisions],
        by_fold=None,
        row_weight=None,
        weight_decay=float(np.median(decays)) if decays else None,
    )
    prediction = np.column_stack(
        [t.spread(stage, t.standardized) for t, stage in zip(targets, stages, strict=True)]
    )
    return noise, join_teachers(data, targets), prediction

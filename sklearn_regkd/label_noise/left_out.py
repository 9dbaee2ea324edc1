"""Rows of weight 0: nothing is learned from them, but the verdict is given on all rows."""

import warnings
from typing import Any

import numpy as np

from sklearn_regkd.label_noise.rules import Rule
from sklearn_regkd.label_noise.verdict import Verdict
from sklearn_regkd.preprocessing.scaling import MOST_SIGMA
from sklearn_regkd.teachers.cross_fit import predict_teacher
from sklearn_regkd.teachers.fit_data import FitData

# More known errors do not move the scale of a rule.
MOST_KNOWN = 20_000


def inlier_probability(
    rule: Rule | None, known: np.ndarray, error: np.ndarray, bounded: bool
) -> np.ndarray:
    """Return how much labels are to be trusted that took no part in finding the rule.

    Parameters
    ----------
    rule : ThresholdRule, MixtureRule or None
        The rule; None trusts all labels.
    known : ndarray of shape (n_known,)
        Errors of the labels from which the rule learns its scale.
    error : ndarray of shape (n_rows,)
        Errors of the labels in question, label minus a teacher that has not seen them.
    bounded : bool
        Whether no label is trusted a thousand standard deviations away, without a rule too.
    """
    if rule is None:
        return (np.abs(error) < MOST_SIGMA) * 1.0 if bounded else np.ones(len(error))
    known = known[:MOST_KNOWN]
    joined = np.concatenate([known, error])[:, None]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # fit has warned about the known ones
        verdict = rule.detect(joined, np.arange(len(joined)) < len(known))
    return verdict.inlier_probability[len(known) :, 0]


def with_left_out_rows(
    data: FitData, teacher: Any, prediction: np.ndarray, verdict: Verdict, bounded: bool
) -> tuple[np.ndarray, Verdict]:
    """Return the teacher's predictions and the verdict for all rows that were given to `fit`.

    The teacher, which has not learned from rows of weight 0, predicts them, and the rule that was
    found on the others decides about their labels.

    Parameters
    ----------
    data : FitData
        The data of the fit, of which some rows were left out.
    teacher : object or None
        The fitted teacher.
    prediction : ndarray of shape (n_samples, n_outputs)
        Out-of-fold predictions for the other rows, in raw units.
    verdict : Verdict
        The verdict on the other rows.
    bounded : bool
        See :func:`inlier_probability`.
    """
    left_out = data.left_out
    assert left_out is not None
    new = left_out.teacher_prediction
    if new is None:
        new = predict_teacher(teacher, left_out.teacher_X, data.n_outputs)
    scale, label = data.scaling, data.scaling.standardize(left_out.y).clip(-MOST_SIGMA, MOST_SIGMA)
    known, error = (
        data.bounded_label - scale.standardize(prediction),
        label - scale.standardize(new),
    )
    columns = zip(verdict.rules, known.T, error.T, strict=True)
    probability = np.column_stack([inlier_probability(*one, bounded) for one in columns])
    joined = left_out.joined(verdict.inlier_probability, probability)
    inlier = left_out.joined(verdict.inlier, probability >= 0.5)
    return left_out.joined(prediction, new), verdict.on_rows(inlier, joined)

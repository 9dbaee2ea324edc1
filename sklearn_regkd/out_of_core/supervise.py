"""The supervision of rows that the teacher has not seen, by the rules of a sample."""

import warnings
from typing import Any

import numpy as np

from sklearn_regkd.label_noise.mixture import MixtureRule
from sklearn_regkd.preprocessing.scaling import MOST_SIGMA, Scaling
from sklearn_regkd.supervision.mixing import mix
from sklearn_regkd.supervision.supervision import Supervision

# More errors do not move the scale of a rule.
MOST_SAMPLE_ERRORS = 20_000


class BlockSupervisor:
    """Turns labels and a teacher's predictions into supervision.

    What is wrong is decided by the distance of a label from a teacher that has not seen it, on
    the scale of the out-of-fold errors of the sample on which that teacher was fitted.

    Parameters
    ----------
    distilled : DistilledRegressor
        The estimator, fitted on the sample.
    y : ndarray of shape (n_samples, n_outputs)
        Labels of the sample.
    scaling : Scaling
        Scaling of the labels.
    """

    def __init__(self, distilled: Any, y: np.ndarray, scaling: Scaling):
        self.scaling = scaling
        self.alpha = 0.0 if distilled._weighs_by_itself() else distilled.alpha_
        teacher = np.asarray(distilled.teacher_prediction_).reshape(y.shape)
        self.sample_error = self._error(y, scaling.standardize(teacher))[:MOST_SAMPLE_ERRORS]
        self.is_auto = isinstance(distilled.outliers, str) and distilled.outliers == "auto"
        self.rules = distilled.verdict_.rules

    def supervise(self, y: np.ndarray, teacher_prediction: np.ndarray) -> Supervision:
        """Return the supervision of rows.

        Parameters
        ----------
        y : ndarray of shape (n_rows, n_outputs)
            Labels in raw units.
        teacher_prediction : ndarray of shape (n_rows, n_outputs)
            The teacher's predictions, standardised.
        """
        label = self.scaling.standardize(y)
        error = self._error(y, teacher_prediction)
        columns = [self._trust(rule, output, error) for output, rule in enumerate(self.rules)]
        trust = np.column_stack(columns)
        repaired = mix(teacher_prediction, np.where(trust > 0, label, 0.0), trust)
        return Supervision(
            label=mix(repaired, teacher_prediction, self.alpha),
            teacher=teacher_prediction,
            inlier=trust >= 0.5,
            weight=np.ones(len(y)),
            clean_label=repaired,
        )

    def _error(self, y: np.ndarray, teacher_prediction: np.ndarray) -> np.ndarray:
        label = self.scaling.standardize(y).clip(-MOST_SIGMA, MOST_SIGMA)
        return label - teacher_prediction

    def _trust(self, rule: Any, output: int, error: np.ndarray) -> np.ndarray:
        new = error[:, output]
        if rule is None:
            return (np.abs(new) < MOST_SIGMA) * 1.0 if self.is_auto else np.ones(len(new))
        sample = self.sample_error[:, output]
        joined = np.concatenate([sample, new])[:, None]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # given when the sample was fitted
            verdict = rule.detect(joined, np.arange(len(joined)) < len(sample))
        soft = self.is_auto and isinstance(rule, MixtureRule)
        trust = verdict.inlier_probability if soft else verdict.inlier * 1.0
        return trust[len(sample) :, 0]

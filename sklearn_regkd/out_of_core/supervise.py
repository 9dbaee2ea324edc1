"""What the student is told of rows that its teacher has not seen, by the rule of a sample."""

import warnings
from typing import Any

import numpy as np

from sklearn_regkd.label_noise.mixture import MixtureRule
from sklearn_regkd.preprocessing.scaling import MOST_SIGMA, Scaling
from sklearn_regkd.supervision.mixing import mix
from sklearn_regkd.supervision.supervision import Supervision

# More errors do not move the scale of a rule.
MOST_KNOWN = 20_000


class BlockSupervisor:
    """Labels and a teacher's answers in, supervision out.

    A label is judged by its distance from a teacher that has not seen it, on the scale
    of the out-of-fold errors of the sample on which that teacher was fitted.

    Parameters
    ----------
    distilled : DistilledRegressor
        Fitted on the sample.
    y : ndarray of shape (n_samples, n_outputs)
        Labels of the sample.
    scaling : Scaling
        Of the labels.
    """

    def __init__(self, distilled: Any, y: np.ndarray, scaling: Scaling):
        self.scaling = scaling
        self.alpha = 0.0 if distilled._weighs_by_itself() else distilled.alpha_
        opinion = np.asarray(distilled.teacher_prediction_).reshape(y.shape)
        self.known = self._error(y, scaling.standardize(opinion))[:MOST_KNOWN]
        self.is_auto = isinstance(distilled.outliers, str) and distilled.outliers == "auto"
        self.rules = distilled.verdict_.rules

    def supervise(self, y: np.ndarray, said: np.ndarray) -> Supervision:
        """Return the supervision of rows.

        Parameters
        ----------
        y : ndarray of shape (n_rows, n_outputs)
            Labels in raw units.
        said : ndarray of shape (n_rows, n_outputs)
            What the teacher says, standardised.
        """
        label = self.scaling.standardize(y)
        error = self._error(y, said)
        columns = [self._trust(rule, output, error) for output, rule in enumerate(self.rules)]
        trust = np.column_stack(columns)
        repaired = mix(said, np.where(trust > 0, label, 0.0), trust)
        told = mix(repaired, said, self.alpha)
        return Supervision(
            label=told,
            teacher=said,
            inlier=trust >= 0.5,
            weight=np.ones(len(y)),
            clean_label=repaired,
        )

    def _error(self, y: np.ndarray, said: np.ndarray) -> np.ndarray:
        return self.scaling.standardize(y).clip(-MOST_SIGMA, MOST_SIGMA) - said

    def _trust(self, rule: Any, output: int, error: np.ndarray) -> np.ndarray:
        new = error[:, output]
        if rule is None:
            return (np.abs(new) < MOST_SIGMA) * 1.0 if self.is_auto else np.ones(len(new))
        known = self.known[:, output]
        joined = np.concatenate([known, new])[:, None]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # said when the sample was judged
            verdict = rule.detect(joined, np.arange(len(joined)) < len(known))
        soft = self.is_auto and isinstance(rule, MixtureRule)
        trust = verdict.inlier_probability if soft else verdict.inlier * 1.0
        return trust[len(known) :, 0]

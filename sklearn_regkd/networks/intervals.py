"""Intervals round predictions: expected sizes of errors times quantiles of known ones."""

from dataclasses import dataclass

import numpy as np

from sklearn_regkd.networks.error_scale import ErrorScale
from sklearn_regkd.preprocessing.conformal import Scores


@dataclass(frozen=True)
class Intervals:
    """What is known of the errors of a student, for intervals of any coverage.

    Parameters
    ----------
    scale : ErrorScale or None
        How large an error a row is to expect; None takes the same for all rows.
    scores : tuple of Scores
        Errors of each output in these units.
    low, high : ndarray of shape (n_outputs,)
        Beyond which no interval reaches.
    """

    scale: ErrorScale | None
    scores: tuple[Scores, ...]
    low: np.ndarray
    high: np.ndarray

    def around(
        self, prediction: np.ndarray, layers: np.ndarray | None, coverage: float
    ) -> np.ndarray:
        """Return bounds (n_samples, n_outputs, 2) around predictions (n_samples, n_outputs)."""
        size = 1.0 if self.scale is None or layers is None else self.scale(layers)
        lower, upper = np.transpose([one.bounds(coverage) for one in self.scores])
        bounds = [prediction + size * lower, prediction + size * upper]
        return np.stack([one.clip(self.low, self.high) for one in bounds], axis=-1)

"""Intervals and quantiles round predictions: expected sizes of errors times those of known ones."""

from dataclasses import dataclass

import numpy as np

from sklearn_regkd.networks.error_quantiles import ErrorQuantiles
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
    quantiles : ErrorQuantiles or None, default=None
        Quantiles of errors in these units, as the row wants them; None if none were asked for.
    """

    scale: ErrorScale | None
    scores: tuple[Scores, ...]
    low: np.ndarray
    high: np.ndarray
    quantiles: ErrorQuantiles | None = None

    def around(
        self, prediction: np.ndarray, layers: np.ndarray | None, coverage: float
    ) -> np.ndarray:
        """Return bounds (n_samples, n_outputs, 2) around predictions (n_samples, n_outputs)."""
        bounds = np.array([one.bounds(coverage) for one in self.scores])
        return self._around(prediction, layers, bounds)

    def quantiles_around(self, prediction: np.ndarray, layers: np.ndarray | None) -> np.ndarray:
        """Return quantiles (n_samples, n_outputs, n_levels) around predictions."""
        assert self.quantiles is not None
        rows = np.empty((len(prediction), 0)) if layers is None else layers
        return self._around(prediction, layers, self.quantiles(rows))

    def _around(
        self, prediction: np.ndarray, layers: np.ndarray | None, error: np.ndarray
    ) -> np.ndarray:
        """Add errors (n_samples, n_outputs, n_values) in units of what is expected."""
        size = np.ones(1) if self.scale is None or layers is None else self.scale(layers)
        found = prediction[..., None] + size[..., None] * error
        return found.clip(self.low[:, None], self.high[:, None])

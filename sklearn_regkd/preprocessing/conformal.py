"""From errors of rows that were left out to intervals that hold: conformal prediction."""

from dataclasses import dataclass
from numbers import Real
from typing import Any, Self

import numpy as np

# More errors are thinned out, to a thousandth of a share, but for the outermost ones: a file of a
# student has 80 kB, and each thousand of them 16.
MOST_KEPT = 1000


def check_coverage(coverage: Any, name: str = "coverage") -> float:
    """Return a coverage as a float.

    Raises
    ------
    ValueError
        If it is not a number between 0 and 1.
    """
    if not isinstance(coverage, Real) or not 0 < float(coverage) < 1:
        raise ValueError(
            f"{name}={coverage!r} must be a number between 0 and 1, neither included: an "
            "interval that holds always has no end"
        )
    return float(coverage)


@dataclass(frozen=True)
class Scores:
    """Errors of rows that were left out, each in units of what was expected there.

    Parameters
    ----------
    value : ndarray of shape (n_scores,)
        Sorted.
    share : ndarray of shape (n_scores,)
        Share of all weight that lies at or below each.
    n_effective : float
        How many rows of equal weight say as much.
    """

    value: np.ndarray
    share: np.ndarray
    n_effective: float

    @classmethod
    def of(cls, error: np.ndarray, weight: np.ndarray) -> Self:
        """Sort errors (n_samples,) with weights that are not negative and not all 0."""
        order = np.argsort(error, kind="stable")
        order = order[weight[order] > 0]
        value, of_value = error[order], weight[order]
        share = np.cumsum(of_value) / of_value.sum()
        n_effective = float(of_value.sum() ** 2 / (of_value**2).sum())
        if len(value) > MOST_KEPT:
            kept = np.unique(np.linspace(0, len(value) - 1, MOST_KEPT).astype(int))
            value, share = value[kept], share[kept]
        return cls(value, share, n_effective)

    def bounds(self, coverage: float) -> tuple[float, float]:
        """Return between which errors a new one lies with that probability, at least.

        On either side lies half of what is left over, so that skewed errors have an interval
        that reaches farther on one side. Of n rows the level is raised from q to q (n + 1) / n
        (split conformal prediction); where this exceeds 1 the outermost error is the bound,
        which then holds with probability n / (n + 1) only.

        Parameters
        ----------
        coverage : float
            Between 0 and 1.

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn_regkd.preprocessing.conformal import Scores
        >>> Scores.of(np.linspace(-1, 3, 401), np.ones(401)).bounds(0.9)
        (-0.81, 2.81)
        """
        level = (1 + coverage) / 2
        return self.at(1 - level), self.at(level)

    def at(self, level: float) -> float:
        """Return a quantile, moved outwards by what n rows leave open; the median is not.

        Parameters
        ----------
        level : float
            Between 0 and 1.
        """
        last = len(self.value) - 1
        if level > 0.5:
            level *= 1 + 1 / self.n_effective
            return float(self.value[min(int(np.searchsorted(self.share, level - 1e-12)), last)])
        if level < 0.5:
            level = 1 - (1 - level) * (1 + 1 / self.n_effective)
        # From above the share at or beyond a value counts.
        beyond = np.append(0.0, self.share[:-1])
        return float(self.value[max(int(np.searchsorted(beyond, level + 1e-12, "right")) - 1, 0)])

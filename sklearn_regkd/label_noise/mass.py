"""Labels of which many are one value: visits, spendings, hours, many of which are 0."""

import numpy as np

# Where so many labels are one value, the median of y given X sticks to it.
MASS = 0.1


def have_mass(label: np.ndarray, share: float = MASS) -> bool:
    """Return whether a tenth of the labels (n_samples,), or that share, are one value."""
    return bool(_shares(label)[0] > share)


def one_value_stands_out(label: np.ndarray) -> bool:
    """Return whether labels (n_samples,) have a mass at one value, twice that at any other.

    So have visits, spendings and hours, many of which are 0; ratings and numbers of rings, which
    have few values, do not.
    """
    share = _shares(label)
    return bool(share[0] > MASS and share[0] >= 2 * share[1:2].sum())


def _shares(label: np.ndarray) -> np.ndarray:
    """Return the share of each value among the labels, the most common first."""
    return np.sort(np.unique(label, return_counts=True)[1])[::-1] / len(label)

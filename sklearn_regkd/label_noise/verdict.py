"""What a rule decides about every label."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Verdict:
    """What an outlier rule says of every label.

    Parameters
    ----------
    inlier : ndarray of bool of shape (n_samples, n_outputs)
        Which labels are trusted.
    inlier_probability : ndarray of shape (n_samples, n_outputs)
        How sure of that the rule is; exactly one half at the threshold.
    sigma, threshold : ndarray of shape (n_outputs,)
        Scale of the errors of good labels and distance from which a label is
        rejected, in standardised units.
    """

    inlier: np.ndarray
    inlier_probability: np.ndarray
    sigma: np.ndarray
    threshold: np.ndarray

    def keep(self, label: np.ndarray, teacher: np.ndarray) -> np.ndarray:
        """Return the trusted labels, and the teacher's word in place of the others."""
        return np.where(self.inlier, label, teacher)


def trust_all(shape: tuple[int, int]) -> Verdict:
    """Return the verdict of no rule at all: every label is trusted."""
    n_outputs = shape[1]
    return Verdict(
        np.ones(shape, bool), np.ones(shape), np.full(n_outputs, np.nan), np.full(n_outputs, np.inf)
    )

"""What a rule decides about every label."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What the outlier rules decided about every label.

    A rule returns it in the units of the errors that it was given; the fitted attribute
    ``verdict_`` of the distillation estimators is in units of y.

    Parameters
    ----------
    inlier : ndarray of bool of shape (n_samples, n_outputs)
        Which labels are trusted.
    inlier_probability : ndarray of shape (n_samples, n_outputs)
        How sure of that the rule is; exactly one half at the threshold.
    sigma : ndarray of shape (n_outputs,)
        Scale of the errors of good labels; NaN where no rule was applied.
    threshold : ndarray of shape (n_outputs,)
        Distance of label and teacher from which a label is rejected: infinite where all labels
        are trusted, NaN where no single distance decides (a mixture, or a scale of its own for
        each row).
    rules : tuple of (ThresholdRule, MixtureRule or None)
        The rule of each output; None trusts all labels.
    mixtures : tuple of (Mixture or None)
        The two kinds of errors of each output, where a mixture decided.
    """

    inlier: np.ndarray
    inlier_probability: np.ndarray
    sigma: np.ndarray
    threshold: np.ndarray
    rules: tuple[Any, ...]
    mixtures: tuple[Any, ...]

    def on_rows(self, inlier: np.ndarray, inlier_probability: np.ndarray) -> "Verdict":
        """Return the verdict of the same rules on other rows."""
        return replace(self, inlier=inlier, inlier_probability=inlier_probability)

    def with_trusted(self, trusted: np.ndarray | None) -> "Verdict":
        """Return the verdict with labels that somebody has checked: they are right."""
        if trusted is None:
            return self
        return self.on_rows(self.inlier | trusted, np.where(trusted, 1.0, self.inlier_probability))

    def scaled(self, scale: np.ndarray) -> "Verdict":
        """Return the same verdict in other units, `scale` (n_outputs,) times as many."""
        mixtures = (
            None if one is None else one.scaled(float(factor))
            for one, factor in zip(self.mixtures, scale, strict=True)
        )
        return replace(
            self,
            sigma=self.sigma * scale,
            threshold=self.threshold * scale,
            mixtures=tuple(mixtures),
        )


def trust_all(shape: tuple[int, int]) -> Verdict:
    """Return the verdict of no rule at all: every label is trusted.

    Parameters
    ----------
    shape : tuple of int
        The shape of the labels, (n_samples, n_outputs).
    """
    n_outputs = shape[1]
    return Verdict(
        inlier=np.ones(shape, bool),
        inlier_probability=np.ones(shape),
        sigma=np.full(n_outputs, np.nan),
        threshold=np.full(n_outputs, np.inf),
        rules=(None,) * n_outputs,
        mixtures=(None,) * n_outputs,
    )


def join_outputs(verdicts: list[Verdict]) -> Verdict:
    """Return one verdict of several, of one output each."""
    # Where errors are measured on a scale of each row's own, no distance holds for all.
    threshold = [one.threshold if one.rules[0] is None else [np.nan] for one in verdicts]
    probability = np.hstack([one.inlier_probability for one in verdicts])
    return Verdict(
        inlier=np.hstack([one.inlier for one in verdicts]),
        inlier_probability=probability,
        sigma=np.concatenate([one.sigma for one in verdicts]),
        threshold=np.concatenate(threshold),
        rules=tuple(one.rules[0] for one in verdicts),
        mixtures=tuple(one.mixtures[0] for one in verdicts),
    )

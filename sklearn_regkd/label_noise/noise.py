"""What was found out about labels, and what follows from it."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sklearn_regkd.label_noise.verdict import Verdict
from sklearn_regkd.supervision.mixing import mix


@dataclass(frozen=True)
class Decision:
    """What was decided about the labels of one output, and why.

    Parameters
    ----------
    rule : str
        ``"none"`` if all labels are trusted, else the rule that decided about them.
    rejected : float
        Share of the labels that were rejected.
    alpha : float
        Weight of the teacher in what the student learns.
    reasons : tuple of str
        The evidence, in words.
    scores : dict of str to float
        Out-of-fold error of each candidate that was tried, squared and capped,
        relative to the first.
    loss : str, default="squared_error"
        Loss by which the student learns, where that is not named.
    expected_wrong : float, default=0.0
        How many labels are expected to be wrong: the sum of their probabilities.
    n_labels : int, default=0
        How many labels there are.
    mistakes : str, default=""
        What most of those that look wrong have in common, in words.
    """

    rule: str
    rejected: float
    alpha: float
    reasons: tuple[str, ...]
    scores: dict[str, float]
    loss: str = "squared_error"
    expected_wrong: float = 0.0
    n_labels: int = 0
    mistakes: str = ""

    @property
    def summary(self) -> str:
        """What was decided, in a sentence or two."""
        mixed = f"The student's target is {self.alpha:.0%} teacher."
        replaced = f"were replaced by predictions (rule: {self.rule})"
        if not self.n_labels:  # of an estimator from a file of an earlier version
            share = f"{self.rejected:.1%} of the labels {replaced}"
            return f"{share if self.rejected else 'All labels are learned from'}. {mixed}"
        looks = f"No label of {self.n_labels:,} looks wrong"
        if round(self.expected_wrong) == 1:
            looks = f"One of {self.n_labels:,} labels looks wrong"
        elif round(self.expected_wrong):
            looks = f"About {self.expected_wrong:,.0f} of {self.n_labels:,} labels look wrong"
            looks += f", {self.mistakes}" if self.mistakes else ""
        n_rejected = round(self.rejected * self.n_labels)
        learned = f"{n_rejected:,} {replaced}" if n_rejected else "all are learned from"
        return f"{looks}; {learned}. {mixed}"

    def __str__(self) -> str:
        return "\n- ".join([self.summary, *self.reasons])


@dataclass(frozen=True, kw_only=True)
class LabelNoise:
    """Which labels are wrong, and what follows for teacher and student.

    Parameters
    ----------
    verdict : Verdict
        Which labels are trusted.
    trust : ndarray of shape (n_samples, n_outputs)
        Weight of each label against its replacement.
    replacement : ndarray of shape (n_samples, n_outputs)
        What stands in the place of a rejected label, standardised.
    teacher_prediction : ndarray of shape (n_samples, n_outputs)
        Out-of-fold prediction of the teacher, in raw units.
    alpha : ndarray of shape (n_outputs,)
        Best weight of the teacher.
    unfitted : object or None
        The teacher to be fitted on repaired labels.
    decisions : list of Decision
        One per output.
    by_fold : ndarray of shape (n_parts, n_samples, n_outputs) or None
        Predictions of the teachers of the first folds for all rows, standardised, where all
        labels are trusted: then they have learned from the same labels as the fitted teacher.
    weight_decay : float or None, default=None
        Weight decay of the cross-fitted students.
    row_weight : ndarray of shape (n_samples,) or None, default=None
        Weights of the rows for the fit of the teacher, in place of those of the data.
    """

    verdict: Verdict
    trust: np.ndarray
    replacement: np.ndarray
    teacher_prediction: np.ndarray
    alpha: np.ndarray
    unfitted: Any
    decisions: list[Decision]
    by_fold: np.ndarray | None = None
    weight_decay: float | None = None
    row_weight: np.ndarray | None = None

    def repaired(self, label: np.ndarray) -> np.ndarray:
        """Return standardised labels (n_samples, n_outputs), the wrong ones replaced."""
        return mix(self.replacement, label, self.trust)

    def without_teacher(self, unfitted: Any, prediction: np.ndarray) -> "LabelNoise":
        """Return the same for a teacher that deserves no trust, which predicts `prediction`."""
        return replace(
            self,
            teacher_prediction=prediction,
            unfitted=unfitted,
            alpha=np.zeros_like(self.alpha),
            decisions=[replace(one, alpha=0.0) for one in self.decisions],
            by_fold=None,
            row_weight=None,
        )

"""What the student is told about each row, and how it travels through a training loop."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from sklearn_regkd.supervision.validation_targets import ValidationTargets


@dataclass(frozen=True)
class Supervision:
    """Label, teacher, trust and weight of each row, in standardised units.

    Parameters
    ----------
    label : ndarray of shape (n_samples, n_outputs)
        The value that the student should say.
    teacher : ndarray of shape (n_samples, n_outputs)
        What the teacher says; a student without a teacher gets its label again.
    inlier : ndarray of bool of shape (n_samples, n_outputs)
        Which labels are trusted.
    weight : ndarray of shape (n_samples,)
        Weight of each row, of mean 1.
    judged : ndarray of shape (n_samples, n_outputs), default=None
        The label before a teacher was mixed into it, by which settings of the
        student are chosen; None means `label`.
    hints : ndarray of shape (n_samples, n_hints), default=None
        What the teacher sees in each row, standardised.
    rehearsal : ValidationTargets, default=None
        What is learned, in place of `judged`, while settings are tried; of the rows with
        labels of their own.
    """

    label: np.ndarray
    teacher: np.ndarray
    inlier: np.ndarray
    weight: np.ndarray
    judged: np.ndarray | None = None
    hints: np.ndarray | None = None
    rehearsal: ValidationTargets | None = None

    @property
    def n_labeled(self) -> int:
        """Rows, the first ones, that have labels of their own."""
        return len(self.label if self.judged is None else self.judged)

    def joined_by(self, teacher: np.ndarray) -> "Supervision":
        """Return the supervision with further rows, labelled by the teacher alone."""
        return Supervision(
            np.concatenate([self.label, teacher]),
            np.concatenate([self.teacher, teacher]),
            np.concatenate([self.inlier, np.ones(teacher.shape, bool)]),
            np.concatenate([self.weight, np.ones(len(teacher))]),
            self.label if self.judged is None else self.judged,
            rehearsal=self.rehearsal,
        )

    def packed(self) -> np.ndarray:
        """Return one float32 array (n_samples, 3 * n_outputs + 1 + n_hints).

        One plain array survives every sampler, split and collate function of
        a user's own training loop, which a dataclass would not.
        """
        columns = [self.label, self.teacher, self.inlier, self.weight[:, None]]
        if self.hints is not None:
            columns.append(self.hints)
        with np.errstate(over="ignore"):
            packed = np.concatenate([np.asarray(c, np.float32) for c in columns], axis=1)
        if not np.isfinite(packed).all():
            row = int(np.flatnonzero(~np.isfinite(packed).all(axis=1))[0])
            raise ValueError(
                f"the label or teacher of row {row} is too far from the rest to be trained on "
                "in single precision; remove it, or let TORRegressor or DistilledRegressor "
                "reject it"
            )
        return packed


def unpack(packed: Tensor, n_outputs: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Split packed supervision into label, teacher, inlier (bool) and weight."""
    if packed.ndim != 2 or packed.shape[1] != 3 * n_outputs + 1:
        raise ValueError(
            f"expected supervision of shape (n_samples, {3 * n_outputs + 1}), "
            f"got {tuple(packed.shape)}"
        )
    label, teacher, inlier, weight = torch.split(packed, [n_outputs] * 3 + [1], dim=1)
    return label, teacher, inlier > 0.5, weight[:, 0]


def unpack_label(packed: Tensor, n_outputs: int) -> Tensor:
    """Return the labels (n_samples, n_outputs) of packed supervision."""
    return packed[:, :n_outputs]

"""What the student is told about each row, and how it travels through a training loop."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from sklearn_regkd.supervision.validation_targets import ValidationTargets


@dataclass(frozen=True)
class Curriculum:
    """What the student is told at each stage of the teacher's route.

    Parameters
    ----------
    label, teacher : ndarray of shape (n_stages, n_samples, n_outputs), float32
        Values of the student's heads, standardised.
    schedule : RouteSchedule
        Which stages are anchors, and for how long.
    """

    label: np.ndarray
    teacher: np.ndarray
    schedule: Any

    @property
    def n_cycles(self) -> int:
        """How many whole trainings there are."""
        return self.schedule.n_anchors if self.schedule.schedule == "full" else 1


@dataclass(frozen=True, kw_only=True)
class Supervision:
    """Label, teacher, trust and weight of each row, in standardised units.

    Parameters
    ----------
    label : ndarray of shape (n_samples, n_outputs)
        The value that the student should predict.
    teacher : ndarray of shape (n_samples, n_outputs)
        The teacher's prediction; a student without a teacher gets its label again.
    inlier : ndarray of bool of shape (n_samples, n_outputs)
        Which labels are trusted.
    weight : ndarray of shape (n_samples,) or (n_samples, n_outputs)
        Weight of each row, of mean 1; or of each label where some are missing.
    clean_label : ndarray of shape (n_samples, n_outputs), default=None
        The label before a teacher was mixed into it, by which settings of the
        student are chosen; None means `label`.
    hints : ndarray of shape (n_samples, n_hints), default=None
        What happens inside the teacher for each row, standardised.
    validation_targets : ValidationTargets, default=None
        Which rows are held out while settings are tried, and what is learned meanwhile in place
        of `clean_label`; of the rows with labels of their own.
    groups : ndarray of int of shape (n_labeled,), default=None
        Rows of one group are held out together, of those with labels of their own.
    weight_decay : float, default=None
        What students of the same rows were found to want, where a trial of it begins.
    curriculum : Curriculum, default=None
        Earlier stages of `label` and `teacher`.
    extra_rows : tuple of (X, teacher), default=()
        Further rows that the teacher alone has labelled, see :meth:`joined`.
    """

    label: np.ndarray
    teacher: np.ndarray
    inlier: np.ndarray
    weight: np.ndarray
    clean_label: np.ndarray | None = None
    hints: np.ndarray | None = None
    validation_targets: ValidationTargets | None = None
    groups: np.ndarray | None = None
    weight_decay: float | None = None
    curriculum: Curriculum | None = None
    extra_rows: tuple[tuple[np.ndarray, np.ndarray], ...] = ()

    @classmethod
    def by_labels(cls, label: np.ndarray, weight: np.ndarray) -> Self:
        """Return the supervision of a student that has no teacher."""
        return cls(label=label, teacher=label, inlier=np.ones(label.shape, bool), weight=weight)

    def held_out_by(self, groups: np.ndarray | None, held_out: ValidationTargets | None) -> Self:
        """Return the same with the groups of the rows, and with rows to hold out by default."""
        targets = held_out if self.validation_targets is None else self.validation_targets
        return replace(self, groups=groups, validation_targets=targets)

    def in_units(self, convert: Callable[[np.ndarray], np.ndarray]) -> Self:
        """Return the same in other units.

        Parameters
        ----------
        convert : callable
            From values in the units of `label`, of any shape (..., n_outputs), to the new ones.
        """
        clean, trial, route = self.clean_label, self.validation_targets, self.curriculum
        if trial is not None and trial.target is not None:
            trial = replace(trial, target=convert(trial.target))
        if route is not None:
            label, teacher = (
                convert(one).astype(np.float32) for one in (route.label, route.teacher)
            )
            route = replace(route, label=label, teacher=teacher)
        return replace(
            self,
            label=convert(self.label),
            teacher=convert(self.teacher),
            clean_label=None if clean is None else convert(clean),
            validation_targets=trial,
            curriculum=route,
            extra_rows=tuple((X, convert(teacher)) for X, teacher in self.extra_rows),
        )

    @property
    def n_labeled(self) -> int:
        """Rows, the first ones, that have labels of their own."""
        return len(self.label if self.clean_label is None else self.clean_label)

    @property
    def row_weight(self) -> np.ndarray:
        """Weight of each row, (n_samples,)."""
        return self.weight if self.weight.ndim == 1 else self.weight.mean(axis=1)

    def joined(self, X: np.ndarray) -> tuple[np.ndarray, Self]:
        """Return inputs and supervision with the extra rows behind the others.

        Parameters
        ----------
        X : ndarray of shape (n_samples, ...)
            Inputs of the rows, without the extra ones.
        """
        if not self.extra_rows:
            return X, self
        # Single precision stays so; but fractions do not become bytes.
        more = [
            rows if X.dtype == np.uint8 else rows.astype(X.dtype) for rows, _ in self.extra_rows
        ]
        teacher = np.concatenate([prediction for _, prediction in self.extra_rows])
        supervision = replace(
            self,
            label=np.concatenate([self.label, teacher]),
            teacher=np.concatenate([self.teacher, teacher]),
            inlier=np.concatenate([self.inlier, np.ones(teacher.shape, bool)]),
            weight=np.concatenate([self.weight, np.ones((len(teacher), *self.weight.shape[1:]))]),
            clean_label=self.label if self.clean_label is None else self.clean_label,
            extra_rows=(),
        )
        return np.concatenate([X, *more]), supervision

    def packed(self) -> np.ndarray:
        """Return one float32 array (n_samples, 3 * n_outputs + 1 + n_hints).

        Weights of single labels, in the place of those of rows, take n_outputs columns.

        One plain array survives every sampler, split and collate function of
        a user's own training loop, which a dataclass would not.

        Raises
        ------
        ValueError
            If a value is too large for single precision.
        """
        columns = [self.label, self.teacher, self.inlier, self.weight.reshape(len(self.label), -1)]
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
    """Split packed supervision into label, teacher, inlier (bool) and weight.

    The weight is (n_samples,), or (n_samples, n_outputs) where each label has its own.
    """
    n_weights = packed.shape[-1] - 3 * n_outputs
    if packed.ndim != 2 or n_weights not in (1, n_outputs):
        raise ValueError(
            f"expected supervision of shape (n_samples, {3 * n_outputs + 1}), "
            f"got {tuple(packed.shape)}"
        )
    label, teacher, inlier, weight = torch.split(packed, [n_outputs] * 3 + [n_weights], dim=1)
    return label, teacher, inlier > 0.5, weight[:, 0] if n_weights == 1 else weight


def unpack_label(packed: Tensor, n_outputs: int) -> Tensor:
    """Return the labels (n_samples, n_outputs) of packed supervision."""
    return packed[:, :n_outputs]

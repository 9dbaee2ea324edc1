"""What the student is to be told, while the methods still change it."""

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from sklearn_regkd.supervision.mixing import mix
from sklearn_regkd.supervision.supervision import Curriculum, Supervision


@dataclass(frozen=True, kw_only=True)
class Targets:
    """Labels and predictions of the teacher from which the student's targets are mixed.

    Parameters
    ----------
    label : ndarray of shape (n_samples, n_outputs)
        Repaired labels, standardised.
    teacher : ndarray of shape (n_stages, n_samples, n_outputs)
        What the student imitates, standardised; the last stage is the teacher as it is, and
        the only one without a route.
    oof_prediction : ndarray of shape (n_samples, n_outputs)
        Out-of-fold prediction of the teacher, standardised.
    inlier : ndarray of bool of shape (n_samples, n_outputs)
        Which labels are trusted.
    alpha : ndarray of shape (n_outputs,)
        Weight of the teacher in the mixture.
    schedule : RouteSchedule or None, default=None
        How the student is led along the stages.
    hints : ndarray of shape (n_samples, n_hints) or None, default=None
        What happens inside the teacher for each row, standardised.
    extra_rows : tuple of (X, teacher), default=()
        Further rows, which have no labels: arrays (n_rows, ...), and the teacher's standardised
        predictions for them (n_rows, n_outputs).
    """

    label: np.ndarray
    teacher: np.ndarray
    oof_prediction: np.ndarray
    inlier: np.ndarray
    alpha: np.ndarray
    schedule: Any = None
    hints: np.ndarray | None = None
    extra_rows: tuple[tuple[np.ndarray, np.ndarray], ...] = ()

    @property
    def mixture(self) -> np.ndarray:
        """What the student learns at each stage, (n_stages, n_samples, n_outputs)."""
        return mix(self.label, self.teacher, self.alpha)

    def change(self, **changes: Any) -> Self:
        """Return the same with some parts replaced."""
        return replace(self, **changes)

    def supervision(self, weight: np.ndarray) -> Supervision:
        """Return what the student is told in the end.

        Parameters
        ----------
        weight : ndarray of shape (n_samples,)
            Weights of the rows.
        """
        mixture, curriculum = self.mixture, None
        if self.schedule is not None:
            stages = mixture.astype(np.float32), self.teacher.astype(np.float32)
            curriculum = Curriculum(*stages, self.schedule)
        return Supervision(
            label=mixture[-1],
            teacher=self.teacher[-1],
            inlier=self.inlier,
            weight=weight,
            clean_label=self.label,
            hints=self.hints,
            curriculum=curriculum,
            extra_rows=self.extra_rows,
        )

    def with_rows(self, X: np.ndarray, teacher: np.ndarray) -> Self:
        """Return the same with further rows, and the teacher's predictions for them."""
        return replace(self, extra_rows=(*self.extra_rows, (X, teacher)))

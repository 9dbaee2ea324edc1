"""Which methods of the papers are switched on, and which of them exclude each other."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self

from sklearn.base import BaseEstimator

from sklearn_regkd.supervision.hints import Hints
from sklearn_regkd.supervision.revision import LabelRevision
from sklearn_regkd.supervision.route import RouteSchedule
from sklearn_regkd.supervision.selection import DataSelection
from sklearn_regkd.supervision.strategy import Strategy
from sklearn_regkd.supervision.synthetic import SyntheticRows


@dataclass(frozen=True)
class DistillationMethods:
    """The strategies of a DistilledRegressor, valid and allowed together; None is off.

    Parameters
    ----------
    revision : LabelRevision or None
        Label revision: pulls label or teacher to the other.
    selection : DataSelection or None
        Data selection: chooses the rows that the teacher supervises.
    route : RouteSchedule or None
        Route constrained optimisation: leads along the teacher's stages.
    hints : Hints or None
        Feature hints: what happens inside the teacher.
    synthetic : SyntheticRows or None
        Synthetic rows, labelled by the teacher.
    """

    revision: LabelRevision | None = None
    selection: DataSelection | None = None
    route: RouteSchedule | None = None
    hints: Hints | None = None
    synthetic: SyntheticRows | None = None

    def __iter__(self) -> Iterator[Strategy]:
        """Yield the methods that are switched on, in the order in which they are applied."""
        return (one for one in vars(self).values() if one is not None)

    @property
    def change_targets(self) -> bool:
        """Whether labels or predictions of single rows are changed."""
        return self.revision is not None or self.selection is not None

    def criterion_params(self) -> dict[str, Any]:
        """Return what the student's criterion has to know of all methods."""
        return {name: value for one in self for name, value in one.criterion_params().items()}

    @classmethod
    def of(cls, distilled: BaseEstimator) -> Self:
        """Return the methods that an estimator's parameters name.

        Raises
        ------
        ValueError
            If a parameter is unknown or out of range, or two methods exclude each other.
        """
        methods = cls(
            LabelRevision.resolve(distilled.revision),
            DataSelection.resolve(distilled.selection),
            RouteSchedule.resolve(distilled.route),
            Hints.resolve(distilled.hints),
            SyntheticRows.resolve(distilled.synthetic),
        )
        if methods.synthetic is not None:
            methods.refuse_extra_rows("synthetic")
        if methods.route is None:
            return methods
        if methods.revision is not None and methods.revision.revises == "teacher":
            raise ValueError(
                "route and revision='teacher' exclude each other: early stages contradict most "
                "labels, and revised ones are no longer the teacher's; use revision='label'"
            )
        if getattr(distilled.student, "early_stopping", False):
            raise ValueError(
                "route and early_stopping exclude each other: the best epoch would be one in "
                "which the student still learned an easy stage"
            )
        return methods

    def refuse_extra_rows(self, origin: str) -> None:
        """Raise a ValueError if a method cannot do with extra rows of that origin."""
        for name in ("route", "hints"):
            if getattr(self, name) is not None:
                raise ValueError(
                    f"{name} and {origin} exclude each other: only training rows have {name}"
                )

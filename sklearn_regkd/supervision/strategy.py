"""What the methods of the papers have in common: parameters, short names, and a hook."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, Protocol, Self

import numpy as np

from sklearn_regkd.supervision.targets import Targets
from sklearn_regkd.utils.constraints import ConstrainedParams


class TeacherInterface(Protocol):
    """What a method may use of the teacher, whatever its kind.

    See :class:`~sklearn_regkd.teachers.interface.FittedTeacher`.
    """

    def predict(self, X: Any) -> np.ndarray:
        """Return standardised predictions (n_rows, n_outputs) for further rows."""

    def hint_features(self, layer: str, n_components: int) -> np.ndarray:
        """Return what happens inside the teacher for each training row, (n_samples, n_hints)."""


class Strategy(ConstrainedParams, ABC):
    """A method with its parameters, given to an estimator as one argument.

    It has nested parameters for grids (``revision__eta``), and short names: its
    own first parameter. A new method is one file: a subclass with :meth:`apply`, and a line in
    ``DistillationMethods`` of ``supervision/methods.py``.
    """

    argument: ClassVar[str]
    short_names: ClassVar[Sequence[str]]

    @abstractmethod
    def apply(self, targets: Targets, data: Any, teacher: TeacherInterface) -> Targets:
        """Return what the student is to be told, changed by this method.

        Parameters
        ----------
        targets : Targets
            What the student would be told without it.
        data : FitData
            The data of the fit, with its random numbers.
        teacher : TeacherInterface
            The fitted teacher.
        """

    def criterion_params(self) -> dict[str, Any]:
        """Return what the student's criterion has to know of this method."""
        return {}

    @classmethod
    def resolve(cls, given: Any) -> Self | None:
        """Turn a short name, or a strategy, into a valid strategy; None stays None.

        Raises
        ------
        ValueError
            If it is neither, or a parameter of it makes no sense.
        """
        if given is None:
            return None
        strategy = cls.from_short(given)
        if not isinstance(strategy, cls):
            raise ValueError(
                f"{cls.argument}={given!r} is unknown; known: None, {cls.in_words()} or a "
                f"{cls.__name__}"
            )
        strategy.validate()
        return strategy

    @classmethod
    def from_short(cls, given: Any) -> Any:
        """Return the strategy that a short name stands for, or what was given."""
        return cls(given) if isinstance(given, str) and given in cls.short_names else given

    @classmethod
    def in_words(cls) -> str:
        """Return what :meth:`from_short` takes, for error messages."""
        return ", ".join(map(repr, cls.short_names))

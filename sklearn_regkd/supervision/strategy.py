"""What the strategy objects of DistilledRegressor have in common."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, Self

from sklearn.base import BaseEstimator


class Strategy(BaseEstimator, ABC):
    """A method with its parameters, given to an estimator as one argument.

    It has nested parameters for grids (``revision__eta``), and short names: its
    own first parameter.
    """

    argument: ClassVar[str]
    short_names: ClassVar[Sequence[str]]

    @abstractmethod
    def validate(self) -> None:
        """Raise a ValueError if a parameter is unknown or out of range."""

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
        """Return what :meth:`from_short` takes, for errors."""
        return ", ".join(map(repr, cls.short_names))

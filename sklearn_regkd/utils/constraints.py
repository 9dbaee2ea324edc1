"""Parameters whose values are checked against constraints that a class states as data."""

from typing import Any, ClassVar

from sklearn.base import BaseEstimator

from sklearn_regkd.utils.sklearn_compat import validate_parameters


class ConstrainedParams(BaseEstimator):
    """An object with parameters, and what values these may have.

    A subclass states its constraints as scikit-learn's estimators do; what cannot be said in
    that way it adds in :meth:`validate`.
    """

    constraints: ClassVar[dict[str, list[Any]]] = {}

    def validate(self) -> None:
        """Raise a ValueError that lists the known values if a parameter has none of them."""
        validate_parameters(self, self.constraints)
        for name, allowed in self.constraints.items():
            # True is a number for Python, and hardly ever what is meant by one.
            if isinstance(getattr(self, name), bool) and "boolean" not in allowed:
                raise ValueError(
                    f"{name} of {type(self).__name__} must not be a bool, got "
                    f"{getattr(self, name)!r}: pass a number"
                )

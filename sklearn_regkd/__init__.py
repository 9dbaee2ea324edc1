"""Knowledge distillation for regression, as scikit-learn estimators.

The estimators are imported when they are first asked for, so that
``import sklearn_regkd`` alone does not load PyTorch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from sklearn_regkd._version import __version__

if TYPE_CHECKING:
    from sklearn_regkd.estimators import (
        DistilledRegressor,
        DistilledSearchCV,
        StudentRegressor,
        TORRegressor,
        load,
    )

__all__ = [
    "DistilledRegressor",
    "DistilledSearchCV",
    "StudentRegressor",
    "TORRegressor",
    "__version__",
    "load",
]

_ROOMS = ("datasets", "export", "inspection", "losses", "out_of_core")


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(import_module(f"{__name__}.estimators"), name)
    if name in _ROOMS:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_ROOMS})

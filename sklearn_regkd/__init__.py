"""Knowledge distillation for regression, as scikit-learn estimators.

The estimators are imported when they are first asked for, so that
``import sklearn_regkd`` alone does not load PyTorch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sklearn_regkd._distilled import DistilledRegressor
    from sklearn_regkd._search import DistilledSearchCV
    from sklearn_regkd._student import StudentRegressor
    from sklearn_regkd._tor import TORRegressor
    from sklearn_regkd.export.portable import load

__version__ = "0.1.0.dev0"
__all__ = ["DistilledRegressor", "DistilledSearchCV", "StudentRegressor", "TORRegressor", "load"]

_HOME = {
    "DistilledRegressor": "sklearn_regkd._distilled",
    "DistilledSearchCV": "sklearn_regkd._search",
    "StudentRegressor": "sklearn_regkd._student",
    "TORRegressor": "sklearn_regkd._tor",
    "load": "sklearn_regkd.export.portable",
}


_ROOMS = ("blocks", "cluster", "datasets", "export", "inspection", "losses")


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    if name in _ROOMS:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_ROOMS})

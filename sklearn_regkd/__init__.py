"""Knowledge distillation for regression, as scikit-learn estimators.

The estimators are imported when they are first asked for, so that
``import sklearn_regkd`` alone does not load PyTorch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from sklearn_regkd._version import __version__

if TYPE_CHECKING:
    from sklearn_regkd.estimators.distilled import DistilledRegressor
    from sklearn_regkd.estimators.search import DistilledSearchCV
    from sklearn_regkd.estimators.student import StudentRegressor
    from sklearn_regkd.estimators.tor import TORRegressor
    from sklearn_regkd.persistence.estimator_file import load

__all__ = [
    "DistilledRegressor",
    "DistilledSearchCV",
    "StudentRegressor",
    "TORRegressor",
    "__version__",
    "load",
]

_HOME = {
    "DistilledRegressor": "sklearn_regkd.estimators.distilled",
    "DistilledSearchCV": "sklearn_regkd.estimators.search",
    "StudentRegressor": "sklearn_regkd.estimators.student",
    "TORRegressor": "sklearn_regkd.estimators.tor",
    "load": "sklearn_regkd.persistence.estimator_file",
}


_ROOMS = ("datasets", "export", "inspection", "losses", "out_of_core")


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    if name in _ROOMS:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_ROOMS})

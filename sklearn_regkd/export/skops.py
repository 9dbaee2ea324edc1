"""What skops has to trust in a file with one of our estimators."""

from typing import Any

from sklearn import metrics
from sklearn.model_selection import KFold

from sklearn_regkd.estimators.distilled import DistilledRegressor
from sklearn_regkd.estimators.search import DistilledSearchCV
from sklearn_regkd.estimators.student import StudentRegressor
from sklearn_regkd.estimators.tor import TORRegressor
from sklearn_regkd.persistence.estimator_file import skops_trusted
from sklearn_regkd.utils.sklearn_compat import (
    MetadataRequest,
    MethodMetadataRequest,
    PassthroughScorer,
)

# The registry of files knows an estimator once it is imported; a search is not in it.
ESTIMATORS = (StudentRegressor, TORRegressor, DistilledRegressor, DistilledSearchCV)


def _full_name(one: Any) -> str:
    return f"{one.__module__}.{one.__qualname__}"


def _regression_metrics() -> list[Any]:
    home = metrics.r2_score.__module__
    every = (getattr(metrics, name) for name in metrics.__all__)
    return [one for one in every if getattr(one, "__module__", None) == home]


# A search holds its scorer and its splitter, which skops knows no more than our classes; the
# scorers of scikit-learn 1.6 hold what metadata they ask for, even where it is nothing.
SCORERS = (PassthroughScorer, type(metrics.get_scorer("r2")))
REQUESTS = (MetadataRequest, MethodMetadataRequest)
OF_SEARCHES = (KFold, *SCORERS, *REQUESTS, *_regression_metrics())
SKOPS_TRUSTED = sorted({*skops_trusted(), *map(_full_name, (*ESTIMATORS, *OF_SEARCHES))})

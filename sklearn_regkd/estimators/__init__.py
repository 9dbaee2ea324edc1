"""The public estimators, and what they have in common."""

from sklearn_regkd.estimators.distilled import DistilledRegressor
from sklearn_regkd.estimators.search import DistilledSearchCV
from sklearn_regkd.estimators.student import StudentRegressor
from sklearn_regkd.estimators.tor import TORRegressor
from sklearn_regkd.persistence.estimator_file import load

__all__ = ["DistilledRegressor", "DistilledSearchCV", "StudentRegressor", "TORRegressor", "load"]

"""Teachers of one target each, repeated for several, and what a teacher is called."""

from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.multioutput import MultiOutputRegressor

from sklearn_regkd.teachers.in_batches import PredictInBatches
from sklearn_regkd.utils.sklearn_compat import HasMethods


class PredictsOnceFitted(MultiOutputRegressor):
    """MultiOutputRegressor of an estimator whose `predict` appears with its fit."""

    _parameter_constraints: ClassVar = {
        **MultiOutputRegressor._parameter_constraints,
        "estimator": [HasMethods(["fit"])],
    }


class OneTeacherPerTarget(RegressorMixin, BaseEstimator):
    """Fitted teachers of one target each: targets that were measured in different rows.

    Parameters
    ----------
    estimators : list of fitted regressors
        One for each target, in their order.
    """

    def __init__(self, estimators):
        self.estimators = estimators

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def predict(self, X):
        """Return the predictions of all teachers, ndarray of shape (n_samples, n_targets)."""
        return np.column_stack([np.ravel(one.predict(X)) for one in self.estimators])


def name_of(teacher: Any) -> str:
    """Return the class of a teacher for messages: not of what repeats it, or bounds its batches."""
    while isinstance(teacher, PredictsOnceFitted | PredictInBatches):
        teacher = teacher.estimator
    return type(teacher).__name__

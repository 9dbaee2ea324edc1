"""The data of one fit."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from sklearn_regkd.preprocessing.scaling import Scaling
from sklearn_regkd.utils.cache import FitCache


@dataclass(frozen=True)
class FitData:
    """The data of one fit, validated once and handed from room to room.

    Parameters
    ----------
    X : ndarray of shape (n_samples, ...)
        Inputs.
    y : ndarray of shape (n_samples, n_outputs)
        Labels in raw units.
    weight : ndarray of shape (n_samples,)
        Weights of the rows.
    scaling : Scaling
        Of the labels.
    student : StudentRegressor
        Not fitted.
    teacher : object or None
        Owned by this fit, not yet fitted unless it came so; None if only its
        predictions are known.
    rows : array-like of shape (n_samples, ...)
        Inputs in the form that the teacher takes.
    teacher_params : dict of ndarray
        Fit parameters of the teacher, one value per row.
    prediction : ndarray of shape (n_samples, n_outputs) or None
        What the teacher says in raw units, where it is not fitted here.
    folds : list of (train, test)
        By which rows are left out.
    random_state : RandomState
        Decides everything that is random.
    memory : FitCache
        Where answers are kept.
    route : ndarray of shape (n_stages, n_samples, n_outputs) or None, default=None
        What a teacher that is not fitted here said on its way, in raw units.
    """

    X: np.ndarray
    y: np.ndarray
    weight: np.ndarray
    scaling: Scaling
    student: Any
    teacher: Any
    rows: Any
    teacher_params: dict[str, np.ndarray]
    prediction: np.ndarray | None
    folds: list[tuple]
    random_state: np.random.RandomState
    memory: FitCache
    route: np.ndarray | None = None

    @property
    def counted(self) -> np.ndarray:
        """Rows of positive weight, ndarray of bool of shape (n_samples,)."""
        return self.weight > 0

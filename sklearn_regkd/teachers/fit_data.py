"""The data of one fit."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from sklearn_regkd.networks.inputs import TransformedRows, fit_input_transform
from sklearn_regkd.preprocessing.scaling import MOST_SIGMA, Scaling
from sklearn_regkd.utils.cache import FitCache


@dataclass(frozen=True, kw_only=True)
class FitData:
    """The data of one fit, validated once.

    Parameters
    ----------
    X : ndarray of shape (n_samples, ...)
        Inputs.
    y : ndarray of shape (n_samples, n_outputs)
        Labels in raw units.
    weight : ndarray of shape (n_samples,)
        Weights of the rows.
    scaling : Scaling
        The scaling of the labels.
    student : StudentRegressor
        The student, not fitted.
    teacher : object or None
        The teacher, owned by this fit, not yet fitted unless it came so; None if only its
        predictions are known.
    teacher_X : array-like of shape (n_samples, ...)
        Inputs in the form that the teacher takes.
    teacher_params : dict of ndarray
        Fit parameters of the teacher, one value per row.
    is_default_teacher : bool
        Whether the teacher is the library's own, whose loss may be changed.
    teacher_prediction : ndarray of shape (n_samples, n_outputs) or None
        Predictions of a teacher that is not fitted here, in raw units.
    teacher_route : ndarray of shape (n_stages, n_samples, n_outputs) or None
        Predictions at stages of the training of a teacher that is not fitted here, in raw units.
    folds : list of (train, test)
        By which rows are left out.
    random_state : RandomState
        Decides everything that is random.
    cache : FitCache
        Where fitted teachers and predictions are kept.
    n_jobs : int or None
        Fits of the teacher at a time.
    X_unlabeled : ndarray of shape (n_more, ...) or None, default=None
        Rows without labels.
    teacher_X_unlabeled : array-like of shape (n_more, ...) or None, default=None
        The same in the form that the teacher takes.
    """

    X: np.ndarray
    y: np.ndarray
    weight: np.ndarray
    scaling: Scaling
    student: Any
    teacher: Any
    teacher_X: Any
    teacher_params: dict[str, np.ndarray]
    is_default_teacher: bool
    teacher_prediction: np.ndarray | None
    teacher_route: np.ndarray | None
    folds: list[tuple]
    random_state: np.random.RandomState
    cache: FitCache
    n_jobs: int | None
    X_unlabeled: np.ndarray | None = None
    teacher_X_unlabeled: Any = None

    @property
    def n_outputs(self) -> int:
        """Number of targets."""
        return self.y.shape[1]

    @cached_property
    def used_rows(self) -> np.ndarray:
        """Rows of positive weight, ndarray of bool of shape (n_samples,)."""
        return self.weight > 0

    @cached_property
    def network_rows(self) -> TransformedRows:
        """Rows of a table as the built-in network sees them.

        The network is the student's; beside a module of the user's it is that of the default
        student, which is cross-fitted in its place. The transform is learned from used rows only.
        """
        student, used = self.student, self.used_rows
        has_network = student.module is None
        kind = student.input_transform if has_network else "quantile"
        categorical = student._columns.categorical if has_network else ()
        X = self.X if used.all() else self.X[used]
        weight = self.weight[used]
        transform = fit_input_transform(X, weight / weight.mean(), kind, categorical)
        return TransformedRows(self.X, transform)

    @cached_property
    def label(self) -> np.ndarray:
        """Labels in standard units, ndarray of shape (n_samples, n_outputs)."""
        return self.scaling.standardize(self.y)

    @cached_property
    def bounded_label(self) -> np.ndarray:
        """Labels in standard units, none farther away than a network could learn."""
        return self.label.clip(-MOST_SIGMA, MOST_SIGMA)

    @cached_property
    def bounded_y(self) -> np.ndarray:
        """The bounded labels in raw units, ndarray of shape (n_samples, n_outputs)."""
        return self.scaling.restore(self.bounded_label)

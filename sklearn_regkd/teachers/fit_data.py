"""The data of one fit."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
from sklearn.multioutput import MultiOutputRegressor

from sklearn_regkd.networks.inputs import TransformedRows, fit_input_transform
from sklearn_regkd.preprocessing.folds import folds_among
from sklearn_regkd.preprocessing.scaling import MOST_SIGMA, Scaling
from sklearn_regkd.supervision.validation_targets import ValidationTargets
from sklearn_regkd.teachers.kinds import own_teacher, weight_params
from sklearn_regkd.utils.cache import FitCache
from sklearn_regkd.utils.sklearn_compat import safe_indexing


@dataclass(frozen=True, kw_only=True)
class LeftOutRows:
    """Rows of weight 0, from which nothing is learned, and about which something is known.

    Parameters
    ----------
    mask : ndarray of bool of shape (n_all,)
        Which rows of those that were given to `fit` these are.
    y : ndarray of shape (n_rows, n_outputs)
        Their labels in raw units.
    teacher_X : array-like of shape (n_rows, ...)
        Their inputs in the form that the teacher takes.
    teacher_prediction : ndarray of shape (n_rows, n_outputs) or None
        Predictions of a teacher that is not fitted here, in raw units.
    """

    mask: np.ndarray
    y: np.ndarray
    teacher_X: Any
    teacher_prediction: np.ndarray | None

    def joined(self, used: np.ndarray, left_out: np.ndarray) -> np.ndarray:
        """Return values of all rows in the order in which they were given to `fit`."""
        every = np.empty((len(self.mask), *used.shape[1:]), used.dtype)
        every[~self.mask], every[self.mask] = used, left_out
        return every


@dataclass(frozen=True, kw_only=True)
class FitData:
    """The data of one fit, validated once: rows of positive weight only.

    Parameters
    ----------
    X : ndarray of shape (n_samples, ...)
        Inputs.
    y : ndarray of shape (n_samples, n_outputs)
        Labels in raw units.
    weight : ndarray of shape (n_samples,)
        Weights of the rows, positive and of mean 1.
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
    known : ndarray of bool of shape (n_samples, n_outputs) or None
        Which labels were measured, at least one of each row and several of each target; in the
        place of others y holds any number. None means all.
    trusted : ndarray of bool of shape (n_samples, n_outputs) or None
        Labels that somebody has checked.
    groups : ndarray of int of shape (n_samples,) or None
        Rows of one group are left out together.
    held_out : ValidationTargets or None
        Which rows are left out where settings of the student are tried; None means any.
    least : ndarray of shape (n_outputs,) or None, default=None
        The smallest number in raw units that may stand for a label; None means any.
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
    left_out : LeftOutRows or None, default=None
        Rows of weight 0.
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
    left_out: "LeftOutRows | None" = None
    known: np.ndarray | None = None
    trusted: np.ndarray | None = None
    groups: np.ndarray | None = None
    held_out: ValidationTargets | None = None
    least: np.ndarray | None = None

    @property
    def n_outputs(self) -> int:
        """Number of targets."""
        return self.y.shape[1]

    def with_default_teacher(self) -> Self:
        """Return the same data with the default teacher, which is fitted out-of-fold."""
        teacher = own_teacher(None, self.n_outputs, self.random_state, len(self.y))
        even = np.all(self.weight == self.weight[0])
        return replace(
            self,
            teacher=teacher,
            teacher_X=self.X,
            teacher_params=weight_params(teacher, None if even else self.weight),
            is_default_teacher=True,
            teacher_prediction=None,
            teacher_route=None,
        )

    def raised(self, values: np.ndarray) -> np.ndarray:
        """Return values (n_samples, n_outputs) in raw units, none below what a label may be."""
        return values if self.least is None else np.maximum(values, self.least)

    def of_target(self, output: int) -> Self:
        """Return the data of one target alone, and of the rows in which it is measured."""
        assert self.known is not None
        rows = np.flatnonzero(self.known[:, output])
        prediction, weight = self.teacher_prediction, self.weight[rows]
        held_out = self.held_out
        folds = folds_among(self.folds, self.known[:, output])
        if held_out is not None:
            held_out = ValidationTargets.of_folds(folds, len(rows))
        teacher = self.teacher
        if isinstance(teacher, MultiOutputRegressor):
            teacher = teacher.estimator
        return replace(
            self,
            X=self.X[rows],
            y=self.y[rows][:, [output]],
            weight=weight / weight.mean(),
            scaling=self.scaling.of_column(output),
            teacher=teacher,
            teacher_X=safe_indexing(self.teacher_X, rows),
            teacher_params={name: values[rows] for name, values in self.teacher_params.items()},
            teacher_prediction=None if prediction is None else prediction[rows][:, [output]],
            folds=folds,
            left_out=None,
            known=None,
            least=None if self.least is None else self.least[[output]],
            groups=None if self.groups is None else self.groups[rows],
            trusted=None if self.trusted is None else self.trusted[rows][:, [output]],
            held_out=held_out,
        )

    @property
    def element_weight(self) -> np.ndarray:
        """Weights of the rows; of each label, of mean 1 for each target, if some are missing."""
        if self.known is None:
            return self.weight
        weight = self.weight[:, None] * self.known
        return weight / weight.mean(axis=0)

    @cached_property
    def network_rows(self) -> TransformedRows:
        """Rows of a table as the built-in network sees them.

        The network is the student's; beside a module of the user's it is that of the default
        student, which is cross-fitted in its place.
        """
        student = self.student
        has_network = student.module is None
        kind = student.input_transform if has_network else "quantile"
        categorical = student._categorical if has_network else ()
        transform = fit_input_transform(self.X, self.weight, kind, categorical)
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

"""Quantiles that a teacher predicts, where it has some."""

import inspect
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.ensemble import ExtraTreesRegressor, RandomForestRegressor
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import Pipeline

from sklearn_regkd.teachers.cross_fit import cross_fit_predict
from sklearn_regkd.teachers.fit_data import FitData
from sklearn_regkd.teachers.in_batches import PredictInBatches
from sklearn_regkd.teachers.kinds import is_fitted_teacher
from sklearn_regkd.utils.unwrap import unwrap

# Names by which regressors take the level of the one quantile that they predict, and what their
# loss then is called: scikit-learn's two kinds of boosting, its linear model, LightGBM, XGBoost.
LEVELS = ("quantile", "alpha", "quantile_alpha")
LOSSES = ("loss", "objective")
QUANTILE_LOSSES = ("quantile", "reg:quantileerror")
# Arguments of `predict` by which other regressors take all levels at once: TabPFN and forests of
# the package quantile-forest, TabICL. Two of them predict quantiles only if told so.
LEVELS_TO_PREDICT = ("quantiles", "alphas")
FORESTS = (RandomForestRegressor, ExtraTreesRegressor)


class PredictsQuantiles(RegressorMixin, BaseEstimator):
    """A regressor that predicts several quantiles, by a teacher that can.

    Parameters
    ----------
    teacher : object
        A regressor for which :func:`has_quantiles` is true. It is cloned, and fitted for each level
        if it predicts one quantile at a time.
    levels : ndarray of shape (n_levels,)
        Levels of the quantiles.
    """

    def __init__(self, teacher, levels):
        self.teacher = teacher
        self.levels = levels

    def fit(self, X, y, **params):
        """Fit the teacher.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Inputs.
        y : ndarray of shape (n_samples,) or (n_samples, n_levels)
            Labels; of several columns, which are all alike, the first one is taken.
        **params : dict
            Further arguments of the teacher's `fit`.

        Returns
        -------
        PredictsQuantiles
            The fitted estimator.
        """
        y = y if y.ndim == 1 else y[:, 0]
        name = _level_name(self.teacher)
        if name is None:
            self.models_ = [clone(self.teacher).fit(X, y, **params)]
        else:
            each = [{name: float(level)} for level in self.levels]
            self.models_ = [
                clone(self.teacher).set_params(**level).fit(X, y, **params) for level in each
            ]
        if _is_forest(self.teacher):
            forest, rows = unwrap(self.models_[0], X)
            self.leaves_ = _labels_of_leaves(forest.apply(rows), y)
        return self

    def predict(self, X):
        """Predict the quantiles.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Inputs.

        Returns
        -------
        ndarray of shape (n_samples, n_levels)
            A quantile for each level.
        """
        first = self.models_[0]
        if _is_forest(self.teacher):
            forest, rows = unwrap(first, X)
            leaves = zip(self.leaves_, forest.apply(rows).T, strict=True)
            return np.quantile([labels[leaf] for labels, leaf in leaves], self.levels, axis=0).T
        arguments = _arguments(self.teacher, self.levels)
        if not arguments:
            return np.column_stack([np.ravel(model.predict(X)) for model in self.models_])
        found = first.predict(X, **arguments)
        columns = np.column_stack(found) if isinstance(found, list | tuple) else np.asarray(found)
        return columns.reshape(-1, len(self.levels))


def teacher_quantiles(
    data: FitData, levels: np.ndarray, label: np.ndarray, trusted: np.ndarray
) -> np.ndarray | None:
    """Return the quantiles that the teacher predicts for rows that it has not seen.

    Parameters
    ----------
    data : FitData
        The data of the fit.
    levels : ndarray of shape (n_levels,)
        Levels of the quantiles.
    label : ndarray of shape (n_samples, n_outputs)
        Labels in raw units.
    trusted : ndarray of bool of shape (n_samples, n_outputs)
        From which of them it learns.

    Returns
    -------
    ndarray of shape (n_samples, n_outputs, n_levels) or None
        In raw units; of a teacher that came fitted, for rows that it may have seen. None if the
        teacher has no quantiles.
    """
    teacher = data.teacher
    if data.is_default_teacher or data.teacher_prediction is not None:
        return None
    if isinstance(teacher, MultiOutputRegressor):
        teacher = teacher.estimator
    if not has_quantiles(teacher):
        return None
    found = []
    for output in range(data.n_outputs):
        result = cross_fit_predict(
            PredictsQuantiles(teacher, levels),
            data.teacher_X,
            np.repeat(label[:, [output]], len(levels), axis=1),
            params=data.teacher_params,
            folds=data.folds,
            refit=False,
            n_jobs=data.n_jobs,
            seed=0,
            kept=trusted[:, output],
        )
        found.append(result.prediction)
    return np.stack(found, axis=1)


def has_quantiles(teacher: Any) -> bool:
    """Return whether a regressor, not fitted, can predict quantiles of any level.

    Either it has the quantile loss, or its `predict` takes levels, or it is a forest, whose leaves
    hold labels (N. Meinshausen, "Quantile regression forests", JMLR 2006).
    """
    if teacher is None or is_fitted_teacher(teacher):
        return False
    return (
        _is_forest(teacher)
        or _level_name(teacher) is not None
        or bool(_arguments(teacher, np.array([0.5])))
    )


def _last_step(teacher: Any) -> tuple[str, Any]:
    """Return the regressor inside Pipelines and batches, and the prefix of its parameters."""
    prefix = ""
    while isinstance(teacher, Pipeline | PredictInBatches):
        name = "estimator" if isinstance(teacher, PredictInBatches) else teacher.steps[-1][0]
        prefix += f"{name}__"
        teacher = teacher.estimator if isinstance(teacher, PredictInBatches) else teacher[-1]
    return prefix, teacher


def _is_forest(teacher: Any) -> bool:
    return isinstance(unwrap(teacher)[0], FORESTS)


def _level_name(teacher: Any) -> str | None:
    """Return the parameter that is the level of the quantile that is predicted, if there is one."""
    prefix, last = _last_step(teacher)
    params = last.get_params(deep=False) if hasattr(last, "get_params") else {}
    loss = next((params[name] for name in LOSSES if name in params), None)
    if loss in QUANTILE_LOSSES or (loss is None and "quantile" in params):
        return next((prefix + name for name in LEVELS if name in params), None)
    return None


def _arguments(teacher: Any, levels: np.ndarray) -> dict[str, Any]:
    """Return the arguments by which `predict` returns quantiles, none if it does not."""
    names = inspect.signature(_last_step(teacher)[1].predict).parameters
    level = next((name for name in LEVELS_TO_PREDICT if name in names), None)
    if level is None:
        return {}
    kind = {"output_type": "quantiles"} if "output_type" in names else {}
    return {**kind, level: levels.tolist()}


def _labels_of_leaves(leaves: np.ndarray, y: np.ndarray) -> list[np.ndarray]:
    """Return for each tree a label of each leaf: one drawn at random speaks for all.

    Over many trees the quantiles of these are those of all labels of the leaves.

    Parameters
    ----------
    leaves : ndarray of int of shape (n_samples, n_trees)
        The leaf of each training row.
    y : ndarray of shape (n_samples,)
        Their labels.
    """
    order = np.random.RandomState(0)
    found = []
    for leaf in leaves.T:
        rows = order.permutation(len(y))
        labels = np.zeros(leaf.max() + 1)
        labels[leaf[rows]] = y[rows]  # the last one of each leaf stays
        found.append(labels)
    return found

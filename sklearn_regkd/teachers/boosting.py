"""Boosted trees of the library's own: the default teacher, and models beside the student."""

from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingRegressor

from sklearn_regkd.preprocessing.frames import is_frame
from sklearn_regkd.teachers.inputs import columns_without_values


class BoostedTrees(HistGradientBoostingRegressor):
    """scikit-learn's histogram boosting, which also takes columns that hold no value.

    A column whose few known values all lie in one fold is empty in the training rows of that
    fold, where the binning of scikit-learn fails. Such a column says nothing about these rows: it
    is filled with zeros in a copy, and no tree splits by it.

    Parameters
    ----------
    **params : dict
        Those of :class:`~sklearn.ensemble.HistGradientBoostingRegressor`.
    """

    def fit(self, X: Any, y: Any, sample_weight: Any = None, **params: Any):
        """Fit the trees.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Inputs; NaN is a missing value.
        y : array-like of shape (n_samples,)
            Labels.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row.
        **params : dict
            Further arguments of scikit-learn's `fit`.

        Returns
        -------
        BoostedTrees
            The fitted estimator.
        """
        return super().fit(_filled(X), y, sample_weight, **params)


def _filled(X: Any) -> Any:
    """Return rows with zeros in columns that hold no value; as they are if there are none."""
    empty = columns_without_values(X)
    if not empty:
        return X
    if not is_frame(X):
        X = X.copy()
        X[:, empty] = 0.0
        return X
    zeros = np.zeros(len(X))
    if hasattr(X, "with_columns"):
        series = type(X[empty[0]])
        return X.with_columns([series(name, zeros) for name in empty])
    X = X.copy(deep=False)
    for name in empty:
        X[name] = zeros
    return X

"""A teacher that predicts so many rows at a time."""

from numbers import Integral
from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.base import BaseEstimator, MetaEstimatorMixin, RegressorMixin, clone
from sklearn.utils import gen_batches, get_tags
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping
from sklearn.utils.validation import check_is_fitted

from sklearn_regkd.utils.progress import report_stage
from sklearn_regkd.utils.sklearn_compat import Interval, safe_indexing, validate_parameters


class PredictInBatches(MetaEstimatorMixin, RegressorMixin, BaseEstimator):
    """A regressor whose rows are predicted in batches, for models whose memory grows with them.

    An in-context model holds its training rows and all rows that it predicts in the memory of a
    GPU at once. Which rows come together changes nothing, and where a distillation estimator has
    ``verbose=1`` each batch is told.

    Parameters
    ----------
    estimator : object
        A regressor; it is cloned.
    batch_rows : int, default=1000
        Rows of one prediction, at most.

    Attributes
    ----------
    estimator_ : object
        The fitted regressor.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.neighbors import KNeighborsRegressor
    >>> from sklearn_regkd.teachers.in_batches import PredictInBatches
    >>> X, y = load_diabetes(return_X_y=True)
    >>> teacher = PredictInBatches(KNeighborsRegressor(), batch_rows=100).fit(X, y)
    >>> teacher.predict(X).shape
    (442,)
    """

    def __init__(self, estimator, batch_rows=1000):
        self.estimator = estimator
        self.batch_rows = batch_rows

    def fit(self, X, y, **params):
        """Fit the regressor.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Inputs, handed on as they are.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Labels.
        **params : dict
            Further arguments of its `fit`.

        Returns
        -------
        PredictInBatches
            The fitted estimator.

        Raises
        ------
        ValueError
            If `batch_rows` is no number of rows.
        """
        limits = {"batch_rows": [Interval(Integral, 1, None, closed="left")]}
        validate_parameters(self, limits)
        self.estimator_ = clone(self.estimator).fit(X, y, **params)
        return self

    def predict(self, X, **params):
        """Predict rows, batch by batch.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Inputs, array or frame.
        **params : dict
            Further arguments of its `predict`, such as levels of quantiles.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs)
            Predictions; where the regressor returns a list, each of its entries is a column.
        """
        check_is_fitted(self)
        if issparse(X):
            X = X.tocsr()
        X = X if hasattr(X, "shape") else np.asarray(X)
        n_samples, name = X.shape[0], type(self.estimator_).__name__
        parts = []
        for rows in gen_batches(n_samples, self.batch_rows):
            if n_samples > self.batch_rows:
                report_stage(
                    f"{name} predicts rows {rows.start:,} to {rows.stop:,} of {n_samples:,}"
                )
            batch = X[rows] if issparse(X) else safe_indexing(X, np.arange(rows.start, rows.stop))
            found = self.estimator_.predict(batch, **params)
            is_list = params and isinstance(found, list | tuple)
            parts.append(np.column_stack(found) if is_list else np.asarray(found))
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    @property
    def n_features_in_(self) -> int:
        """Number of features seen in fit."""
        if not hasattr(self, "estimator_"):
            raise AttributeError(f"{type(self).__name__} has no n_features_in_ before fit")
        return self.estimator_.n_features_in_

    def get_metadata_routing(self) -> Any:
        """Return that all metadata of `fit` are for the regressor.

        Returns
        -------
        sklearn.utils.metadata_routing.MetadataRouter
            Its requests.
        """
        mapping = MethodMapping().add(caller="fit", callee="fit")
        router = MetadataRouter(owner=self)
        return router.add(estimator=self.estimator, method_mapping=mapping)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        inner = get_tags(self.estimator)
        tags.target_tags, tags.input_tags = inner.target_tags, inner.input_tags
        return tags

"""Predictions in batches are those of all rows at once."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import make_regression
from sklearn.linear_model import Ridge
from sklearn.neighbors import KNeighborsRegressor
from sklearn.utils.estimator_checks import parametrize_with_checks

import sklearn_regkd.teachers.in_batches as module
from sklearn_regkd.teachers.in_batches import PredictInBatches


@parametrize_with_checks([PredictInBatches(Ridge(), batch_rows=7)])
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize("batch_rows", [1, 7, 50, 1000])
@pytest.mark.parametrize("n_targets", [1, 2])
@pytest.mark.parametrize("frame", [None, "pandas", "polars"])
def test_equals_one_prediction(batch_rows, n_targets, frame):
    X, y = make_regression(50, 3, n_targets=n_targets, random_state=0)
    if frame is not None:
        X = pytest.importorskip(frame).DataFrame(dict(zip("abc", X.T, strict=True)))
    sizes = []

    class Counting(KNeighborsRegressor):
        def predict(self, X):
            sizes.append(len(X))
            return super().predict(X)

    expected = KNeighborsRegressor().fit(X, y).predict(X)
    found = PredictInBatches(Counting(), batch_rows).fit(X, y).predict(X)
    assert np.array_equal(found, expected)
    assert sum(sizes) == 50
    assert max(sizes) <= batch_rows


def test_tells_of_each_batch(monkeypatch):
    told = []
    monkeypatch.setattr(module, "report_stage", told.append)
    X, y = make_regression(50, 3, random_state=0)
    teacher = PredictInBatches(Ridge(), batch_rows=20).fit(X, y)
    teacher.predict(X)
    assert told[-1] == "Ridge predicts rows 40 to 50 of 50"
    assert len(told) == 3


def test_weights_reach_the_regressor_and_bad_sizes_are_refused():
    X, y = make_regression(50, 3, noise=10, random_state=0)
    weight = np.arange(50.0)
    found = PredictInBatches(Ridge()).fit(X, y, sample_weight=weight).predict(X)
    assert np.array_equal(found, Ridge().fit(X, y, sample_weight=weight).predict(X))
    with pytest.raises(ValueError, match="batch_rows"):
        clone(PredictInBatches(Ridge(), 0)).fit(X, y)

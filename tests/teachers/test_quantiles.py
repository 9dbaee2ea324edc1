"""Quantiles that teachers predict."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.ensemble import (
    ExtraTreesRegressor,
    GradientBoostingRegressor,
    HistGradientBoostingRegressor,
    RandomForestRegressor,
)
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, QuantileRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_regkd import DistilledRegressor, StudentRegressor
from sklearn_regkd.teachers.in_batches import PredictInBatches
from sklearn_regkd.teachers.quantiles import PredictsQuantiles, has_quantiles

LEVELS = np.array([0.1, 0.5, 0.9])


def rows(n=600, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.uniform(-1, 1, (n, 2))
    return X, X[:, 0] + (0.1 + 0.9 * (X[:, 1] > 0)) * rng.normal(size=n)


class InContext(RegressorMixin, BaseEstimator):
    """Returns quantiles of the labels as a list, as TabPFN does, or as an array, as TabICL does."""

    def __init__(self, as_list=True):
        self.as_list = as_list

    def fit(self, X, y):
        """Keep the labels."""
        self.y_ = y
        return self

    def predict(self, X, output_type="mean", quantiles=None):
        """Return the mean, or a value for each level and row."""
        if output_type == "mean":
            return np.full(len(X), self.y_.mean())
        assert output_type == "quantiles"
        columns = [np.full(len(X), np.quantile(self.y_, q)) for q in quantiles]
        return columns if self.as_list else np.column_stack(columns)


class Alphas(InContext):
    """The same with the other name of levels."""

    def predict(self, X, output_type="mean", alphas=None):
        """Return the mean, or a value for each level and row."""
        return super().predict(X, output_type, alphas)


TEACHERS = [
    HistGradientBoostingRegressor(loss="quantile", quantile=0.5, max_iter=30),
    GradientBoostingRegressor(loss="quantile", n_estimators=30),
    QuantileRegressor(alpha=0.0, solver="highs"),
    RandomForestRegressor(60, min_samples_leaf=10, random_state=0),
    make_pipeline(StandardScaler(), ExtraTreesRegressor(60, min_samples_leaf=10, random_state=0)),
    make_pipeline(StandardScaler(), QuantileRegressor(solver="highs", alpha=0.0)),
    InContext(),
    InContext(as_list=False),
    PredictInBatches(InContext(), 100),
    make_pipeline(StandardScaler(), PredictInBatches(Alphas(), 100)),
]


@pytest.mark.parametrize("teacher", TEACHERS, ids=lambda one: repr(one)[:40])
def test_of_each_kind_are_quantiles_of_the_labels(teacher):
    assert has_quantiles(teacher)
    X, y = rows()
    X_new, y_new = rows(seed=1)
    found = PredictsQuantiles(teacher, LEVELS).fit(X, y).predict(X_new)
    assert found.shape == (600, 3)
    np.testing.assert_allclose((y_new[:, None] <= found).mean(axis=0), LEVELS, atol=0.08)


def test_a_forest_knows_where_labels_spread():
    X, y = rows(2000)
    forest = RandomForestRegressor(100, min_samples_leaf=20, random_state=0)
    low, _, high = PredictsQuantiles(forest, LEVELS).fit(X, y).predict(rows(seed=1)[0]).T
    wide = rows(seed=1)[0][:, 1] > 0
    # Of a normal error between its quantiles .1 and .9 lie 2.56 standard deviations.
    assert (high - low)[wide].mean() == pytest.approx(2.56, rel=0.2)
    assert (high - low)[~wide].mean() < 0.25 * (high - low)[wide].mean()


@pytest.mark.parametrize(
    "teacher",
    [
        LinearRegression(),
        HistGradientBoostingRegressor(),
        GradientBoostingRegressor(loss="huber"),
        FrozenEstimator(RandomForestRegressor()),
        StudentRegressor(),
        None,
    ],
)
def test_others_have_none(teacher):
    assert not has_quantiles(teacher)


@pytest.mark.parametrize("n_outputs", [1, 2])
def test_teach_a_student(n_outputs):
    X, y = rows(300)
    Y = y if n_outputs == 1 else np.column_stack([y, -100 * y])
    student = StudentRegressor((8,), max_epochs=10, weight_decay=1.0)
    forest = RandomForestRegressor(30, min_samples_leaf=10)
    model = DistilledRegressor(forest, student, quantiles=LEVELS, random_state=0).fit(X, Y)
    found = model.predict_quantiles(X)
    assert found.shape == (300, 3) if n_outputs == 1 else (300, 2, 3)
    of_first = found if n_outputs == 1 else found[:, 0]
    np.testing.assert_allclose((y[:, None] <= of_first).mean(axis=0), LEVELS, atol=0.08)

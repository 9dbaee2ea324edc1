"""The cache of what teachers said: hits, misses, and the same results."""

import numpy as np
import pytest
from joblib import Memory
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.datasets import make_friedman1
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV

from sklearn_regkd import DistilledRegressor, StudentRegressor, TORRegressor


class Counting(RegressorMixin, BaseEstimator):
    """A ridge regression that counts how often its kind is fitted."""

    n_fits = 0

    def __init__(self, alpha=1.0):
        self.alpha = alpha

    def fit(self, X, y):
        """Fit."""
        type(self).n_fits += 1
        self.ridge_ = Ridge(self.alpha).fit(X, y)
        return self

    def predict(self, X):
        """Predict."""
        return self.ridge_.predict(X)


@pytest.fixture
def table():
    return make_friedman1(120, noise=0.3, random_state=0)


@pytest.fixture
def folder(tmp_path):
    Counting.n_fits = 0
    return str(tmp_path)


def student(width=8):
    return StudentRegressor((width,), max_epochs=4, weight_decay=0.1, embedding=None)


def tor(folder, teacher=None, **params):
    teacher = Counting() if teacher is None else teacher
    defaults = {"student": student(), "cv": 3, "random_state": 0, "memory": folder}
    return TORRegressor(teacher, **{**defaults, **params})


def count(model, *data):
    """Fit, and return how often the teacher was fitted for that."""
    before = Counting.n_fits
    model.fit(*data)
    return Counting.n_fits - before


def test_second_time_nothing_is_fitted(table, folder):
    assert count(tor(folder), *table) == 4
    assert count(tor(folder), *table) == 0
    assert count(tor(folder, student=student(4)), *table) == 0
    own = Memory(folder, verbose=0)
    assert count(tor(own), *table) == 4
    assert count(tor(own), *table) == 0
    assert count(tor(None), *table) == 4


def test_each_version_has_a_folder_of_its_own(table, folder, monkeypatch):
    assert count(tor(folder), *table) == 4
    monkeypatch.setattr("sklearn_regkd.__version__", "99.0")
    assert count(tor(folder), *table) == 4
    assert count(tor(folder), *table) == 0


def test_whatever_changes_is_a_miss(table, folder):
    X, y = table
    count(tor(folder), X, y)
    other_row, other_label = X.copy(), y.copy()
    other_row[7, 0] += 1e-9
    other_label[7] += 1e-9
    assert count(tor(folder), other_row, y) == 4
    assert count(tor(folder), X, other_label) == 4
    assert count(tor(folder, Counting(alpha=2.0)), X, y) == 4
    assert count(tor(folder, random_state=1), X, y) == 4  # other folds
    assert count(tor(folder, cv=2), X, y) == 3
    assert count(tor(folder), X, y) == 0


@pytest.mark.parametrize("outliers", ["auto", "mad"])
def test_same_result_as_without(table, folder, outliers):
    X, y = table
    y = y.copy()
    y[:30] += 50
    model = DistilledRegressor(Counting(), student(), outliers=outliers, cv=3, random_state=0)
    plain = model.fit(X, y).predict(X)
    model.set_params(memory=folder)
    missed = count(model, X, y)
    assert np.array_equal(model.predict(X), plain)
    hit = count(model, X, y)
    assert np.array_equal(model.predict(X), plain)
    assert (hit, missed > 3) == (1, True)  # the teacher on repaired labels is not asked out-of-fold


def test_several_teachers(table, folder):
    X, y = table
    model = tor(folder, [Counting(), Ridge()])
    assert count(model, X, y) == 4
    said = model.predict(X)
    assert count(model, X, y) == 0
    assert np.array_equal(model.predict(X), said)


def test_candidates_of_a_grid_share_it(table, folder):
    grid = {"student__hidden_layer_sizes": [(4,), (8,), (16,)]}
    search = GridSearchCV(tor(folder), grid, cv=2)
    assert count(search, *table) == 3 * 4  # two folds and the refit on all rows


def test_concurrent_writers(table, folder):
    X, y = table
    grid = {"teacher_weight": [0.5, 1.0, 2.0, 4.0]}
    searches = [
        GridSearchCV(tor(where), grid, cv=2, n_jobs=n_jobs).fit(X, y)
        for where, n_jobs in ((folder, 2), (None, 1))
    ]
    first, second = (search.cv_results_["mean_test_score"] for search in searches)
    np.testing.assert_array_equal(first, second)


def test_something_else_is_refused(table):
    with pytest.raises(ValueError, match="The 'memory' parameter of TORRegressor must be"):
        tor(3).fit(*table)

"""Candidates side by side end where GridSearchCV's end."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.ensemble import RandomForestRegressor
from sklearn.exceptions import FitFailedWarning
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_regkd import DistilledRegressor, DistilledSearchCV, StudentRegressor, TORRegressor
from sklearn_regkd.training import deferred
from sklearn_regkd.training.train import defer_training

STUDENT = StudentRegressor((16, 8), weight_decay=0.1, max_epochs=6, random_state=0)


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(240, 4))
    y = np.sin(2 * X[:, 0]) + X[:, 1]
    y[::12] += 6
    return X, y


def sizes_of_stacks(monkeypatch):
    """Record how many networks are trained at once."""
    sizes, run = [], deferred._train_side_by_side

    def spy(trainings):
        sizes.append(len(trainings))
        return run(trainings)

    monkeypatch.setattr(deferred, "_train_side_by_side", spy)
    return sizes


def both(estimator, grid, table, fit_params=None, **params):
    params = {"cv": 2, **params}
    return [
        Search(clone(estimator), grid, **params).fit(*table, **(fit_params or {}))
        for Search in (DistilledSearchCV, GridSearchCV)
    ]


def assert_same(ours, theirs, X):
    assert set(ours.cv_results_) == set(theirs.cv_results_)
    assert ours.cv_results_["params"] == theirs.cv_results_["params"]
    for name, values in theirs.cv_results_.items():
        if "_test_" in name or "_train_" in name:
            np.testing.assert_allclose(ours.cv_results_[name], values, rtol=2e-3, atol=2e-3)
    assert ours.best_params_ == theirs.best_params_
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X), rtol=1e-5, atol=1e-5)


class TestEqualsGridSearch:
    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("grid", "sizes"),
        [
            ({"lr": [0.002, 0.03], "weight_decay": [0.03, 1.0]}, [4, 4]),
            ({"random_state": [0, 1, 2]}, [3, 3]),
            ({"lr": np.geomspace(0.002, 0.03, 3), "weight_decay": np.float64([0.1])}, [3, 3]),
            ({"loss": ["squared_error", "huber", "tukey", "absolute_error"]}, [4, 4]),
            ({"loss": ["huber"], "weight_decay": [0.1, 1.0]}, [2, 2]),
            ({"hidden_layer_sizes": [(8,), (16, 8)], "lr": [0.01, 0.02]}, [2, 2, 2, 2]),
            ({"embedding": ["periodic", None]}, [1, 1, 1, 1]),
            ({"early_stopping": [True], "lr": [0.01, 0.02]}, []),
            ([{"lr": [0.01]}, {"optimizer": ["sgd"], "lr": [0.001]}], [1, 1]),
        ],
    )
    def test_students(self, table, grid, sizes, monkeypatch):
        seen = sizes_of_stacks(monkeypatch)
        ours, theirs = both(STUDENT, grid, table)
        assert seen == sizes
        assert_same(ours, theirs, table[0])

    @pytest.mark.slow
    @pytest.mark.parametrize("Estimator", [TORRegressor, DistilledRegressor])
    def test_distillation(self, table, Estimator, monkeypatch):
        seen = sizes_of_stacks(monkeypatch)
        estimator = Estimator(Ridge(), STUDENT, random_state=0)
        ours, theirs = both(estimator, {"student__lr": [0.005, 0.03]}, table)
        assert seen == [2, 2]
        assert_same(ours, theirs, table[0])
        assert ours.best_estimator_.memory is None

    @pytest.mark.slow
    def test_weights_of_the_teacher(self, table, monkeypatch):
        seen = sizes_of_stacks(monkeypatch)
        estimator = DistilledRegressor(Ridge(), STUDENT, outliers=None, random_state=0)
        ours, theirs = both(estimator, {"alpha": [0.0, 0.5, 1.2]}, table)
        assert seen == [3, 3]
        assert_same(ours, theirs, table[0])

    def test_two_heads(self, table):
        estimator = TORRegressor(Ridge(), STUDENT, heads=2, random_state=0)
        assert_same(*both(estimator, {"student__lr": [0.005, 0.03]}, table), table[0])

    def test_two_outputs(self, table):
        X, y = table
        Y = np.column_stack([y, X[:, 2] ** 2])
        grid = {"loss": ["huber"], "lr": [0.005, 0.03]}
        assert_same(*both(STUDENT, grid, (X, Y)), X)

    @pytest.mark.slow
    def test_pipeline(self, table):
        pipeline = make_pipeline(StandardScaler(), STUDENT)
        grid = {"studentregressor__lr": [0.005, 0.03], "standardscaler__with_mean": [True, False]}
        assert_same(*both(pipeline, grid, table), table[0])

    def test_several_scores_and_training_scores(self, table):
        ours, theirs = both(
            STUDENT,
            {"lr": [0.005, 0.03]},
            table,
            scoring=["r2", "neg_mean_absolute_error"],
            refit="neg_mean_absolute_error",
            return_train_score=True,
        )
        assert_same(ours, theirs, table[0])
        assert ours.multimetric_

    @pytest.mark.slow
    def test_weights_groups_and_workers(self, table):
        given = {"sample_weight": np.linspace(0.5, 2, 240), "groups": np.arange(240) % 7}
        ours, theirs = both(
            STUDENT, {"lr": [0.005, 0.03]}, table, given, cv=GroupKFold(3), n_jobs=2
        )
        assert_same(ours, theirs, table[0])

    def test_without_refit(self, table):
        ours, _ = both(STUDENT, {"lr": [0.005, 0.03]}, table, refit=False)
        assert not hasattr(ours, "best_estimator_")
        assert ours.best_params_ == {"lr": 0.03}


GRID = {"lr": [0.01, 1e30]}  # the second one diverges


@pytest.mark.filterwarnings("ignore:One or more of the test scores")
class TestFailures:
    def test_a_candidate_that_diverges_harms_no_other(self, table):
        with pytest.warns(FitFailedWarning, match="diverged"):
            search = DistilledSearchCV(STUDENT, GRID, cv=2).fit(*table)
        scores = search.cv_results_["mean_test_score"]
        assert np.isnan(scores[1])
        alone = GridSearchCV(STUDENT, {"lr": [0.01]}, cv=2).fit(*table)
        assert scores[0] == pytest.approx(alone.cv_results_["mean_test_score"][0], rel=1e-3)

    def test_it_is_raised_where_asked_for(self, table):
        with pytest.raises(RuntimeError, match="diverged"):
            DistilledSearchCV(STUDENT, GRID, cv=2, error_score="raise").fit(*table)

    def test_a_value_that_makes_no_sense(self, table):
        with pytest.warns(FitFailedWarning, match="lr"):
            search = DistilledSearchCV(STUDENT, {"lr": [0.01, -1]}, cv=2).fit(*table)
        assert np.isnan(search.cv_results_["mean_test_score"][1])

    @pytest.mark.parametrize("gap", [np.nan, np.inf])
    def test_labels_with_gaps_are_refused_before_anything_is_fitted(self, table, gap, monkeypatch):
        def refuse(*args, **kwargs):
            raise AssertionError("something was fitted")

        monkeypatch.setattr(StudentRegressor, "fit", refuse)
        X, y = table
        y = y.copy()
        y[3] = gap
        with pytest.raises(ValueError, match="Input y contains"):
            DistilledSearchCV(STUDENT, GRID, cv=2, error_score="raise").fit(X, y)

    def test_nothing_stays_put_off(self, table):
        waiting = []
        with defer_training(waiting):
            clone(STUDENT).fit(*table)
        assert len(waiting) == 1
        assert clone(STUDENT).fit(*table).score(*table) > 0.2
        assert len(waiting) == 1


class CountedForest(RandomForestRegressor):
    """Counts its fits."""

    fits = 0

    def fit(self, X, y, sample_weight=None):
        type(self).fits += 1
        return super().fit(X, y, sample_weight)


def test_the_teacher_is_fitted_once_in_a_fold(table):
    CountedForest.fits = 0
    estimator = TORRegressor(CountedForest(5, random_state=0), STUDENT, cv=3, random_state=0)
    grid = {"student__lr": [0.005, 0.01, 0.03], "student__weight_decay": [0.1, 1.0]}
    DistilledSearchCV(estimator, grid, cv=2, refit=False).fit(*table)
    alone = CountedForest.fits
    CountedForest.fits = 0
    clone(estimator).fit(*table)
    assert alone == 2 * CountedForest.fits

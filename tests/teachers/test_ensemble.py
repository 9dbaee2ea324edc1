"""Several teachers: their weights, their forms, and what is refused."""

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import config_context
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.datasets import make_friedman1
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsRegressor
from sklearn.tree import DecisionTreeRegressor
from sklearn.utils.estimator_checks import parametrize_with_checks
from skorch import NeuralNetRegressor

from sklearn_regkd import DistilledRegressor, StudentRegressor, TORRegressor
from sklearn_regkd.teachers.ensemble import TeacherEnsemble, as_ensemble, score_weights


@pytest.fixture(scope="module")
def table():
    return make_friedman1(150, noise=0.3, random_state=0)


def small():
    return StudentRegressor((8,), max_epochs=4, weight_decay=0.1, embedding=None)


def two(**params):
    return TeacherEnsemble([("ridge", Ridge()), ("tree", DecisionTreeRegressor())], **params)


@pytest.mark.slow
@parametrize_with_checks([two(random_state=0), two(weights="mean", random_state=0)])
def test_sklearn(estimator, check):
    check(estimator)


class TestWeights:
    @settings(max_examples=30, deadline=None)
    @given(st.lists(st.floats(0.1, 10), min_size=1, max_size=4), st.integers(0, 99))
    def test_inverse_squares_of_typical_errors(self, sizes, seed):
        rng = np.random.default_rng(seed)
        y = rng.normal(size=(400, 1))
        error = np.abs(rng.normal(size=(400, 1)))
        predictions = np.stack([y + size * error for size in sizes])
        weights = score_weights(y, predictions)[:, 0]
        expected = 1 / np.square(sizes)
        np.testing.assert_allclose(weights / weights.sum(), expected / expected.sum(), rtol=1e-6)

    def test_wrong_labels_hardly_move_them(self):
        rng = np.random.default_rng(0)
        y = rng.normal(size=(2000, 1))
        predictions = np.stack([y + 0.3 * rng.normal(size=y.shape), y + rng.normal(size=y.shape)])
        spoiled = y.copy()
        spoiled[:400] += 1e6
        weights = [score_weights(labels, predictions) for labels in (y, spoiled)]
        clean, noisy = (one[1] / one[0] for one in weights)
        assert clean < noisy < 2 * clean

    def test_an_exact_one_gets_all(self):
        y = np.arange(5.0)[:, None]
        np.testing.assert_array_equal(score_weights(y, np.stack([y, y + 1]))[:, 0], [1, 0])

    def test_mean_and_numbers(self, table):
        X, y = table
        parts = [Ridge().fit(X, y).predict(X), DummyRegressor().fit(X, y).predict(X)]
        members = [("ridge", Ridge()), ("mean", DummyRegressor())]
        mean = TeacherEnsemble(members, weights="mean").fit(X, y)
        np.testing.assert_allclose(mean.predict(X), (parts[0] + parts[1]) / 2)
        given_ = TeacherEnsemble(members, weights=[3, 1]).fit(X, y)
        np.testing.assert_allclose(given_.predict(X), 0.75 * parts[0] + 0.25 * parts[1])

    def test_of_each_output_on_its_own(self, table):
        X, y = table
        Y = np.column_stack([y, 3 * X[:, 0]])
        # A ridge knows half of the first output, and nearly all of the second.
        members = [("mean", DummyRegressor()), ("ridge", Ridge())]
        model = TeacherEnsemble(members, random_state=0).fit(X, Y)
        weights = model.weights_
        assert weights.shape == (2, 2)
        np.testing.assert_allclose(weights.sum(axis=0), 1)
        assert weights[1, 1] > 0.99 > weights[1, 0]


class CountFits(RegressorMixin, BaseEstimator):
    """A model that counts how often its kind is fitted."""

    n_fits = 0

    def fit(self, X, y):
        """Learn the mean."""
        type(self).n_fits += 1
        self.mean_ = np.mean(y, axis=0)
        return self

    def predict(self, X):
        """Predict it."""
        return np.full(len(X), self.mean_)


class TestAsTeacher:
    @pytest.mark.slow
    @pytest.mark.parametrize("Estimator", [TORRegressor, DistilledRegressor])
    @pytest.mark.parametrize("kind", [list, dict])
    def test_every_kind_of_member(self, table, Estimator, kind):
        X, y = table
        torch.manual_seed(0)
        members = {
            "boosting": HistGradientBoostingRegressor(max_iter=20),
            "frozen": FrozenEstimator(KNeighborsRegressor().fit(X, y)),
            "module": torch.nn.Linear(10, 1),
            "net": NeuralNetRegressor(
                torch.nn.Linear(10, 1), max_epochs=2, train_split=None, verbose=0
            ),
        }
        teachers = members if kind is dict else list(members.values())
        frame = pd.DataFrame(X, columns=[f"x{k}" for k in range(X.shape[1])])
        for rows in (X, frame):
            model = Estimator(teachers, small(), random_state=0, cv=3).fit(rows, y)
            assert np.isfinite(model.predict(rows)).all()
            assert model.teacher_.weights_.shape == (4, 1)
            # A network that was never trained has next to nothing to say.
            assert model.teacher_.weights_[2] < 0.1
            assert model.teacher_.predict(rows).shape == y.shape

    def test_better_than_the_worst(self, table):
        X, y = table
        model = TORRegressor([DummyRegressor(), Ridge()], small(), random_state=0).fit(X, y)
        ridge = TORRegressor(Ridge(), small(), random_state=0).fit(X, y)
        dummy = TORRegressor(DummyRegressor(), small(), random_state=0).fit(X, y)
        errors = [np.abs(m.teacher_prediction_ - y).mean() for m in (ridge, model, dummy)]
        assert errors[0] < errors[1] < errors[2]

    def test_members_are_cross_fitted_once(self, table):
        X, y = table
        CountFits.n_fits = 0
        TORRegressor([CountFits(), Ridge()], small(), random_state=0, cv=4).fit(X, y)
        assert CountFits.n_fits == 5  # four folds, and all rows

    @pytest.mark.slow
    def test_users_objects_stay_as_they_were(self, table):
        X, y = table
        members = {"ridge": Ridge(), "tree": DecisionTreeRegressor()}
        own = TeacherEnsemble(list(members.items()))
        for teacher in (members, own):
            DistilledRegressor(teacher, small(), random_state=0).fit(X, y)
        assert own.weights == "score"
        assert not hasattr(members["ridge"], "coef_")
        assert members["tree"].random_state is None

    def test_two_outputs_and_weights(self, table):
        X, y = table
        Y = np.column_stack([y, X[:, 0]])
        weight = np.arange(len(X)) % 4 * 1.0
        for routing in (False, True):
            with config_context(enable_metadata_routing=routing):
                boosting = HistGradientBoostingRegressor(max_iter=10)
                if routing:  # it takes one output, so that scikit-learn routes to its copies
                    boosting.set_fit_request(sample_weight=True)
                teachers = [boosting, Ridge()]
                model = TORRegressor(teachers, small(), random_state=0).fit(X, Y, weight)
            assert model.predict(X).shape == Y.shape

    def test_grid_over_a_member(self, table):
        model = DistilledRegressor(two(), small(), outliers=None, alpha=0.5, random_state=0)
        search = GridSearchCV(model, {"teacher__tree__max_depth": [1, 3]}, cv=2).fit(*table)
        depth = search.best_params_["teacher__tree__max_depth"]
        assert dict(search.best_estimator_.teacher.estimators)["tree"].max_depth == depth

    @pytest.mark.slow
    def test_reproducible(self, table):
        X, y = table
        model = DistilledRegressor([DecisionTreeRegressor(), Ridge()], small(), random_state=3)
        assert np.array_equal(model.fit(X, y).predict(X), model.fit(X, y).predict(X))


def test_names():
    assert [n for n, _ in as_ensemble([Ridge(), Ridge(), DummyRegressor()]).estimators] == [
        "ridge-1",
        "ridge-2",
        "dummyregressor",
    ]
    assert as_ensemble(ridge := Ridge()) is ridge
    assert as_ensemble(None) is None


class TestRefusals:
    @pytest.mark.parametrize(
        ("teacher", "error", "message"),
        [
            ([], ValueError, "the list of teachers is empty: pass at least one"),
            ([Ridge(), None], TypeError, "'nonetype' is None; leave it out"),
            ([Ridge(), "tree"], TypeError, "cannot be used; expected"),
            ({"a__b": Ridge()}, ValueError, "must not contain __"),
            (two(weights="best"), ValueError, "weights must be one of"),
            (two(weights=[1, 2, 3]), ValueError, "must be 2 numbers >= 0"),
            (two(weights=[1, -1]), ValueError, "must be 2 numbers >= 0"),
            (two(weights=[0, 0]), ValueError, "must not all be 0"),
        ],
    )
    def test_before_anything_is_fitted(self, table, teacher, error, message):
        with pytest.raises(error, match=message):
            DistilledRegressor(teacher, small()).fit(*table)

    def test_member_without_weights(self, table):
        X, y = table
        with pytest.raises(ValueError, match="KNeighborsRegressor does not take sample_weight"):
            TORRegressor([Ridge(), KNeighborsRegressor()], small()).fit(X, y, np.ones(len(X)))

    @pytest.mark.slow
    @pytest.mark.parametrize("method", ["route", "hints"])
    def test_methods_that_need_one_teacher(self, table, method):
        value = {"route": 3, "hints": "leaves"}[method]
        with pytest.raises(TypeError, match="these have"):
            DistilledRegressor(two(), small(), **{method: value}).fit(*table)

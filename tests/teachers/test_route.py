"""The stages of a teacher that is trained step by step."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.ensemble import AdaBoostRegressor, GradientBoostingRegressor, RandomForestRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_regkd.teachers.route import as_route, has_route, stage_numbers, staged_predictions
from tests.helpers import boosting, pure_distillation

quick = settings(max_examples=50, deadline=None)


class CountsTrees(RegressorMixin, BaseEstimator):
    """Has stages and `tree_count_`, and no `estimators_`, as CatBoost."""

    def fit(self, X, y, sample_weight=None):
        self.model_ = GradientBoostingRegressor(n_estimators=20, random_state=0).fit(X, y)
        self.tree_count_ = 20
        return self

    def predict(self, X):
        return self.model_.predict(X)

    def staged_predict(self, X):
        return self.model_.staged_predict(X)


class TestStages:
    @quick
    @given(st.integers(1, 500), st.integers(1, 40))
    def test_numbers(self, n_stages, n_kept):
        numbers = stage_numbers(n_stages, n_kept)
        assert len(numbers) == min(n_stages, n_kept)
        assert numbers[-1] == n_stages
        assert numbers[0] >= 1
        assert (np.diff(numbers) >= 1).all()
        assert np.ptp(np.diff([0, *numbers])) <= 1

    @pytest.mark.parametrize(
        "teacher",
        [
            boosting(),
            GradientBoostingRegressor(n_estimators=20, random_state=0),
            AdaBoostRegressor(n_estimators=20, random_state=0),
            make_pipeline(StandardScaler(), boosting()),
            make_pipeline(boosting()),
            MultiOutputRegressor(boosting()),
        ],
        ids=lambda teacher: type(teacher).__name__,
    )
    def test_last_stage_is_the_teacher(self, friedman, teacher):
        X, y = friedman
        y = y[:, None] * [1, -1] if isinstance(teacher, MultiOutputRegressor) else y
        assert has_route(teacher)
        fitted = teacher.fit(X, y)
        route = staged_predictions(fitted, X, 1 if y.ndim == 1 else 2, 4)
        if not isinstance(teacher, AdaBoostRegressor):  # which may stop early
            assert route.shape[:2] == (4, len(X))
        np.testing.assert_allclose(route[-1].reshape(y.shape), fitted.predict(X))
        np.testing.assert_array_equal(
            staged_predictions(FrozenEstimator(fitted), X, route.shape[2], 4), route
        )

    @pytest.mark.parametrize("library", ["xgboost", "lightgbm"])
    def test_prefixes_of_other_libraries(self, friedman, library):
        X, y = friedman
        module = pytest.importorskip(library)
        teacher = {"xgboost": "XGBRegressor", "lightgbm": "LGBMRegressor"}[library]
        quiet = {} if library == "xgboost" else {"verbose": -1}
        teacher = getattr(module, teacher)(n_estimators=20, n_jobs=1, **quiet)
        assert has_route(teacher)
        route = staged_predictions(teacher.fit(X, y), X, 1, 4)
        np.testing.assert_allclose(route[-1, :, 0], teacher.predict(X), rtol=1e-5)
        errors = ((route[:, :, 0] - y) ** 2).mean(axis=1)
        assert (np.diff(errors) < 0).all()

    def test_a_class_that_counts_its_trees_as_catboost_does(self, friedman):
        X, y = friedman
        teacher = CountsTrees().fit(X, y)
        route = staged_predictions(teacher, X, 1, 4)
        assert route.shape == (4, len(X), 1)
        np.testing.assert_allclose(route[-1, :, 0], teacher.predict(X))
        with pytest.raises(AttributeError):
            _ = teacher.estimators_
        assert pure_distillation(CountsTrees(), route=2).fit(X, y).predict(X).shape == y.shape

    def test_catboost(self, friedman):
        X, y = friedman
        catboost = pytest.importorskip("catboost")
        teacher = catboost.CatBoostRegressor(
            iterations=20, verbose=0, allow_writing_files=False, thread_count=1
        )
        assert has_route(teacher)
        route = staged_predictions(teacher.copy().fit(X, y), X, 1, 4)
        assert route.shape == (4, len(X), 1)
        errors = ((route[:, :, 0] - y) ** 2).mean(axis=1)
        assert (np.diff(errors) < 0).all()
        assert pure_distillation(teacher, route=2).fit(X, y).score(X, y) > 0

    def test_parts_that_stopped_at_different_times(self, friedman):
        X, y = friedman
        rng = np.random.default_rng(0)
        both = np.column_stack([y, rng.normal(size=len(y))])
        early = boosting(max_iter=60, early_stopping=True, n_iter_no_change=3)
        teacher = MultiOutputRegressor(early).fit(X, both)
        assert teacher.estimators_[0].n_iter_ != teacher.estimators_[1].n_iter_
        route = staged_predictions(teacher, X, 2, 50)
        np.testing.assert_allclose(route[-1], teacher.predict(X))

    @pytest.mark.slow
    @pytest.mark.parametrize("teacher", [LinearRegression(), RandomForestRegressor()])
    def test_teachers_without_a_route(self, friedman, teacher):
        assert not has_route(teacher)
        with pytest.raises(TypeError, match=r"has no route; these have one: boosting"):
            pure_distillation(teacher, route=2).fit(*friedman)

    def test_shapes_of_own_stages(self):
        assert as_route(np.zeros((5, 3)), (5, 1)).shape == (3, 5, 1)
        assert as_route(np.zeros((5, 3, 2)), (5, 2)).shape == (3, 5, 2)
        for wrong in (np.zeros((4, 3)), np.zeros((5, 3, 2)), np.zeros(5)):
            with pytest.raises(ValueError, match="teacher_route has shape"):
                as_route(wrong, (5, 1))
        with pytest.raises(ValueError, match="not finite"):
            as_route(np.full((5, 3), np.nan), (5, 1))

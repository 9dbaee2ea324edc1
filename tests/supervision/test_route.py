"""Route constrained optimisation: the stages, their order, and what is refused."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import make_friedman1
from sklearn.ensemble import (
    AdaBoostRegressor,
    GradientBoostingRegressor,
    HistGradientBoostingRegressor,
    RandomForestRegressor,
)
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch import NeuralNetRegressor

from sklearn_regkd import DistilledRegressor, StudentRegressor
from sklearn_regkd.supervision.route import RouteSchedule, next_anchor
from sklearn_regkd.teachers.route import as_route, has_route, stage_numbers, staged_predictions
from sklearn_regkd.training.curriculum import Curriculum, FollowRoute

quick = settings(max_examples=50, deadline=None)


@pytest.fixture(scope="module")
def table():
    return make_friedman1(200, noise=0.3, random_state=0)


def small(**params):
    defaults = {"max_epochs": 12, "weight_decay": 0.1, "embedding": None, "random_state": 0}
    return StudentRegressor((16,), **{**defaults, **params})


def boosting(**params):
    return HistGradientBoostingRegressor(**{"max_iter": 20, "random_state": 0, **params})


def distilled(teacher=None, student=None, **params):
    return DistilledRegressor(
        boosting() if teacher is None else teacher,
        student or small(),
        **{"outliers": None, "alpha": 1.0, "cv": 3, "random_state": 0, **params},
    )


def net(**params):
    module = torch.nn.Sequential(torch.nn.LazyLinear(8), torch.nn.Tanh(), torch.nn.Linear(8, 1))
    defaults = {"max_epochs": 10, "lr": 0.01, "train_split": None, "verbose": 0}
    return NeuralNetRegressor(module, **{**defaults, **params})


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
    def test_last_stage_is_the_teacher(self, table, teacher):
        X, y = table
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
    def test_prefixes_of_other_libraries(self, table, library):
        X, y = table
        module = pytest.importorskip(library)
        teacher = {"xgboost": "XGBRegressor", "lightgbm": "LGBMRegressor"}[library]
        quiet = {} if library == "xgboost" else {"verbose": -1}
        teacher = getattr(module, teacher)(n_estimators=20, n_jobs=1, **quiet)
        assert has_route(teacher)
        route = staged_predictions(teacher.fit(X, y), X, 1, 4)
        np.testing.assert_allclose(route[-1, :, 0], teacher.predict(X), rtol=1e-5)
        errors = ((route[:, :, 0] - y) ** 2).mean(axis=1)
        assert (np.diff(errors) < 0).all()

    def test_parts_that_stopped_at_different_times(self, table):
        X, y = table
        rng = np.random.default_rng(0)
        both = np.column_stack([y, rng.normal(size=len(y))])
        early = boosting(max_iter=60, early_stopping=True, n_iter_no_change=3)
        teacher = MultiOutputRegressor(early).fit(X, both)
        assert teacher.estimators_[0].n_iter_ != teacher.estimators_[1].n_iter_
        route = staged_predictions(teacher, X, 2, 50)
        np.testing.assert_allclose(route[-1], teacher.predict(X))

    @pytest.mark.parametrize("teacher", [LinearRegression(), RandomForestRegressor()])
    def test_teachers_without_a_route(self, table, teacher):
        assert not has_route(teacher)
        with pytest.raises(TypeError, match=r"alone have no route; these have one: boosting"):
            distilled(teacher, route=2).fit(*table)

    def test_shapes_of_own_stages(self):
        assert as_route(np.zeros((5, 3)), (5, 1)).shape == (3, 5, 1)
        assert as_route(np.zeros((5, 3, 2)), (5, 2)).shape == (3, 5, 2)
        for wrong in (np.zeros((4, 3)), np.zeros((5, 3, 2)), np.zeros(5)):
            with pytest.raises(ValueError, match="teacher_route has shape"):
                as_route(wrong, (5, 1))
        with pytest.raises(ValueError, match="not finite"):
            as_route(np.full((5, 3), np.nan), (5, 1))


class TestNextAnchor:
    def test_on_a_constructed_route(self):
        # Distances of a student at 0 from stages at 1, 2, 3, 4 are as 1, 4, 9, 16.
        stages = np.arange(1.0, 5.0)[:, None, None] * np.array([[-1.0], [1.0]])
        student = np.zeros((2, 1))
        assert next_anchor(student, stages, 0, delta=2.9) == 1
        assert next_anchor(student, stages, 0, delta=3.1) == 2
        assert next_anchor(student, stages, 0, delta=8.1) == 3
        assert next_anchor(student, stages, 1, delta=1.2) == 2
        assert next_anchor(student, stages, 0, delta=100.0) == 3

    def test_a_student_that_stands_on_its_anchor_takes_the_next(self):
        stages = np.arange(1.0, 5.0)[:, None, None] * np.array([[-1.0], [1.0]])
        assert next_anchor(stages[1], stages, 1, delta=0.8) == 2

    @quick
    @given(st.integers(0, 100), st.floats(0.01, 10))
    def test_never_backwards(self, seed, delta):
        rng = np.random.default_rng(seed)
        stages = rng.normal(size=(6, 9, 2))
        for current in range(5):
            assert current < next_anchor(rng.normal(size=(9, 2)), stages, current, delta) <= 5


def followed(table, **params):
    """Fit a student on a route, and return its callback's anchors and the fitted estimator."""
    seen = []
    original = FollowRoute._tell

    def tell(self, anchor):
        seen.append((self.epoch_, anchor))
        original(self, anchor)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FollowRoute, "_tell", tell)
        fitted = distilled(**params).fit(*table)
    return seen, fitted


class TestSchedule:
    def test_equal_anchors_in_order_and_the_teacher_last(self, table):
        seen, fitted = followed(table, route=4)
        assert seen == [(1, 0), (4, 1), (7, 2), (10, 3)]
        assert fitted.n_iter_ == 12

    def test_full_trains_anew_for_each_anchor(self, table):
        seen, fitted = followed(table, route=RouteSchedule(n_anchors=3, schedule="full"))
        assert [epoch for epoch, _ in seen] == [1, 13, 25]
        assert fitted.n_iter_ == 36

    def test_greedy_moves_forward_and_ends_with_the_teacher(self, table):
        seen, _ = followed(table, route=RouteSchedule("greedy", n_stages=10))
        anchors = [anchor for _, anchor in seen]
        assert anchors == sorted(anchors)
        assert anchors[-1] == 9

    def test_fewer_epochs_than_anchors(self, table):
        seen, _ = followed(table, student=small(max_epochs=2), route=4)
        assert seen[-1][1] == 3 or len(seen) == 2

    def test_one_anchor_is_plain_distillation(self, table):
        X, y = table
        plain, one = (distilled(route=route).fit(X, y).predict(X) for route in (None, 1))
        np.testing.assert_allclose(one, plain, rtol=1e-5)

    def test_the_student_ends_near_the_teacher(self, table):
        X, y = table
        fitted = distilled(route=4, student=small(max_epochs=150)).fit(X, y)
        teacher = fitted.teacher_.predict(X)
        assert np.mean((fitted.predict(X) - teacher) ** 2) < 0.1 * teacher.var()

    def test_inputs_of_the_curriculum_are_left_alone(self, table):
        label = np.zeros((2, 5, 1), np.float32)
        cut = Curriculum(label, label, RouteSchedule()).of(np.arange(5) < 3)
        assert cut.label.shape == (2, 3, 1)


class TestTeachers:
    def test_out_of_fold(self, table):
        X, y = table
        inside, outside = (
            distilled(
                route=RouteSchedule(out_of_fold=out), student=small(max_epochs=150), alpha=1.0
            ).fit(X, y)
            for out in (False, True)
        )
        errors = [np.mean((model.predict(X) - y) ** 2) for model in (inside, outside)]
        assert errors[1] > errors[0]

    def test_skorch_net(self, table):
        X, y = table
        seen, fitted = followed((X.astype(np.float32), y), teacher=net(), route=5)
        assert [anchor for _, anchor in seen] == [0, 1, 2, 3, 4]
        assert "route" not in dict(fitted.teacher_.callbacks_)

    def test_own_stages(self, table):
        X, y = table
        stages = np.column_stack([0 * y, y / 2, y])
        model = DistilledRegressor(student=small(max_epochs=150), alpha=1.0, outliers=None, route=3)
        fitted = model.set_params(random_state=0).fit(X, 0 * y + X[:, 0], teacher_route=stages)
        assert np.mean((fitted.predict(X) - y) ** 2) < 0.5 * y.var()

    def test_several_outputs_and_weights(self, table):
        X, y = table
        weight = np.r_[np.zeros(20), np.ones(len(y) - 20)]
        both = np.column_stack([y, -y])
        fitted = distilled(route="greedy").fit(X, both, sample_weight=weight)
        assert fitted.predict(X).shape == both.shape


class TestRefusals:
    def test_more_anchors_than_stages(self, table):
        with pytest.raises(ValueError, match="n_anchors=9, but the teacher's route has 5"):
            distilled(boosting(max_iter=5), route=9).fit(*table)

    def test_predictions_alone(self, table):
        X, y = table
        model = DistilledRegressor(student=small(), outliers=None, route=2)
        with pytest.raises(TypeError, match="predictions alone have no route"):
            model.fit(X, y, teacher_prediction=y)

    @pytest.mark.parametrize(
        "params",
        [
            {"revision": "teacher"},
            {"synthetic": "spunge"},
            {"student": small(early_stopping=True)},
        ],
    )
    def test_combinations(self, table, params):
        with pytest.raises(ValueError, match="exclude each other"):
            distilled(route=2, **params).fit(*table)

    def test_unlabeled_rows(self, table):
        X, y = table
        with pytest.raises(ValueError, match="exclude each other"):
            distilled(route=2).fit(X, y, X_unlabeled=X)

    @pytest.mark.parametrize(
        ("params", "message"),
        [
            ({"anchors": "all"}, "anchors must be one of"),
            ({"schedule": "half"}, "schedule must be one of"),
            ({"n_anchors": 0}, "n_anchors must be an integer"),
            ({"n_stages": 2.5}, "n_stages must be an integer"),
            ({"delta": 0.0}, "delta must be positive"),
        ],
    )
    def test_bad_parameters(self, params, message):
        with pytest.raises(ValueError, match=message):
            RouteSchedule(**params).validate()

    def test_names(self):
        assert RouteSchedule.resolve(None) is None
        assert RouteSchedule.resolve(3).n_anchors == 3
        assert RouteSchedule.resolve("greedy").anchors == "greedy"
        for unknown in ("fast", True, 2.0):
            with pytest.raises(ValueError, match="is unknown; known: None, a number of anchors"):
                RouteSchedule.resolve(unknown)

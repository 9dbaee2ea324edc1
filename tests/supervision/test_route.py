"""Route constrained optimisation: the next anchor, teachers of all kinds, and what is refused."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sklearn_regkd import DistilledRegressor
from sklearn_regkd.supervision.route import RouteSchedule, next_anchor
from sklearn_regkd.supervision.targets import Targets
from tests.helpers import boosting, pure_distillation, refused, small_student

quick = settings(max_examples=50, deadline=None)


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


class TestSchedule:
    @pytest.mark.parametrize(
        ("route", "n_stages"),
        [
            (RouteSchedule(n_anchors=3), 3),
            (RouteSchedule("greedy", n_anchors=3), 32),
            (RouteSchedule("greedy", n_anchors=9, n_stages=5), 9),
        ],
    )
    def test_stages_at_which_the_teacher_predicts(self, route, n_stages):
        assert route.n_predicted == n_stages

    def test_as_a_hook_it_brings_the_stages_to_the_student(self):
        column, stages = np.zeros((5, 1)), np.zeros((3, 5, 1))
        before = Targets(
            label=column, teacher=stages, oof_prediction=column, inlier=column == 0, alpha=[1.0]
        )
        route = RouteSchedule(n_anchors=3)
        after = route.apply(before, None, None)
        assert after.schedule is route
        assert before.schedule is None
        assert after.teacher is stages


class TestTeachers:
    @pytest.mark.slow
    def test_out_of_fold(self, friedman):
        X, y = friedman
        inside, outside = (
            pure_distillation(
                route=RouteSchedule(out_of_fold=out),
                student=small_student(max_epochs=150),
                alpha=1.0,
            ).fit(X, y)
            for out in (False, True)
        )
        errors = [np.mean((model.predict(X) - y) ** 2) for model in (inside, outside)]
        assert errors[1] > errors[0]

    @pytest.mark.slow
    def test_own_stages(self, friedman):
        X, y = friedman
        stages = np.column_stack([0 * y, y / 2, y])
        model = DistilledRegressor(
            student=small_student(max_epochs=150), alpha=1.0, outliers=None, route=3
        )
        fitted = model.set_params(random_state=0).fit(X, 0 * y + X[:, 0], teacher_route=stages)
        assert np.mean((fitted.predict(X) - y) ** 2) < 0.5 * y.var()

    def test_several_outputs_and_weights(self, friedman):
        X, y = friedman
        weight = np.r_[np.zeros(20), np.ones(len(y) - 20)]
        both = np.column_stack([y, -y])
        fitted = pure_distillation(route="greedy").fit(X, both, sample_weight=weight)
        assert fitted.predict(X).shape == both.shape


class TestRefusals:
    def test_more_anchors_than_stages(self, friedman):
        with pytest.raises(ValueError, match="n_anchors=9, but the teacher's route has 5"):
            pure_distillation(boosting(max_iter=5), route=9).fit(*friedman)

    def test_predictions_alone(self, friedman):
        X, y = friedman
        model = DistilledRegressor(student=small_student(), outliers=None, route=2)
        with pytest.raises(TypeError, match="predictions alone have no route"):
            model.fit(X, y, teacher_prediction=y)

    @pytest.mark.parametrize(
        "params",
        [
            {"revision": "teacher"},
            {"synthetic": "spunge"},
            {"student": small_student(early_stopping=True)},
        ],
    )
    def test_combinations(self, friedman, params):
        with pytest.raises(ValueError, match="exclude each other"):
            pure_distillation(route=2, **params).fit(*friedman)

    def test_unlabeled_rows(self, friedman):
        X, y = friedman
        with pytest.raises(ValueError, match="exclude each other"):
            pure_distillation(route=2).fit(X, y, X_unlabeled=X)

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("anchors", "all"),
            ("schedule", "half"),
            ("n_anchors", 0),
            ("n_anchors", True),
            ("n_stages", 2.5),
            ("delta", 0.0),
            ("out_of_fold", "yes"),
        ],
    )
    def test_bad_parameters(self, name, value):
        with pytest.raises(ValueError, match=refused(name, value)):
            RouteSchedule(**{name: value}).validate()

    def test_names(self):
        assert RouteSchedule.resolve(None) is None
        assert RouteSchedule.resolve(3).n_anchors == 3
        assert RouteSchedule.resolve("greedy").anchors == "greedy"
        for unknown in ("fast", True, 2.0):
            with pytest.raises(ValueError, match="is unknown; known: None, a number of anchors"):
                RouteSchedule.resolve(unknown)

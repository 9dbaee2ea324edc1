"""A student that follows a route: the anchors that it is shown, and when."""

import numpy as np
import pytest
import torch
from skorch import NeuralNetRegressor

from sklearn_regkd.supervision.route import RouteSchedule
from sklearn_regkd.training.curriculum import Curriculum, FollowRoute
from tests.helpers import pure_distillation, small_student


def net(**params):
    module = torch.nn.Sequential(torch.nn.LazyLinear(8), torch.nn.Tanh(), torch.nn.Linear(8, 1))
    defaults = {"max_epochs": 10, "lr": 0.01, "train_split": None, "verbose": 0}
    return NeuralNetRegressor(module, **{**defaults, **params})


def followed(friedman, **params):
    """Fit a student on a route, and return its callback's anchors and the fitted estimator."""
    seen = []
    original = FollowRoute._tell

    def tell(self, anchor):
        seen.append((self.epoch_, anchor))
        original(self, anchor)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FollowRoute, "_tell", tell)
        fitted = pure_distillation(**params).fit(*friedman)
    return seen, fitted


class TestSchedule:
    def test_equal_anchors_in_order_and_the_teacher_last(self, friedman):
        seen, fitted = followed(friedman, route=4)
        assert seen == [(1, 0), (4, 1), (7, 2), (10, 3)]
        assert fitted.n_iter_ == 12

    def test_full_trains_anew_for_each_anchor(self, friedman):
        seen, fitted = followed(friedman, route=RouteSchedule(n_anchors=3, schedule="full"))
        assert [epoch for epoch, _ in seen] == [1, 13, 25]
        assert fitted.n_iter_ == 36

    def test_greedy_moves_forward_and_ends_with_the_teacher(self, friedman):
        seen, _ = followed(friedman, route=RouteSchedule("greedy", n_stages=10))
        anchors = [anchor for _, anchor in seen]
        assert anchors == sorted(anchors)
        assert anchors[-1] == 9

    def test_fewer_epochs_than_anchors(self, friedman):
        seen, _ = followed(friedman, student=small_student(max_epochs=2), route=4)
        assert seen[-1][1] == 3 or len(seen) == 2

    def test_one_anchor_is_plain_distillation(self, friedman):
        X, y = friedman
        plain, one = (pure_distillation(route=route).fit(X, y).predict(X) for route in (None, 1))
        np.testing.assert_allclose(one, plain, rtol=1e-5)

    @pytest.mark.slow
    def test_the_student_ends_near_the_teacher(self, friedman):
        X, y = friedman
        fitted = pure_distillation(route=4, student=small_student(max_epochs=150)).fit(X, y)
        teacher = fitted.teacher_.predict(X)
        assert np.mean((fitted.predict(X) - teacher) ** 2) < 0.1 * teacher.var()

    def test_inputs_of_the_curriculum_are_left_alone(self, friedman):
        label = np.zeros((2, 5, 1), np.float32)
        cut = Curriculum(label, label, RouteSchedule()).of(np.arange(5) < 3)
        assert cut.label.shape == (2, 3, 1)

    def test_skorch_net(self, friedman):
        X, y = friedman
        seen, fitted = followed((X.astype(np.float32), y), teacher=net(), route=5)
        assert [anchor for _, anchor in seen] == [0, 1, 2, 3, 4]
        assert "route" not in dict(fitted.teacher_.callbacks_)

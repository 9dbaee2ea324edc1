"""The teacher fitted on repaired labels, and its predictions at the end or along its route."""

import numpy as np
import pytest
import torch
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression
from sklearn.multioutput import MultiOutputRegressor
from skorch import NeuralNetRegressor

from sklearn_regkd.supervision.route import RouteSchedule
from sklearn_regkd.teachers.refit import check_route, refit_teacher
from sklearn_regkd.teachers.route import staged_predictions
from tests.helpers import boosting, fit_data

ROUTE = RouteSchedule(n_anchors=4)


def repaired(data):
    """Labels that differ from those of the data, standardised."""
    return data.label + np.linspace(-1, 1, len(data.y))[:, None]


class TestWithoutARoute:
    @pytest.mark.parametrize("n_outputs", [1, 2])
    def test_is_fitted_on_repaired_labels_in_raw_units(self, two_outputs, n_outputs):
        X, y = two_outputs
        data = fit_data(X, y[:, :n_outputs])
        labels = repaired(data)
        teacher, stages = refit_teacher(data, LinearRegression(), labels, None)
        raw = data.scaling.restore(labels)
        expected = LinearRegression().fit(X, raw[:, 0] if n_outputs == 1 else raw)
        np.testing.assert_array_equal(teacher.predict(X), expected.predict(X))
        assert stages.shape == (1, len(X), n_outputs)
        np.testing.assert_array_equal(
            stages[0], data.scaling.standardize(expected.predict(X).reshape(len(X), n_outputs))
        )

    def test_the_weights_of_rows_reach_it(self, table):
        X, y = table
        weight = np.where(X[:, 0] > 0, 1.0, 0.0)
        data = fit_data(X, y, weight=weight, teacher_params={"sample_weight": weight})
        teacher, _ = refit_teacher(data, LinearRegression(), data.label, None)
        expected = LinearRegression().fit(X, data.scaling.restore(data.label)[:, 0], weight)
        np.testing.assert_allclose(teacher.coef_, expected.coef_)

    def test_given_predictions_stay(self, table):
        X, y = table
        data = fit_data(X, y, teacher_prediction=y[:, None] + 3)
        teacher, stages = refit_teacher(data, None, repaired(data), None)
        assert teacher is None
        np.testing.assert_array_equal(stages, data.scaling.standardize(y[:, None] + 3)[None])


class TestWithARoute:
    def test_the_last_stage_is_the_fitted_teacher(self, table):
        data = fit_data(*table)
        teacher, stages = refit_teacher(data, boosting(), repaired(data), ROUTE)
        assert stages.shape == (4, 120, 1)
        raw = data.scaling.restore(stages)
        np.testing.assert_allclose(raw[-1, :, 0], teacher.predict(data.X))
        np.testing.assert_allclose(raw, staged_predictions(teacher, data.X, 1, 4))

    def test_of_a_teacher_that_came_fitted(self, table):
        X, y = table
        teacher = FrozenEstimator(boosting().fit(X, y))
        data = fit_data(X, y, teacher=teacher, teacher_prediction=teacher.predict(X)[:, None])
        same, stages = refit_teacher(data, None, repaired(data), ROUTE)
        assert same is teacher
        expected = staged_predictions(teacher, X, 1, 4)
        np.testing.assert_array_equal(stages, data.scaling.standardize(expected))

    def test_given_stages_are_standardised(self, table):
        X, y = table
        route = np.stack([y[:, None] / share for share in (4, 3, 2, 1)])
        data = fit_data(X, y, teacher_prediction=route[-1], teacher_route=route)
        teacher, stages = refit_teacher(data, None, repaired(data), ROUTE)
        assert teacher is None
        np.testing.assert_array_equal(stages, data.scaling.standardize(route))

    def test_out_of_fold_each_row_is_predicted_by_a_teacher_that_has_not_seen_it(self, table):
        X, y = table
        data = fit_data(X, y)
        route = RouteSchedule(n_anchors=4, out_of_fold=True)
        teacher, stages = refit_teacher(data, boosting(), data.label, route)
        labels = data.scaling.restore(data.label)[:, 0]
        for train, test in data.folds:
            fold = boosting().fit(X[train], labels[train])
            expected = staged_predictions(fold, X[test], 1, 4)
            np.testing.assert_allclose(data.scaling.restore(stages)[:, test], expected)
        np.testing.assert_array_equal(teacher.predict(X), boosting().fit(X, labels).predict(X))

    def test_a_net_keeps_no_callback_of_ours(self, table):
        X, y = table
        net = NeuralNetRegressor(
            torch.nn.Linear(3, 1), max_epochs=8, train_split=None, verbose=0, lr=0.01
        )
        data = fit_data(X, y, teacher_X=X.astype(np.float32))
        teacher, stages = refit_teacher(data, net, data.label, ROUTE)
        assert stages.shape == (4, 120, 1)
        prediction = teacher.predict(data.teacher_X)
        np.testing.assert_allclose(data.scaling.restore(stages)[-1], prediction, rtol=1e-5)
        assert "route" not in dict(teacher.callbacks_)
        assert net.callbacks is None

    def test_one_that_turns_out_too_short_is_refused(self, table):
        data = fit_data(*table)
        with pytest.raises(ValueError, match="n_anchors=4, but the teacher's route has 3 stage"):
            refit_teacher(data, boosting(max_iter=3), data.label, ROUTE)


class TestCheckRoute:
    @pytest.mark.parametrize(
        "teacher",
        [boosting(), GradientBoostingRegressor(), MultiOutputRegressor(boosting())],
        ids=lambda teacher: type(teacher).__name__,
    )
    def test_teachers_with_stages_pass(self, table, teacher):
        check_route(fit_data(*table, teacher=teacher), ROUTE)

    def test_teachers_without_are_named(self, table):
        data = fit_data(*table, teacher=LinearRegression())
        with pytest.raises(TypeError, match="teacher LinearRegression has no route"):
            check_route(data, ROUTE)

    def test_given_stages_must_be_enough(self, table):
        X, y = table
        route = np.stack([y[:, None]] * 4)
        check_route(fit_data(X, y, teacher_route=route), ROUTE)
        with pytest.raises(ValueError, match="n_anchors=4, but the teacher's route has 3 stage"):
            check_route(fit_data(X, y, teacher_route=route[1:]), ROUTE)

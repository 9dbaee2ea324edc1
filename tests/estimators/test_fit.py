"""One fit of a distillation estimator: what is done once, and what it leaves behind."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.neighbors import KNeighborsRegressor

from sklearn_regkd import DistilledRegressor, StudentRegressor, TORRegressor
from sklearn_regkd.label_noise.mixture import MixtureRule
from sklearn_regkd.label_noise.threshold import ThresholdRule
from sklearn_regkd.networks import inputs
from sklearn_regkd.preprocessing.scaling import Scaling
from sklearn_regkd.supervision.methods import DistillationMethods
from tests.helpers import one_sided_errors, small_student

DISTILLERS = [TORRegressor, DistilledRegressor]
# Large, small and no power of two: through other units and back the last bits would change.
ODD_UNITS = [7.7e8, 1.3e-9 / 3]


@pytest.mark.slow
class TestTeacherPrediction:
    @pytest.mark.parametrize("Distiller", DISTILLERS)
    @pytest.mark.parametrize("n_outputs", [1, 2])
    @pytest.mark.parametrize("unit", ODD_UNITS)
    def test_is_bit_for_bit_what_the_user_passed(self, two_outputs, Distiller, n_outputs, unit):
        X, y = two_outputs
        y = unit * (y[:, 0] if n_outputs == 1 else y)
        passed = y + 0.1 * y.std() * np.random.default_rng(0).normal(size=y.shape)
        before = passed.copy()
        model = Distiller(student=small_student(max_epochs=1), random_state=0)
        fitted = model.fit(X, y, teacher_prediction=passed)
        assert fitted.teacher_prediction_.dtype == np.float64
        np.testing.assert_array_equal(fitted.teacher_prediction_, before)
        np.testing.assert_array_equal(passed, before)

    @pytest.mark.parametrize("Distiller", DISTILLERS)
    @pytest.mark.parametrize("unit", ODD_UNITS)
    def test_is_bit_for_bit_what_the_teacher_predicts(self, table, Distiller, unit):
        X, y = table
        y = unit * y
        folds = [(np.arange(120) % 3 != k, np.arange(120) % 3 == k) for k in range(3)]
        model = Distiller(KNeighborsRegressor(3), small_student(max_epochs=1), cv=folds)
        fitted = model.fit(X, y)
        for train, test in folds:
            expected = KNeighborsRegressor(3).fit(X[train], y[train]).predict(X[test])
            np.testing.assert_array_equal(fitted.teacher_prediction_[test], expected)

    def test_of_a_route_it_is_the_last_stage(self, table):
        X, y = table
        route = np.column_stack([y / 3, y / 2, y + 1 / 3])
        model = DistilledRegressor(student=small_student(max_epochs=3), route=2, outliers=None)
        fitted = model.set_params(random_state=0).fit(X, y, teacher_route=route)
        np.testing.assert_array_equal(fitted.teacher_prediction_, route[:, -1])


def fit_with(Distiller, rule, X, y, prediction, **fit_params):
    name = "threshold" if Distiller is TORRegressor else "outliers"
    model = Distiller(student=small_student(max_epochs=1), random_state=0, **{name: rule})
    return model.fit(X, y, teacher_prediction=prediction, **fit_params)


@pytest.fixture
def spoiled():
    """A teacher that is right, and labels of two outputs in units of their own, some wrong."""
    X = np.random.default_rng(5).normal(size=(400, 3))
    truth = np.column_stack([300 + 50 * X[:, 0], 1e-3 * X[:, 1]])
    error = np.column_stack([5 * one_sided_errors(0), 1e-4 * one_sided_errors(1, distance=-15.0)])
    return X, truth + error, truth


class TestVerdict:
    @pytest.mark.parametrize("Distiller", DISTILLERS)
    def test_is_that_of_the_rule_on_errors_in_units_of_y(self, spoiled, Distiller):
        X, y, truth = spoiled
        verdict = fit_with(Distiller, 4.0, X, y, truth).verdict_
        expected = ThresholdRule(4.0).detect(y - truth)
        np.testing.assert_array_equal(verdict.inlier, expected.inlier)
        np.testing.assert_allclose(verdict.sigma, expected.sigma, rtol=1e-9)
        np.testing.assert_allclose(verdict.threshold, 4 * verdict.sigma, rtol=1e-9)
        assert [rule.threshold for rule in verdict.rules] == [4.0, 4.0]
        assert all(isinstance(rule, ThresholdRule) for rule in verdict.rules)
        assert verdict.mixtures == (None, None)

    @pytest.mark.slow
    @pytest.mark.parametrize("Distiller", DISTILLERS)
    @pytest.mark.parametrize(("rule", "n_outputs"), [("chauvenet", 1), (4.0, 2)])
    def test_scale_and_threshold_scale_with_y(self, spoiled, Distiller, rule, n_outputs):
        X, y, truth = (values if n_outputs == 2 else values[:, :1] for values in spoiled)
        X = spoiled[0]
        one = fit_with(Distiller, rule, X, y, truth).verdict_
        factor = 1000.0
        other = fit_with(Distiller, rule, X, factor * y - 7, factor * truth - 7).verdict_
        np.testing.assert_allclose(other.sigma, factor * one.sigma, rtol=1e-6)
        np.testing.assert_allclose(other.threshold, factor * one.threshold, rtol=1e-6)
        np.testing.assert_array_equal(other.inlier, one.inlier)
        assert one.sigma.shape == one.threshold.shape == (n_outputs,)

    @pytest.mark.slow
    def test_the_mixture_is_in_units_of_y(self, spoiled):
        X, y, truth = spoiled
        verdict = fit_with(DistilledRegressor, "mixture", X, y, truth).verdict_
        first, second = verdict.mixtures
        assert isinstance(verdict.rules[0], MixtureRule)
        assert first.share == pytest.approx(0.3, abs=0.01)
        assert first.outlier_location == pytest.approx(60, rel=0.05)
        assert first.scale == pytest.approx(4.4, rel=0.2)
        assert second.outlier_location == pytest.approx(-15e-4, rel=0.05)
        np.testing.assert_array_equal(verdict.sigma, [first.scale, second.scale])
        assert np.isnan(verdict.threshold).all()
        error = y - truth
        probability = np.column_stack(
            [one.inlier_probability(error[:, k]) for k, one in enumerate(verdict.mixtures)]
        )
        far = [one.out_of_reach(error[:, k]) for k, one in enumerate(verdict.mixtures)]
        near = ~np.column_stack(far)
        np.testing.assert_allclose(verdict.inlier_probability[near], probability[near], atol=1e-6)

    def test_without_a_rule_the_threshold_is_infinite(self, spoiled):
        X, y, truth = spoiled
        verdict = fit_with(DistilledRegressor, None, X, y, truth).verdict_
        np.testing.assert_array_equal(verdict.threshold, [np.inf, np.inf])
        assert np.isnan(verdict.sigma).all()
        assert verdict.rules == verdict.mixtures == (None, None)
        assert verdict.inlier.all()

    def test_where_the_evidence_finds_nothing_the_threshold_is_infinite(self, table):
        X, y = table
        model = DistilledRegressor(Ridge(), small_student(), random_state=0).fit(X, y)
        assert model.decisions_[0].rule == "none"
        np.testing.assert_array_equal(model.verdict_.threshold, [np.inf])
        assert model.verdict_.rules == (None,)

    @pytest.mark.slow
    @pytest.mark.parametrize("Distiller", DISTILLERS)
    @pytest.mark.parametrize("n_outputs", [1, 2])
    def test_has_a_column_for_each_output_and_is_what_the_attributes_say(
        self, spoiled, Distiller, n_outputs
    ):
        X, y, truth = spoiled
        if n_outputs == 1:
            y, truth = y[:, 0], truth[:, 0]
        fitted = fit_with(Distiller, 4.0, X, y, truth)
        verdict = fitted.verdict_
        assert verdict.inlier.shape == (400, n_outputs)
        shape = fitted.outlier_mask_.shape
        np.testing.assert_array_equal(fitted.outlier_mask_, ~verdict.inlier.reshape(shape))
        np.testing.assert_array_equal(
            fitted.inlier_probability_, verdict.inlier_probability.reshape(shape)
        )


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["clean", "spoiled"])
def test_a_fit_does_once_what_needs_to_be_done_once(table, wrong_labels, kind, monkeypatch):
    """Of the default recipe, but for the length of the training."""

    def spy(owner, name):
        calls, function = [], getattr(owner, name)

        def noted(*args):
            calls.append(args)
            return function(*args)

        monkeypatch.setattr(owner, name, noted)
        return calls

    X, y = table if kind == "clean" else wrong_labels[:2]
    standardised = spy(Scaling, "standardize")
    resolved = spy(DistillationMethods, "of")
    fitted = spy(inputs, "fit_quantiles")
    transformed = spy(inputs.QuantileTransform, "transform")
    model = DistilledRegressor(student=StudentRegressor(max_epochs=20), random_state=0).fit(X, y)
    assert (model.decisions_[0].rule != "none") is (kind == "spoiled")
    assert sum(np.array_equal(values, y[:, None]) for _, values in standardised) == 1
    assert len(resolved) == 1
    assert len(fitted) == 1
    assert sum(len(rows) for _, rows in transformed) == len(X)

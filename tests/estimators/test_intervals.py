"""Intervals that hold for clean labels although labels are wrong."""

import pickle

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import sklearn_regkd
from sklearn_regkd import DistilledRegressor, DistilledSearchCV, StudentRegressor, TORRegressor
from sklearn_regkd.export import to_int8_onnx, to_onnx
from tests.helpers import TwoLayers

STUDENT = StudentRegressor(max_epochs=40, weight_decay=0.3)


def rows(n=500, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.uniform(-1, 1, (n, 3))
    size = 0.05 + 0.4 * (X[:, 1] + 1) / 2
    return X, np.sin(2 * X[:, 0]) + X[:, 2] + size * rng.normal(size=n), size


@pytest.fixture(scope="module")
def fitted():
    X, y, _ = rows()
    return DistilledRegressor(student=STUDENT, random_state=0).fit(X, y)


def share_inside(bounds, y):
    return np.mean((bounds[..., 0] <= y) & (y <= bounds[..., 1]))


class TestCoverage:
    @pytest.mark.parametrize("coverage", [0.8, 0.9, 0.95])
    def test_clean_labels_and_widths_that_follow_the_error(self, fitted, coverage):
        X, y, size = rows(3000, 1)
        bounds = fitted.predict_interval(X, coverage)
        assert bounds.shape == (3000, 2)
        assert share_inside(bounds, y) == pytest.approx(coverage, abs=0.04)
        assert np.corrcoef(np.diff(bounds)[:, 0], size)[0, 1] > 0.85
        prediction = fitted.predict(X)
        assert ((bounds[:, 0] <= prediction) & (prediction <= bounds[:, 1])).all()

    def test_wrong_labels_do_not_widen_them(self, fitted):
        X, y, _ = rows()
        rng = np.random.default_rng(3)
        wrong = rng.random(len(y)) < 0.2
        spoilt = np.where(wrong, y + 5 * rng.normal(size=len(y)), y)
        model = DistilledRegressor(student=STUDENT, random_state=0).fit(X, spoilt)
        X_test, y_test, _ = rows(3000, 1)
        bounds = model.predict_interval(X_test)
        assert share_inside(bounds, y_test) == pytest.approx(0.9, abs=0.05)
        width, clean = (np.diff(one.predict_interval(X_test)).mean() for one in (model, fitted))
        assert width < 1.3 * clean

    def test_several_targets_groups_and_weights(self):
        X, y, _ = rows()
        Y = np.column_stack([y, 100 * X[:, 0]])
        groups, weight = np.arange(len(y)) // 10, np.where(np.arange(len(y)) < 50, 0.0, 2.0)
        model = TORRegressor(LinearRegression(), STUDENT, random_state=0)
        bounds = model.fit(X, Y, groups=groups, sample_weight=weight).predict_interval(X)
        assert bounds.shape == (500, 2, 2)
        assert share_inside(bounds[:, 0], y) > 0.85

    def test_skewed_errors_have_skewed_intervals(self):
        rng = np.random.default_rng(0)
        X = rng.uniform(-1, 1, (500, 2))
        y = X[:, 0] + rng.exponential(size=500)
        model = DistilledRegressor(student=STUDENT, outliers=None, random_state=0).fit(X, y)
        low, high = (model.predict_interval(X) - model.predict(X)[:, None]).mean(axis=0)
        assert high > 1.5 * -low

    def test_start_at_0_where_many_labels_are_0(self):
        rng = np.random.default_rng(0)
        X = rng.uniform(-1, 1, (500, 2))
        y = np.maximum(0, X[:, 0] + 0.3 * rng.normal(size=500))
        model = DistilledRegressor(student=STUDENT, random_state=0).fit(X, y)
        bounds = model.predict_interval(X, 0.95)
        assert bounds.min() == 0
        assert share_inside(bounds, y) > 0.9
        # A wrong label below 0 that was not found does not move the end.
        noticed = DistilledRegressor(student=STUDENT, outliers=None, random_state=0)
        y[0] = -0.2
        assert noticed.fit(X, y).predict_interval(X, 0.95).min() == 0
        counts = DistilledRegressor(
            student=StudentRegressor(loss="poisson", max_epochs=20, weight_decay=1.0),
            random_state=0,
        ).fit(X, rng.poisson(5, 500))
        assert counts.predict_interval(X, 0.99).min() >= 0


class TestEverywhere:
    def test_of_float32_a_frame_and_a_copy(self, fitted, tmp_path):
        X, _, _ = rows(100, 2)
        expected = fitted.predict_interval(X)
        near = fitted.predict_interval(X.astype(np.float32))
        np.testing.assert_allclose(near, expected, atol=1e-4)
        assert np.array_equal(pickle.loads(pickle.dumps(fitted)).predict_interval(X), expected)
        for training_rows in (True, False):
            fitted.save(tmp_path / "file", training_rows=training_rows)
            loaded = sklearn_regkd.load(tmp_path / "file")
            assert np.array_equal(loaded.predict_interval(X), expected)

    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    @pytest.mark.parametrize("n_outputs", [1, 2])
    def test_of_a_graph(self, dtype, n_outputs):
        ort = pytest.importorskip("onnxruntime")
        X, y, _ = rows(200)
        X = X.astype(dtype)
        Y = y if n_outputs == 1 else np.column_stack([y, np.maximum(0, X[:, 0])])
        model = TORRegressor(LinearRegression(), STUDENT, random_state=0).fit(X, Y)
        graph = to_onnx(model, dtype=dtype, intervals=0.8, in_domain=True)
        session = ort.InferenceSession(graph.SerializeToString())
        names = [one.name for one in session.get_outputs()]
        assert names == ["y", "lower", "upper", "in_domain"]
        found, lower, upper, _ = session.run(None, {"X": X})
        expected = model.predict_interval(X, 0.8)
        for bound, value in ((lower, expected[..., 0]), (upper, expected[..., 1])):
            assert bound.shape == found.shape
            assert np.abs(bound - value).max() < 1e-5 * np.ptp(value)

    def test_of_a_graph_in_eight_bits(self, fitted):
        ort = pytest.importorskip("onnxruntime")
        X, _, _ = rows(200, 1)
        X = X.astype(np.float32)
        session = ort.InferenceSession(to_int8_onnx(fitted, X, intervals=0.9).SerializeToString())
        y, lower, upper = session.run(None, {"X": X})
        expected = fitted.predict_interval(X)
        # The width is that of the layers in eight bits, a per cent or so off.
        np.testing.assert_allclose(upper - lower, np.diff(expected)[:, 0], rtol=0.1)
        assert ((lower < y) & (y < upper)).all()
        assert np.abs(lower - expected[:, 0]).max() < 0.03 * np.ptp(expected)

    def test_after_a_search_whose_students_are_trained_at_once(self):
        X, y, _ = rows(200)
        model = TORRegressor(LinearRegression(), STUDENT, random_state=0)
        search = DistilledSearchCV(model, {"student__lr": [0.01, 0.02]}, cv=2).fit(X, y)
        assert search.best_estimator_.predict_interval(X).shape == (200, 2)

    def test_with_a_module_they_are_as_wide_everywhere(self):
        X, y, _ = rows(200)
        student = StudentRegressor(module=TwoLayers, max_epochs=20)
        model = TORRegressor(LinearRegression(), student, random_state=0).fit(X, y)
        width = np.diff(model.predict_interval(X))
        np.testing.assert_allclose(width, width[0, 0], rtol=1e-6)
        with pytest.raises(ValueError, match="built-in network"):
            to_onnx(model, intervals=0.9)

    def test_folds_that_leave_rows_untested(self):
        X, y, _ = rows(200)
        model = TORRegressor(LinearRegression(), STUDENT, cv=KFold(4), random_state=0)
        assert model.fit(X, y).predict_interval(X).shape == (200, 2)


class TestEdges:
    @pytest.mark.parametrize("coverage", [0, 1, -0.1, 90, "0.9", None, np.nan])
    def test_coverages_that_make_no_sense(self, fitted, coverage):
        with pytest.raises(ValueError, match="between 0 and 1"):
            fitted.predict_interval(np.zeros((1, 3)), coverage)
        if coverage is not None:
            with pytest.raises(ValueError, match="between 0 and 1"):
                to_onnx(fitted, intervals=coverage)

    def test_thirty_rows_and_a_constant(self):
        X, y, _ = rows(30)
        bounds = DistilledRegressor(student=STUDENT, random_state=0).fit(X, y).predict_interval(X)
        assert np.isfinite(bounds).all()
        with pytest.warns(UserWarning, match="in every row"):
            model = DistilledRegressor(student=STUDENT, random_state=0).fit(X, np.full(30, 7.0))
        assert (model.predict_interval(X) == 7).all()

    def test_quantiles_and_old_estimators_say_why_not(self, fitted):
        X, y, _ = rows(100)
        student = StudentRegressor(loss="quantile", quantile=0.9, max_epochs=5, weight_decay=1.0)
        model = DistilledRegressor(student=student, random_state=0).fit(X, y)
        with pytest.raises(ValueError, match="predicts a quantile"):
            model.predict_interval(X)
        old = pickle.loads(pickle.dumps(fitted))
        del old._intervals
        with pytest.raises(ValueError, match="fit it anew"):
            old.predict_interval(X)

    def test_a_pipeline_predicts_but_is_not_exported_with_them(self, fitted):
        X, y, _ = rows(100)
        pipeline = make_pipeline(StandardScaler(), TORRegressor(LinearRegression(), STUDENT))
        pipeline.fit(X, y)
        assert pipeline[-1].predict_interval(pipeline[:-1].transform(X)).shape == (100, 2)
        with pytest.raises(ValueError, match="not of a Pipeline"):
            to_onnx(pipeline, X=X, intervals=0.9)
        with pytest.raises(ValueError, match="X has 2 features"):
            fitted.predict_interval(X[:, :2])


LEVELS = (0.05, 0.5, 0.95)


@pytest.fixture(scope="module")
def model():
    X, y, _ = rows()
    return DistilledRegressor(student=STUDENT, quantiles=LEVELS, random_state=0).fit(X, y)


class TestQuantiles:
    def test_hold_for_each_level_and_change_no_prediction(self, model, fitted):
        X, y, size = rows(3000, 1)
        found = model.predict_quantiles(X)
        assert found.shape == (3000, 3)
        np.testing.assert_allclose((y[:, None] <= found).mean(axis=0), LEVELS, atol=0.06)
        assert (np.diff(found, axis=1) >= 0).all()
        assert np.corrcoef(found[:, 2] - found[:, 0], size)[0, 1] > 0.85
        assert np.array_equal(model.predict(X), fitted.predict(X))
        assert np.array_equal(model.predict_interval(X), fitted.predict_interval(X))

    def test_wrong_labels_do_not_move_them(self, model):
        X, y, _ = rows()
        rng = np.random.default_rng(3)
        spoilt = np.where(rng.random(len(y)) < 0.2, y + 5, y)
        other = DistilledRegressor(student=STUDENT, quantiles=LEVELS, random_state=0)
        found = other.fit(X, spoilt).predict_quantiles(X)
        width, clean = (np.diff(one[:, ::2]).mean() for one in (found, model.predict_quantiles(X)))
        assert width < 1.3 * clean
        assert np.abs(found - model.predict_quantiles(X)).mean() < 0.15

    def test_of_copies_and_files(self, model, tmp_path):
        X, _, _ = rows(100, 2)
        expected = model.predict_quantiles(X)
        assert np.array_equal(pickle.loads(pickle.dumps(model)).predict_quantiles(X), expected)
        model.save(tmp_path / "file")
        loaded = sklearn_regkd.load(tmp_path / "file")
        assert np.array_equal(loaded.predict_quantiles(X), expected)
        assert loaded.quantiles == LEVELS

    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    @pytest.mark.parametrize("n_outputs", [1, 2])
    def test_of_a_graph(self, dtype, n_outputs, fitted):
        ort = pytest.importorskip("onnxruntime")
        X, y, _ = rows(200)
        X = X.astype(dtype)
        Y = y if n_outputs == 1 else np.column_stack([y, np.maximum(0, X[:, 0])])
        model = TORRegressor(LinearRegression(), STUDENT, quantiles=LEVELS, random_state=0)
        graph = to_onnx(model.fit(X, Y), dtype=dtype, quantiles=True, intervals=0.8)
        session = ort.InferenceSession(graph.SerializeToString())
        assert [one.name for one in session.get_outputs()] == ["y", "lower", "upper", "quantiles"]
        *_, lower, _, found = session.run(None, {"X": X})
        expected = model.predict_quantiles(X)
        assert found.shape == expected.shape
        assert np.abs(found - expected).max() < 1e-5 * np.ptp(expected)
        bound = model.predict_interval(X, 0.8)[..., 0]
        assert np.abs(lower - bound).max() < 1e-5 * np.ptp(expected)
        refused = X[:3].copy()
        refused[1, 0] = np.nan
        (found,) = session.run(["quantiles"], {"X": refused})
        assert np.isnan(found).reshape(3, -1).all(axis=1).tolist() == [False, True, False]
        with pytest.raises(ValueError, match="fitted with some"):
            to_onnx(fitted, quantiles=True)

    def test_of_a_module_two_targets_and_a_single_level(self):
        X, y, _ = rows(200)
        student = StudentRegressor(module=TwoLayers, max_epochs=10)
        model = TORRegressor(LinearRegression(), student, quantiles=[0.9], random_state=0)
        found = model.fit(X, np.column_stack([y, 100 * y])).predict_quantiles(X)
        assert found.shape == (200, 2, 1)
        assert (y <= found[:, 0, 0]).mean() == pytest.approx(0.9, abs=0.06)

    def test_start_at_0_where_many_labels_are_0(self):
        rng = np.random.default_rng(0)
        X = rng.uniform(-1, 1, (500, 2))
        y = np.maximum(0, X[:, 0] + 0.3 * rng.normal(size=500))
        model = DistilledRegressor(student=STUDENT, quantiles=LEVELS, random_state=0)
        assert model.fit(X, y).predict_quantiles(X).min() == 0

    @pytest.mark.parametrize(
        "quantiles", [0.5, (), (0, 0.5), (0.5, 1.0), (0.5, 0.1), (0.5, 0.5), "median", ("a",)]
    )
    def test_bad_levels_are_refused(self, quantiles):
        X, y, _ = rows(50)
        with pytest.raises(ValueError, match="quantiles="):
            DistilledRegressor(student=STUDENT, quantiles=quantiles).fit(X, y)

    def test_of_a_student_that_predicts_one_and_of_none_asked_for(self, fitted):
        X, y, _ = rows(50)
        student = StudentRegressor(loss="quantile")
        with pytest.raises(ValueError, match="predicts a quantile"):
            DistilledRegressor(student=student, quantiles=LEVELS).fit(X, y)
        with pytest.raises(ValueError, match="quantiles=None"):
            fitted.predict_quantiles(X)

    def test_of_few_rows_and_constant_labels(self):
        X, y, _ = rows(30)
        for labels in (y, np.zeros(30)):
            model = DistilledRegressor(student=STUDENT, quantiles=LEVELS, random_state=0)
            found = model.fit(X, labels).predict_quantiles(X)
            assert np.isfinite(found).all()
            assert (np.diff(found, axis=1) >= 0).all()

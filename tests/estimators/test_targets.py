"""Losses for what y is: counts, positive amounts and quantiles, through every entry."""

import numpy as np
import pytest
from sklearn.metrics import mean_poisson_deviance
from sklearn.model_selection import GridSearchCV

import sklearn_regkd
from sklearn_regkd import DistilledRegressor, StudentRegressor, TORRegressor
from sklearn_regkd.estimators.targets import check_labels, in_units_of, least_label
from sklearn_regkd.export import to_int8_onnx, to_onnx
from sklearn_regkd.out_of_core import distill_blocks
from sklearn_regkd.preprocessing.scaling import fit_target_scaling
from sklearn_regkd.supervision.supervision import Supervision

SHORT = {"max_epochs": 10, "weight_decay": 1.0, "random_state": 0}


def counts(n=300, seed=0, slope=1.5):
    rng = np.random.default_rng(seed)
    X = rng.uniform(-1, 1, (n, 3)).astype(np.float32)
    mean = np.exp(slope * X[:, 0])
    return X, rng.poisson(mean).astype(float), mean


class TestPredictions:
    @pytest.mark.parametrize("loss", ["poisson", "gamma"])
    def test_are_positive_and_near_the_mean(self, loss):
        X, y, mean = counts(1000)
        y = y if loss == "poisson" else mean
        student = StudentRegressor(loss=loss, random_state=0).fit(X, y)
        prediction = student.predict(X)
        assert prediction.min() > 0
        assert np.mean(np.abs(np.log(prediction / mean))) < 0.2
        assert student.predict(1e6 * X[:5]).min() > 0
        assert np.isfinite(student.predict(1e6 * X[:5])).all()

    def test_units_do_not_matter(self):
        X, y, _ = counts()
        one, other = (StudentRegressor(loss="poisson", **SHORT).fit(X, k * y) for k in (1, 1000))
        np.testing.assert_allclose(other.predict(X), 1000 * one.predict(X), rtol=1e-3)

    def test_beats_the_squared_error_on_counts(self):
        X, y, _ = counts(600, slope=3)
        X_test, y_test, _ = counts(2000, 1, slope=3)
        deviance = []
        for loss in ("poisson", "squared_error"):
            student = StudentRegressor(loss=loss, random_state=0).fit(X, y)
            predicted = np.maximum(student.predict(X_test), 1e-3)
            deviance.append(mean_poisson_deviance(y_test, predicted))
        assert deviance[0] < deviance[1]

    @pytest.mark.parametrize("level", [0.1, 0.5, 0.9])
    def test_quantiles_have_their_share_below(self, level):
        rng = np.random.default_rng(0)
        X, X_test = rng.uniform(-1, 1, (1500, 2)), rng.uniform(-1, 1, (2000, 2))
        y, y_test = (Z[:, 0] + (1 + Z[:, 1]) * rng.exponential(size=len(Z)) for Z in (X, X_test))
        student = StudentRegressor(
            loss="quantile", quantile=level, weight_decay=1.0, max_epochs=30, random_state=0
        ).fit(X, y)
        assert np.mean(y_test <= student.predict(X_test)) == pytest.approx(level, abs=0.05)
        distilled = DistilledRegressor(student=student, random_state=0).fit(X, y)
        assert np.mean(y_test <= distilled.predict(X_test)) == pytest.approx(level, abs=0.07)

    def test_a_constant_is_predicted_exactly(self):
        X, y, _ = counts()
        with pytest.warns(UserWarning, match="in every row"):
            student = StudentRegressor(loss="poisson", **SHORT).fit(X, np.full(len(y), 3.0))
        assert (student.predict(X) == 3).all()

    def test_rows_of_weight_0_are_absent(self):
        X, y, _ = counts()
        weight = np.ones(len(y))
        weight[:50] = 0
        spoilt = np.where(weight > 0, y, -5)
        student = StudentRegressor(loss="poisson", **SHORT)
        expected = student.fit(X[50:], y[50:]).predict(X)
        assert np.array_equal(student.fit(X, spoilt, sample_weight=weight).predict(X), expected)

    @pytest.mark.parametrize("heads", [1, 2])
    def test_a_whole_grid(self, heads):
        X, y, _ = counts(120)
        distilled = DistilledRegressor(
            student=StudentRegressor(loss="poisson", **SHORT), heads=heads, random_state=0
        )
        grid = {"student__hidden_layer_sizes": [(8,), (16,)]}
        search = GridSearchCV(distilled, grid, cv=2, scoring="neg_mean_poisson_deviance")
        assert np.isfinite(search.fit(X, y).cv_results_["mean_test_score"]).all()

    def test_labels_that_are_missing(self):
        X, y, mean = counts(400)
        Y = np.column_stack([y, mean])
        Y[::3, 0] = np.nan
        student = StudentRegressor(loss="poisson", **SHORT)
        distilled = DistilledRegressor(student=student, missing_labels="teacher", random_state=0)
        assert distilled.fit(X, Y).repaired_labels_.min() >= 0
        assert distilled.predict(X).min() > 0


class TestFiles:
    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    @pytest.mark.parametrize("n_outputs", [1, 2])
    def test_graphs_and_files_predict_positive_numbers_as_well(self, tmp_path, dtype, n_outputs):
        ort = pytest.importorskip("onnxruntime")
        X, y, mean = counts()
        X = X.astype(dtype)
        Y = y if n_outputs == 1 else np.column_stack([y, mean])
        student = StudentRegressor(loss="poisson", **SHORT).fit(X, Y)
        expected = student.predict(X)
        student.save(tmp_path / "file")
        assert np.array_equal(sklearn_regkd.load(tmp_path / "file").predict(X), expected)
        for model, tolerance in (
            (to_onnx(student, dtype=dtype), 1e-5),
            (to_int8_onnx(student, X, dtype=dtype), 0.1),
        ):
            session = ort.InferenceSession(model.SerializeToString())
            found = session.run(None, {session.get_inputs()[0].name: X})[0]
            assert found.dtype == expected.dtype
            assert np.abs(found - expected).max() < tolerance * np.ptp(expected)

    def test_blocks(self, tmp_path):
        X, y, mean = counts(2000)
        y[:500] = 0  # a first block of zeros proves nothing
        blocks = [(X[i : i + 500], y[i : i + 500]) for i in range(0, 2000, 500)]
        student = StudentRegressor((16,), loss="poisson", max_epochs=5, random_state=0)
        for number, estimator in enumerate(
            [student, DistilledRegressor(student=student, random_state=0)]
        ):
            fitted = distill_blocks(estimator, blocks, folder=tmp_path / str(number))
            assert fitted.predict(X).min() > 0
            assert np.corrcoef(np.log(fitted.predict(X)), np.log(mean))[0, 1] > 0.7
        for X_block, y_block in blocks:
            student.partial_fit(X_block, y_block)
        assert student.predict(X).min() > 0
        with pytest.raises(ValueError, match="needs labels >= 0"):
            student.partial_fit(X, y - 1)


class TestErrors:
    @pytest.mark.parametrize("kind", [StudentRegressor, DistilledRegressor])
    @pytest.mark.parametrize(
        ("loss", "change", "message"),
        [
            ("poisson", lambda y: y - 1, r"needs labels >= 0.*row .* output 0: -1"),
            ("gamma", lambda y: y, r"needs labels > 0.*'poisson' takes zeros"),
            ("gamma", lambda y: -y - 1, r"needs labels > 0, and 300 of 300"),
            ("poisson", lambda y: 0 * y, "all labels of output 0 are 0"),
        ],
    )
    def test_labels_that_the_loss_cannot_take(self, kind, loss, change, message):
        X, y, _ = counts()
        student = StudentRegressor(loss=loss, **SHORT)
        estimator = student if kind is StudentRegressor else kind(student=student)
        with pytest.raises(ValueError, match=message):
            estimator.fit(X, change(y))
        assert not hasattr(estimator, "n_outputs_")

    @pytest.mark.parametrize("level", [0, 1, "0.5", 2])
    def test_levels(self, level):
        X, y, _ = counts()
        with pytest.raises(ValueError, match="quantile"):
            StudentRegressor(loss="quantile", quantile=level).fit(X, y)

    @pytest.mark.parametrize("loss", ["poisson", "gamma", "quantile"])
    def test_the_loss_of_the_paper_is_for_the_mean(self, loss):
        X, y, _ = counts()
        with pytest.raises(ValueError, match="loss of its paper"):
            TORRegressor(student=StudentRegressor(loss=loss)).fit(X, y + 1)

    def test_a_block_may_be_all_zeros(self):
        check_labels("poisson", np.zeros((3, 1)), is_block=True)
        known = np.array([[True, False], [True, True]])
        check_labels("gamma", np.array([[1.0, -1.0], [2.0, 3.0]]), known)


class TestUnits:
    def test_supervision_in_units_of_the_mean(self):
        y = np.array([[1.0], [2.0], [6.0], [3.0]])
        scaling = fit_target_scaling(y, np.ones(4))

        class Data:
            pass

        data = Data()
        data.y, data.known, data.scaling, data.element_weight = y, None, scaling, np.ones(4)
        given = Supervision.by_labels(scaling.standardize(y), np.ones(4))
        same, kept = in_units_of("squared_error", data, given)
        assert same is given
        assert kept is scaling
        converted, units = in_units_of("gamma", data, given)
        assert units.log
        np.testing.assert_allclose(units.scale, 3)
        np.testing.assert_allclose(converted.label, y / 3)
        np.testing.assert_allclose(units.restore(converted.teacher), y)

    def test_least_labels(self):
        y = np.array([[0.5, 4.0], [1.0, 2.0]])
        assert least_label("squared_error", y).tolist() == [-np.inf, -np.inf]
        assert least_label("poisson", y).tolist() == [0, 0]
        assert least_label("gamma", y).tolist() == [0.5, 2]

"""Labels that nobody has measured: they weigh nothing, and the teacher fills them in."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.metrics import r2_score
from sklearn.model_selection import cross_val_score

import sklearn_regkd
from sklearn_regkd import DistilledRegressor, StudentRegressor, TORRegressor
from sklearn_regkd.inspection import label_issues

N = 240
QUICK = {"hidden_layer_sizes": (8,), "max_epochs": 15, "weight_decay": 0.1, "lr": 0.02}
KINDS = [DistilledRegressor, TORRegressor]


def table(n=N, share=0.4, n_outputs=2, seed=0):
    """Lines, labels with gaps, and the labels without them."""
    rng = np.random.default_rng(seed)
    X = rng.uniform(-1, 1, (n, 3))
    y = np.column_stack([100 + 50 * X[:, 0], 2 * X[:, 1] - X[:, 0]])[:, :n_outputs]
    y = y + 0.05 * y.std(axis=0) * rng.normal(size=y.shape)
    gaps = rng.random(y.shape) < share
    return X, np.where(gaps, np.nan, y), y


def model(kind, teacher=None, **params):
    params = {"cv": 3, "random_state": 0, "missing_labels": "teacher", **params}
    return kind(teacher, StudentRegressor(**QUICK), **params)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("teacher", [None, LinearRegression()])
def test_gaps_are_filled_by_a_teacher_of_the_same_target(kind, teacher):
    X, y, full = table()
    fitted = model(kind, teacher).fit(X, y)
    missing = np.isnan(y)
    np.testing.assert_array_equal(fitted.missing_mask_, missing)
    for output in range(2):
        rows = missing[:, output]
        assert r2_score(full[rows, output], fitted.teacher_prediction_[rows, output]) > 0.8
        assert r2_score(full[:, output], fitted.predict(X)[:, output]) > 0.8
    assert not fitted.outlier_mask_[missing].any()
    assert (fitted.inlier_probability_[missing] == 1).all()
    assert np.isfinite(fitted.suggested_labels_).all()
    assert fitted.teacher_.predict(X).shape == y.shape


def told(kind, X, y, **params):
    """What the student is told."""
    seen = []

    class Spy(kind):
        def _supervise(self, data, methods):
            supervision, fitted = super()._supervise(data, methods)
            seen.append(supervision)
            return supervision, fitted

    spy = Spy(LinearRegression(), StudentRegressor(**QUICK), cv=3, missing_labels="teacher")
    spy.set_params(**params).fit(X, y)
    return seen[0]


@pytest.mark.parametrize("kind", KINDS)
def test_a_gap_has_no_weight_and_each_target_the_same(kind):
    X, y, _ = table()
    X, y = (rows[~np.isnan(y).all(axis=1)] for rows in (X, y))
    weight = told(kind, X, y).weight
    assert (weight[np.isnan(y)] == 0).all()
    assert (weight[~np.isnan(y)] > 0).all()
    np.testing.assert_allclose(weight.mean(axis=0), 1)


@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("loss", ["squared_error", "huber", "tukey"])
def test_a_student_without_the_other_target_is_not_drawn_by_it(loss, early_stopping):
    """Where a target is missing in half of the rows, its filled-in values may be anything."""
    X, y, full = table(share=0)
    y[X[:, 2] > 0, 1] = np.nan
    fitted = model(DistilledRegressor, LinearRegression(), loss=loss, alpha=0.0)
    fitted.set_params(student__early_stopping=early_stopping, student__validation_fraction=0.3)
    fitted.fit(X, y)
    assert r2_score(full, fitted.predict(X)) > 0.7


def test_a_row_without_any_label_is_an_unlabelled_one():
    X, y, full = table(share=0)
    y[:60] = np.nan
    fitted = model(DistilledRegressor, LinearRegression()).fit(X, y)
    same = model(DistilledRegressor, LinearRegression(), missing_labels="error")
    same.fit(X[60:], y[60:], X_unlabeled=X[:60])
    np.testing.assert_allclose(fitted.predict(X), same.predict(X), rtol=1e-5)
    np.testing.assert_allclose(fitted.teacher_prediction_[:60], full[:60], rtol=0.3, atol=1)
    assert fitted.teacher_prediction_.shape == y.shape


@pytest.mark.parametrize("kind", KINDS)
def test_one_target_with_gaps(kind):
    X, y, full = table(n_outputs=1)
    fitted = model(kind, Ridge()).fit(X, y[:, 0])
    assert fitted.predict(X).shape == (N,)
    assert fitted.teacher_prediction_.shape == fitted.missing_mask_.shape == (N,)
    assert r2_score(full, fitted.predict(X)) > 0.8


@pytest.mark.parametrize("kind", KINDS)
def test_without_gaps_nothing_changes(kind):
    X, _, full = table()
    fitted = model(kind, Ridge()).fit(X, full)
    plain = model(kind, Ridge(), missing_labels="error").fit(X, full)
    np.testing.assert_array_equal(fitted.predict(X), plain.predict(X))
    assert not fitted.missing_mask_.any()
    assert not hasattr(plain, "missing_mask_")


def test_wrong_labels_among_those_that_are_known_are_found():
    X, y, full = table(600)
    known = np.flatnonzero(~np.isnan(y[:, 0]))[:20]
    y[known, 0] += 1000
    fitted = model(DistilledRegressor).fit(X, y)
    assert fitted.outlier_mask_[known, 0].all()
    assert fitted.outlier_mask_[:, 1].mean() < 0.05
    issues = label_issues(fitted, y)
    assert len(issues) == (~np.isnan(y)).sum()
    assert set(issues.row[:20]) == set(known)
    assert np.isfinite(issues.given).all()
    assert r2_score(full[:, 0], fitted.predict(X)[:, 0]) > 0.8


@pytest.mark.parametrize("kind", KINDS)
def test_predictions_of_a_teacher_are_taken_as_they_are(kind):
    X, y, full = table()
    fitted = model(kind).fit(X, y, teacher_prediction=full + 0.3)
    np.testing.assert_allclose(fitted.teacher_prediction_, full + 0.3)


def test_weights_and_groups_go_with_the_rows():
    X, y, full = table()
    groups = np.arange(N) % 12
    weight = np.where(np.arange(N) % 7 == 0, 0.0, 1.0)
    fitted = model(DistilledRegressor, LinearRegression()).fit(
        X, y, sample_weight=weight, groups=groups
    )
    assert r2_score(full, fitted.predict(X)) > 0.8
    assert fitted.teacher_prediction_.shape == y.shape


def test_frames_and_their_gaps():
    X, y, _ = table()
    frame = pd.DataFrame(y, columns=["a", "b"]).astype("Float64")
    assert frame.isna().any().all()
    fitted = model(DistilledRegressor, Ridge()).fit(pd.DataFrame(X, columns=list("pqr")), frame)
    plain = model(DistilledRegressor, Ridge()).fit(X, y)
    np.testing.assert_allclose(
        fitted.predict(pd.DataFrame(X, columns=list("pqr"))), plain.predict(X), rtol=1e-6
    )


def test_saved_and_loaded(tmp_path):
    X, y, _ = table()
    fitted = model(DistilledRegressor, Ridge()).fit(X, y)
    fitted.save(tmp_path / "model", training_rows=True)
    loaded = sklearn_regkd.load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.predict(X), fitted.predict(X))
    np.testing.assert_array_equal(loaded.missing_mask_, fitted.missing_mask_)


def test_cross_validation_scores_known_rows():
    X, y, _ = table(share=0)
    y[:20, 1] = np.nan
    scores = cross_val_score(
        model(DistilledRegressor, Ridge()), X[20:], y[20:], cv=3, error_score="raise"
    )
    assert scores.min() > 0.5


class TestErrors:
    @pytest.mark.parametrize("kind", KINDS)
    def test_gaps_are_refused_by_default(self, kind):
        X, y, _ = table()
        with pytest.raises(ValueError, match="NaN"):
            kind(random_state=0).fit(X, y)

    @pytest.mark.parametrize("kind", KINDS)
    def test_a_target_that_nobody_has_measured(self, kind):
        X, y, _ = table()
        y[:, 1] = np.nan
        with pytest.raises(ValueError, match="output 1 of y has 0 labels"):
            model(kind).fit(X, y)

    def test_methods_that_need_all_labels(self):
        X, y, _ = table()
        with pytest.raises(ValueError, match="need all of them"):
            model(DistilledRegressor, revision="label").fit(X, y)

    def test_infinite_labels_are_no_gaps(self):
        X, y, _ = table()
        y[3, 0] = np.inf
        with pytest.raises(ValueError, match="infinity"):
            model(DistilledRegressor).fit(X, y)

    def test_an_unknown_value(self):
        X, y, _ = table()
        with pytest.raises(ValueError, match="missing_labels"):
            model(DistilledRegressor, missing_labels="drop").fit(X, y)

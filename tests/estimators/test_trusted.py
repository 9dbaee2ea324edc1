"""Labels that somebody has checked are never doubted, and have more say than others."""

import numpy as np
import pytest
from sklearn import config_context
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV

import sklearn_regkd
from sklearn_regkd import DistilledRegressor, StudentRegressor, TORRegressor
from sklearn_regkd.inspection import apply_corrections, label_issues
from sklearn_regkd.label_noise.evidence import FEWEST_TRUSTED
from sklearn_regkd.label_noise.rule_search import RuleSearch

N, WRONG = 300, 30
QUICK = {"hidden_layer_sizes": (8,), "max_epochs": 15, "weight_decay": 0.1, "lr": 0.02}
KINDS = [DistilledRegressor, TORRegressor]


def table(n_outputs=1):
    """A plane; the first labels are wrong by far."""
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (N, 3))
    y = 100 + 30 * X[:, :n_outputs] + rng.normal(size=(N, n_outputs))
    y[:WRONG] += rng.choice([-1, 1], (WRONG, n_outputs)) * rng.uniform(300, 500, (WRONG, 1))
    return X, y if n_outputs > 1 else y[:, 0]


def model(kind, **params):
    params = {"cv": 3, "random_state": 0, **params}
    return kind(LinearRegression(), StudentRegressor(**QUICK), **params)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n_outputs", [1, 2])
def test_a_checked_label_is_never_doubted_nor_replaced(kind, n_outputs):
    X, y = table(n_outputs)
    trusted = np.zeros(y.shape, bool)
    trusted[:5] = True
    plain = model(kind).fit(X, y)
    assert plain.outlier_mask_[:WRONG].mean() > 0.9
    replaced = plain.repaired_labels_ != y
    assert replaced[:WRONG].mean() > 0.9
    assert replaced[WRONG:].mean() < 0.05
    np.testing.assert_allclose(plain.repaired_labels_[replaced], plain.suggested_labels_[replaced])
    fitted = model(kind).fit(X, y, trusted=trusted)
    assert not fitted.outlier_mask_[:5].any()
    assert (fitted.inlier_probability_[:5] == 1).all()
    np.testing.assert_array_equal(fitted.repaired_labels_[:5], y[:5])
    assert fitted.outlier_mask_[5:WRONG].mean() > 0.9


@pytest.mark.parametrize("outliers", ["mad", "mixture", 3.0])
def test_no_rule_doubts_it(outliers):
    X, y = table()
    fitted = model(DistilledRegressor, outliers=outliers).fit(X, y, trusted=np.arange(N) < 5)
    assert not fitted.outlier_mask_[:5].any()
    np.testing.assert_array_equal(fitted.repaired_labels_[:5], y[:5])


def test_one_column_speaks_for_all_targets():
    X, y = table(2)
    trusted = np.arange(N) < 7
    by_row = model(DistilledRegressor).fit(X, y, trusted=trusted)
    by_label = model(DistilledRegressor).fit(X, y, trusted=np.column_stack([trusted] * 2))
    np.testing.assert_array_equal(by_row.outlier_mask_, by_label.outlier_mask_)
    np.testing.assert_array_equal(by_row.predict(X), by_label.predict(X))


@pytest.mark.parametrize("kind", KINDS)
def test_rows_of_weight_zero(kind):
    X, y = table()
    weight = np.where(np.arange(N) % 2, 1.0, 0.0)
    fitted = model(kind).fit(X, y, sample_weight=weight, trusted=np.arange(N) < 4)
    assert not fitted.outlier_mask_[:4].any()
    np.testing.assert_array_equal(fitted.repaired_labels_[:4], y[:4])
    assert fitted.repaired_labels_.shape == y.shape
    flagged = fitted.outlier_mask_ & (weight == 0)
    assert flagged.any()
    np.testing.assert_array_equal(
        fitted.repaired_labels_[flagged], fitted.suggested_labels_[flagged]
    )


def test_a_checked_label_has_the_say_of_ten():
    """A candidate that is right on checked labels wins over one that is right on the others."""
    rng = np.random.default_rng(0)
    label = rng.normal(size=(100, 1))
    trusted = np.zeros((100, 1), bool)
    trusted[:20] = True
    sign = rng.choice([-1, 1], label.shape)
    first = label + sign * np.where(trusted, 0.6, 0.4)
    second = label + sign * np.where(trusted, 0.1, 0.5)

    def choose(trusted):
        search = RuleSearch(
            label,
            lambda trust, loss: (second, second),
            lambda error, prediction: np.ones(error.shape),
            trusted,
        )
        return search.choose(0, first[:, 0], first[:, 0])

    assert choose(trusted).tried[1].cost < 1 < choose(None).tried[1].cost


def test_checked_labels_are_evidence():
    X, y = table()
    assert FEWEST_TRUSTED < 200
    fitted = model(DistilledRegressor).fit(X, y, trusted=np.arange(N) >= N - 200)
    assert any("both on checked labels by" in reason for reason in fitted.decisions_[0].reasons)
    few = model(DistilledRegressor).fit(X, y, trusted=np.arange(N) >= N - FEWEST_TRUSTED + 1)
    assert not any("checked labels" in reason for reason in few.decisions_[0].reasons)


def test_the_loop(tmp_path):
    X, y = table()
    rng = np.random.default_rng(0)
    right = y.copy()
    right[:WRONG] = 100 + 30 * X[:WRONG, 0] + rng.normal(size=WRONG)
    fitted = model(DistilledRegressor).fit(X, y)
    frame = label_issues(fitted, y).to_frame().head(20)
    frame["corrected"] = right[frame["row"]]
    frame.to_csv(tmp_path / "checked.csv")
    corrected, trusted = apply_corrections(y, tmp_path / "checked.csv")
    assert trusted.sum() == 20
    assert (np.abs(corrected - right) > 1e-6).sum() < (np.abs(y - right) > 1e-6).sum() - 15
    again = model(DistilledRegressor).fit(X, corrected, trusted=trusted)
    assert not again.outlier_mask_[trusted].any()


def test_routing():
    X, y = table()
    with config_context(enable_metadata_routing=True):
        asks = model(DistilledRegressor).set_params(
            teacher=LinearRegression().set_fit_request(sample_weight=False)
        )
        asks.set_fit_request(trusted=True)
        search = GridSearchCV(asks, {"student__lr": [0.02]}, cv=2).fit(
            X, y, trusted=np.arange(N) < 5
        )
    assert not search.best_estimator_.outlier_mask_[:5].any()


def test_saved_and_loaded(tmp_path):
    X, y = table()
    fitted = model(DistilledRegressor).fit(X, y, trusted=np.arange(N) < 5)
    fitted.save(tmp_path / "model", training_rows=True)
    loaded = sklearn_regkd.load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.repaired_labels_, fitted.repaired_labels_)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("trusted", "words"),
    [
        (np.ones(N - 1, bool), r"got shape \(299,\)"),
        (np.ones((N, 2), bool), r"got shape \(300, 2\)"),
        (np.full(N, 0.5), "True and False"),
        (np.full(N, "yes"), "True and False"),
    ],
)
def test_bad_values_are_refused(kind, trusted, words):
    X, y = table()
    with pytest.raises(ValueError, match=words):
        model(kind).fit(X, y, trusted=trusted)


def test_nobody_can_have_checked_a_label_that_there_is_not():
    X, y = table()
    y[3] = np.nan
    with pytest.raises(ValueError, match="trusted is true in row 3"):
        model(DistilledRegressor, missing_labels="teacher").fit(X, y, trusted=np.ones(N, bool))

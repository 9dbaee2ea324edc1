"""The default recipe as a whole: what it does to labels, and what it leaves alone."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.compose import make_column_transformer
from sklearn.datasets import make_friedman1
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression
from sklearn.metrics import mean_squared_error, r2_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from sklearn_regkd import DistilledRegressor, StudentRegressor
from sklearn_regkd.datasets import corrupt_labels
from sklearn_regkd.estimators import student_training
from sklearn_regkd.label_noise.mixture import MixtureRule
from sklearn_regkd.supervision.synthetic import SyntheticRows


def quick(**params):
    return StudentRegressor(**{"max_epochs": 40, "weight_decay": 0.3, **params})


def distilled(**params):
    student = params.pop("student", None) or quick()
    return DistilledRegressor(student=student, **{"cv": 3, "random_state": 0, **params})


@pytest.fixture(scope="module")
def friedman():
    X, y = make_friedman1(n_samples=700, noise=0.5, random_state=0)
    return X[:400], y[:400], X[400:], y[400:]


@pytest.fixture(scope="module")
def trusted(friedman):
    X, y, *_ = friedman
    return distilled().fit(X, y)


@pytest.fixture(scope="module")
def gross(friedman):
    """Return labels with gross errors, which are wrong, and what has learned from them."""
    X, y, *_ = friedman
    noisy, wrong = corrupt_labels(y, "gross", share=0.3, random_state=0)
    return noisy, wrong, distilled().fit(X, noisy)


@pytest.fixture(scope="module")
def two_outputs(friedman):
    """Return rows, right labels beside some that are wrong, which, and what has learned it."""
    X, y = friedman[0][:250], friedman[1][:250]
    noisy, wrong = corrupt_labels(y, "gross", share=0.3, random_state=0)
    targets = np.column_stack([y, noisy])
    return X, targets, wrong, distilled().fit(X, targets)


# --- the student's settings are tried with the teacher ----------------------------------


@pytest.fixture
def trials(monkeypatch):
    """Validation targets and clean labels of the trials of the weight decay."""
    seen = []

    def spy(student, inputs, supervision, criterion, random_state):
        seen.append((supervision.validation_targets, supervision.clean_label))
        return 0.3

    monkeypatch.setattr(student_training, "try_weight_decays", spy)
    return seen


def test_student_is_tried_with_teachers_that_have_not_seen_the_held_out_rows(friedman, trials):
    X, y, *_ = friedman
    folds = [(np.arange(400) % 4 != k, np.arange(400) % 4 == k) for k in range(4)]
    student = quick(weight_decay="auto", max_epochs=2)
    fitted = distilled(
        student=student, teacher=LinearRegression(), outliers=None, alpha=0.75, cv=folds
    ).fit(X, y)
    ((targets, clean_label),) = trials
    assert np.array_equal(targets.fold, np.minimum(np.arange(400) % 4, 3))
    assert len(targets.target) == 3
    scale = (y - y[0])[1] / (clean_label[1, 0] - clean_label[0, 0])
    for target, (train, _) in zip(targets.target, folds, strict=False):
        teacher = LinearRegression().fit(X[train], y[train]).predict(X)
        expected = clean_label[:, 0] + 0.75 * (teacher - y) / scale
        np.testing.assert_allclose(target[:, 0], expected, atol=1e-9)
    assert fitted.student_.weight_decay_ == 0.3


@pytest.mark.slow
@pytest.mark.parametrize(
    "case",
    [
        "wrong labels",
        "given predictions",
        "fitted teacher",
        "small folds",
        "few rows",
        "loss",
        "alpha",
        "revision",
        "selection",
    ],
)
def test_student_is_tried_alone_where_no_teacher_can_be_held_out(friedman, trials, case):
    X, y, *_ = friedman
    labels, given, params = y, {}, {"outliers": None, "teacher": LinearRegression()}
    if case == "wrong labels":
        labels = corrupt_labels(y, "gross", share=0.3, random_state=0)[0]
        params = {"student": quick(weight_decay="auto")}
    if case == "few rows":
        X, labels = X[:299], y[:299]
    if case == "given predictions":
        params["teacher"], given = None, {"teacher_prediction": y + 1}
    if case == "fitted teacher":
        params["teacher"] = FrozenEstimator(LinearRegression().fit(X, y))
    params |= {
        "small folds": {"cv": 20},
        "loss": {"loss": "bounded"},
        "alpha": {"alpha": 0.0},
        "revision": {"revision": "label"},
        "selection": {"selection": "residual"},
    }.get(case, {})
    student = params.pop("student", quick(weight_decay="auto", max_epochs=2))
    distilled(student=student, **params).fit(X, labels, **given)
    ((targets, _),) = trials
    assert targets is None


def test_rows_of_weight_zero_are_not_tried(friedman, trials):
    X, y, *_ = friedman
    weight = (np.arange(400) % 7 > 0) * 1.0
    student = quick(weight_decay="auto", max_epochs=2)
    model = distilled(student=student, teacher=LinearRegression(), outliers=None)
    model.fit(X, y, sample_weight=weight)
    ((targets, clean_label),) = trials
    assert targets.target.shape == (3, int(weight.sum()), 1)
    assert len(targets.fold) == len(clean_label) == weight.sum()


# --- planted errors are found ---------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["gross", "shift"])
def test_planted_errors_are_found_and_repaired(friedman, trusted, gross, kind):
    X, y, X_test, y_test = friedman
    noisy, wrong, fitted = gross
    if kind == "shift":
        noisy, wrong = corrupt_labels(y, kind, share=0.3, random_state=0)
        fitted = distilled().fit(X, noisy)
    decision = fitted.decisions_[0]
    assert decision.rule != "none"
    # The smallest of the gross errors are learned from, as ordinary ones.
    assert decision.rejected == pytest.approx(wrong.mean(), abs=0.08)
    assert wrong.sum() / 1.5 < decision.expected_wrong < 1.5 * wrong.sum()
    far = np.abs(noisy - y) > 3 * y.std()
    assert fitted.outlier_mask_[far].mean() > 0.95
    assert fitted.outlier_mask_[~wrong].mean() < 0.05
    if kind == "shift":
        assert decision.rule.startswith("mixture")
        assert "one side" in str(decision)
    alone = quick(random_state=0).fit(X, noisy)
    ceiling = trusted.score(X_test, y_test)
    repaired = (fitted.score(X_test, y_test) - alone.score(X_test, y_test)) / (
        ceiling - alone.score(X_test, y_test)
    )
    assert repaired > 0.85


@pytest.mark.slow
def test_each_output_gets_its_own_decision(two_outputs):
    _, targets, wrong, fitted = two_outputs
    right, noisy = targets.T
    assert [decision.rule != "none" for decision in fitted.decisions_] == [False, True]
    assert not fitted.outlier_mask_[:, 0].any()
    far = np.abs(noisy - right) > 2 * right.std()
    assert far.sum() > wrong.sum() / 3
    assert fitted.outlier_mask_[far, 1].mean() >= 0.9
    assert fitted.outlier_mask_[~wrong, 1].mean() < 0.05
    assert fitted.alpha_.shape == (2,)


# --- odd clean labels are left alone --------------------------------------------------


def log_normal(X, rng):
    return X[:, 0] + np.exp(rng.normal(0, 1, len(X)))


def two_humps(X, rng):
    return np.where(X[:, 0] > 0, 8.0, 0.0) + X[:, 1] + rng.normal(0, 0.5, len(X))


def uneven_noise(X, rng):
    return 3 * X[:, 0] + rng.normal(0, 1, len(X)) * np.exp(1.5 * X[:, 1])


def heavy_tails(X, rng):
    return 3 * X[:, 0] + rng.standard_t(4, len(X))


@pytest.mark.slow
@pytest.mark.parametrize("target", [log_normal, two_humps, uneven_noise, heavy_tails])
def test_odd_clean_labels_do_no_harm(target):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(2500, 4))
    y = target(X, rng)
    fitted = distilled().fit(X[:500], y[:500])
    alone = quick(random_state=0).fit(X[:500], y[:500])
    assert fitted.score(X[500:], y[500:]) > alone.score(X[500:], y[500:]) - 0.01


def test_clean_labels_are_trusted_and_ranked(trusted):
    assert trusted.decisions_[0].rule == "none"
    assert not trusted.outlier_mask_.any()
    assert len(np.unique(trusted.inlier_probability_)) > 100
    assert "trusted" in str(trusted.decisions_[0])


# --- the teacher's weight -------------------------------------------------------------


@pytest.mark.slow
def test_a_weak_teacher_has_no_weight_and_a_strong_one_has_all():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(800, 5))
    y = np.sin(2 * X[:, 0]) * X[:, 1] + rng.normal(0, 0.2, 800)

    truth = np.sin(2 * X[:, 0]) * X[:, 1]
    strong = distilled().fit(X, y, teacher_prediction=truth)
    weak = distilled(teacher=LinearRegression()).fit(X, y)
    assert strong.alpha_[0] > 0.9
    assert abs(weak.alpha_[0]) < 0.2
    assert distilled(alpha=0.7).fit(X, y, teacher_prediction=truth).alpha_[0] == 0.7


@pytest.mark.slow
def test_a_frozen_teacher_is_used_as_it_is(friedman):
    X, y, *_ = friedman
    teacher = HistGradientBoostingRegressor(random_state=0).fit(X, y)
    fitted = distilled(teacher=FrozenEstimator(teacher)).fit(X, y)
    np.testing.assert_allclose(fitted.teacher_prediction_, teacher.predict(X))


# --- invariances ----------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(("a", "b", "noisy"), [(1000.0, -3e5, True), (0.25, 7.0, False)])
def test_units_of_y_do_not_matter(friedman, trusted, gross, a, b, noisy):
    X, y, X_test, _ = friedman
    y, one = (gross[0], gross[2]) if noisy else (y, trusted)
    other = distilled().fit(X, a * y + b)
    first, second = one.predict(X_test), (other.predict(X_test) - b) / a
    assert np.mean(np.abs(first - second)) < 0.05 * y.std()
    assert np.mean(one.outlier_mask_ != other.outlier_mask_) < 0.01


def test_units_of_features_do_not_matter(friedman):
    X, y, X_test, _ = friedman
    one = quick(random_state=0).fit(X, y).predict(X_test)
    wild = quick(random_state=0).fit(np.exp(20 * X), y).predict(np.exp(20 * X_test))
    assert np.mean(np.abs(one - wild)) < 0.1 * y.std()


@pytest.mark.slow
def test_order_of_columns_and_rows_does_not_matter_much(friedman, gross):
    X, _, X_test, y_test = friedman
    noisy, _, one = gross
    rng = np.random.default_rng(0)
    rows, columns = rng.permutation(len(X)), rng.permutation(X.shape[1])
    other = distilled().fit(X[rows][:, columns], noisy[rows])
    scores = one.score(X_test, y_test), other.score(X_test[:, columns], y_test)
    assert abs(scores[0] - scores[1]) < 0.02
    probability = one.inlier_probability_[rows], other.inlier_probability_
    assert np.corrcoef(probability)[0, 1] > 0.9


@pytest.mark.slow
def test_duplicated_data_meets_the_same_decision(two_outputs):
    X, targets, _, one = two_outputs
    twice = distilled(cv=HalvesApart()).fit(np.tile(X, (2, 1)), np.tile(targets, (2, 1)))
    for decisions in (one.decisions_, twice.decisions_):
        assert [decision.rule != "none" for decision in decisions] == [False, True]


class HalvesApart:
    """Five folds that keep the two copies of a row together."""

    def split(self, X, y=None, groups=None):
        fold = np.arange(len(X)) % (len(X) // 2) % 5
        for left_out in range(5):
            yield np.flatnonzero(fold != left_out), np.flatnonzero(fold == left_out)

    def get_n_splits(self, X=None, y=None, groups=None):
        return 5


# --- inputs of all kinds --------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(5, 2), (30, 60), (200, 1)])
def test_tiny_wide_and_single_feature_tables(shape):
    rng = np.random.default_rng(0)
    X = rng.normal(size=shape)
    y = X[:, 0] + rng.normal(0, 0.1, shape[0])
    fitted = distilled().fit(X, y)
    assert np.isfinite(fitted.predict(rng.normal(size=shape))).all()
    assert fitted.student_.n_parameters_ < 15_000


@pytest.mark.slow
def test_heavy_tailed_inputs_cause_no_wild_prediction():
    rng = np.random.default_rng(0)
    X = rng.standard_cauchy(size=(500, 3))
    y = np.sign(X[:, 0]) + np.tanh(X[:, 1])
    fitted = distilled().fit(X[:300], y[:300])
    assert fitted.score(X[300:], y[300:]) > 0.9
    assert np.abs(fitted.predict(np.full((1, 3), 1e30))).max() < 5


@pytest.mark.slow
def test_a_constant_target_is_predicted():
    X = np.random.default_rng(0).normal(size=(60, 3))
    with pytest.warns(UserWarning, match="in every row"):
        fitted = distilled().fit(X, np.full(60, 3.5))
    np.testing.assert_array_equal(fitted.predict(X), 3.5)


@pytest.fixture
def mixed():
    """A pandas frame with a category and missing values."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame(
        {
            "size": rng.normal(size=500),
            "colour": pd.Categorical(rng.choice(["red", "green", "blue"], 500)),
            "age": rng.normal(size=500),
        }
    )
    y = X["size"] + X["colour"].map({"red": 0, "green": 2, "blue": -2}).astype(float)
    X.loc[::5, "age"] = np.nan
    y[X["age"].isna()] += 1.5
    return X, y.to_numpy()


@pytest.mark.slow
def test_categories_and_missing_values_inside(mixed):
    X, y = mixed
    fitted = distilled(student=quick(missing_values="indicator")).fit(X[:400], y[:400])
    assert r2_score(y[400:], fitted.predict(X[400:])) > 0.97
    unseen = X[400:].copy()
    unseen["colour"] = pd.Categorical(["pink"] * len(unseen))
    assert np.isfinite(fitted.predict(unseen)).all()


def test_polars_categories_give_what_pandas_gives(mixed):
    X, y = mixed
    X = X.drop(columns="age")
    other = pl.DataFrame(
        {"size": X["size"].to_numpy(), "colour": pl.Series(list(X["colour"])).cast(pl.Categorical)}
    )
    one, two = (quick(random_state=0).fit(frame, y).predict(frame) for frame in (X, other))
    np.testing.assert_allclose(one, two, rtol=1e-5, atol=1e-5)


def test_columns_of_codes_by_option():
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.integers(0, 6, 400), rng.normal(size=400)]).astype(float)
    y = np.array([0, 5, -3, 2, 7, -8.0])[X[:, 0].astype(int)] + X[:, 1]
    fitted = quick(random_state=0, categorical_features=[0], embedding=None).fit(X[:300], y[:300])
    assert fitted.score(X[300:], y[300:]) > 0.98
    never_seen, missing = X[:2].copy(), X[:2].copy()
    never_seen[:, 0], missing[:, 0] = 17, -1
    np.testing.assert_array_equal(fitted.predict(never_seen), fitted.predict(missing))
    with pytest.raises(ValueError, match="column 'shape'"):
        quick(categorical_features=["shape"]).fit(X, y)


def test_missing_values_are_refused_unless_asked_for(mixed):
    X, y = mixed
    with pytest.raises(ValueError, match="NaN"):
        distilled().fit(X, y)
    with pytest.raises(ValueError, match="quantile"):
        quick(missing_values="indicator", input_transform="standard").fit(X[["age"]], y)


@pytest.mark.slow
def test_categories_and_missing_values_through_a_column_transformer(mixed):
    X, y = mixed
    columns = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ["colour"]),
        (SimpleImputer(add_indicator=True), ["size", "age"]),
    )
    fitted = make_pipeline(columns, distilled()).fit(X[:400], y[:400])
    assert fitted.score(X[400:], y[400:]) > 0.97
    swapped = X[["age", "colour", "size"]]
    np.testing.assert_allclose(fitted.predict(swapped), fitted.predict(X))


# --- rules, synthetic and unlabeled rows ----------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("rule", ["paper", "chauvenet", "mad", "mixture", 4.0, MixtureRule()])
def test_a_rule_can_be_named(friedman, rule):
    X, y, *_ = friedman
    noisy, wrong = corrupt_labels(y, "shift", share=0.1, random_state=0)
    fitted = distilled(outliers=rule).fit(X, noisy)
    assert fitted.outlier_mask_[wrong].mean() > 0.9
    assert fitted.decisions_[0].reasons == ("the rule was given",)


@pytest.mark.slow
@pytest.mark.parametrize(
    "synthetic", ["spunge", "neighbors", "mixup", SyntheticRows("mixup", share=0.3)]
)
def test_synthetic_rows_are_taught_by_the_teacher(friedman, synthetic):
    X, y, X_test, y_test = friedman
    few = distilled(synthetic=synthetic).fit(X[:60], y[:60])
    assert few.score(X_test, y_test) > 0.3
    again = distilled(synthetic=synthetic).fit(X[:60], y[:60])
    np.testing.assert_array_equal(few.predict(X_test), again.predict(X_test))


@pytest.mark.parametrize("outliers", [None, 3.0, "auto"])
def test_on_few_rows_of_noise_labels_do_not_count_negatively(outliers):
    X, y = np.random.default_rng(1).normal(size=(46, 5)), np.random.default_rng(2).normal(size=46)
    student = StudentRegressor((8, 4), max_epochs=40, weight_decay=1.0, batch_size=16)
    fitted = distilled(teacher=DummyRegressor(), student=student, outliers=outliers, cv=2).fit(X, y)
    assert fitted.alpha_[0] == 1  # least squares find more
    assert mean_squared_error(y, fitted.predict(X)) < 1.05 * y.var()


def test_unlabeled_rows_teach_what_the_teacher_knows_of_them():
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (40, 1))
    teacher = LinearRegression().fit([[-10.0], [10.0]], [-30.0, 30.0])
    far = rng.uniform(4, 5, (200, 1))
    fits = {
        more: distilled(teacher=FrozenEstimator(teacher), alpha=0.5).fit(
            X, 3 * X[:, 0], X_unlabeled=far if more else None
        )
        for more in (False, True)
    }
    error = {more: np.abs(fit.predict(far) - 3 * far[:, 0]).mean() for more, fit in fits.items()}
    assert error[True] < 0.2 * error[False]
    with pytest.raises(ValueError, match="labelled by the teacher"):
        distilled().fit(X, X[:, 0], teacher_prediction=X[:, 0], X_unlabeled=far)
    for unlike, message in ((np.zeros((3, 2)), "features"), (far[:0], "0 sample")):
        with pytest.raises(ValueError, match=f"X_unlabeled must hold rows like .*{message}"):
            distilled().fit(X, X[:, 0], X_unlabeled=unlike)

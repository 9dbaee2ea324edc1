"""TORRegressor and DistilledRegressor: teachers, verdicts, errors."""

import copy
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.cluster import KMeans
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.model_selection import GroupKFold, KFold, ShuffleSplit
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, PolynomialFeatures, StandardScaler
from sklearn.svm import SVC
from skorch import NeuralNetRegressor
from torch import nn

from sklearn_regkd import DistilledRegressor, TORRegressor
from sklearn_regkd.label_noise.threshold import ThresholdRule
from tests.helpers import build, good_student, refused

DISTILLERS = [TORRegressor, DistilledRegressor]


class Recorder(RegressorMixin, BaseEstimator):
    """A teacher that writes down what it was fitted on and what it predicted."""

    log: list = []  # noqa: RUF012

    def fit(self, X, y, sample_weight=None):
        Recorder.log.append(("fit", X, y, sample_weight))
        self.mean_ = np.mean(y, axis=0)
        return self

    def predict(self, X):
        Recorder.log.append(("predict", X))
        return np.full(len(X), self.mean_)


@pytest.fixture
def log():
    Recorder.log = []
    return Recorder.log


# --- what the library is for ----------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("Distiller", DISTILLERS)
def test_a_teacher_saves_the_student_from_wrong_labels(table, wrong_labels, Distiller):
    X, y = table
    _, noisy, mask = wrong_labels
    fitted = build(Distiller).fit(X, noisy)
    alone = good_student(random_state=0).fit(X, noisy)
    assert alone.score(X, y) < 0
    assert fitted.score(X, y) > 0.95
    assert fitted.outlier_mask_[mask].all()
    assert fitted.outlier_mask_[~mask].mean() < 0.03


@pytest.mark.slow
@pytest.mark.parametrize("Distiller", DISTILLERS)
def test_without_a_name_the_teacher_is_boosted_trees(table, Distiller):
    fitted = Distiller(student=good_student(max_epochs=2), random_state=0).fit(*table)
    assert isinstance(fitted.teacher_, HistGradientBoostingRegressor)
    # The default recipe found nothing wrong with these labels, and then trusts them.
    trusts = Distiller is DistilledRegressor
    assert fitted.teacher_.loss == ("squared_error" if trusts else "absolute_error")


@pytest.mark.slow
@pytest.mark.parametrize("Distiller", DISTILLERS)
def test_fitted_attributes_have_the_shape_of_y(wrong_labels, two_outputs, Distiller):
    X, y, _ = wrong_labels
    X2, y2 = two_outputs
    for data in ((X, y), (X, y[:, None]), (X2, y2)):
        fitted = build(Distiller, Ridge(), student=good_student(max_epochs=2)).fit(*data)
        shape = data[1].shape
        for name in ("teacher_prediction_", "inlier_probability_", "outlier_mask_"):
            assert getattr(fitted, name).shape == shape, name
        assert fitted.predict(data[0]).shape == shape
        assert fitted.n_outputs_ == (1 if len(shape) == 1 else shape[1])
        assert len(fitted.history_) == fitted.n_iter_ == 2
        inliers = fitted.inlier_probability_ > 0.5
        np.testing.assert_array_equal(inliers, ~fitted.outlier_mask_)


@pytest.mark.slow
@pytest.mark.parametrize("Distiller", DISTILLERS)
def test_each_output_has_a_mask_of_its_own(two_outputs, Distiller):
    X, y = two_outputs
    y = y.copy()
    y[:5, 0] += 50
    y[7:12, 1] -= 5000
    fitted = build(Distiller, make_pipeline(PolynomialFeatures(3), Ridge())).fit(X, y)
    assert fitted.outlier_mask_[:5, 0].all()
    assert fitted.outlier_mask_[7:12, 1].all()
    assert fitted.outlier_mask_[:5, 1].sum() + fitted.outlier_mask_[7:12, 0].sum() < 3


@pytest.mark.slow
def test_alpha_is_the_weight_of_the_teacher(table):
    X, y = table
    shifted = y + 6
    means = []
    for alpha in (0.0, 0.5, 1.0, -0.5):
        fitted = DistilledRegressor(
            student=good_student(), alpha=alpha, outliers=None, loss="squared_error", random_state=0
        ).fit(X, y, teacher_prediction=shifted)
        means.append(np.mean(fitted.predict(X) - y))
    np.testing.assert_allclose(means, [0, 3, 6, -3], atol=0.15)


@pytest.mark.slow
def test_distilled_teacher_is_refitted_on_repaired_labels(log, wrong_labels):
    X, y, _ = wrong_labels
    fitted = build(
        DistilledRegressor, Recorder(), student=good_student(max_epochs=1), outliers=3.0
    ).fit(X, y)
    fits = [entry for entry in log if entry[0] == "fit"]
    assert len(fits) == 6
    assert all(len(X_fold) < len(X) for _, X_fold, _, _ in fits[:5])
    repaired = fits[-1][2]
    rejected = fitted.outlier_mask_
    np.testing.assert_array_equal(repaired[~rejected], y[~rejected])
    np.testing.assert_array_equal(repaired[rejected], fitted.teacher_prediction_[rejected])


# --- kinds of teachers ----------------------------------------------------------------


@pytest.mark.parametrize("Distiller", DISTILLERS)
def test_unfitted_teacher_predicts_out_of_fold(log, table, Distiller):
    X, y = table
    teacher = Recorder()
    folds = KFold(4)
    fitted = Distiller(teacher, good_student(max_epochs=1), cv=folds).fit(X, y)
    for train, test in folds.split(X):
        np.testing.assert_allclose(fitted.teacher_prediction_[test], y[train].mean())
    assert not hasattr(teacher, "mean_")


@pytest.mark.parametrize("Distiller", DISTILLERS)
def test_frozen_teacher_is_used_as_it_is(log, table, Distiller):
    X, y = table
    teacher = FrozenEstimator(Recorder().fit(X, y))
    log.clear()
    fitted = Distiller(teacher, good_student(max_epochs=1)).fit(X, y)
    assert [entry[0] for entry in log] == ["predict"]
    np.testing.assert_allclose(fitted.teacher_prediction_, y.mean())
    assert fitted.teacher_ is teacher


@pytest.mark.filterwarnings("ignore:the teacher rejects")  # it is untrained
@pytest.mark.parametrize("Distiller", DISTILLERS)
def test_torch_module_teaches_in_evaluation_mode(table, Distiller):
    X, y = table
    module = nn.Sequential(nn.Dropout(0.5), nn.Linear(3, 1))
    state = copy.deepcopy(module.state_dict())
    fitted = Distiller(module, good_student(max_epochs=1), random_state=0).fit(X, y)
    weight, bias = (p.detach().double().numpy() for p in module[1].parameters())
    np.testing.assert_allclose(
        fitted.teacher_prediction_, (X @ weight.T + bias)[:, 0], rtol=1e-4, atol=1e-5
    )
    assert module.training
    assert all(torch.equal(state[name], value) for name, value in module.state_dict().items())


@pytest.mark.slow
@pytest.mark.parametrize("Distiller", DISTILLERS)
@pytest.mark.parametrize("in_pipeline", [False, True])
def test_skorch_teacher_is_cross_fitted(table, Distiller, in_pipeline):
    X, y = table
    net = NeuralNetRegressor(
        nn.Sequential(nn.Linear(3, 16), nn.ReLU(), nn.Linear(16, 1)),
        lr=0.05,
        max_epochs=25,
        batch_size=16,
        optimizer=torch.optim.Adam,
        train_split=None,
        verbose=0,
    )
    teacher = make_pipeline(StandardScaler(), net) if in_pipeline else net
    fitted = build(Distiller, teacher, student=good_student(max_epochs=1), cv=3).fit(X, y)
    assert np.corrcoef(fitted.teacher_prediction_, y)[0, 1] > 0.9
    assert not getattr(net, "initialized_", False)


@pytest.mark.slow
@pytest.mark.parametrize("Distiller", DISTILLERS)
def test_teacher_prediction_replaces_a_teacher(wrong_labels, table, Distiller):
    X, y, mask = wrong_labels
    truth = table[1] + np.random.default_rng(0).normal(0, 0.1, len(y))
    fitted = Distiller(student=good_student(), random_state=0).fit(X, y, teacher_prediction=truth)
    assert fitted.teacher_ is None
    np.testing.assert_array_equal(fitted.teacher_prediction_, truth)
    assert fitted.outlier_mask_[mask].all()


@pytest.mark.slow
@pytest.mark.parametrize("Distiller", DISTILLERS)
@pytest.mark.parametrize("teacher", [None, HistGradientBoostingRegressor(max_iter=5)])
def test_single_output_teacher_predicts_all_outputs(two_outputs, Distiller, teacher):
    X, y = two_outputs
    fitted = Distiller(teacher, good_student(max_epochs=1), random_state=0).fit(X, y)
    assert fitted.teacher_.predict(X).shape == y.shape


@pytest.mark.slow
@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_frames_reach_the_teacher_as_frames(table, frame):
    X, y = table
    columns = dict(zip("abc", X.T, strict=True))
    teacher = make_pipeline(
        make_column_transformer((PolynomialFeatures(3), ["a", "b"])), LinearRegression()
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fitted = build(TORRegressor, teacher).fit(frame(columns), y)
        assert fitted.score(frame(columns), y) > 0.95
    assert list(fitted.feature_names_in_) == list(fitted.student_.feature_names_in_) == list("abc")


@pytest.mark.filterwarnings("ignore:the teacher rejects")  # it is hardly trained
def test_frame_reaches_a_pipeline_that_ends_in_a_net(table):
    X, y = table
    frame = pd.DataFrame(X.astype(np.float32), columns=list("abc"))
    net = NeuralNetRegressor(nn.Linear(2, 1), max_epochs=2, verbose=0)
    teacher = make_pipeline(make_column_transformer((StandardScaler(), ["a", "b"])), net)
    fitted = build(TORRegressor, teacher, student=good_student(max_epochs=1)).fit(frame, y)
    assert fitted.teacher_prediction_.shape == y.shape


# --- weights --------------------------------------------------------------------------


@pytest.mark.parametrize("Distiller", DISTILLERS)
def test_weights_reach_every_fit_of_the_teacher(log, table, Distiller):
    X, y = table
    weight = np.random.default_rng(0).uniform(0.5, 2, len(y))
    Distiller(Recorder(), good_student(max_epochs=1), cv=3, **_trust_all(Distiller)).fit(
        X, y, sample_weight=weight
    )
    fits = [entry for entry in log if entry[0] == "fit"]
    assert len(fits) == 4
    for _, _, y_fold, weight_fold in fits:
        # up to the rounding of labels that went through standard units and back
        nearest = np.abs(y_fold[:, None] - y).argmin(axis=1)
        # a common factor of all weights is taken out
        np.testing.assert_allclose(weight_fold, weight[nearest] / weight.mean(), rtol=1e-12)


@pytest.mark.parametrize("Distiller", DISTILLERS)
def test_weights_reach_the_last_step_of_a_pipeline(table, Distiller):
    X, y = table
    weight = np.where(X[:, 0] > 0, 1.0, 1e-9)
    teacher = make_pipeline(StandardScaler(), LinearRegression())
    fitted = Distiller(
        teacher, good_student(max_epochs=1), random_state=0, **_trust_all(Distiller)
    ).fit(X, y, sample_weight=weight)
    expected = clone(teacher).fit(X, y, linearregression__sample_weight=weight)
    np.testing.assert_allclose(fitted.teacher_.predict(X), expected.predict(X))


def _trust_all(Distiller):
    return {"outliers": None} if Distiller is DistilledRegressor else {}


@pytest.mark.slow
@pytest.mark.parametrize("Distiller", DISTILLERS)
def test_rows_of_weight_zero_do_not_teach(wrong_labels, Distiller):
    X, noisy, mask = wrong_labels
    rule = {} if Distiller is TORRegressor else {"outliers": 3.0}
    weight = (~mask).astype(float)
    fitted = build(Distiller, Ridge(), **rule).fit(X, noisy, sample_weight=weight)
    moved = noisy.copy()
    moved[mask] = -1e6
    again = build(Distiller, Ridge(), **rule).fit(X, moved, sample_weight=weight)
    np.testing.assert_allclose(fitted.predict(X), again.predict(X), rtol=1e-6)
    assert again.outlier_mask_[mask].all()  # but the verdict covers them


@pytest.mark.parametrize("Distiller", DISTILLERS)
def test_teacher_without_weights_is_named(table, Distiller):
    X, y = table
    with pytest.raises(ValueError, match="KNeighborsRegressor does not take sample_weight"):
        build(Distiller, KNeighborsRegressor()).fit(X, y, sample_weight=np.ones(len(y)))


# --- bad input ------------------------------------------------------------------------


class FailsOnThirdFold(Recorder):
    def fit(self, X, y, sample_weight=None):
        super().fit(X, y)
        if len([entry for entry in Recorder.log if entry[0] == "fit"]) == 3:
            raise ZeroDivisionError("no data left")
        return self


class WrongShape(Recorder):
    def predict(self, X):
        return np.zeros((len(X), 3))


class SaysNaN(Recorder):
    def predict(self, X):
        prediction = np.zeros(len(X))
        prediction[1] = np.nan
        return prediction


class FailsAtOnce(Recorder):
    def fit(self, X, y, sample_weight=None):
        raise ZeroDivisionError("no data left")


class CannotPredict(Recorder):
    def predict(self, X):
        raise KeyError("lost")


class Interrupted(Recorder):
    def fit(self, X, y, sample_weight=None):
        raise KeyboardInterrupt


@pytest.mark.slow
@pytest.mark.parametrize("Distiller", DISTILLERS)
@pytest.mark.parametrize(
    ("teacher", "error", "message"),
    [
        (FailsOnThirdFold(), RuntimeError, "on fold 3 of 5: ZeroDivisionError: no data left"),
        (WrongShape(), ValueError, r"WrongShape on fold 1 of 5 has shape \(24, 3\)"),
        (SaysNaN(), ValueError, "SaysNaN on fold 1 of 5 is NaN or infinite in 1 of 24 rows"),
        (CannotPredict(), RuntimeError, "CannotPredict failed to predict on fold 1 of 5: KeyError"),
        (FrozenEstimator(Ridge()), NotFittedError, "unfitted Ridge: fit it first"),
        (FrozenEstimator(Ridge().fit([[0.0]], [0.0])), RuntimeError, "failed to predict: ValueEr"),
        (LogisticRegression(), TypeError, "LogisticRegression is a classifier, but"),
        (make_pipeline(StandardScaler(), SVC()), TypeError, "SVC is a classifier, but"),
        (KMeans(2), TypeError, "KMeans is a clusterer, but"),
        (Ridge, TypeError, "expected None .*FrozenEstimator"),
        ("boosting", TypeError, "cannot be used; expected None"),
        (nn.Linear(3, 2), ValueError, r"teacher Linear has shape \(120, 2\), expected"),
    ],
)
def test_bad_teachers_are_named(log, table, Distiller, teacher, error, message):
    with pytest.raises(error, match=message):
        build(Distiller, teacher).fit(*table)


@pytest.mark.parametrize("kind", ["pandas", "polars"])
def test_more_categories_than_the_default_teacher_takes_are_refused_at_once(kind):
    names = [f"plate {row}" for row in range(256)]
    X = pd.DataFrame({"area": np.arange(257.0), "plate": pd.Categorical([*names, None])})
    less = X[2:].assign(plate=X["plate"][2:].cat.remove_unused_categories())
    X, less = (X, less) if kind == "pandas" else (pl.from_pandas(X), pl.from_pandas(less))
    small = good_student(hidden_layer_sizes=(4,), max_epochs=2, weight_decay=0.1)
    with pytest.raises(
        ValueError, match=r"column 'plate' of X holds 25[67] categories.*at most 255"
    ):
        TORRegressor(student=small).fit(X, np.arange(257.0))
    TORRegressor(student=small, cv=2).fit(less, np.arange(255.0))
    named = make_column_transformer((OneHotEncoder(), ["plate"]), remainder="passthrough")
    if kind == "pandas":  # a teacher of one's own may take them
        TORRegressor(make_pipeline(named, Ridge()), small, cv=KFold(2)).fit(
            pd.concat([X, X]), np.tile(np.arange(257.0), 2)
        )


@pytest.mark.parametrize("Distiller", DISTILLERS)
def test_a_teacher_that_cannot_read_text_is_named_with_the_way_out(Distiller):
    X = pd.DataFrame({"area": np.arange(40.0), "town": pd.Categorical(["Ames", "Boone"] * 20)})
    small = good_student(hidden_layer_sizes=(4,), max_epochs=2, weight_decay=0.1)
    with pytest.raises(
        RuntimeError, match=r"RandomForest.* text, dates or other objects in column 'town': take"
    ):
        Distiller(RandomForestRegressor(2), small).fit(X, X["area"])
    with pytest.raises(RuntimeError, match=r"on fold 1 of 5: [^(]*$"):  # nothing else to say
        Distiller(FailsAtOnce(), small).fit(X[["area"]], X["area"])
    encoder = make_column_transformer((OneHotEncoder(), ["town"]), remainder="passthrough")
    teacher = make_pipeline(encoder, Ridge())
    assert Distiller(teacher, small).fit(X, X["area"]).predict(X).shape == (40,)


@pytest.mark.parametrize("Distiller", DISTILLERS)
@pytest.mark.parametrize(
    ("prediction", "message"),
    [
        (np.zeros(119), r"teacher_prediction has shape \(119,\), expected \(120, 1\) or \(120,\)"),
        (np.zeros((120, 2)), r"has shape \(120, 2\)"),
        (np.full(120, np.inf), "NaN or infinite in 120 of 120 rows"),
        (np.array(["a"] * 120), "must hold numbers"),
    ],
)
def test_bad_teacher_predictions_are_refused(table, Distiller, prediction, message):
    X, y = table
    with pytest.raises(ValueError, match=message):
        Distiller(student=good_student()).fit(X, y, teacher_prediction=prediction)


@pytest.mark.parametrize("Distiller", DISTILLERS)
def test_two_sources_of_predictions_are_refused(table, Distiller):
    X, y = table
    with pytest.raises(ValueError, match="both teacher and teacher_prediction"):
        Distiller(Ridge()).fit(X, y, teacher_prediction=y)


@pytest.mark.parametrize("Distiller", DISTILLERS)
@pytest.mark.parametrize(
    ("params", "error", "message"),
    [
        ({"heads": 3}, ValueError, r"'heads'.*\[1, 2\]"),
        ({"predict_head": "best"}, ValueError, "'label'"),
        ({"heads": 1, "predict_head": "teacher"}, ValueError, "needs heads=2"),
        ({"teacher_weight": -1.0}, ValueError, "'teacher_weight'"),
        ({"student": Ridge()}, TypeError, "StudentRegressor or a skorch NeuralNet, got Ridge"),
        ({"cv": ShuffleSplit(3, random_state=0)}, ValueError, "each row once at most"),
        (
            {"cv": GroupKFold(3)},
            ValueError,
            r"cannot split 120 rows.*does it need fit",
        ),
        ({"cv": 1}, ValueError, r"'cv'.*range \[2, inf\)"),
    ],
)
def test_unknown_options_are_named(table, Distiller, params, error, message):
    with pytest.raises(error, match=message):
        build(Distiller, Ridge(), **params).fit(*table)


@pytest.mark.parametrize("Distiller", DISTILLERS)
@pytest.mark.parametrize(
    ("params", "error", "message"),
    [
        ({"batch_size": 0}, ValueError, "'batch_size' parameter of StudentRegressor"),
        ({"categorical_features": 3}, ValueError, "'categorical_features'"),
        ({"module": nn.Linear(3, 1)}, TypeError, "pass its class or a factory"),
    ],
)
def test_options_of_the_student_are_looked_at_before_the_teacher_is_fitted(
    table, Distiller, params, error, message
):
    class Never(Ridge):
        def fit(self, X, y, sample_weight=None):
            raise AssertionError

    with pytest.raises(error, match=message):
        Distiller(Never(), good_student(**params), random_state=0).fit(*table)


@pytest.mark.parametrize(
    ("estimator", "message"),
    [
        (TORRegressor(threshold="median"), refused("threshold", "median")),
        (TORRegressor(threshold=-1.0), refused("threshold", -1.0)),
        (TORRegressor(threshold=True), refused("threshold", True)),
        (TORRegressor(expected_outliers=0.0), refused("expected_outliers", 0.0)),
        (DistilledRegressor(outliers="median"), "known: None, 'auto', paper, chauvenet"),
        (DistilledRegressor(outliers=ThresholdRule("median")), refused("threshold", "median")),
        (DistilledRegressor(alpha="most"), "'alpha'"),
        (DistilledRegressor(loss="l3"), "'tor'"),
    ],
)
def test_unknown_rules_are_named(table, estimator, message):
    with pytest.raises(ValueError, match=message):
        estimator.fit(*table)


@pytest.mark.parametrize("Distiller", DISTILLERS)
def test_fewer_rows_than_folds(table, Distiller):
    X, y = table
    with pytest.warns(UserWarning, match="only 4 rows: using 4 folds"):
        build(Distiller, Ridge(), student=good_student(max_epochs=1)).fit(X[:4], y[:4])


@pytest.mark.parametrize("Distiller", DISTILLERS)
def test_constant_target(table, Distiller):
    X, _ = table
    with pytest.warns(UserWarning, match="output 0 of y is 7 in every row"):
        fitted = build(Distiller, Ridge(), student=good_student(max_epochs=1)).fit(
            X, np.full(120, 7.0)
        )
    np.testing.assert_array_equal(fitted.predict(X), 7.0)
    assert not fitted.outlier_mask_.any()


@pytest.mark.parametrize("Distiller", DISTILLERS)
def test_teacher_with_a_mad_of_zero(table, Distiller):
    X, y = table
    prediction = y.copy()
    prediction[:10] += 5
    rule = {} if Distiller is TORRegressor else {"outliers": 3.0}
    with pytest.warns(UserWarning, match="MAD of 0"):
        fitted = Distiller(student=good_student(max_epochs=1), **rule).fit(
            X, y, teacher_prediction=prediction
        )
    assert not fitted.outlier_mask_.any()


@pytest.mark.parametrize("Distiller", DISTILLERS)
def test_teacher_in_other_units(table, Distiller):
    X, y = table
    with pytest.warns(UserWarning, match="does it predict in other units than y"):
        Distiller(student=good_student(max_epochs=1)).fit(X, y, teacher_prediction=1000 * y)


@pytest.mark.slow
@pytest.mark.parametrize("Distiller", DISTILLERS)
def test_an_absurd_label_is_rejected_and_does_no_harm(table, Distiller):
    X, y = table
    absurd = y.copy()
    absurd[3] = 1e300
    teacher = y + np.random.default_rng(0).normal(0, 0.1, len(y))
    fitted = Distiller(student=good_student(), random_state=0).fit(
        X, absurd, teacher_prediction=teacher
    )
    assert fitted.outlier_mask_[3]
    assert fitted.score(X, y) > 0.95


@pytest.mark.parametrize("Distiller", DISTILLERS)
@pytest.mark.parametrize("name", ["X", "y", "sample_weight", "teacher_prediction"])
def test_nan_is_refused_everywhere(table, Distiller, name):
    X, y = table
    data = {"X": X.copy(), "y": y.copy(), "sample_weight": np.ones(120)}
    data["teacher_prediction"] = y.copy()
    data[name].flat[0] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        Distiller(student=good_student()).fit(**data)


@pytest.mark.slow
@pytest.mark.parametrize("Distiller", DISTILLERS)
def test_interrupted_fit_changes_nothing(table, Distiller):
    X, y = table
    estimator = build(Distiller, Ridge(), student=good_student(max_epochs=2)).fit(X, y)
    expected = estimator.predict(X)
    estimator.set_params(teacher=Interrupted())
    with pytest.raises(KeyboardInterrupt):
        estimator.fit(X[:, :2], y)
    np.testing.assert_array_equal(estimator.predict(X), expected)
    fresh = build(Distiller, Interrupted())
    before = dict(vars(fresh))
    with pytest.raises(KeyboardInterrupt):
        fresh.fit(X, y)
    assert vars(fresh) == before


@pytest.mark.parametrize("Distiller", DISTILLERS)
def test_quiet_by_default(table, Distiller, capfd):
    build(Distiller, RandomForestRegressor(5), student=good_student(max_epochs=2)).fit(*table)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("Distiller", DISTILLERS)
def test_scikit_learn_callbacks_hear_of_teacher_and_student(table, Distiller):
    pytest.importorskip("sklearn.callback")

    class Listener:
        """Propagated to the student, as scikit-learn's progress bar is."""

        max_propagation_depth = None

        def setup(self, estimator, context):
            self.begun, self.ended = [], []

        def on_fit_task_begin(self, estimator, context):
            self.begun.append(f"{type(estimator).__name__}:{context.task_name}")

        def on_fit_task_end(self, estimator, context):
            self.ended.append(f"{type(estimator).__name__}:{context.task_name}")

        def teardown(self, estimator, context):
            self.ended.append("teardown")

    listener, name = Listener(), Distiller.__name__
    build(Distiller, Ridge(), student=good_student(max_epochs=2)).set_callbacks(listener).fit(
        *table
    )
    assert listener.ended == [
        f"{name}:teacher",
        "StudentRegressor:epoch",
        "StudentRegressor:epoch",
        "StudentRegressor:fit",
        f"{name}:fit",
        "teardown",
    ]
    assert sorted(listener.begun) == sorted(listener.ended[:-1])

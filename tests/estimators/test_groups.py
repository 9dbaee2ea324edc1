"""Rows of one group are left out together, and rows of a time series by time."""

import numpy as np
import pytest
from sklearn import config_context
from sklearn.linear_model import Ridge
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    StratifiedGroupKFold,
    TimeSeriesSplit,
    cross_val_predict,
)

from sklearn_regkd import DistilledRegressor, StudentRegressor, TORRegressor
from sklearn_regkd.supervision.selection import DataSelection
from sklearn_regkd.supervision.validation_targets import ValidationTargets

N, PER_GROUP = 120, 10
QUICK = {"hidden_layer_sizes": (8,), "max_epochs": 4, "weight_decay": 0.1}


def table(n=N):
    """A line; rows of a group are not neighbours."""
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.uniform(-1, 1, n), np.arange(n)])
    return X, 5 + 3 * X[:, 0] + 0.1 * rng.normal(size=n), np.arange(n) % (n // PER_GROUP)


class Recorder(Ridge):
    """Writes down on which rows it was fitted: the second feature is the number of the row."""

    log: list = []  # noqa: RUF012

    def fit(self, X, y, sample_weight=None):
        Recorder.log.append(X[:, 1].astype(int))
        return super().fit(X, y, sample_weight)


class GroupRecorder(Recorder):
    """A teacher that asks for groups itself."""

    seen: list = []  # noqa: RUF012

    def fit(self, X, y, groups=None):
        GroupRecorder.seen.append((X[:, 1].astype(int), groups))
        return super().fit(X, y)


@pytest.fixture
def log():
    Recorder.log, GroupRecorder.seen = [], []
    return Recorder.log


def distilled(teacher=None, student=QUICK, **params):
    student = StudentRegressor(**student)
    return DistilledRegressor(teacher, student, random_state=0, **params)


@pytest.fixture
def trials(monkeypatch):
    """Which rows each trial of the weight decay holds out, and from which it learns."""
    seen = []
    of = ValidationTargets.of

    def recorded(self, rows):
        seen.append(self)
        return of(self, rows)

    monkeypatch.setattr(ValidationTargets, "of", recorded)
    return seen


def check_apart(groups, trials, n_trials):
    assert len(trials) == n_trials
    for trial in trials:
        for part, seen in enumerate(trial.seen):
            held_out = trial.fold == part
            assert held_out.any()
            assert not np.isin(groups[held_out], groups[seen]).any()


@pytest.mark.parametrize("kind", [DistilledRegressor, TORRegressor])
@pytest.mark.parametrize("cv", [3, GroupKFold(3), StratifiedGroupKFold(3)])
def test_no_teacher_knows_the_group_that_it_predicts(kind, cv, log):
    X, y, groups = table()
    student = StudentRegressor(**QUICK)
    kind(Recorder(), student, cv=cv, random_state=0).fit(X, y, groups=groups)
    parts = [rows for rows in log if len(rows) < len(X)]
    assert len(parts) >= 3
    for rows in parts:
        learned, others = groups[rows], np.delete(groups, rows)
        assert not np.isin(learned, others).any()


def test_settings_are_tried_on_groups_that_are_left_out(trials):
    X, y, groups = table(360)
    student = {**QUICK, "weight_decay": "auto"}
    StudentRegressor(**student, random_state=0).fit(X, y, groups=groups)
    check_apart(groups, trials, 1)
    trials.clear()
    distilled(student=student).fit(X, y, groups=groups)
    check_apart(groups, trials, 2)


def test_without_groups_any_rows_are_left_out(trials):
    X, y, groups = table(360)
    StudentRegressor(**{**QUICK, "weight_decay": "auto"}, random_state=0).fit(X, y)
    (trial,) = trials
    assert np.isin(groups[trial.fold == 0], groups[trial.seen[0]]).any()


@pytest.mark.parametrize("kind", [StudentRegressor, DistilledRegressor])
def test_early_stopping_watches_groups_that_are_not_learned_from(kind, monkeypatch):
    X, y, groups = table()
    student = StudentRegressor(
        **QUICK, early_stopping=True, validation_fraction=0.3, random_state=0
    )
    model = student if kind is StudentRegressor else DistilledRegressor(Ridge(), student, cv=3)
    model.fit(X, y, groups=groups)
    split = (model if kind is StudentRegressor else model.student_).net_.train_split.cv
    ((train, valid),) = split
    assert sorted([*train, *valid]) == list(range(N))
    assert not np.isin(groups[train], groups[valid]).any()
    assert 0.25 <= len(valid) / N <= 0.45


def test_influence_is_measured_on_groups_that_are_not_learned_from(monkeypatch):
    X, y, groups = table()
    fitted = []
    fit = StudentRegressor.fit
    monkeypatch.setattr(
        StudentRegressor,
        "fit",
        lambda self, X, *a, **k: fitted.append(X[:, 1]) or fit(self, X, *a, **k),
    )
    distilled(Ridge(), selection=DataSelection()).fit(X, y, groups=groups)
    learned = groups[fitted[0].astype(int)]
    assert len(fitted[0]) < N
    assert not np.isin(learned, np.delete(groups, fitted[0].astype(int))).any()


@pytest.mark.parametrize("gap", [0, 5])
def test_a_teacher_of_a_time_series_knows_the_past_alone(gap, log, trials):
    X, y, _ = table(360)
    student = {**QUICK, "weight_decay": "auto"}
    cv = TimeSeriesSplit(4, gap=gap)
    model = distilled(Recorder(), student, cv=cv, outliers=None).fit(X, y)
    assert np.isfinite(model.teacher_prediction_).all()
    splits = {len(train): (train, test) for train, test in cv.split(X)}
    parts = [rows for rows in log if rows.min() == 0 and len(rows) < 360]
    assert len(parts) == len(splits)
    for rows in parts:
        np.testing.assert_array_equal(np.sort(rows), splits[len(rows)][0])
    # Rows that no fold tests are predicted by models of the others.
    never = np.setdiff1d(np.arange(360), np.concatenate([test for _, test in splits.values()]))
    (others,) = (rows for rows in log if rows.min() > 0)
    np.testing.assert_array_equal(np.sort(others), np.setdiff1d(np.arange(360), never))
    for trial in trials:
        for part, seen in enumerate(trial.seen):
            assert np.flatnonzero(trial.fold == part).min() > np.flatnonzero(seen).max() + gap


def test_weight_zero_rows_have_no_say_in_groups(log):
    X, y, groups = table()
    weight = np.where(groups < 2, 0.0, 1.0)
    distilled(Recorder(), cv=3, outliers=None).fit(X, y, sample_weight=weight, groups=groups)
    for rows in log:
        assert (groups[rows] >= 2).all()


@pytest.mark.parametrize(
    "names", [str, lambda values: values * 2.5, lambda values: [[v] for v in values]]
)
def test_names_of_groups_do_not_matter(names):
    X, y, groups = table()
    expected = distilled(cv=3).fit(X, y, groups=groups).predict(X)
    given = np.array([f"person {g}" for g in groups]) if names is str else names(groups)
    np.testing.assert_array_equal(distilled(cv=3).fit(X, y, groups=given).predict(X), expected)


@pytest.mark.parametrize("kind", [StudentRegressor, DistilledRegressor, TORRegressor])
@pytest.mark.parametrize(
    ("groups", "words"),
    [
        (np.zeros(N), "all rows of groups are of one group"),
        (np.arange(N - 1), "group of each of the 120 rows"),
        (np.ones((N, 2)), "group of each of the 120 rows"),
        ([None] + ["a"] * (N - 1), "no value in row 0"),
        ([*["a", "b"] * (N // 2 - 1), "a", float("nan")], "no value in row 119"),
    ],
)
def test_bad_groups_are_refused(kind, groups, words):
    X, y, _ = table()
    with pytest.raises(ValueError, match=words):
        kind(random_state=0).fit(X, y, groups=groups)


def test_groups_that_cannot_be_told_apart_are_refused():
    X, y, _ = table()
    with pytest.raises(TypeError, match="of one kind"):
        distilled().fit(X, y, groups=np.array(["a", 1] * (N // 2), object))


def test_folds_that_mix_groups_are_refused():
    X, y, groups = table()
    with pytest.raises(ValueError, match="trains on some rows of a group and tests on others"):
        distilled(cv=KFold(3)).fit(X, y, groups=groups)


def test_a_splitter_that_needs_groups_says_so():
    X, y, _ = table()
    with pytest.raises(ValueError, match=r"does it need fit\(\.\.\., groups=\.\.\.\)"):
        distilled(cv=GroupKFold(3)).fit(X, y)


def test_early_stopping_by_chance_is_refused_where_time_keeps_rows_apart():
    X, y, _ = table()
    model = distilled(student={**QUICK, "early_stopping": True}, cv=TimeSeriesSplit(3))
    with pytest.raises(ValueError, match="early_stopping=True of the student would hold out"):
        model.fit(X, y)


def test_fewer_groups_than_folds():
    X, y, groups = table()
    with pytest.warns(UserWarning, match="only 2 groups: using 2 folds"):
        distilled(outliers=None).fit(X, y, groups=groups % 2)


class TestRouting:
    @pytest.mark.parametrize("kind", [DistilledRegressor, TORRegressor])
    def test_a_search_and_cross_validation_hand_groups_on(self, kind, log):
        X, y, groups = table()
        with config_context(enable_metadata_routing=True):
            teacher = Recorder().set_fit_request(sample_weight=False)
            model = kind(teacher, StudentRegressor(**QUICK), cv=2, random_state=0)
            model = model.set_fit_request(groups=True)
            search = GridSearchCV(model, {"student__lr": [0.01]}, cv=GroupKFold(3), refit=False)
            search.fit(X, y, groups=groups)
            n_search = len(log)
            cross_val_predict(model, X, y, cv=GroupKFold(3), params={"groups": groups})
        assert len(log) > n_search > 0
        for rows in log:
            whole = np.isin(groups, groups[rows])
            assert whole.sum() == len(rows)

    def test_a_teacher_that_asks_gets_them(self, log):
        X, y, groups = table()
        with config_context(enable_metadata_routing=True):
            teacher = GroupRecorder().set_fit_request(groups=True)
            distilled(teacher, cv=3, outliers=None).fit(X, y, groups=groups)
        assert len(GroupRecorder.seen) == 4
        for rows, given in GroupRecorder.seen:
            np.testing.assert_array_equal(given, groups[rows])

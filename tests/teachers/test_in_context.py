"""Teachers that hold their training rows, as in-context models do: a stand-in of them."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import r2_score
from sklearn.neighbors import KNeighborsRegressor

from sklearn_regkd import DistilledRegressor, StudentRegressor, TORRegressor
from sklearn_regkd.teachers.in_batches import PredictInBatches

STUDENT = StudentRegressor(weight_decay=0.3, max_epochs=40)


class InContext(RegressorMixin, BaseEstimator):
    """Repeats the labels of rows that it holds, and counts what it is asked for."""

    calls: list = []  # noqa: RUF012

    def fit(self, X, y):
        InContext.calls.append(("fit", len(X)))
        assert np.ndim(y) == 1
        self.is_frame_ = hasattr(X, "columns")
        self.n_features_in_ = np.shape(X)[1]
        self.model_ = KNeighborsRegressor(8, weights="distance").fit(np.asarray(X), y)
        return self

    def predict(self, X):
        InContext.calls.append(("predict", len(X)))
        assert hasattr(X, "columns") == self.is_frame_
        return self.model_.predict(np.asarray(X))


@pytest.fixture
def table():
    InContext.calls.clear()
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (400, 2))
    clean = np.sin(2 * X[:, 0]) + X[:, 1]
    wrong = rng.random(400) < 0.15
    y = clean + 0.1 * rng.normal(size=400) + np.where(wrong, rng.choice([-4, 4], 400), 0)
    return X, y, clean, wrong


def count(kind):
    return [rows for what, rows in InContext.calls if what == kind]


def test_out_of_fold_it_finds_wrong_labels(table):
    X, y, clean, wrong = table
    model = DistilledRegressor(InContext(), STUDENT, random_state=0).fit(X, y)
    found = model.outlier_mask_
    assert (found & wrong).sum() >= 0.9 * wrong.sum()
    assert (found & wrong).sum() >= 0.85 * found.sum()
    assert r2_score(clean, model.predict(X)) > 0.95


def test_frozen_it_is_warned_of_and_not_followed(table):
    X, y, clean, wrong = table
    frozen = FrozenEstimator(InContext().fit(X, y))
    with pytest.warns(UserWarning, match="has probably been fitted on these rows"):
        model = DistilledRegressor(frozen, STUDENT, random_state=0).fit(X, y)
    assert model.alpha_[0] == 0
    assert (model.outlier_mask_ & wrong).sum() >= 0.9 * wrong.sum()
    assert r2_score(clean, model.predict(X)) > 0.95
    with pytest.warns(UserWarning, match="has probably been fitted on these rows"):
        TORRegressor(frozen, STUDENT, random_state=0).fit(X, y)


def test_right_labels_cost_six_fits_and_each_row_two_predictions(table):
    X, _, clean, _ = table
    for kind, whole in ((DistilledRegressor, [400]), (TORRegressor, [])):
        InContext.calls.clear()
        kind(InContext(), STUDENT, random_state=0).fit(X, clean)
        assert count("fit") == [320] * 5 + [400]
        # Each row out-of-fold, and all once more: whether the teacher repeats their labels.
        assert count("predict") == [80] * 5 + whole


def test_a_trial_of_the_weight_decay_lets_three_folds_predict_all_rows(table):
    X, _, clean, _ = table
    student = StudentRegressor((8,), max_epochs=5)
    DistilledRegressor(InContext(), student, random_state=0).fit(X, clean)
    assert count("fit") == [320] * 5 + [400]
    assert sorted(count("predict")) == [80, 80, 400, 400, 400, 400]


def test_wrong_labels_cost_five_fits_for_each_rule(table):
    X, y, _, _ = table
    model = DistilledRegressor(InContext(), STUDENT, random_state=0).fit(X, y)
    n_tried = len(model.decisions_[0].scores) - 1  # beside "none"
    assert len(count("fit")) == 5 + 5 * n_tried + 1
    assert count("predict") == [80] * 5 * (1 + n_tried) + [400]


@pytest.mark.parametrize("kind", [DistilledRegressor, TORRegressor])
def test_memory_asks_it_once(table, kind, tmp_path):
    X, y, _, _ = table
    first = kind(InContext(), STUDENT, memory=str(tmp_path), random_state=0).fit(X, y)
    assert InContext.calls
    InContext.calls.clear()
    wider = StudentRegressor((32,), weight_decay=0.3, max_epochs=40)
    again = kind(InContext(), STUDENT, memory=str(tmp_path), random_state=0).fit(X, y)
    assert np.array_equal(again.predict(X), first.predict(X))
    if kind is TORRegressor:  # another student, the same teacher
        kind(InContext(), wider, memory=str(tmp_path), random_state=0).fit(X, y)
    assert not InContext.calls


def test_batches_of_rows_and_progress(table, capsys, monkeypatch):
    X, y, _, _ = table
    monkeypatch.setattr("sklearn_regkd.utils.progress.SECONDS_BETWEEN_LINES", 0.0)
    whole = TORRegressor(InContext(), STUDENT, random_state=0).fit(X, y)
    InContext.calls.clear()
    teacher = PredictInBatches(InContext(), batch_rows=30)
    model = TORRegressor(teacher, STUDENT, random_state=0, verbose=1).fit(X, y)
    assert max(count("predict")) == 30
    assert np.array_equal(model.teacher_prediction_, whole.teacher_prediction_)
    told = capsys.readouterr().err
    assert "InContext, on fold 2 of 5" in told
    assert "InContext predicts rows 60 to 80 of 80" in told


def test_weights_are_refused_by_its_own_name(table):
    X, y, _, _ = table
    weight = np.linspace(0.5, 1.5, len(y))
    for teacher in (InContext(), PredictInBatches(InContext())):
        with pytest.raises(ValueError, match="teacher InContext does not take sample_weight"):
            TORRegressor(teacher, STUDENT).fit(X, y, sample_weight=weight)
    assert not InContext.calls


def test_frames_and_several_targets(table):
    X, y, clean, _ = table
    frame = pd.DataFrame(X, columns=["a", "b"])
    Y = np.column_stack([y, clean])
    model = TORRegressor(InContext(), STUDENT, cv=3, random_state=0).fit(frame, Y)
    assert len(count("fit")) == 8  # three folds and all rows, for each target
    assert model.predict(frame).shape == (400, 2)


def test_the_student_learns_what_it_says_of_rows_that_it_has_not_seen(table):
    X, _, clean, _ = table
    noisy = clean + np.random.default_rng(1).normal(size=len(clean))
    student = StudentRegressor(weight_decay=0.03, max_epochs=40)  # one that learns noise by heart
    model = DistilledRegressor(InContext(), student, alpha=1.0, outliers=None, random_state=0)
    assert r2_score(noisy, model.fit(X, noisy).teacher_.predict(X)) > 0.99
    alone = student.set_params(random_state=0).fit(X, noisy)
    assert r2_score(clean, model.predict(X)) > r2_score(clean, alone.predict(X)) + 0.05

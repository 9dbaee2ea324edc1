"""Copies of the student that predict rows they have not seen."""

import numpy as np
import pytest
import torch

from sklearn_regkd import StudentRegressor
from sklearn_regkd.label_noise.student_folds import CrossFittedStudents
from sklearn_regkd.networks.inputs import TransformedRows, fit_input_transform
from tests.helpers import interleaved_folds

N = 60
N_FOLDS = 3
LOSSES = ["squared_error", "absolute_error"]


def student(**params):
    quick = {"max_epochs": 3, "batch_size": 16, "weight_decay": 0.1}
    return StudentRegressor((8,), **{**quick, **params})


def table(n=N, n_outputs=1, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.uniform(-1, 1, (n, 2))
    return X, (2 * X[:, [0]] + rng.normal(0, 0.1, (n, n_outputs)))


def cross_fitted(X, label, weight=None, seed=0, n_folds=N_FOLDS, **params):
    weight = np.ones(len(X)) if weight is None else weight
    rows = TransformedRows(X, fit_input_transform(X, weight, "quantile"))
    return CrossFittedStudents(
        student(**params), rows, label, weight, interleaved_folds(len(X), n_folds), seed
    )


def predict(students, label, trust=None, loss="squared_error", **kwargs):
    (prediction,) = students.predict(label, trust, [loss], **kwargs)
    return prediction


@pytest.mark.parametrize("n_outputs", [1, 2])
def test_one_prediction_for_each_loss(n_outputs):
    X, label = table(n_outputs=n_outputs)
    predictions = cross_fitted(X, label).predict(label, None, LOSSES)
    assert [one.shape for one in predictions] == [label.shape] * 2
    assert [one.dtype for one in predictions] == [np.float64] * 2
    assert not np.allclose(*predictions)


def test_they_learn():
    X, label = table(300)
    prediction = predict(cross_fitted(X, label, max_epochs=60, lr=0.02), label)
    assert np.mean((prediction - label) ** 2) < 0.1 * label.var()


class TestOutOfFold:
    @pytest.mark.parametrize("fold", range(N_FOLDS))
    @pytest.mark.parametrize("loss", LOSSES)
    def test_labels_of_a_fold_are_unknown_to_those_that_predict_it(self, fold, loss):
        X, label = table()
        students = cross_fitted(X, label)
        before = predict(students, label, loss=loss)
        changed = label.copy()
        test = interleaved_folds()[fold][1]
        changed[test] = 50 - 3 * changed[test]
        after = predict(students, changed, loss=loss)
        np.testing.assert_array_equal(after[test], before[test])
        others = np.setdiff1d(np.arange(N), test)
        assert (after[others] != before[others]).all()

    def test_a_single_label_is_unknown_to_its_own_row(self):
        X, label = table()
        students = cross_fitted(X, label)
        changed = label.copy()
        changed[7] += 100
        before, after = predict(students, label), predict(students, changed)
        same = (before == after)[:, 0]
        np.testing.assert_array_equal(np.flatnonzero(same), interleaved_folds()[7 % N_FOLDS][1])

    def test_of_several_losses_at_once(self):
        X, label = table()
        students = cross_fitted(X, label)
        changed = label.copy()
        test = interleaved_folds()[0][1]
        changed[test] = 9
        for before, after in zip(
            students.predict(label, None, LOSSES),
            students.predict(changed, None, LOSSES),
            strict=True,
        ):
            np.testing.assert_array_equal(after[test], before[test])
            assert not np.array_equal(after, before)


class TestTrust:
    def test_distrusted_rows_do_not_teach(self):
        X, label = table()
        students = cross_fitted(X, label)
        trust = np.ones(label.shape)
        trust[::4] = 0
        before = predict(students, label, trust)
        changed = label.copy()
        changed[::4] = -500
        np.testing.assert_array_equal(predict(students, changed, trust), before)
        assert not np.allclose(predict(students, changed), before, atol=0.1)

    def test_each_output_has_a_trust_of_its_own(self):
        X, label = table(n_outputs=2)
        label[:, 1] *= -1
        students = cross_fitted(X, label, max_epochs=60, lr=0.02)
        wrong = label.copy()
        wrong[::3, 0] += 20
        trust = np.ones(label.shape)
        trust[::3, 0] = 0
        prediction, deceived = predict(students, wrong, trust), predict(students, wrong)
        assert np.abs(prediction - label).mean(axis=0).max() < 0.5
        assert np.abs(deceived[:, 0] - label[:, 0]).mean() > 2

    def test_rows_without_weight_do_not_teach_but_are_predicted(self):
        X, label = table()
        weight = np.where(np.arange(N) % 4 == 0, 0.0, 1.0)
        before = predict(cross_fitted(X, label, weight), label)
        changed = label.copy()
        changed[::4] = -500
        after = predict(cross_fitted(X, changed, weight), changed)
        np.testing.assert_array_equal(after, before)
        assert np.isfinite(after).all()

    @pytest.mark.parametrize("trust", [1.0, 0.25])
    def test_only_relative_trust_counts(self, trust):
        X, label = table()
        students = cross_fitted(X, label)
        prediction = predict(students, label, np.full(label.shape, trust))
        np.testing.assert_allclose(prediction, predict(students, label), rtol=1e-4, atol=1e-5)

    @pytest.mark.parametrize("loss", LOSSES)
    def test_no_trust_at_all_gives_numbers(self, loss):
        X, label = table()
        prediction = predict(cross_fitted(X, label), label, np.zeros(label.shape), loss)
        assert np.isfinite(prediction).all()


class TestSeed:
    def test_decides_everything(self):
        X, label = table()
        first, same, other = (predict(cross_fitted(X, label, seed=s), label) for s in (0, 0, 1))
        np.testing.assert_array_equal(first, same)
        assert not np.array_equal(first, other)

    def test_predicting_twice_changes_nothing(self):
        X, label = table()
        students = cross_fitted(X, label)
        before = predict(students, label)
        predict(students, -label, loss="absolute_error")
        np.testing.assert_array_equal(predict(students, label), before)

    def test_callers_random_state_is_left_alone(self):
        X, label = table()
        torch.manual_seed(0)
        expected = torch.rand(3)
        torch.manual_seed(0)
        predict(cross_fitted(X, label), label)
        assert torch.equal(torch.rand(3), expected)


class TestAbsurdLabels:
    @pytest.mark.parametrize("absurd", [1e30, -1e30, 1e300])
    @pytest.mark.parametrize("loss", LOSSES)
    @pytest.mark.parametrize("weight_decay", [0.1, "auto"])
    def test_predictions_are_finite(self, absurd, loss, weight_decay):
        X, label = table()
        label[5] = absurd
        students = cross_fitted(X, label, weight_decay=weight_decay)
        prediction = predict(students, label, loss=loss)
        assert np.isfinite(prediction).all()
        assert np.abs(prediction).max() < 1e4

    def test_are_worth_a_thousand_standard_deviations(self):
        X, label = table()
        far, absurd = label.copy(), label.copy()
        far[5], absurd[5] = 1e3, 1e30
        students = cross_fitted(X, label)
        np.testing.assert_array_equal(predict(students, far), predict(students, absurd))
        far[5] = 900
        assert not np.array_equal(predict(students, far), predict(students, absurd))

    def test_the_callers_labels_stay_as_they_are(self):
        X, label = table()
        label[5] = 1e30
        before = label.copy()
        predict(cross_fitted(X, label), label)
        np.testing.assert_array_equal(label, before)


class TestShorten:
    def test_takes_a_share_of_the_steps_at_least_one(self):
        X, label = table(300)
        students, half = (cross_fitted(X, label, max_epochs=epochs) for epochs in (6, 3))
        shortened = predict(students, label, shorten=2)
        np.testing.assert_array_equal(shortened, predict(half, label))
        assert not np.allclose(shortened, predict(students, label), atol=0.01)
        shortest = predict(students, label, shorten=10**9)
        np.testing.assert_array_equal(shortest, predict(students, label, shorten=10**6))


class TestWeightDecay:
    def test_that_of_the_student_unless_another_is_given(self):
        X, label = table()
        students = cross_fitted(X, label, weight_decay=0.7)
        assert students.weight_decay == 0.7
        own = predict(students, label)
        np.testing.assert_array_equal(predict(students, label, weight_decay=0.7), own)
        strict = predict(students, label, weight_decay=30.0)
        assert strict.std() < own.std()
        np.testing.assert_array_equal(predict(students, label), own)

    def test_auto_becomes_a_number(self):
        X, label = table()
        decay = cross_fitted(X, label, weight_decay="auto").weight_decay
        assert isinstance(decay, float)
        assert 0 < decay < 10


def test_fold_says_which_copy_has_not_seen_a_row():
    X, label = table()
    students = cross_fitted(X, label, n_folds=5)
    np.testing.assert_array_equal(students.fold, np.arange(N) % 5)
    np.testing.assert_array_equal(students.seen, students.fold != np.arange(5)[:, None])


class TestKnownWeightDecay:
    def test_nothing_is_known_before_the_trial(self):
        X, label = np.zeros((80, 2)), np.zeros((80, 1))
        students = cross_fitted(X, label, weight_decay="auto")
        assert students.known_weight_decay is None
        found = students.weight_decay
        assert students.known_weight_decay == found

    def test_a_number_is_known(self):
        students = cross_fitted(np.zeros((80, 2)), np.zeros((80, 1)), weight_decay=0.7)
        assert students.known_weight_decay == 0.7

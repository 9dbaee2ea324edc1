"""Copies of the student that are asked about rows they have not seen."""

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


def peers(X, label, weight=None, seed=0, n_folds=N_FOLDS, **params):
    weight = np.ones(len(X)) if weight is None else weight
    rows = TransformedRows(X, fit_input_transform(X, weight, "quantile"))
    return CrossFittedStudents(
        student(**params), rows, label, weight, interleaved_folds(len(X), n_folds), seed
    )


def one(asked, label, trust=None, loss="squared_error", **kwargs):
    (said,) = asked.ask(label, trust, [loss], **kwargs)
    return said


@pytest.mark.parametrize("n_outputs", [1, 2])
def test_one_opinion_for_each_loss(n_outputs):
    X, label = table(n_outputs=n_outputs)
    said = peers(X, label).ask(label, None, LOSSES)
    assert [opinion.shape for opinion in said] == [label.shape] * 2
    assert [opinion.dtype for opinion in said] == [np.float64] * 2
    assert not np.allclose(*said)


def test_they_learn():
    X, label = table(300)
    said = one(peers(X, label, max_epochs=60, lr=0.02), label)
    assert np.mean((said - label) ** 2) < 0.1 * label.var()


class TestHonesty:
    @pytest.mark.parametrize("fold", range(N_FOLDS))
    @pytest.mark.parametrize("loss", LOSSES)
    def test_labels_of_a_fold_are_unknown_to_those_who_speak_of_it(self, fold, loss):
        X, label = table()
        asked = peers(X, label)
        before = one(asked, label, loss=loss)
        changed = label.copy()
        test = interleaved_folds()[fold][1]
        changed[test] = 50 - 3 * changed[test]
        after = one(asked, changed, loss=loss)
        np.testing.assert_array_equal(after[test], before[test])
        others = np.setdiff1d(np.arange(N), test)
        assert (after[others] != before[others]).all()

    def test_a_single_label_is_unknown_to_its_own_row(self):
        X, label = table()
        asked = peers(X, label)
        changed = label.copy()
        changed[7] += 100
        before, after = one(asked, label), one(asked, changed)
        same = (before == after)[:, 0]
        np.testing.assert_array_equal(np.flatnonzero(same), interleaved_folds()[7 % N_FOLDS][1])

    def test_whoever_answers_several_losses_at_once(self):
        X, label = table()
        asked = peers(X, label)
        changed = label.copy()
        test = interleaved_folds()[0][1]
        changed[test] = 9
        for before, after in zip(
            asked.ask(label, None, LOSSES), asked.ask(changed, None, LOSSES), strict=True
        ):
            np.testing.assert_array_equal(after[test], before[test])
            assert not np.array_equal(after, before)


class TestTrust:
    def test_distrusted_rows_do_not_teach(self):
        X, label = table()
        asked = peers(X, label)
        trust = np.ones(label.shape)
        trust[::4] = 0
        before = one(asked, label, trust)
        changed = label.copy()
        changed[::4] = -500
        np.testing.assert_array_equal(one(asked, changed, trust), before)
        assert not np.allclose(one(asked, changed), before, atol=0.1)

    def test_each_output_has_a_trust_of_its_own(self):
        X, label = table(n_outputs=2)
        label[:, 1] *= -1
        asked = peers(X, label, max_epochs=60, lr=0.02)
        wrong = label.copy()
        wrong[::3, 0] += 20
        trust = np.ones(label.shape)
        trust[::3, 0] = 0
        said, deceived = one(asked, wrong, trust), one(asked, wrong)
        assert np.abs(said - label).mean(axis=0).max() < 0.5
        assert np.abs(deceived[:, 0] - label[:, 0]).mean() > 2

    def test_rows_without_weight_do_not_teach_but_are_judged(self):
        X, label = table()
        weight = np.where(np.arange(N) % 4 == 0, 0.0, 1.0)
        before = one(peers(X, label, weight), label)
        changed = label.copy()
        changed[::4] = -500
        after = one(peers(X, changed, weight), changed)
        np.testing.assert_array_equal(after, before)
        assert np.isfinite(after).all()

    @pytest.mark.parametrize("trust", [1.0, 0.25])
    def test_only_relative_trust_counts(self, trust):
        X, label = table()
        asked = peers(X, label)
        said = one(asked, label, np.full(label.shape, trust))
        np.testing.assert_allclose(said, one(asked, label), rtol=1e-4, atol=1e-5)

    @pytest.mark.parametrize("loss", LOSSES)
    def test_no_trust_at_all_gives_numbers(self, loss):
        X, label = table()
        said = one(peers(X, label), label, np.zeros(label.shape), loss)
        assert np.isfinite(said).all()


class TestSeed:
    def test_decides_everything(self):
        X, label = table()
        first, same, other = (one(peers(X, label, seed=s), label) for s in (0, 0, 1))
        np.testing.assert_array_equal(first, same)
        assert not np.array_equal(first, other)

    def test_asking_twice_changes_nothing(self):
        X, label = table()
        asked = peers(X, label)
        before = one(asked, label)
        one(asked, -label, loss="absolute_error")
        np.testing.assert_array_equal(one(asked, label), before)

    def test_callers_random_state_is_left_alone(self):
        X, label = table()
        torch.manual_seed(0)
        expected = torch.rand(3)
        torch.manual_seed(0)
        one(peers(X, label), label)
        assert torch.equal(torch.rand(3), expected)


class TestAbsurdLabels:
    @pytest.mark.parametrize("absurd", [1e30, -1e30, 1e300])
    @pytest.mark.parametrize("loss", LOSSES)
    @pytest.mark.parametrize("weight_decay", [0.1, "auto"])
    def test_opinions_are_finite(self, absurd, loss, weight_decay):
        X, label = table()
        label[5] = absurd
        asked = peers(X, label, weight_decay=weight_decay)
        said = one(asked, label, loss=loss)
        assert np.isfinite(said).all()
        assert np.abs(said).max() < 1e4

    def test_are_worth_a_thousand_standard_deviations(self):
        X, label = table()
        far, absurd = label.copy(), label.copy()
        far[5], absurd[5] = 1e3, 1e30
        asked = peers(X, label)
        np.testing.assert_array_equal(one(asked, far), one(asked, absurd))
        far[5] = 900
        assert not np.array_equal(one(asked, far), one(asked, absurd))

    def test_the_callers_labels_stay_as_they_are(self):
        X, label = table()
        label[5] = 1e30
        before = label.copy()
        one(peers(X, label), label)
        np.testing.assert_array_equal(label, before)


class TestWeightDecay:
    def test_that_of_the_student_unless_another_is_asked_for(self):
        X, label = table()
        asked = peers(X, label, weight_decay=0.7)
        assert asked.weight_decay == 0.7
        own = one(asked, label)
        np.testing.assert_array_equal(one(asked, label, weight_decay=0.7), own)
        strict = one(asked, label, weight_decay=30.0)
        assert strict.std() < own.std()
        np.testing.assert_array_equal(one(asked, label), own)

    def test_auto_becomes_a_number(self):
        X, label = table()
        decay = peers(X, label, weight_decay="auto").weight_decay
        assert isinstance(decay, float)
        assert 0 < decay < 10


def test_fold_says_who_has_not_seen_a_row():
    X, label = table()
    asked = peers(X, label, n_folds=5)
    assert asked.n_folds == 5
    np.testing.assert_array_equal(asked.fold, np.arange(N) % 5)

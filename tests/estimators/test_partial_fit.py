"""partial_fit: a student that learns from blocks."""

import copy
import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.linear_model import LinearRegression
from torch import nn

from sklearn_regkd import StudentRegressor


def target(X):
    return 100 + 10 * (X[:, 0] + np.sin(3 * X[:, 1]))


def blocks(n_blocks=20, n_rows=300, seed=0):
    rng = np.random.default_rng(seed)
    for _ in range(n_blocks):
        X = rng.uniform(-1, 1, (n_rows, 3))
        yield X, target(X)


class Plain(nn.Module):
    """A network of the user's, with dropout."""

    def __init__(self, n_features, n_outputs):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(n_features, 32), nn.ReLU(), nn.Dropout(0.05), nn.Linear(32, n_outputs)
        )

    def forward(self, X):
        return self.layers(X)


def learn(student, **params):
    for X, y in blocks(**params):
        student.partial_fit(X, y)
    return student


@pytest.fixture
def student():
    return StudentRegressor((32,), random_state=0, batch_size=64)


@pytest.fixture
def unseen():
    return next(blocks(1, 500, seed=1))


@pytest.mark.slow
class TestLearning:
    @pytest.mark.parametrize("params", [{}, {"module": Plain}, {"loss": "huber"}], ids=str)
    def test_from_block_to_block(self, student, unseen, params):
        student.set_params(**params)
        scores = []
        for X, y in blocks(30):
            scores.append(student.partial_fit(X, y).score(*unseen))
        assert scores[0] < scores[5] < 0.99
        if "module" in params:  # dropout, and a learning rate that never falls
            linear = LinearRegression().fit(*next(blocks(1, 500, seed=2)))
            assert np.mean(scores[-5:]) > linear.score(*unseen)
        else:
            assert scores[-1] > 0.99
        assert student.n_iter_ == 30
        assert student.weight_decay_ == 0.03

    def test_goes_on_from_fit(self, student, unseen):
        X, y = next(blocks(1, 1000))
        before = student.fit(X, y).score(*unseen)
        n_iter = student.n_iter_
        for block in blocks(3, seed=2):
            assert student.partial_fit(*block).score(*unseen) > before - 0.02
        assert student.n_iter_ == n_iter + 3

    @pytest.mark.slow
    def test_fit_begins_anew(self, student):
        X, y = next(blocks(1))
        learn(student, n_blocks=2).fit(X, y)
        assert np.array_equal(student.predict(X), clone(student).fit(X, y).predict(X))
        student.partial_fit(X, y)
        other = clone(student).fit(X, y).partial_fit(X, y)
        assert np.array_equal(student.predict(X), other.predict(X))

    def test_a_first_block_of_equal_labels(self, student, unseen):
        X, y = next(blocks(1))
        student.partial_fit(X, np.full(len(y), 100.0))
        assert learn(student, n_blocks=40).score(*unseen) > 0.9

    def test_several_outputs_and_float32(self, student):
        for X, y in blocks(2):
            student.partial_fit(X.astype(np.float32), np.column_stack([y, -y]))
        prediction = student.predict(X.astype(np.float32))
        assert prediction.shape == (len(X), 2)
        assert prediction.dtype == np.float32


class TestReproducible:
    def test_random_state_decides(self, student):
        X, _ = next(blocks(1))
        before = torch.get_rng_state()
        for params in ({}, {"module": Plain}):
            predictions = [learn(clone(student).set_params(**params), n_blocks=3).predict(X)]
            predictions.append(learn(clone(student).set_params(**params), n_blocks=3).predict(X))
            assert np.array_equal(*predictions)
        assert torch.equal(torch.get_rng_state(), before)

    def test_a_pickle_in_between_changes_nothing(self, student):
        X, _ = next(blocks(1))
        whole = learn(clone(student), n_blocks=4)
        parts = list(blocks(4))
        for block in parts[:2]:
            student.partial_fit(*block)
        student = pickle.loads(pickle.dumps(student))
        for block in parts[2:]:
            student.partial_fit(*block)
        assert np.array_equal(student.predict(X), whole.predict(X))

    def test_each_pass_has_another_order(self, student):
        X, y = next(blocks(1))
        first, second = clone(student), clone(student)
        first.partial_fit(X, y).partial_fit(X, y)
        second.partial_fit(X, y)
        second.net_.history_.clear()  # whoever counts from 0 repeats the order of the first pass
        second.partial_fit(X, y)
        assert not np.array_equal(first.predict(X), second.predict(X))


class Interrupted(Plain):
    """Plain, until somebody presses Ctrl-C in its midst."""

    calls_left = 10**9

    def forward(self, X):
        type(self).calls_left -= 1
        if type(self).calls_left < 0:
            raise KeyboardInterrupt
        return super().forward(X)


class TestAllOrNothing:
    @pytest.mark.parametrize("fitted", [True, False], ids=["after fit", "after partial_fit"])
    @pytest.mark.parametrize("module", [None, Plain], ids=["built in", "module"])
    def test_a_pass_that_diverges_leaves_no_trace(self, student, unseen, module, fitted):
        student.set_params(module=module, max_epochs=3, weight_decay=0.1)
        first, second = blocks(2)
        student = student.fit(*first) if fitted else learn(student, n_blocks=3)
        other = copy.deepcopy(student)
        spoiled = second[1].copy()
        spoiled[200] = 1e38
        with pytest.raises(RuntimeError, match="diverged"):
            student.partial_fit(second[0], spoiled)
        self.assert_same(student, other, unseen[0])
        self.assert_same(student.partial_fit(*second), other.partial_fit(*second), unseen[0])

    def test_an_interrupted_pass_leaves_no_trace(self, student, unseen, monkeypatch):
        learn(student.set_params(module=Interrupted), n_blocks=3)
        other = copy.deepcopy(student)
        block = next(blocks(1, seed=2))
        monkeypatch.setattr(Interrupted, "calls_left", 3)
        with pytest.raises(KeyboardInterrupt):
            student.partial_fit(*block)
        monkeypatch.setattr(Interrupted, "calls_left", 10**9)
        self.assert_same(student, other, unseen[0])
        self.assert_same(student.partial_fit(*block), other.partial_fit(*block), unseen[0])

    def test_a_first_pass_that_fails_leaves_it_unfitted(self, student):
        X, y = next(blocks(1))
        before = set(vars(student))
        with pytest.raises(RuntimeError, match="diverged"):
            student.partial_fit(X, y, sample_weight=np.r_[1e38, np.ones(len(y) - 1)])
        assert set(vars(student)) == before

    @staticmethod
    def assert_same(one, other, X):
        expected = other.predict(X)
        for form in (one, pickle.loads(pickle.dumps(one)), copy.deepcopy(one)):
            np.testing.assert_array_equal(form.predict(X), expected)
        assert one.n_iter_ == other.n_iter_ == len(one.history_)
        states = one.net_.optimizer_.state_dict(), other.net_.optimizer_.state_dict()
        torch.testing.assert_close(*states, rtol=0, atol=0)


class TestData:
    def test_weight_zero_is_no_row(self, student):
        X, y = next(blocks(1))
        weight = np.ones(len(y))
        weight[::3] = 0
        spoiled = np.where(weight > 0, y, 1e6)
        one = clone(student).partial_fit(X, spoiled, sample_weight=weight)
        other = clone(student).partial_fit(X[weight > 0], y[weight > 0])
        assert np.array_equal(one.predict(X), other.predict(X))

    def test_frames_with_categories(self, student):
        X, y = next(blocks(1))
        frame = pd.DataFrame(X, columns=list("abc"))
        frame["kind"] = pd.Categorical(np.where(X[:, 0] > 0, "high", "low"))
        student.partial_fit(frame, y).partial_fit(frame[5:6], y[5:6])
        assert list(student.feature_names_in_) == ["a", "b", "c", "kind"]
        assert student.predict(frame).shape == y.shape
        with pytest.raises(ValueError, match="feature names should match"):
            student.partial_fit(frame[["b", "a", "c", "kind"]], y)

    def test_what_is_refused(self, student):
        X, y = next(blocks(1))
        with pytest.raises(ValueError, match="does not support early_stopping"):
            clone(student).set_params(early_stopping=True).partial_fit(X, y)
        student.partial_fit(X, y)
        with pytest.raises(ValueError, match="2 outputs in y of 2 dimensions"):
            student.partial_fit(X, np.column_stack([y, y]))
        with pytest.raises(ValueError, match="X has 2 features"):
            student.partial_fit(X[:, :2], y)
        with pytest.raises(RuntimeError, match="diverged"):
            student.set_params().partial_fit(X, y, sample_weight=np.full(len(y), 1e38))

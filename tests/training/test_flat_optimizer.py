"""The optimizer of a user's module, stepped as one vector."""

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback
from torch import nn

from sklearn_regkd import StudentRegressor
from sklearn_regkd.training.flat_adamw import FlatOptimizer

RNG = np.random.default_rng(0)
X = RNG.normal(size=(300, 4)).astype(np.float32)
Y = X[:, 0] + np.sin(X[:, 1])


class Plain(nn.Module):
    def __init__(self, n_features, n_outputs):
        super().__init__()
        self.first = nn.Linear(n_features, 8)
        self.norm = nn.BatchNorm1d(8)
        self.last = nn.Linear(8, n_outputs)
        self.unused = nn.Linear(3, 3)
        self.rare = nn.Linear(8, n_outputs)
        self.n_calls = 0

    def forward(self, X):
        hidden = self.norm(torch.relu(self.first(X)))
        self.n_calls += 1
        return self.last(hidden) + self.extra(hidden)

    def extra(self, hidden):
        return 0


class Used(Plain):
    def __init__(self, n_features, n_outputs):
        super().__init__(n_features, n_outputs)
        del self.unused, self.rare


class Rare(Plain):
    def extra(self, hidden):
        return self.rare(hidden) if self.n_calls % 3 == 0 else 0


def fit(module, **params):
    params = {"lr": 0.01, "max_epochs": 6, "batch_size": 32, "weight_decay": 0.1, **params}
    return StudentRegressor(module=module, random_state=0, **params).fit(X, Y)


def numbers(student):
    return {k: v.detach().cpu().numpy() for k, v in student.net_.module_.named_parameters()}


@pytest.mark.slow
@pytest.mark.parametrize("module", [Used, Plain, Rare])
@pytest.mark.parametrize("params", [{}, {"loss": "barron_learned"}, {"loss": "huber"}], ids=str)
def test_the_result_is_that_of_the_optimizer(module, params, monkeypatch):
    flat = fit(module, **params)
    monkeypatch.setattr(FlatOptimizer, "supports", staticmethod(lambda *args: False))
    ordinary = fit(module, **params)
    for name, values in numbers(ordinary).items():
        np.testing.assert_allclose(numbers(flat)[name], values, rtol=1e-4, atol=1e-5, err_msg=name)


def test_it_is_used_where_it_can_be(monkeypatch):
    calls = []
    step = FlatOptimizer.step
    monkeypatch.setattr(FlatOptimizer, "step", lambda self: (calls.append(1), step(self)))
    n_steps = 6 * -(-300 // 32)
    fit(Used)
    assert len(calls) == n_steps
    calls.clear()
    student = fit(Plain)
    assert not calls
    rest = student.net_.optimizer_.state[student.net_.module_.first.weight]
    assert float(rest["step"]) == n_steps


def test_what_is_not_used_keeps_its_first_weights():
    torch.manual_seed(0)
    first = fit(Plain, max_epochs=1)
    later = fit(Plain, max_epochs=5)
    np.testing.assert_array_equal(numbers(first)["unused.weight"], numbers(later)["unused.weight"])


def test_hooks_of_the_optimizer_are_called():
    called = []

    class Hook(Callback):
        def on_train_begin(self, net, **kwargs):
            net.optimizer_.register_step_post_hook(lambda *_: called.append(1))

    fit(Used, net_params={"callbacks": [("hook", Hook())]})
    assert len(called) == 6 * -(-300 // 32)


@pytest.mark.parametrize(
    "params",
    [
        {"optimizer__amsgrad": True},
        {"optimizer__maximize": True},
        {"optimizer__param_groups": [("first.*", {"lr": 0.1})]},
    ],
)
def test_other_settings_are_left_to_the_optimizer(params, monkeypatch):
    monkeypatch.setattr(FlatOptimizer, "step", lambda self: pytest.fail("stepped as one vector"))
    fit(Used, net_params=params, max_epochs=1, lr=1e-4)

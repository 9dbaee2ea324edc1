"""Deviances are those of scikit-learn, of networks that predict logarithms."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import mean_gamma_deviance, mean_poisson_deviance

from sklearn_regkd.losses import gamma_loss, poisson_loss
from sklearn_regkd.losses.deviance import gamma_derivative, poisson_derivative

quick = settings(max_examples=50, deadline=None)
logs = st.lists(st.floats(-5, 5), min_size=1, max_size=20)
PAIRS = [(poisson_loss, poisson_derivative), (gamma_loss, gamma_derivative)]


def rows(prediction, seed, least=0.0):
    label = np.random.default_rng(seed).gamma(1.0, 2.0, len(prediction)) + least
    label[0] = max(least, 0.0)
    return torch.tensor(prediction, dtype=torch.float64), torch.from_numpy(label)


@quick
@given(logs, st.integers(0, 100))
def test_equals_the_metrics_of_scikit_learn(prediction, seed):
    prediction, label = rows(prediction, seed)
    value = poisson_loss(prediction, label, reduction="mean").item()
    assert value == pytest.approx(mean_poisson_deviance(label, prediction.exp()), abs=1e-9)
    prediction, label = rows(prediction.tolist(), seed, least=0.1)
    value = gamma_loss(prediction, label, reduction="mean").item()
    assert value == pytest.approx(mean_gamma_deviance(label, prediction.exp()), abs=1e-9)


@pytest.mark.parametrize(("loss", "derivative"), PAIRS)
@quick
@given(logs, st.integers(0, 100))
def test_derivative_is_that_of_autograd(loss, derivative, prediction, seed):
    prediction, label = rows(prediction, seed, least=0.1)
    leaf = prediction.clone().requires_grad_()
    loss(leaf, label).sum().backward()
    before = prediction.clone()
    torch.testing.assert_close(derivative(prediction, label), leaf.grad)
    assert torch.equal(prediction, before)


@pytest.mark.parametrize("loss", [poisson_loss, gamma_loss])
def test_minimiser_is_the_logarithm_of_the_mean(loss):
    label = torch.tensor([1.0, 2.0, 9.0], dtype=torch.float64)
    around = torch.log(label.mean()) + torch.tensor([-0.01, 0.0, 0.01], dtype=torch.float64)
    cost = [loss(one.expand(3), label, reduction="sum").item() for one in around]
    assert min(cost) == cost[1]


@pytest.mark.parametrize("loss", [poisson_loss, gamma_loss])
def test_a_row_of_weight_0_counts_as_none(loss):
    prediction, label = torch.tensor([0.5, 1e30]), torch.tensor([2.0, 0.0])
    weight = torch.tensor([1.0, 0.0])
    both = loss(prediction, label, weight=weight, reduction="sum")
    assert both == loss(prediction[:1], label[:1], reduction="sum")


@pytest.mark.parametrize(("loss", "derivative"), PAIRS)
def test_stays_finite_far_away(loss, derivative):
    prediction, label = torch.tensor([-200.0, 200.0]), torch.ones(2)
    assert loss(prediction, label).isfinite().all()
    assert derivative(prediction, label).isfinite().all()

"""The pinball loss, alone and beside a teacher."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import mean_pinball_loss

from sklearn_regkd.losses import quantile_loss
from sklearn_regkd.losses.modules import LabelOnly, element_loss
from sklearn_regkd.losses.quantile import QuantileLoss, QuantileWithTeacher
from tests.helpers import batches

quick = settings(max_examples=50, deadline=None)
levels = st.floats(0.01, 0.99)


@quick
@given(batches(2), levels)
def test_equals_the_metric_of_scikit_learn(batch, level):
    s, y = batch
    value = quantile_loss(s, y, quantile=level, reduction="mean").item()
    metric = mean_pinball_loss(y.flatten(), s.flatten(), alpha=level)
    assert value == pytest.approx(metric, rel=1e-5, abs=1e-6)


@quick
@given(levels, st.integers(2, 50), st.integers(0, 100))
def test_minimiser_is_the_quantile(level, n, seed):
    label = torch.from_numpy(np.random.default_rng(seed).normal(size=n))
    cost = [quantile_loss(s.expand(n), label, quantile=level, reduction="sum") for s in label]
    best = label[int(np.argmin(cost))].item()
    low, high = (np.quantile(label, level, method=m) for m in ("lower", "higher"))
    places = np.sort(label.numpy())
    # The best label is one of the two between which the quantile lies, or beside them.
    first, last = np.searchsorted(places, [low, high])
    assert places[max(first - 1, 0)] <= best <= places[min(last + 1, n - 1)]


@quick
@given(batches(2), levels)
def test_derivative_is_that_of_autograd(batch, level):
    s, y = batch
    loss = QuantileLoss(level)
    leaf = s.clone().requires_grad_()
    loss(leaf, y).sum().backward()
    apart = s != y
    torch.testing.assert_close(loss.derivative(s, y)[apart], leaf.grad[apart])


def test_the_median_is_the_absolute_error():
    s, y = torch.tensor([[1.0], [4.0]]), torch.tensor([[2.0], [2.0]])
    assert torch.equal(QuantileLoss(0.5)(s, y), (s - y).abs())


def test_losses_of_one_level_are_one():
    assert QuantileLoss(0.1) == QuantileLoss(0.1) != QuantileLoss(0.2)
    assert isinstance(element_loss(QuantileLoss(0.1), 1), LabelOnly)
    assert isinstance(element_loss(QuantileLoss(0.1), 1, [0.0]), LabelOnly)
    assert isinstance(element_loss(QuantileLoss(0.1), 1, [0.5]), QuantileWithTeacher)


def test_labels_that_are_not_trusted_have_no_part():
    loss = QuantileWithTeacher(0.9, [0.25])
    s, t = torch.zeros(2, 1), torch.ones(2, 1)
    y = torch.tensor([[2.0], [torch.inf]])
    found = loss(s, y, t, torch.tensor([[True], [False]]))
    assert found.flatten().tolist() == pytest.approx([0.75 * 2 * 0.9 * 2 + 0.25, 0.25])

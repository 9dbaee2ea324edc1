"""The closed forms are what autograd finds."""

import hypothesis.extra.numpy as hnp
import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given

from sklearn_regkd.losses.criterion import SupervisionCriterion
from sklearn_regkd.losses.gradient import element_gradient, is_closed, output_gradient
from sklearn_regkd.losses.modules import (
    BATCHED_LOSSES,
    LEARNED,
    LOG_LOSSES,
    LOSSES,
    element_loss,
)
from sklearn_regkd.losses.quantile import QuantileLoss

VALUES = st.floats(-50, 50, width=32).filter(lambda v: v == 0 or abs(v) > 1e-3)


def by_autograd(loss, prediction, label):
    leaf = prediction.clone().requires_grad_()
    error = loss(leaf, label, label, torch.ones_like(label, dtype=torch.bool))
    error.sum().backward()
    return error.detach(), leaf.grad


class TestElement:
    @given(
        st.sampled_from(sorted(BATCHED_LOSSES)),
        hnp.arrays(np.float32, st.tuples(st.integers(1, 9), st.integers(1, 3)), elements=VALUES),
        st.integers(0, 100),
    )
    def test_equals_autograd(self, name, prediction, seed):
        prediction = torch.from_numpy(prediction)
        label = torch.randn(prediction.shape, generator=torch.Generator().manual_seed(seed))
        label = label.abs() if name in LOG_LOSSES else label
        losses = [element_loss(name, prediction.shape[1]) for _ in range(2)]
        error, gradient = element_gradient(losses[0], prediction, label)
        expected = by_autograd(losses[1], prediction, label)
        torch.testing.assert_close(error, expected[0])
        torch.testing.assert_close(gradient, expected[1])

    def test_which_are_closed(self):
        closed = {name for name in BATCHED_LOSSES if is_closed(element_loss(name, 1))}
        assert closed == {"squared_error", "absolute_error", "huber", *LOG_LOSSES}
        assert is_closed(element_loss(QuantileLoss(0.1), 1))
        assert not is_closed(element_loss(lambda s, y: (s - y) ** 4, 1))

    @pytest.mark.parametrize("name", ["huber", "tukey"])
    def test_running_scale_moves_once(self, name):
        loss, twin = element_loss(name, 2), element_loss(name, 2)
        rows = torch.randn(20, 2, generator=torch.Generator().manual_seed(0))
        element_gradient(loss, rows, torch.zeros(20, 2))
        twin(rows, torch.zeros(20, 2), None, None)
        assert torch.equal(loss.scale.scale, twin.scale.scale)


class TestOutput:
    # barron_learned has a parameter of its own, and is left to autograd as a whole.
    @pytest.mark.parametrize("name", sorted(LOSSES.keys() - LEARNED.keys()))
    @pytest.mark.parametrize("n_heads", [1, 2])
    def test_equals_autograd(self, name, n_heads):
        draw = torch.Generator().manual_seed(3)
        packed = torch.randn(30, 7, generator=draw)
        if name in LOG_LOSSES:
            packed[:, :4].abs_()
        packed[:, 4:6] = (packed[:, 4:6] > -1).float()
        packed[:, 6].abs_()
        packed[:5, 6] = 0  # rows without weight
        said = torch.randn(30, 2 * n_heads, generator=draw)
        criteria = [
            SupervisionCriterion(name, 2, n_heads, alpha=[0.3, 0.7]).train() for _ in range(2)
        ]
        loss, gradient = output_gradient(criteria[0], said, packed)
        leaf = said.clone().requires_grad_()
        expected = criteria[1](leaf, packed)
        expected.backward()
        torch.testing.assert_close(loss, expected.detach())
        torch.testing.assert_close(gradient, leaf.grad)
        assert gradient[:5].abs().max() == 0

"""The losses as modules: the scale of residuals that two of them follow."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sklearn_regkd.losses import (
    absolute_error,
    huber_loss,
    squared_error,
    tukey_loss,
    wing_loss,
)
from sklearn_regkd.losses.modules import RunningScale, element_loss

residuals = st.integers(0, 2**16).map(
    lambda seed: torch.randn(33, 2, generator=torch.Generator().manual_seed(seed))
)


class TestRunningScale:
    @settings(max_examples=20, deadline=None)
    @given(residuals)
    def test_first_batch_sets_it(self, residual):
        scale = RunningScale(2)(residual)
        centred = residual.numpy() - np.median(residual.numpy(), axis=0)
        expected = 1.4826 * np.median(np.abs(centred), axis=0)
        np.testing.assert_allclose(scale, expected, rtol=1e-6)

    @settings(max_examples=20, deadline=None)
    @given(residuals, residuals)
    def test_follows_in_training_mode(self, first, second):
        running = RunningScale(2, momentum=0.25)
        old, new = running(first).clone(), RunningScale(2)(second)
        torch.testing.assert_close(running(second), 0.75 * old + 0.25 * new)
        for _ in range(200):
            running(second)
        torch.testing.assert_close(running(second), new)

    @settings(max_examples=20, deadline=None)
    @given(residuals, residuals)
    def test_stands_still_in_evaluation_mode(self, first, second):
        running = RunningScale(2)
        before = running(first).clone()
        running.eval()
        assert torch.equal(running(1000 * second), before)
        assert torch.equal(running.scale, before)

    @settings(max_examples=20, deadline=None)
    @given(st.lists(residuals, min_size=1, max_size=5), st.integers(-3, 20))
    def test_scale_equivariant_above_the_floor(self, batches, exponent):
        plain, scaled = RunningScale(2, floor=1e-6), RunningScale(2, floor=1e-6)
        for batch in batches:
            plain(batch)
            scaled(2.0**exponent * batch)
        # a power of two is exact in floating point
        assert torch.equal(scaled.scale, 2.0**exponent * plain.scale)

    @settings(max_examples=20, deadline=None)
    @given(st.lists(residuals, min_size=1, max_size=5), st.floats(0, 1e-2))
    def test_never_below_the_floor(self, batches, factor):
        running = RunningScale(2, floor=1e-2)
        floor = torch.tensor(1e-2)
        for batch in batches:
            assert (running(factor * batch) >= floor).all()

    def test_gross_outliers_do_not_inflate_it(self):
        residual = torch.randn(1001, 1, generator=torch.Generator().manual_seed(0))
        clean = RunningScale(1)(residual).item()
        residual[:300] = 1e9
        assert RunningScale(1)(residual).item() < 3 * clean

    def test_gives_no_gradient(self):
        residual = torch.randn(9, 1).requires_grad_()
        assert not RunningScale(1)(residual).requires_grad

    def test_is_saved_with_the_net(self):
        running = RunningScale(2)
        running(torch.randn(9, 2))
        other = RunningScale(2)
        other.load_state_dict(running.state_dict())
        assert torch.equal(other.scale, running.scale)


@pytest.mark.parametrize("loss", [squared_error, absolute_error, huber_loss, tukey_loss, wing_loss])
def test_our_own_functions_are_losses_like_the_users(loss):
    prediction, label = torch.tensor([[1.0], [2.0]]), torch.tensor([[1.5], [-1.0]])
    everywhere = torch.ones(2, 1, dtype=torch.bool)
    found = element_loss(loss, 1)(prediction, label, label, everywhere)
    assert torch.equal(found, loss(prediction, label))

"""Barron's loss: its named members, its limits, and a shape that is learned."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from sklearn_regkd.losses import barron_loss
from sklearn_regkd.losses.barron import log_partition
from tests.helpers import batches, gradient

quick = settings(max_examples=30, deadline=None)

positive = st.floats(0.1, 10)


class TestBarron:
    @quick
    @given(batches(2))
    def test_named_members(self, batch):
        s, y = batch
        square = (s - y).square()
        close = {"rtol": 3e-3, "atol": 1e-12}
        members = {
            2.0: square,
            1.0: 2 * ((square + 1).sqrt() - 1),
            0.0: 2 * (square / 2).log1p(),
            -2.0: 4 * square / (square + 4),
        }
        for shape, expected in members.items():
            torch.testing.assert_close(barron_loss(s, y, shape=shape), expected, **close)

    @quick
    @given(batches(2), st.floats(-20, 2), positive)
    def test_squared_error_near_the_label(self, batch, shape, scale):
        y = batch[1]
        d = 1e-4 * scale
        loss = barron_loss(y + d, y, shape=shape, scale=scale)
        torch.testing.assert_close(loss, torch.full_like(loss, d**2), rtol=1e-3, atol=0)

    @quick
    @given(batches(2), st.floats(-20, 2), st.floats(-20, 2))
    def test_a_smaller_shape_forgives_more(self, batch, a, b):
        low, high = sorted((a, b))
        s, y = batch
        less, more = (barron_loss(s, y, shape=shape) for shape in (low, high))
        assert (less <= more * (1 + 2e-3) + 1e-12).all()

    def test_an_outlier_hardly_pulls(self):
        pull = gradient(barron_loss, torch.tensor([1.0, 1000.0]), torch.zeros(2), shape=-2.0)
        assert pull[0] > 100 * pull[1] > 0

    @pytest.mark.parametrize("shape", [2.0, 1.5, 1.0, 0.5, 0.1])
    def test_log_partition(self, shape):
        def density(x):
            x = torch.tensor([x], dtype=torch.float64)
            return math.exp(-barron_loss(x, 0 * x, shape=shape).item() / 2)

        by_scipy = quad(density, -np.inf, np.inf, limit=500)[0]
        ours = log_partition(torch.tensor([shape], dtype=torch.float64)).item()
        assert ours == pytest.approx(math.log(by_scipy), rel=1e-3)

    def test_the_shape_is_learned(self):
        rng = np.random.default_rng(0)
        shapes = []
        for draw in (rng.standard_normal, lambda n: rng.standard_cauchy(n)):
            error = torch.tensor(draw(500))[:, None]
            raw = torch.zeros(1, dtype=torch.float64, requires_grad=True)
            optimizer = torch.optim.Adam([raw], lr=0.1)
            for _ in range(100):
                shape = 2 * raw.sigmoid()
                loss = barron_loss(error, 0 * error, shape=shape).mean() / 2 + log_partition(shape)
                optimizer.zero_grad()
                loss.sum().backward()
                optimizer.step()
            shapes.append(shape.item())
        assert shapes[0] > 1.7
        assert shapes[1] < 0.5

    @pytest.mark.parametrize("params", [{"shape": 2.5}, {"scale": 0.0}])
    def test_bad_parameters(self, params):
        with pytest.raises(ValueError, match="at most 2 and scale positive"):
            barron_loss(torch.ones(1), torch.ones(1), **params)

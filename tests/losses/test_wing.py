"""The wing loss: a logarithm near the label, and a line far from it."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sklearn_regkd.losses import absolute_error, wing_loss
from tests.helpers import batches, gradient

quick = settings(max_examples=30, deadline=None)

positive = st.floats(0.1, 10)


class TestWing:
    @quick
    @given(batches(2), positive, positive)
    def test_continuous_where_the_pieces_meet(self, batch, width, curvature):
        y = batch[1]
        below, above = (
            wing_loss(y + width * (1 + e), y, width=width, curvature=curvature)
            for e in (-1e-9, 1e-9)
        )
        torch.testing.assert_close(below, above, atol=1e-6, rtol=0)

    @quick
    @given(batches(2), positive, positive)
    def test_slope(self, batch, width, curvature):
        s, y = batch
        pull = gradient(wing_loss, s, y, width=width, curvature=curvature)
        d = s - y
        near = width / (curvature + d.abs())
        expected = torch.where(d.abs() < width, near, torch.ones_like(d)) * d.sign()
        torch.testing.assert_close(pull, expected)

    def test_formula(self):
        value = wing_loss(torch.tensor([0.25, 3.0]), torch.zeros(2))
        join = 0.5 - 0.5 * math.log(6)
        expected = [0.5 * math.log(3.5), 3 - join]
        np.testing.assert_allclose(value, expected, rtol=1e-6)

    @pytest.mark.parametrize("params", [{"width": 0.0}, {"curvature": -1.0}])
    def test_bad_parameters(self, params):
        with pytest.raises(ValueError, match="must be positive"):
            wing_loss(torch.ones(1), torch.ones(1), **params)


def test_absolute_error_is_the_limit_of_wing():
    d = torch.linspace(0.1, 3, 20)
    near = wing_loss(d, 0 * d, width=1e-4, curvature=1e-4)
    torch.testing.assert_close(near, absolute_error(d, 0 * d), atol=1e-3, rtol=0)

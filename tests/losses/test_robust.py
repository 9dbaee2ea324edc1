"""The properties of the losses that compare with one target."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sklearn_regkd.losses import absolute_error, huber_loss, squared_error, tukey_loss
from tests.helpers import batches, gradient, on_grid

quick = settings(max_examples=30, deadline=None)
positive = st.floats(0.1, 50)

LOSSES = [squared_error, absolute_error, huber_loss, tukey_loss]
all_losses = pytest.mark.parametrize("loss", LOSSES)


def column(values):
    return torch.tensor(values, dtype=torch.float64)


@all_losses
class TestAllLosses:
    @quick
    @given(batch=batches(2))
    def test_zero_exactly_at_the_label_and_positive_elsewhere(self, loss, batch):
        s, y = batch
        value = loss(s, y)
        assert (value >= 0).all()
        assert torch.equal(value == 0, s == y)

    @quick
    @given(batch=batches(2), shift=on_grid)
    def test_depends_on_the_distance_only(self, loss, batch, shift):
        s, y = batch
        value = loss(s, y)
        assert torch.equal(loss(s + shift, y + shift), value)
        assert torch.equal(loss(-s, -y), value)
        assert torch.equal(loss(y, s), value)

    @quick
    @given(batch=batches(2))
    def test_never_falls_with_the_distance(self, loss, batch):
        s, y = batch
        order = (s - y).abs().flatten().argsort()
        value = loss(s, y).flatten()[order]
        assert (value.diff() >= -1e-12).all()
        slope = gradient(loss, s, y)
        assert (slope * (s - y) >= 0).all()

    @quick
    @given(batch=batches(2), random=st.randoms(use_true_random=False))
    def test_order_of_rows(self, loss, batch, random):
        s, y = batch
        order = list(range(len(s)))
        random.shuffle(order)
        torch.testing.assert_close(loss(s[order], y[order]), loss(s, y)[order])
        for reduction in ("sum", "mean"):
            torch.testing.assert_close(
                loss(s[order], y[order], reduction=reduction), loss(s, y, reduction=reduction)
            )

    @quick
    @given(batch=batches(2), at=st.integers(0, 20))
    def test_split_into_two_batches(self, loss, batch, at):
        s, y = batch
        first, second = (s[:at], y[:at]), (s[at:], y[at:])
        torch.testing.assert_close(torch.cat([loss(*first), loss(*second)]), loss(s, y))
        torch.testing.assert_close(
            loss(*first, reduction="sum") + loss(*second, reduction="sum"),
            loss(s, y, reduction="sum"),
        )

    @quick
    @given(batch=batches(2), data=st.data())
    def test_integer_weight_is_repetition_and_zero_is_absence(self, loss, batch, data):
        s, y = batch
        n = len(s)
        counts = torch.tensor(data.draw(st.lists(st.integers(0, 3), min_size=n, max_size=n)))
        weight = counts.double()
        repeated = [x.repeat_interleave(counts, dim=0) for x in batch]
        torch.testing.assert_close(
            loss(s, y, weight=weight), loss(s, y) * weight.reshape(-1, *[1] * (s.ndim - 1))
        )
        torch.testing.assert_close(
            loss(s, y, weight=weight, reduction="sum"), loss(*repeated, reduction="sum")
        )
        if counts.any():
            torch.testing.assert_close(
                loss(s, y, weight=weight, reduction="mean"), loss(*repeated, reduction="mean")
            )

    @pytest.mark.parametrize("far", [1e30, math.inf])
    def test_row_of_weight_zero_is_absent_however_far_its_label(self, loss, far):
        s = torch.tensor([0.0, 1.0, 2.0], requires_grad=True)
        y = torch.tensor([1.0, far, 4.0])
        loss(s, y, weight=torch.tensor([1.0, 0.0, 2.0]), reduction="mean").backward()
        present = [0, 2, 2]
        leaf = s.detach()[present].requires_grad_()
        loss(leaf, y[present], reduction="mean").backward()
        expected = torch.tensor([leaf.grad[0], 0.0, leaf.grad[1] + leaf.grad[2]])
        torch.testing.assert_close(s.grad, expected)

    @settings(max_examples=10, deadline=None)
    @given(batch=batches(2, st.floats(-8, 8)))
    def test_gradient_equals_the_numerical_one(self, loss, batch):
        s, y = batch
        if loss is absolute_error:
            # no derivative at the label itself
            s = torch.where((s - y).abs() < 1e-3, y + 1, s)
        assert torch.autograd.gradcheck(lambda x: loss(x, y), (s.requires_grad_(),))

    @quick
    @given(batch=batches(2))
    def test_single_precision(self, loss, batch):
        s, y = batch
        # Tukey subtracts from 1: its rounding is absolute, of the size of its plateau
        torch.testing.assert_close(
            loss(s.float(), y.float()).double(), loss(s, y), rtol=1e-6, atol=3e-6
        )

    def test_no_silent_broadcast(self, loss):
        with pytest.raises(ValueError, match=r"label has shape \(3, 1\)"):
            loss(torch.zeros(3), torch.zeros(3, 1))

    def test_unknown_reduction_lists_the_known(self, loss):
        with pytest.raises(ValueError, match=r"'average' is unknown.*none, mean, sum"):
            loss(torch.zeros(3), torch.zeros(3), reduction="average")

    def test_weight_of_another_length(self, loss):
        with pytest.raises(ValueError, match="weight has shape"):
            loss(torch.zeros(3), torch.zeros(3), weight=torch.ones(2))


@quick
@given(batches(2, st.floats(-1e6, 1e6)))
def test_squared_and_absolute_formulas(batch):
    s, y = batch
    difference = s.numpy() - y.numpy()
    np.testing.assert_allclose(squared_error(s, y), difference**2, rtol=1e-15)
    assert np.array_equal(absolute_error(s, y), np.abs(difference))
    assert torch.equal(gradient(absolute_error, s, y), (s - y).sign())


class TestHuber:
    @quick
    @given(batches(2), positive)
    def test_formula(self, batch, delta):
        s, y = batch
        d = np.abs(s.numpy() - y.numpy())
        expected = np.where(d <= delta, d**2, delta * (2 * d - delta))
        np.testing.assert_allclose(huber_loss(s, y, delta=delta), expected, rtol=1e-12)

    @quick
    @given(batches(2))
    def test_equals_the_squared_error_within_delta(self, batch):
        s, y = batch
        # no distance on the grid exceeds 128
        assert torch.equal(huber_loss(s, y, delta=128.0), squared_error(s, y))

    @quick
    @given(positive, positive)
    def test_grows_linearly_outside(self, delta, beyond):
        far = column([delta + beyond, delta + 2 * beyond, delta + 3 * beyond])
        value = huber_loss(far, torch.zeros_like(far), delta=delta)
        torch.testing.assert_close(value.diff(), column([2 * delta * beyond] * 2))

    @quick
    @given(positive, st.sampled_from([1.0, -1.0]))
    def test_value_and_slope_are_continuous_at_delta(self, delta, sign):
        h = 1e-7 * delta
        s = sign * column([delta - h, delta, delta + h])
        y = torch.zeros_like(s)
        value = huber_loss(s, y, delta=delta)
        assert (value.diff().abs() <= 2.1 * delta * h).all()
        slope = gradient(huber_loss, s, y, delta=delta)
        torch.testing.assert_close(slope, sign * column([2 * delta] * 3), rtol=1e-6, atol=0)

    def test_far_label_does_not_overflow_in_single_precision(self):
        s, y = torch.zeros(3), torch.tensor([1e30, -1e30, 3e37])
        value = huber_loss(s, y)
        torch.testing.assert_close(value, 2 * 1.345 * y.abs())
        assert torch.isinf(squared_error(s, y)).all()
        torch.testing.assert_close(gradient(huber_loss, s, y), -2.69 * y.sign())

    def test_delta_per_output(self):
        s, y = torch.tensor([[3.0, 3.0]]), torch.zeros(1, 2)
        value = huber_loss(s, y, delta=torch.tensor([1.0, 10.0]))
        assert torch.equal(value, torch.tensor([[5.0, 9.0]]))

    @quick
    @given(batches(2), positive, positive)
    def test_scale(self, batch, delta, a):
        s, y = batch
        torch.testing.assert_close(
            huber_loss(a * s, a * y, delta=a * delta),
            a**2 * huber_loss(s, y, delta=delta),
            rtol=1e-9,
            atol=1e-9,
        )


class TestTukey:
    @quick
    @given(batches(2), positive, st.floats(0.5, 10))
    def test_formula_and_bound(self, batch, scale, c):
        s, y = batch
        cut = c * scale
        d = np.abs(s.numpy() - y.numpy())
        u = np.minimum(d / cut, 1) ** 2
        value = tukey_loss(s, y, scale=scale, c=c)
        # 1 - (1 - u)^3, written out; the library's subtraction from 1 is rounded
        # to a few units in the last place of the plateau
        np.testing.assert_allclose(
            value, cut**2 / 3 * u * (3 - 3 * u + u**2), rtol=1e-12, atol=1e-15 * cut**2
        )
        far = d > cut
        np.testing.assert_allclose(value[far], cut**2 / 3, rtol=1e-15)
        assert (value <= cut**2 / 3 * (1 + 1e-15)).all()

    @quick
    @given(positive, st.sampled_from([1.0, -1.0]))
    def test_squared_error_to_second_order_near_the_label(self, scale, sign):
        # b^2/3 (1 - (1 - u)^3) = b^2 (u - u^2 + u^3/3) with u = (d/b)^2
        cut = 4.685 * scale
        d = cut * column([1e-1, 1e-2, 1e-3])
        y = torch.zeros_like(d)
        ratio = tukey_loss(sign * d, y, scale=scale) / squared_error(d, y)
        assert (1 - ratio <= (d / cut) ** 2 + 1e-9).all()
        assert (ratio < 1).all()

    @quick
    @given(positive, st.floats(1.0, 1e30), st.sampled_from([1.0, -1.0]))
    def test_no_gradient_beyond_the_cut(self, scale, factor, sign):
        far = sign * column([4.685 * scale * factor * (1 + 1e-12)])
        origin = torch.zeros_like(far)
        assert gradient(tukey_loss, origin, far, scale=scale) == 0
        assert gradient(tukey_loss, origin, far / (2 * factor), scale=scale) != 0

    def test_far_label_does_not_overflow_in_single_precision(self):
        s, y = torch.zeros(2), torch.tensor([1e30, -3e38])
        torch.testing.assert_close(tukey_loss(s, y), torch.full((2,), 4.685**2 / 3))
        assert torch.equal(gradient(tukey_loss, s, y), torch.zeros(2))

    @quick
    @given(batches(2), positive, positive)
    def test_scale(self, batch, scale, a):
        s, y = batch
        torch.testing.assert_close(
            tukey_loss(a * s, a * y, scale=a * scale),
            a**2 * tukey_loss(s, y, scale=scale),
            rtol=1e-9,
            atol=1e-9,
        )

    def test_scale_per_output(self):
        s, y = torch.tensor([[3.0, 3.0]]), torch.zeros(1, 2)
        value = tukey_loss(s, y, c=1.0, scale=torch.tensor([1.0, 3.0]))
        torch.testing.assert_close(value, torch.tensor([[1 / 3, 3.0]]))

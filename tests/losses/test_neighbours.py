"""Properties of the losses of neighbouring papers: attentive, bounded, wing, Barron's."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.integrate import quad

from sklearn_regkd.losses import (
    absolute_error,
    attentive_loss,
    barron_loss,
    bounded_loss,
    squared_error,
    wing_loss,
)
from sklearn_regkd.losses.attentive import attention
from sklearn_regkd.losses.barron import log_partition

quick = settings(max_examples=30, deadline=None)
on_grid = st.integers(-640, 640).map(lambda i: i / 64)
positive = st.floats(0.1, 10)


@st.composite
def batches(draw, n=3):
    """Student, label and teacher of one shape, float64."""
    shape = (n, draw(st.integers(1, 8)), draw(st.integers(1, 3)))
    return tuple(torch.tensor(draw(arrays(np.float64, shape, elements=on_grid))))


def slope(loss, s, *args, **kwargs):
    leaf = s.clone().requires_grad_()
    loss(leaf, *args, **kwargs, reduction="sum").backward()
    return leaf.grad


class TestAttentive:
    @quick
    @given(batches(), positive)
    def test_attention_falls_with_disagreement(self, batch, eta):
        _, y, t = batch
        phi = attention(y, t, eta)
        assert ((phi >= 0) & (phi <= 1)).all()
        assert torch.equal(attention(y, y, eta), torch.ones_like(y))
        assert (attention(y, y + 2 * (t - y), eta) <= phi).all()
        assert (phi[(t - y).square() >= eta] < 1e-12).all()

    @quick
    @given(batches(), positive)
    def test_limits_of_alpha(self, batch, eta):
        s, y, t = batch
        torch.testing.assert_close(attentive_loss(s, y, t, eta=eta, alpha=0.0), (s - y).square())
        phi = attention(y, t, eta)
        expected = phi * (s - t).square()
        torch.testing.assert_close(attentive_loss(s, y, t, eta=eta, alpha=1.0), expected)

    @quick
    @given(batches(), positive, st.floats(0, 1))
    def test_best_answer_is_the_weighted_mean(self, batch, eta, alpha):
        _, y, t = batch
        weight = alpha * attention(y, t, eta)
        best = ((1 - alpha) * y + weight * t) / (1 - alpha + weight).clamp(min=1e-9)
        pull = slope(attentive_loss, best, y, t, eta=eta, alpha=alpha)
        torch.testing.assert_close(pull, torch.zeros_like(pull), atol=1e-6, rtol=0)

    def test_a_contradicted_teacher_has_no_pull_however_far(self):
        s, y = torch.ones(2), torch.zeros(2)
        t = torch.tensor([5.0, torch.inf])
        assert slope(attentive_loss, s, y, t, eta=4.0).tolist() == [1.0, 1.0]

    def test_eta_must_be_positive(self):
        with pytest.raises(ValueError, match="eta must be positive"):
            attentive_loss(torch.ones(1), torch.ones(1), torch.ones(1), eta=0.0)


class TestBounded:
    @quick
    @given(batches())
    def test_zero_where_the_student_is_not_worse(self, batch):
        s, y, t = batch
        loss = bounded_loss(s, y, t)
        better = (s - y).abs() <= (t - y).abs()
        assert (loss[better] == 0).all()
        assert torch.equal(loss[~better], (s - y).square()[~better])

    @quick
    @given(batches(), st.floats(0, 5), st.floats(0, 5))
    def test_a_margin_asks_for_more(self, batch, a, b):
        low, high = sorted((a, b))
        s, y, t = batch
        assert (bounded_loss(s, y, t, margin=low) <= bounded_loss(s, y, t, margin=high)).all()

    @quick
    @given(batches())
    def test_a_perfect_teacher_leaves_the_squared_error(self, batch):
        s, y, _ = batch
        assert torch.equal(bounded_loss(s, y, y), squared_error(s, y))

    def test_a_negative_margin_is_refused(self):
        with pytest.raises(ValueError, match="margin"):
            bounded_loss(torch.ones(1), torch.ones(1), torch.ones(1), margin=-1.0)


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
        pull = slope(wing_loss, s, y, width=width, curvature=curvature)
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
        pull = slope(barron_loss, torch.tensor([1.0, 1000.0]), torch.zeros(2), shape=-2.0)
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


@pytest.mark.parametrize(
    ("loss", "params", "others"),
    [
        (attentive_loss, {"eta": 1.0}, 2),
        (bounded_loss, {}, 2),
        (wing_loss, {}, 1),
        (barron_loss, {}, 1),
    ],
)
class TestAll:
    def test_weights_and_reduction(self, loss, params, others):
        s, y, t = torch.tensor([[1.0, 3.0, 2.0], [0.0, 1.0, -1.0], [0.5, 1.5, -1.5]])
        targets = (y, t)[:others]
        element = loss(s, *targets, **params)
        weight = torch.tensor([2.0, 0.0, 1.0])
        mean = loss(s, *targets, **params, weight=weight, reduction="mean")
        torch.testing.assert_close(mean, (weight * element).sum() / 3)

    def test_a_row_of_weight_zero_is_absent(self, loss, params, others):
        s = torch.tensor([1.0, torch.inf], requires_grad=True)
        targets = (torch.zeros(2), torch.zeros(2))[:others]
        loss(s, *targets, **params, weight=torch.tensor([1.0, 0.0]), reduction="sum").backward()
        assert s.grad[1] == 0
        assert torch.isfinite(s.grad).all()

    def test_shapes_must_agree(self, loss, params, others):
        targets = (torch.zeros(2, 1), torch.zeros(2))[:others]
        with pytest.raises(ValueError, match="shape"):
            loss(torch.zeros(2), *targets, **params)


def test_absolute_error_is_the_limit_of_wing():
    d = torch.linspace(0.1, 3, 20)
    near = wing_loss(d, 0 * d, width=1e-4, curvature=1e-4)
    torch.testing.assert_close(near, absolute_error(d, 0 * d), atol=1e-3, rtol=0)

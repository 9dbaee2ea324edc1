"""The properties of the TOR loss, on random students, labels and teachers."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sklearn_regkd.losses import squared_error, tor_loss
from tests.helpers import GRID, gradient, on_grid, shapes

quick = settings(max_examples=40, deadline=None)


@st.composite
def triples(draw, elements=on_grid):
    """Student, label, teacher and inlier mask of one shape, float64."""
    shape = draw(shapes)
    values = draw(arrays(np.float64, (3, *shape), elements=elements))
    inlier = draw(arrays(bool, shape))
    return (*torch.tensor(values), torch.tensor(inlier))


class TestSignAndZeros:
    @quick
    @given(
        triples(st.floats(-1e6, 1e6)),
        st.sampled_from([torch.float32, torch.float64]),
        st.floats(1e-4, 10),
    )
    def test_never_negative(self, batch, dtype, smoothing):
        s, y, t, inlier = batch
        loss = tor_loss(s.to(dtype), y.to(dtype), t.to(dtype), inlier=inlier, smoothing=smoothing)
        assert (loss >= 0).all()

    @quick
    @given(triples())
    def test_zero_exactly_where_the_student_says_what_it_should(self, batch):
        s, y, t, inlier = batch
        should_say = torch.where(inlier, y, t)
        assert torch.equal(tor_loss(s, y, t, inlier=inlier) == 0, s == should_say)

    @quick
    @given(triples(), st.sampled_from([torch.float32, torch.float64]))
    def test_zero_for_a_student_that_says_what_it_should(self, batch, dtype):
        _, y, t, inlier = batch
        y, t = y.to(dtype), t.to(dtype)
        s = torch.where(inlier, y, t)
        assert (tor_loss(s, y, t, inlier=inlier) == 0).all()


class TestWhoWins:
    @quick
    @given(
        triples(),
        st.sampled_from([0.0, 1.0, -1e30, 1e30, math.inf]),
        st.sampled_from([torch.float32, torch.float64]),
    )
    def test_trusted_label_means_squared_error_whatever_the_teacher(self, batch, shift, dtype):
        s, y, t, _ = (x.to(dtype) for x in batch)
        trusted = torch.ones_like(s, dtype=torch.bool)
        assert torch.equal(tor_loss(s, y, t + shift, inlier=trusted), squared_error(s, y))
        assert torch.equal(gradient(tor_loss, s, y, t + shift, inlier=trusted), 2 * (s - y))

    @quick
    @given(
        triples(),
        st.sampled_from([200.0, -1e30, 1e30, math.inf]),
        st.sampled_from([torch.float32, torch.float64]),
    )
    def test_rejected_label_enters_neither_value_nor_gradient(self, batch, shift, dtype):
        s, y, t, _ = (x.to(dtype) for x in batch)
        # 200 > the widest distance on the grid (128) plus the threshold
        near, far = t + 10, y + shift
        loss = tor_loss(s, near, t, threshold=1.0)
        assert torch.equal(tor_loss(s, far, t, threshold=1.0), loss)
        slope = gradient(tor_loss, s, near, t, threshold=1.0)
        assert torch.equal(gradient(tor_loss, s, far, t, threshold=1.0), slope)
        assert torch.isfinite(loss).all()
        assert torch.isfinite(slope).all()

    @quick
    @given(triples())
    def test_rejection_pulls_to_the_teacher_not_to_the_label(self, batch):
        s, y, t, inlier = batch
        slope = gradient(tor_loss, s, y, t, inlier=inlier)
        assert torch.equal(slope.sign(), (s - torch.where(inlier, y, t)).sign())

    @quick
    @given(triples())
    def test_boundless_threshold_is_squared_error(self, batch):
        s, y, t, _ = batch
        for threshold in (math.inf, 1e30, 129.0):
            assert torch.equal(tor_loss(s, y, t, threshold=threshold), squared_error(s, y))

    @quick
    @given(triples())
    def test_threshold_zero_rejects_everything(self, batch):
        s, y, t, inlier = batch
        rejected = tor_loss(s, y, t, inlier=torch.zeros_like(inlier))
        assert torch.equal(tor_loss(s, y, t, threshold=0.0), rejected)
        # even a label that agrees with its teacher
        assert torch.equal(tor_loss(s, t, t, threshold=0.0), rejected)

    @quick
    @given(triples(), st.integers(0, 8192))
    def test_threshold_and_inlier_agree(self, batch, steps):
        s, y, t, _ = batch
        threshold = steps * GRID
        inlier = (y - t).abs() < threshold
        expected = tor_loss(s, y, t, inlier=inlier)
        assert torch.equal(tor_loss(s, y, t, threshold=threshold), expected)
        assert torch.equal(tor_loss(s, y, t, threshold=torch.tensor(threshold)), expected)

    def test_label_at_the_threshold_is_rejected(self):
        s, y, t = torch.tensor([[3.0], [2.0], [0.0]], dtype=torch.float64)
        assert tor_loss(s, y, t, threshold=math.nextafter(2.0, 3.0)) == 1
        assert tor_loss(s, y, t, threshold=2.0) == tor_loss(s, t, t, threshold=0.0)

    def test_threshold_per_output(self):
        generator = torch.Generator().manual_seed(0)
        s, y, t = torch.randn(3, 50, 2, generator=generator)
        thresholds = torch.tensor([0.5, 2.0])
        both = tor_loss(s, y, t, threshold=thresholds)
        for k in range(2):
            alone = tor_loss(s[:, k], y[:, k], t[:, k], threshold=float(thresholds[k]))
            torch.testing.assert_close(both[:, k], alone)
        # not the same rows are rejected by both thresholds
        assert not torch.equal(both, tor_loss(s, y, t, threshold=thresholds.flip(0)))


class TestShape:
    @quick
    @given(triples(), on_grid)
    def test_translation(self, batch, shift):
        s, y, t, inlier = batch
        moved = (s + shift, y + shift, t + shift)
        assert torch.equal(tor_loss(*moved, inlier=inlier), tor_loss(s, y, t, inlier=inlier))
        assert torch.equal(tor_loss(*moved, threshold=2.0), tor_loss(s, y, t, threshold=2.0))

    @quick
    @given(triples(st.floats(-10, 10)), st.floats(-10, 10))
    def test_translation_off_the_grid(self, batch, shift):
        s, y, t, inlier = batch
        torch.testing.assert_close(
            tor_loss(s + shift, y + shift, t + shift, inlier=inlier),
            tor_loss(s, y, t, inlier=inlier),
            rtol=1e-9,
            atol=1e-12,
        )

    @quick
    @given(triples(st.floats(-100, 100)))
    def test_sign_symmetry(self, batch):
        s, y, t, inlier = batch
        loss = tor_loss(s, y, t, inlier=inlier)
        assert torch.equal(tor_loss(-s, -y, -t, inlier=inlier), loss)
        assert torch.equal(tor_loss(-s, -y, -t, threshold=1.0), tor_loss(s, y, t, threshold=1.0))

    @quick
    @given(triples(), st.booleans())
    def test_grows_strictly_with_the_distance(self, batch, trusted):
        s, y, t, inlier = batch
        loss = tor_loss(s, y, t, inlier=torch.full_like(inlier, trusted)).flatten()
        distance = (s - (y if trusted else t)).abs().flatten()
        farther = distance[:, None] > distance[None, :]
        assert torch.equal(loss[:, None] > loss[None, :], farther)

    @pytest.mark.parametrize("distance", [0.25, 1.0, 9.0])
    def test_root_tends_to_the_square_root(self, distance):
        s, t = torch.tensor([[distance], [0.0]]).double()
        errors = []
        for smoothing in (1e-2, 1e-4, 1e-6, 1e-8):
            loss = tor_loss(s, s, t, threshold=0.0, smoothing=smoothing)
            error = abs(float(loss) - math.sqrt(distance))
            # (d^2 + e^2)^(1/4) >= sqrt(d): the error is at most the subtracted
            # sqrt(e), give or take the rounding of numbers of the size of the root
            assert error <= math.sqrt(smoothing) + 1e-15 * math.sqrt(distance)
            errors.append(error)
        assert errors == sorted(errors, reverse=True)
        assert errors[-1] < 1.1e-4

    @quick
    @given(triples())
    def test_root_is_the_documented_formula(self, batch):
        s, y, t, inlier = batch
        eps = 0.5
        d = (s - t).numpy()
        expected = (d**2 + eps**2) ** 0.25 - eps**0.5
        loss = tor_loss(s, y, t, inlier=torch.zeros_like(inlier), smoothing=eps)
        np.testing.assert_allclose(loss, expected, rtol=1e-12, atol=1e-14)


class TestBatches:
    @quick
    @given(triples(), st.randoms(use_true_random=False))
    def test_order_of_rows(self, batch, random):
        s, y, t, inlier = batch
        order = list(range(len(s)))
        random.shuffle(order)
        torch.testing.assert_close(
            tor_loss(s[order], y[order], t[order], inlier=inlier[order]),
            tor_loss(s, y, t, inlier=inlier)[order],
        )
        for reduction in ("sum", "mean"):
            torch.testing.assert_close(
                tor_loss(s[order], y[order], t[order], threshold=2.0, reduction=reduction),
                tor_loss(s, y, t, threshold=2.0, reduction=reduction),
            )

    @quick
    @given(triples(), st.integers(0, 20))
    def test_split_into_two_batches(self, batch, at):
        parts = [[x[:at] for x in batch], [x[at:] for x in batch]]

        def loss(s, y, t, inlier, reduction, **kwargs):
            return tor_loss(s, y, t, inlier=inlier, reduction=reduction, **kwargs)

        torch.testing.assert_close(
            torch.cat([loss(*part, "none") for part in parts]), loss(*batch, "none")
        )
        torch.testing.assert_close(sum(loss(*part, "sum") for part in parts), loss(*batch, "sum"))
        # A mean is put together from those of the parts by their total weights.
        weight = torch.arange(1.0, 1 + len(batch[0]), dtype=torch.float64)
        parts_weight = [w for w in (weight[:at], weight[at:]) if len(w)]
        parts = [part for part in parts if len(part[0])]
        means = [
            loss(*part, "mean", weight=w) * w.sum()
            for part, w in zip(parts, parts_weight, strict=True)
        ]
        torch.testing.assert_close(sum(means) / weight.sum(), loss(*batch, "mean", weight=weight))

    @pytest.mark.slow
    @quick
    @given(triples(), st.data())
    def test_integer_weight_is_repetition_and_zero_is_absence(self, batch, data):
        n = len(batch[0])
        counts = torch.tensor(data.draw(st.lists(st.integers(0, 3), min_size=n, max_size=n)))
        weight = counts.double()
        repeated = [x.repeat_interleave(counts, dim=0) for x in batch]
        s, y, t, inlier = batch

        weighted = tor_loss(s, y, t, inlier=inlier, weight=weight)
        plain = tor_loss(s, y, t, inlier=inlier)
        torch.testing.assert_close(weighted, plain * weight.reshape(-1, *[1] * (s.ndim - 1)))
        for reduction in ("sum", "mean"):
            if reduction == "mean" and not counts.any():
                continue  # the mean of nothing
            torch.testing.assert_close(
                tor_loss(s, y, t, inlier=inlier, weight=weight, reduction=reduction),
                tor_loss(*repeated[:3], inlier=repeated[3], reduction=reduction),
            )

    @pytest.mark.parametrize("reduction", ["sum", "mean"])
    def test_row_of_weight_zero_is_absent_even_if_its_loss_overflows(self, reduction):
        s = torch.tensor([0.0, 1.0, 2.0], requires_grad=True)
        y = torch.tensor([1.0, 1e30, 4.0])
        trusted = torch.ones(3, dtype=torch.bool)
        assert torch.isinf(tor_loss(s, y, y, inlier=trusted)[1])

        weight = torch.tensor([1.0, 0.0, 1.0])
        loss = tor_loss(s, y, y, inlier=trusted, weight=weight, reduction=reduction)
        loss.backward()
        assert loss == (5.0 if reduction == "sum" else 2.5)
        share = 1.0 if reduction == "sum" else 0.5
        assert torch.equal(s.grad, share * torch.tensor([-2.0, 0.0, -4.0]))

    def test_row_of_weight_zero_is_absent_even_if_its_label_is_infinite(self):
        s = torch.tensor([0.0, 1.0], requires_grad=True)
        y = torch.tensor([1.0, math.inf])
        trusted = torch.ones(2, dtype=torch.bool)
        loss = tor_loss(s, y, y, inlier=trusted, weight=torch.tensor([1.0, 0.0]), reduction="sum")
        loss.backward()
        assert loss == 1
        assert torch.equal(s.grad, torch.tensor([-2.0, 0.0]))


class TestGradient:
    @settings(max_examples=15, deadline=None)
    @given(triples(st.floats(-20, 20)))
    def test_equals_the_numerical_one(self, batch):
        s, y, t, inlier = batch
        # a wide smoothing: finite differences must resolve the rounded tip
        assert torch.autograd.gradcheck(
            lambda x: tor_loss(x, y, t, inlier=inlier, smoothing=0.5), (s.requires_grad_(),)
        )

    def test_equals_the_numerical_one_at_the_tip(self):
        t = torch.zeros(5, dtype=torch.float64)
        s = torch.tensor([-1e-2, -1e-3, 0.0, 1e-3, 1e-2], dtype=torch.float64)
        assert torch.autograd.gradcheck(
            lambda x: tor_loss(x, t, t, threshold=0.0), (s.requires_grad_(),)
        )

    @quick
    @given(
        triples(st.floats(-1e15, 1e15)),
        st.floats(1e-8, 1),
        st.sampled_from([torch.float32, torch.float64]),
    )
    def test_finite_and_bounded_everywhere(self, batch, smoothing, dtype):
        s, y, t, inlier = batch
        data = s.to(dtype), y.to(dtype), t.to(dtype)
        slope = gradient(tor_loss, *data, inlier=inlier, smoothing=smoothing)
        s = torch.where(torch.arange(s.numel()).reshape(s.shape) % 2 == 0, t, s)
        slope = gradient(
            tor_loss, s.to(dtype), y.to(dtype), t.to(dtype), inlier=inlier, smoothing=smoothing
        )
        assert torch.isfinite(slope).all()
        # max over u of u / (2 (u^2 + 1)^(3/4)) is 3^(-3/4) / sqrt(2) = 0.3102, at u = sqrt 2
        bound = 3**-0.75 / math.sqrt(2) / math.sqrt(smoothing)
        assert (slope[~inlier].abs() <= bound * (1 + 1e-5)).all()

    def test_zero_at_the_teacher(self):
        t = torch.tensor([-3.0, 0.0, 7.0])
        assert torch.equal(gradient(tor_loss, t, t + 1e30, t, threshold=1.0), torch.zeros(3))

    @quick
    @given(triples())
    def test_single_precision(self, batch):
        s, y, t, inlier = batch
        single = (x.float() for x in (s, y, t))
        # the root subtracts sqrt(eps) = 0.1: absolute errors of that size's rounding
        torch.testing.assert_close(
            tor_loss(*single, inlier=inlier).double(),
            tor_loss(s, y, t, inlier=inlier),
            rtol=1e-6,
            atol=1e-7,
        )


class TestErrors:
    s = torch.zeros(3)

    def test_both_or_neither_of_threshold_and_inlier(self):
        with pytest.raises(ValueError, match="exactly one of threshold and inlier"):
            tor_loss(self.s, self.s, self.s)
        with pytest.raises(ValueError, match="exactly one of threshold and inlier"):
            tor_loss(self.s, self.s, self.s, threshold=1.0, inlier=self.s > 0)

    @pytest.mark.parametrize("wrong", ["label", "teacher", "inlier"])
    def test_no_silent_broadcast(self, wrong):
        tensors = {"label": self.s, "teacher": self.s, "inlier": self.s > 0}
        tensors[wrong] = tensors[wrong][:, None]
        with pytest.raises(ValueError, match=rf"{wrong} has shape \(3, 1\)"):
            tor_loss(self.s, **tensors)

    def test_unknown_reduction_lists_the_known(self):
        with pytest.raises(ValueError, match=r"'average' is unknown.*none, mean, sum"):
            tor_loss(self.s, self.s, self.s, threshold=1.0, reduction="average")

    @pytest.mark.parametrize("smoothing", [0.0, -1e-2, math.nan])
    def test_smoothing_must_be_positive(self, smoothing):
        with pytest.raises(ValueError, match="smoothing must be positive"):
            tor_loss(self.s, self.s, self.s, threshold=1.0, smoothing=smoothing)

    @pytest.mark.parametrize("shape", [(2,), (4,), (1,), (3, 1)])
    def test_weight_of_another_length(self, shape):
        with pytest.raises(ValueError, match="weight has shape"):
            tor_loss(self.s, self.s, self.s, threshold=1.0, weight=torch.ones(shape))

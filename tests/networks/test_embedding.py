"""Periodic features: their formula, their number, and what they leave alone."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sklearn_regkd.networks.embedding import (
    MOST_FREQUENCIES,
    MOST_INPUTS,
    PeriodicEmbedding,
    count_frequencies,
)

quick = settings(max_examples=60, deadline=None)
few = st.integers(0, 5)


def frequencies(n):
    """From 0.03 to 2 waves in equal ratios."""
    return [0.03 * (2 / 0.03) ** (k / max(n - 1, 1)) for k in range(n)]


class TestValues:
    @quick
    @given(st.integers(1, 5), few, few, st.integers(0, 7))
    def test_shape_and_raw_inputs_first(self, n_numeric, n_frequencies, n_plain, n_rows):
        embedding = PeriodicEmbedding(n_numeric, n_frequencies, n_plain)
        X = torch.randn(n_rows, n_numeric + n_plain)
        out = embedding(X)
        n_outputs = n_numeric * (1 + 2 * n_frequencies) + n_plain
        assert out.shape == (n_rows, n_outputs)
        assert embedding.n_outputs == n_outputs
        assert torch.equal(out[:, : X.shape[1]], X)

    @pytest.mark.parametrize("n_frequencies", [1, 2, 5, 16])
    @pytest.mark.parametrize("n_plain", [0, 2])
    def test_formula(self, n_frequencies, n_plain):
        X = 2 * torch.randn(20, 3 + n_plain, dtype=torch.float64)
        waves = PeriodicEmbedding(3, n_frequencies, n_plain)(X)[:, X.shape[1] :]
        waves = waves.reshape(20, 3, 2, n_frequencies)
        c = frequencies(n_frequencies)
        for k in range(n_frequencies):
            amplitude = math.sqrt(c[0] / c[k])
            phase = 2 * math.pi * c[k] * X[:, :3]
            torch.testing.assert_close(
                waves[:, :, 0, k], amplitude * phase.sin(), atol=1e-5, rtol=0
            )
            torch.testing.assert_close(
                waves[:, :, 1, k], amplitude * phase.cos(), atol=1e-5, rtol=0
            )

    def test_shorter_waves_are_smaller(self):
        height = PeriodicEmbedding(1, 8)(torch.linspace(-40, 40, 4001)[:, None]).amax(dim=0)[1:]
        sines, cosines = height.split(8)
        for heights in (sines, cosines):
            assert heights[0] == pytest.approx(1, abs=1e-3)
            assert (heights.diff() < 0).all()
            assert heights[-1] == pytest.approx(math.sqrt(0.015), rel=1e-2)

    def test_features_do_not_see_each_other(self):
        embedding = PeriodicEmbedding(3, 4, n_plain=1)
        X = torch.randn(6, 4)
        other = X.clone()
        other[:, 1] += 1
        other[:, 3] += 1  # plain: no waves of it
        changed = (embedding(X) != embedding(other)).any(dim=0)
        waves = changed[4:].reshape(3, 8).any(dim=1)
        assert changed[:4].tolist() == [False, True, False, True]
        assert waves.tolist() == [False, True, False]

    def test_identity_without_frequencies(self):
        X = torch.randn(5, 4)
        embedding = PeriodicEmbedding(3, 0, n_plain=1)
        assert torch.equal(embedding(X), X)
        assert embedding.n_outputs == 4

    def test_no_numbers(self):
        X = torch.eye(4)
        assert torch.equal(PeriodicEmbedding(0, 5, n_plain=4)(X), X)

    def test_leading_dimensions_are_kept(self):
        embedding = PeriodicEmbedding(2, 3, n_plain=1)
        X = torch.randn(4, 5, 3)
        assert torch.equal(embedding(X), embedding(X.reshape(20, 3)).reshape(4, 5, -1))

    def test_gradient_reaches_the_inputs(self):
        X = torch.zeros(1, 1, requires_grad=True)
        PeriodicEmbedding(1, 2)(X).sum().backward()
        # 1 of x itself, a_k 2 pi c_k of each sine, none of the cosines
        slope = 1 + 2 * math.pi * (0.03 + 2 * math.sqrt(0.015))
        assert X.grad.item() == pytest.approx(slope, rel=1e-5)


class TestModule:
    def test_nothing_is_trained(self):
        embedding = PeriodicEmbedding(3, 4)
        assert list(embedding.parameters()) == []
        assert not embedding(torch.randn(2, 3)).requires_grad

    def test_frequencies_travel_in_the_state_dict(self):
        state = PeriodicEmbedding(3, 4).state_dict()
        assert set(state) == {"frequency", "amplitude"}
        other = PeriodicEmbedding(3, 4)
        other.frequency.zero_()
        X = torch.randn(2, 3)
        assert not torch.equal(other(X), PeriodicEmbedding(3, 4)(X))
        other.load_state_dict(state)
        assert torch.equal(other(X), PeriodicEmbedding(3, 4)(X))

    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
    def test_follows_its_network_into_another_precision(self, dtype):
        assert PeriodicEmbedding(3, 4).to(dtype)(torch.zeros(1, 3, dtype=dtype)).dtype == dtype

    def test_global_generator_is_left_alone(self):
        before = torch.get_rng_state()
        PeriodicEmbedding(3, 4)
        assert torch.equal(torch.get_rng_state(), before)


class TestCountFrequencies:
    @pytest.mark.parametrize("n_plain", [0, 1, 30, 155, 156, 400])
    def test_first_layer_stays_small(self, n_plain):
        for n_numeric in range(200):
            n = count_frequencies(n_numeric, n_plain)
            assert 0 <= n <= MOST_FREQUENCIES
            n_inputs = n_numeric + n_plain
            n_outputs = PeriodicEmbedding(n_numeric, n, n_plain).n_outputs
            if n_inputs <= MOST_INPUTS:
                assert n_outputs <= MOST_INPUTS
            else:
                assert (n, n_outputs) == (0, n_inputs)

    @quick
    @given(st.integers(1, 200), st.integers(0, 200))
    def test_as_many_as_there_is_room_for(self, n_numeric, n_plain):
        n = count_frequencies(n_numeric, n_plain)
        one_more = n_numeric * (1 + 2 * (n + 1)) + n_plain
        assert n == MOST_FREQUENCIES or one_more > MOST_INPUTS

    def test_known_numbers(self):
        assert MOST_INPUTS == 156
        assert [count_frequencies(d) for d in (1, 8, 21, 52, 53)] == [16, 9, 3, 1, 0]
        assert [count_frequencies(8, plain) for plain in (0, 30, 150)] == [9, 7, 0]

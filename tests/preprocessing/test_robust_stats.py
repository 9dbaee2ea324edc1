"""Location and scale of a sample of which a part may be anything."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sklearn_regkd.preprocessing.robust_stats import half_sample_mode, robust_sigma
from tests.helpers import errors, gaussian_errors, one_sided_errors

quick = settings(max_examples=50, deadline=None)

powers_of_two = st.integers(-40, 40).map(lambda p: 2.0**p)


class TestRobustSigma:
    @pytest.mark.parametrize("sigma", [1e-6, 1.0, 1e9])
    def test_standard_deviation_of_gaussian_errors(self, sigma):
        error = gaussian_errors(20_000, 2, scale=sigma) + 3 * sigma
        np.testing.assert_allclose(robust_sigma(error), sigma, rtol=0.03)

    @pytest.mark.parametrize("wild", [1e9, -1e300, "both"])
    def test_just_under_half_of_the_errors_may_be_anything(self, wild):
        error = gaussian_errors(1001)[:, 0]
        clean_range = np.ptp(error)
        error[:500] = np.resize([1e9, -1e9], 500) if wild == "both" else wild
        assert 0 < robust_sigma(error) <= 1.4826 * clean_range

    @quick
    @given(errors(), st.floats(-100, 100), powers_of_two)
    def test_equivariant(self, error, shift, factor):
        np.testing.assert_allclose(
            robust_sigma(error + shift), robust_sigma(error), rtol=1e-9, atol=1e-12
        )
        assert np.array_equal(robust_sigma(-factor * error), factor * robust_sigma(error))

    def test_one_number_per_output(self):
        error = gaussian_errors(k=2) * [1, 10]
        assert robust_sigma(error).shape == (2,)
        assert robust_sigma(error)[1] == robust_sigma(error[:, 1])


# Whole numbers: shifts and powers of two are exact, and ties abound.
whole = st.integers(1, 40).flatmap(
    lambda n: arrays(np.float64, n, elements=st.integers(-1000, 1000).map(float))
)

seeds = st.integers(0, 10**6)


class TestHalfSampleMode:
    @pytest.mark.slow
    @quick
    @given(whole, st.integers(-1000, 1000), powers_of_two)
    def test_shift_and_scale(self, values, shift, factor):
        mode = half_sample_mode(values)
        assert half_sample_mode(values + shift) == pytest.approx(mode + shift, abs=1e-9)
        assert half_sample_mode(factor * values) == factor * mode

    @quick
    @given(seeds, st.integers(1, 60))
    def test_mirror(self, seed, n):
        values = gaussian_errors(n, seed=seed)[:, 0]  # without ties there is one shortest half
        assert half_sample_mode(-values) == -half_sample_mode(values)

    @quick
    @given(seeds)
    def test_mirror_up_to_a_standard_deviation_if_halves_tie(self, seed):
        values = np.round(gaussian_errors(150, seed=seed)[:, 0], 1)
        assert abs(half_sample_mode(-values) + half_sample_mode(values)) <= 1.5

    @quick
    @given(whole, st.randoms(use_true_random=False))
    def test_lies_among_the_values_in_any_order(self, values, random):
        mode = half_sample_mode(values)
        assert values.min() <= mode <= values.max()
        shuffled = list(values)
        random.shuffle(shuffled)
        assert half_sample_mode(np.array(shuffled)) == mode

    @pytest.mark.parametrize("distance", [8.0, -20.0, 1e6])
    def test_stays_with_the_majority_where_the_median_moves(self, distance):
        modes, medians = [], []
        for seed in range(30):
            error = one_sided_errors(seed, 200, 0.35, distance)
            modes.append(half_sample_mode(error))
            medians.append(np.median(error) * np.sign(distance))
        assert np.abs(modes).max() < 1.2
        assert abs(np.mean(modes)) < 0.3
        assert np.mean(medians) > 0.6

    @pytest.mark.parametrize("n", [1, 2, 3, 4, 50])
    def test_all_equal(self, n):
        assert half_sample_mode(np.full(n, 3.3)) == 3.3

    def test_does_not_sort_in_place(self):
        values = np.array([3.0, 1.0, 2.0, 9.0])
        half_sample_mode(values)
        assert values.tolist() == [3, 1, 2, 9]

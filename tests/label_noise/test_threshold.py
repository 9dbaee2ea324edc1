"""Thresholds and verdicts: defining equations, symmetries, and what must be found."""

import math
import warnings

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.special import erfc

from sklearn_regkd.label_noise.threshold import ThresholdRule, chauvenet_threshold, paper_threshold
from sklearn_regkd.preprocessing.robust_stats import robust_sigma
from tests.helpers import errors, gaussian_errors, refused

quick = settings(max_examples=50, deadline=None)
sigmas = st.floats(1e-6, 1e3)
sizes = st.integers(2, 10**7)
powers_of_two = st.integers(-40, 40).map(lambda p: 2.0**p)
all_rules = pytest.mark.parametrize("threshold", ["paper", "chauvenet", 2.5])


def detect(threshold, error, **kwargs):
    """A verdict without its warnings, which have tests of their own."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return ThresholdRule(threshold).detect(error, **kwargs)


class TestPaperThreshold:
    @quick
    @given(sigmas, sizes, st.floats(0.01, 100))
    def test_density_of_good_labels_falls_to_a_there(self, sigma, n, a):
        share = math.sqrt(2 * math.pi) * sigma * a / n
        threshold = paper_threshold(sigma, n, a)
        if share < 1:
            density = math.exp(-((threshold / sigma) ** 2) / 2) / (math.sqrt(2 * math.pi) * sigma)
            assert n * density == pytest.approx(a, rel=1e-9)
            assert threshold > 0
        else:
            assert threshold == pytest.approx(3 * sigma, rel=1e-15)

    def test_default_a_is_two(self):
        assert paper_threshold(0.3, 500) == paper_threshold(0.3, 500, 2.0)

    def test_sigma_zero(self):
        assert paper_threshold(0.0, 100) == 0

    @quick
    @given(sigmas, sizes)
    def test_more_samples_reject_later(self, sigma, n):
        assume(math.sqrt(2 * math.pi) * sigma * 2 / n < 1)
        assert paper_threshold(sigma, 2 * n) > paper_threshold(sigma, n)

    def test_is_not_scale_equivariant(self):
        # the reason why it is applied to standardised errors
        assert paper_threshold(1.0, 1000) < 0.9 * 10 * paper_threshold(0.1, 1000)


class TestChauvenetThreshold:
    @quick
    @given(sigmas, sizes, st.floats(0.01, 1.9))
    def test_expects_a_good_labels_beyond(self, sigma, n, a):
        k = chauvenet_threshold(sigma, n, a) / sigma
        assert n * erfc(k / math.sqrt(2)) == pytest.approx(a, rel=1e-9)

    @quick
    @given(sigmas, sizes, st.floats(1e-6, 1e6))
    def test_is_scale_equivariant(self, sigma, n, factor):
        scaled = chauvenet_threshold(factor * sigma, n)
        assert scaled == pytest.approx(factor * chauvenet_threshold(sigma, n), rel=1e-12)

    def test_default_a_is_one_half(self):
        assert chauvenet_threshold(0.3, 500) == chauvenet_threshold(0.3, 500, 0.5)

    @pytest.mark.parametrize("expected", [3.0, 10.0])
    def test_three_sigma_where_a_is_not_below_n(self, expected):
        assert chauvenet_threshold(2.0, 3, expected) == 6


class TestVerdict:
    @all_rules
    @quick
    @given(error=errors())
    def test_threshold_is_that_of_the_pure_function(self, threshold, error):
        verdict = detect(threshold, error)
        pure = {
            "paper": paper_threshold,
            "chauvenet": chauvenet_threshold,
            2.5: lambda sigma, n: 2.5 * sigma,
        }[threshold]
        assert np.array_equal(verdict.sigma, robust_sigma(error))
        assert np.array_equal(verdict.threshold, [pure(s, len(error)) for s in verdict.sigma])
        assert np.array_equal(verdict.inlier, np.abs(error) < verdict.threshold)

    @pytest.mark.parametrize("threshold", ["chauvenet", 1.0, 2.5])
    @quick
    @given(error=errors(), factor=powers_of_two, sign=st.sampled_from([-1, 1]))
    def test_scale_equivariant(self, threshold, error, factor, sign):
        plain = detect(threshold, error)
        scaled = detect(threshold, sign * factor * error)
        # powers of two are exact: not even the last bit may differ
        assert np.array_equal(scaled.inlier, plain.inlier)
        assert np.array_equal(scaled.inlier_probability, plain.inlier_probability)
        assert np.array_equal(scaled.threshold, factor * plain.threshold)

    @all_rules
    @quick
    @given(error=errors())
    def test_probability_falls_with_the_distance(self, threshold, error):
        probability = detect(threshold, error).inlier_probability
        assert (probability >= 0).all()
        assert (probability <= 1).all()
        for e, p in zip(np.abs(error).T, probability.T, strict=True):
            assert (np.diff(p[np.argsort(e)]) <= 0).all()

    @all_rules
    @quick
    @given(error=errors())
    def test_probability_crosses_one_half_at_the_threshold(self, threshold, error):
        verdict = detect(threshold, error)
        # rounding decides what lies within the last few bits of the threshold
        distance = np.abs(error)
        clear = np.abs(distance - verdict.threshold) > 1e-12 * verdict.threshold
        more_likely = verdict.inlier_probability >= 0.5
        assert np.array_equal(more_likely[clear], verdict.inlier[clear])

    def test_probability_is_the_documented_posterior(self):
        error = gaussian_errors(50)
        verdict = ThresholdRule(2.0).detect(error)

        def density(e):
            return np.exp(-((e / verdict.sigma) ** 2) / 2)

        expected = density(error) / (density(error) + density(verdict.threshold))
        np.testing.assert_allclose(verdict.inlier_probability, expected, rtol=1e-12)

    @all_rules
    @quick
    @given(error=errors(), random=st.randoms(use_true_random=False))
    def test_order_of_rows(self, threshold, error, random):
        order = list(range(len(error)))
        random.shuffle(order)
        plain, shuffled = detect(threshold, error), detect(threshold, error[order])
        assert np.array_equal(shuffled.inlier, plain.inlier[order])
        assert np.array_equal(shuffled.inlier_probability, plain.inlier_probability[order])

    @all_rules
    @pytest.mark.parametrize("seed", range(5))
    def test_planted_outliers_are_found(self, threshold, seed):
        rng = np.random.default_rng(seed)
        error = gaussian_errors(300, scale=0.2, seed=seed)
        planted = rng.choice(300, 60, replace=False)
        error[planted] += rng.choice([-1, 1], (60, 1)) * rng.uniform(3, 100, (60, 1))
        verdict = ThresholdRule(threshold).detect(error)
        assert not verdict.inlier[planted].any()
        assert np.mean(np.delete(verdict.inlier, planted)) > 0.95
        assert (verdict.inlier_probability[planted] < 0.01).all()

    @all_rules
    @quick
    @given(error=errors(), other=st.floats(-1e6, 1e6))
    def test_each_output_has_a_verdict_of_its_own(self, threshold, error, other):
        both = detect(threshold, np.column_stack([error, other * error[:, :1] + 1]))
        alone = detect(threshold, error)
        k = error.shape[1]
        assert np.array_equal(both.inlier[:, :k], alone.inlier)
        assert np.array_equal(both.inlier_probability[:, :k], alone.inlier_probability)
        assert np.array_equal(both.threshold[:k], alone.threshold)

    def test_one_row_can_be_right_in_one_output_and_wrong_in_another(self):
        error = gaussian_errors(k=2)
        error[7, 1] = 50
        verdict = ThresholdRule("chauvenet").detect(error)
        assert verdict.inlier[7].tolist() == [True, False]

    @all_rules
    def test_expected_moves_the_threshold(self, threshold):
        error = gaussian_errors()
        strict = ThresholdRule(threshold, expected=1.5).detect(error)
        lax = ThresholdRule(threshold, expected=0.01).detect(error)
        if threshold == 2.5:
            assert strict.threshold == lax.threshold
        else:
            assert strict.threshold < lax.threshold


class TestUsedRows:
    @all_rules
    @quick
    @given(error=errors(min_rows=12), wild=st.floats(-1e12, 1e12), data=st.data())
    def test_other_rows_get_a_verdict_but_teach_nothing(self, threshold, error, wild, data):
        mask = st.lists(st.booleans(), min_size=len(error), max_size=len(error))
        used_rows = np.array(data.draw(mask))
        assume(used_rows.sum() >= 5)
        assume((robust_sigma(error[used_rows]) > 1e-3).all())
        alone = detect(threshold, error[used_rows])
        changed = error.copy()
        changed[~used_rows] = wild

        verdict = detect(threshold, changed, used_rows=used_rows)
        assert np.array_equal(verdict.sigma, alone.sigma)
        assert np.array_equal(verdict.threshold, alone.threshold)
        assert np.array_equal(verdict.inlier[used_rows], alone.inlier)
        assert np.array_equal(verdict.inlier_probability[used_rows], alone.inlier_probability)
        # the others get a verdict by the same threshold
        expected = np.broadcast_to(abs(wild) < alone.threshold, changed[~used_rows].shape)
        assert np.array_equal(verdict.inlier[~used_rows], expected)

    def test_rejected_share_is_that_of_the_used_rows(self):
        error = gaussian_errors(100)
        error[:80] = 100.0
        used_rows = np.arange(100) >= 80
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            verdict = ThresholdRule("chauvenet").detect(error, used_rows)
        assert not verdict.inlier[:80].any()


class TestExtremes:
    @all_rules
    @pytest.mark.parametrize("size", [1e100, 1e300, -1e300])
    def test_huge_errors(self, threshold, size):
        error = gaussian_errors(100)
        error[:30] = size
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            verdict = ThresholdRule(threshold).detect(error)
        assert not verdict.inlier[:30].any()
        assert verdict.inlier[30:].mean() > 0.9
        assert np.isfinite(verdict.inlier_probability).all()
        assert np.isfinite(verdict.threshold).all()

    @all_rules
    def test_all_errors_huge(self, threshold):
        error = 1e300 * np.clip(gaussian_errors(100), -1, 1)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            verdict = ThresholdRule(threshold).detect(error)
        assert np.isfinite(verdict.inlier_probability).all()
        assert verdict.inlier.all()

    @all_rules
    @pytest.mark.parametrize("same", [0.0, 0.3])
    @pytest.mark.parametrize("wild", [5.0, 1e300])
    def test_mad_of_zero_trusts_all_and_says_so(self, threshold, same, wild):
        error = np.full((20, 2), same)
        error[:, 1] = gaussian_errors(20)[:, 0]
        error[:5, 0] = wild
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            verdict = ThresholdRule(threshold).detect(error)
        assert [w.category for w in caught] == [UserWarning]
        assert "output 0" in str(caught[0].message)
        assert "MAD of 0" in str(caught[0].message)
        assert verdict.inlier[:, 0].all()
        assert (verdict.inlier_probability[:, 0] == 1).all()
        # the verdict on the other output is as ever
        alone = detect(threshold, error[:, 1:])
        assert np.array_equal(verdict.inlier[:, 1:], alone.inlier)

    @all_rules
    def test_perfect_teacher_rejects_nothing_and_says_nothing(self, threshold):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            verdict = ThresholdRule(threshold).detect(np.zeros((10, 2)))
        assert verdict.inlier.all()
        assert (verdict.inlier_probability == 1).all()

    @all_rules
    def test_biased_teacher_is_named(self, threshold):
        error = gaussian_errors(100, 2, scale=0.1)
        error[:, 1] += 50
        with pytest.warns(UserWarning, match=r"rejects 100% of the labels of output 1") as caught:
            verdict = ThresholdRule(threshold).detect(error)
        assert len(caught) == 1
        assert not verdict.inlier[:, 1].any()


class TestParameters:
    @pytest.mark.parametrize(
        "threshold", ["papers", "", "PAPER", -1.0, 0, 0.0, math.nan, math.inf, None, [3.0]]
    )
    def test_unknown_threshold_names_the_known(self, threshold):
        with pytest.raises(ValueError, match=refused("threshold", threshold)) as caught:
            ThresholdRule(threshold).detect(gaussian_errors(10))
        assert all(known in str(caught.value) for known in ("'paper'", "'chauvenet'", "(0"))

    @pytest.mark.parametrize("threshold", [True, False])
    def test_a_bool_is_no_number(self, threshold):
        with pytest.raises(ValueError, match=refused("threshold", threshold)):
            ThresholdRule(threshold).detect(gaussian_errors(10))

    @pytest.mark.parametrize("expected", [0, -1.0, math.nan, True])
    def test_expected_must_be_positive(self, expected):
        with pytest.raises(ValueError, match=refused("expected", expected)):
            ThresholdRule("paper", expected=expected).detect(gaussian_errors(10))

    @pytest.mark.parametrize("threshold", [3, 2.5, np.float64(2.5), np.int64(3), np.float32(2.5)])
    def test_any_real_number_is_a_multiple_of_sigma(self, threshold):
        error = gaussian_errors()
        verdict = ThresholdRule(threshold).detect(error)
        np.testing.assert_allclose(verdict.threshold, float(threshold) * robust_sigma(error))

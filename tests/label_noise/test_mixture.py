"""Two kinds of errors: symmetries, what was planted is found, and harmless extremes."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import norm, t

from sklearn_regkd.label_noise.mixture import Mixture, MixtureRule, fit_mixture
from tests.helpers import gaussian_errors, one_sided_errors, refused

quick = settings(max_examples=50, deadline=None)
fits = settings(max_examples=10, deadline=None)  # each takes some milliseconds
seeds = st.integers(0, 10**6)
SHARES = [0.1, 0.2, 0.35]


def gross(seed=0, n=400, share=0.3, width=30.0):
    error = gaussian_errors(n, seed=seed)[:, 0]
    error[n - round(share * n) :] *= width
    return error


def detect(error, used_rows=None, **params):
    """A verdict that warns of nothing."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return MixtureRule(**params).detect(error, used_rows)


class TestFitMixture:
    @pytest.mark.parametrize("share", SHARES)
    @pytest.mark.parametrize("distance", [8.0, -15.0, 1000.0])
    def test_finds_a_shift(self, share, distance):
        found = fit_mixture(one_sided_errors(0, 400, share, distance))
        assert found.share == pytest.approx(share, abs=0.01)
        assert found.location == pytest.approx(0, abs=0.25)
        # Student's t of 5 degrees has the quartiles of this scale
        assert found.scale == pytest.approx(0.85, abs=0.15)
        assert found.outlier_location == pytest.approx(distance, abs=0.5)
        assert found.outlier_scale == pytest.approx(1, abs=0.4)
        assert found.separation == pytest.approx(abs(distance) / 0.85, rel=0.2)

    @pytest.mark.parametrize("share", SHARES)
    @pytest.mark.parametrize("width", [10.0, 30.0, 300.0])
    def test_finds_gross_errors(self, share, width):
        found = fit_mixture(gross(0, 400, share, width))
        assert found.share == pytest.approx(share, abs=0.08)
        assert found.location == pytest.approx(0, abs=0.25)
        assert found.scale == pytest.approx(0.87, abs=0.2)
        assert found.outlier_location == pytest.approx(0, abs=0.5 * width)
        assert found.outlier_scale == pytest.approx(width, rel=0.5)

    @pytest.mark.slow
    @pytest.mark.parametrize("make", [one_sided_errors, gross])
    @fits
    @given(
        seed=st.integers(0, 20),
        factor=st.floats(1e-6, 1e6),
        sign=st.sampled_from([-1, 1]),
        shift=st.floats(-100, 100),
    )
    def test_shift_and_scale(self, make, seed, factor, sign, shift):
        error = make(seed, 150)
        before = fit_mixture(error)
        after = fit_mixture(factor * sign * (error + shift))
        close = {"rel": 1e-6, "abs": 1e-6}
        assert after.share == pytest.approx(before.share, **close)
        for name in ("scale", "outlier_scale"):
            assert getattr(after, name) / factor == pytest.approx(getattr(before, name), **close)
        for name in ("location", "outlier_location"):
            expected = sign * (getattr(before, name) + shift)
            assert getattr(after, name) / factor == pytest.approx(expected, **close)

    @fits
    @given(seeds, st.sampled_from([one_sided_errors, gross]), st.integers(4, 60))
    def test_wrong_errors_are_never_narrower_nor_the_majority(self, seed, make, n):
        found = fit_mixture(make(seed, n))
        assert 0 < found.scale <= found.outlier_scale
        assert 0 < found.share <= 0.5

    @pytest.mark.parametrize("value", [0.0, 3.3, -1e9, 1e-300])
    @pytest.mark.parametrize("n", [1, 2, 3, 10, 50])
    def test_equal_errors_are_all_good(self, value, n):
        error = np.full(n, value)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            found = fit_mixture(error)
            probability = found.inlier_probability(error)
        assert found.location == value
        assert found.scale > 0
        assert (probability > 0.99).all()

    @pytest.mark.parametrize(
        "error", [[5.0], [1.0, 2.0], [1.0, 2.0, 50.0], [0, 0, 0, 100.0], [0, 1, 2, 900.0, 1000.0]]
    )
    def test_tiny_samples_are_all_good(self, error):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            probability = fit_mixture(np.array(error)).inlier_probability(np.array(error))
        assert (probability > 0.99).all()

    def test_is_deterministic(self):
        assert fit_mixture(one_sided_errors()) == fit_mixture(one_sided_errors())


class TestInlierProbability:
    @quick
    @given(st.floats(0.01, 0.5), st.floats(0.1, 10), st.floats(-30, 30), st.floats(1, 5))
    def test_is_the_posterior_of_the_two_densities(self, share, scale, aside, wider):
        mixture = Mixture(share, 1.0, scale, 1.0 + aside, wider * scale)
        error = np.linspace(-3, 3, 13)
        good = (1 - share) * t.pdf(error, 5, 1.0, scale)
        wrong = share * norm.pdf(error, 1.0 + aside, wider * scale)
        np.testing.assert_allclose(
            mixture.inlier_probability(error), good / (good + wrong), rtol=1e-9
        )

    def test_falls_on_the_way_to_the_wrong_ones(self):
        mixture = Mixture(0.3, 0.0, 1.0, 12.0, 1.0)
        probability = mixture.inlier_probability(np.linspace(0, 12, 30))
        assert (np.diff(probability) <= 0).all()
        assert probability[0] > 0.999
        assert probability[-1] < 1e-3

    def test_keeps_its_shape(self):
        mixture = Mixture(0.3, 0.0, 1.0, 12.0, 1.0)
        assert mixture.inlier_probability(np.zeros((4, 2))).shape == (4, 2)


class TestMixtureRule:
    @fits
    @given(
        arrays(
            np.float64,
            st.tuples(st.integers(1, 30), st.integers(1, 3)),
            elements=st.floats(-1e6, 1e6),
        )
    )
    def test_any_errors_get_a_verdict(self, error):
        verdict = detect(error, max_share=1.0)
        assert verdict.inlier.shape == verdict.inlier_probability.shape == error.shape
        assert verdict.sigma.shape == verdict.threshold.shape == error.shape[1:]
        assert (verdict.inlier_probability >= 0).all()
        assert (verdict.inlier_probability <= 1).all()
        assert np.array_equal(verdict.inlier, verdict.inlier_probability >= 0.5)
        assert (verdict.sigma > 0).all()
        assert np.isnan(verdict.threshold).all()

    @pytest.mark.parametrize("share", SHARES)
    @pytest.mark.parametrize("distance", [8.0, -15.0, 1000.0])
    def test_rejects_a_shift_and_little_else(self, share, distance):
        error = one_sided_errors(0, 400, share, distance)
        inlier = detect(error[:, None]).inlier[:, 0]
        good = 400 - round(400 * share)
        assert inlier[good:].mean() < 0.01  # one in the gap may belong to either
        assert inlier[:good].mean() > 0.99

    def test_rejects_gross_errors_and_little_else(self):
        error = gross(share=0.3, width=100.0)
        inlier = detect(error[:, None]).inlier[:, 0]
        assert inlier[280:].mean() < 0.1
        assert inlier[:280].mean() > 0.98

    def test_each_output_has_a_verdict_of_its_own(self):
        error = np.column_stack(
            [one_sided_errors(0), gross(1), 1e6 * one_sided_errors(2, distance=-12.0)]
        )
        verdict = detect(error)
        for output in range(3):
            alone = detect(error[:, [output]])
            for name in ("inlier", "inlier_probability"):
                columns = getattr(verdict, name)[:, [output]], getattr(alone, name)
                np.testing.assert_array_equal(*columns)
            assert verdict.sigma[output] == alone.sigma[0]
        assert verdict.sigma[2] > 1e5 * verdict.sigma[0]

    @pytest.mark.parametrize("error", [np.zeros((10, 2)), np.full((50, 1), 0.3), np.ones((1, 1))])
    def test_equal_errors_reject_nothing(self, error):
        verdict = detect(error)
        assert verdict.inlier.all()
        assert (verdict.inlier_probability > 0.99).all()

    def test_more_than_max_share_trusts_all_and_says_so(self):
        error = np.column_stack([one_sided_errors(0, share=0.1), one_sided_errors(1, share=0.3)])
        with pytest.warns(UserWarning, match=r"rejects 30% .* output 1, .*max_share=0.2") as caught:
            verdict = MixtureRule(max_share=0.2).detect(error)
        assert len(caught) == 1
        assert verdict.inlier[:, 1].all()
        assert (verdict.inlier_probability[:, 1] == 1).all()
        # the verdict on the other output is as ever
        assert np.array_equal(verdict.inlier[:, [0]], detect(error[:, [0]]).inlier)
        assert not verdict.inlier[360:, 0].any()

    def test_just_max_share_may_be_rejected(self):
        error = one_sided_errors(share=0.3, distance=50.0)[:, None]
        assert detect(error, max_share=0.3).inlier.mean() == 0.7

    @pytest.mark.parametrize("wild", [0.0, 12.0, -1e12])
    def test_only_used_rows_decide(self, wild):
        error = one_sided_errors()[:, None]
        used_rows = np.arange(400) % 3 > 0
        alone = detect(error[used_rows])
        changed = error.copy()
        changed[~used_rows] = wild
        verdict = detect(changed, used_rows, max_share=1.0)
        assert np.array_equal(verdict.sigma, alone.sigma)
        assert np.array_equal(verdict.inlier[used_rows], alone.inlier)
        assert np.array_equal(verdict.inlier_probability[used_rows], alone.inlier_probability)

    def test_other_rows_get_a_verdict(self):
        error = one_sided_errors()[:, None]
        used_rows = np.arange(400) % 3 > 0
        inlier = detect(error, used_rows).inlier[~used_rows, 0]
        wrong = np.arange(400)[~used_rows] >= 280
        assert inlier[~wrong].mean() > 0.97
        assert inlier[wrong].mean() < 0.03

    @pytest.mark.parametrize("share", [0, 0.0, -0.5, 1.01, 30, np.nan, np.inf, True, "0.5"])
    def test_max_share_is_a_share(self, share):
        with pytest.raises(ValueError, match=refused("max_share", share)):
            MixtureRule(max_share=share).detect(one_sided_errors()[:, None])

"""A verdict on labels: its units, and the one that trusts them all."""

import numpy as np
import pytest

from sklearn_regkd.label_noise.mixture import Mixture, MixtureRule
from sklearn_regkd.label_noise.threshold import ThresholdRule
from sklearn_regkd.label_noise.verdict import Verdict, trust_all
from tests.helpers import gaussian_errors, one_sided_errors

SCALE = np.array([2.0, 2.0**-20])  # powers of two: nothing is rounded
ERROR = np.column_stack([one_sided_errors(0), one_sided_errors(1, distance=-20.0)])


def test_trust_all():
    verdict = trust_all((9, 2))
    assert verdict.inlier.shape == verdict.inlier_probability.shape == (9, 2)
    assert verdict.inlier.dtype == bool
    assert verdict.inlier.all()
    assert (verdict.inlier_probability == 1).all()
    np.testing.assert_array_equal(verdict.threshold, [np.inf, np.inf])
    np.testing.assert_array_equal(verdict.sigma, [np.nan, np.nan])
    assert verdict.rules == verdict.mixtures == (None, None)


def test_parts_are_given_by_name():
    inlier = np.ones((4, 1), bool)
    with pytest.raises(TypeError, match="positional"):
        Verdict(inlier, inlier * 1.0, np.ones(1), np.ones(1), (None,), (None,))


class TestScaled:
    @pytest.mark.parametrize("threshold", ["chauvenet", 2.5])
    def test_of_a_threshold_is_the_verdict_on_scaled_errors(self, threshold):
        rule, error = ThresholdRule(threshold), gaussian_errors(200, 2)
        scaled, expected = rule.detect(error).scaled(SCALE), rule.detect(error * SCALE)
        for name in ("inlier", "inlier_probability", "sigma", "threshold"):
            np.testing.assert_array_equal(getattr(scaled, name), getattr(expected, name))
        assert scaled.rules == (rule, rule)
        assert scaled.mixtures == (None, None)

    def test_of_a_mixture_is_the_verdict_on_scaled_errors(self):
        rule = MixtureRule()
        scaled, expected = rule.detect(ERROR).scaled(SCALE), rule.detect(ERROR * SCALE)
        np.testing.assert_array_equal(scaled.inlier, expected.inlier)
        np.testing.assert_allclose(scaled.sigma, expected.sigma, rtol=1e-9)
        assert np.isnan(scaled.threshold).all()
        assert scaled.rules == (rule, rule)
        for one, other in zip(scaled.mixtures, expected.mixtures, strict=True):
            np.testing.assert_allclose(list(vars(one).values()), list(vars(other).values()))

    def test_trusting_all_stays_infinite(self):
        scaled = trust_all((3, 2)).scaled(SCALE)
        assert np.isinf(scaled.threshold).all()
        assert np.isnan(scaled.sigma).all()
        assert scaled.inlier.all()

    def test_leaves_the_verdict_as_it_is(self):
        verdict = MixtureRule().detect(ERROR)
        before = verdict.sigma.copy(), verdict.mixtures
        verdict.scaled(SCALE)
        np.testing.assert_array_equal(verdict.sigma, before[0])
        assert verdict.mixtures == before[1]


def test_a_mixture_in_other_units_separates_as_well():
    mixture = Mixture(0.3, -1.0, 0.5, 12.0, 2.0)
    scaled, error = mixture.scaled(8.0), np.linspace(-20, 20, 50)
    assert scaled == Mixture(0.3, -8.0, 4.0, 96.0, 16.0)
    assert scaled.separation == mixture.separation
    np.testing.assert_allclose(
        scaled.inlier_probability(8 * error), mixture.inlier_probability(error), rtol=1e-12
    )
    np.testing.assert_array_equal(scaled.out_of_reach(8 * error), mixture.out_of_reach(error))

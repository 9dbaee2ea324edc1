"""A verdict on labels in other units, and the one that trusts them all."""

import numpy as np

from sklearn_regkd.label_noise.mixture import MixtureRule
from sklearn_regkd.label_noise.threshold import ThresholdRule
from sklearn_regkd.label_noise.verdict import trust_all
from tests.helpers import one_sided_errors


def test_scaled_is_the_verdict_on_scaled_errors():
    error = one_sided_errors()[:, None]
    for rule in (ThresholdRule(3.0), MixtureRule()):
        scaled, expected = rule.detect(error).scaled(np.array([8.0])), rule.detect(8 * error)
        np.testing.assert_array_equal(scaled.inlier, expected.inlier)
        np.testing.assert_allclose(scaled.sigma, expected.sigma, rtol=1e-9)
        np.testing.assert_allclose(scaled.threshold, expected.threshold, rtol=1e-9)
        for one, other in zip(scaled.mixtures, expected.mixtures, strict=True):
            if one is not None:
                np.testing.assert_allclose(one.location, other.location, rtol=1e-6)
                np.testing.assert_allclose(one.outlier_scale, other.outlier_scale, rtol=1e-6)


def test_trust_all():
    verdict = trust_all((9, 2))
    assert verdict.inlier.all()
    assert (verdict.inlier_probability == 1).all()
    assert np.isinf(verdict.threshold).all()
    assert verdict.rules == (None, None)

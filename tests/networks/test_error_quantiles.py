"""Quantiles of errors as linear maps: their loss, their shares, their order."""

import numpy as np
import pytest
from scipy.optimize import minimize

from sklearn_regkd.networks.error_quantiles import ErrorQuantiles, fit_error_quantiles

LEVELS = np.array([0.05, 0.25, 0.5, 0.75, 0.95])


def rows(n=1000, n_features=20, seed=0):
    """Errors whose skewness follows one feature, as no scale can say."""
    rng = np.random.default_rng(seed)
    features = rng.uniform(-1, 1, (n, n_features))
    skewed = rng.exponential(size=n) - np.log(2)
    return features, skewed * np.sign(features[:, 0])


def folds(n):
    return [(np.flatnonzero(np.arange(n) % 5 != k), np.arange(k, n, 5)) for k in range(5)]


def fit(features, ratio, weight=None, taught=None):
    ratio = ratio[:, None]
    weight = np.ones_like(ratio) if weight is None else weight[:, None]
    ones = np.ones_like(ratio)
    return fit_error_quantiles(features, ratio, weight, ones, folds(len(ratio)), LEVELS, taught)


def loss(found, ratio):
    error = ratio[:, None] - found
    return np.maximum(LEVELS * error, (LEVELS - 1) * error).mean()


def test_follows_skewness_and_holds_for_each_level():
    features, ratio = rows()
    quantiles = fit(features, ratio)
    new, truth = rows(20_000, seed=1)
    found = quantiles(new)[:, 0]
    np.testing.assert_allclose((truth[:, None] <= found).mean(axis=0), LEVELS, atol=0.03)
    for side in (new[:, 0] > 0.3, new[:, 0] < -0.3):
        share = (truth[side, None] <= found[side]).mean(axis=0)
        np.testing.assert_allclose(share, LEVELS, atol=0.08)
    constant = np.quantile(ratio, LEVELS)[None]
    assert loss(found, truth) < 0.985 * loss(constant, truth)


def test_is_next_to_the_best_linear_map():
    features, ratio = rows(400, 3)
    found = fit(features, ratio)
    design = np.column_stack([features, np.ones(400)])

    def cost(at):
        return loss(design @ at.reshape(4, 5), ratio)

    best = minimize(cost, np.zeros(20), method="Powell", options={"maxiter": 50}).fun
    assert loss(found(features)[:, 0], ratio) < 1.02 * best


def test_is_constant_where_features_say_nothing():
    rng = np.random.default_rng(0)
    features, ratio = rng.normal(size=(300, 20)), rng.normal(size=300)
    found = fit(features, ratio)(rng.normal(size=(500, 20)))[:, 0]
    assert (found.std(axis=0) < 0.15).all()
    np.testing.assert_allclose(found.mean(axis=0), np.quantile(ratio, LEVELS), atol=0.15)


def test_never_cross_and_stay_within_what_was_seen():
    features, ratio = rows(60)
    quantiles = fit(features, ratio)
    far = 100 * rows(500, seed=2)[0]
    found = quantiles(far)[:, 0]
    assert (np.diff(found, axis=1) >= 0).all()
    assert found.min() >= quantiles.low.min()
    assert found.max() <= quantiles.high.max()


def test_rows_without_weight_do_not_count():
    features, ratio = rows(400)
    weight = np.ones(400)
    weight[::7] = 0
    spoilt = np.where(weight == 0, 1e6, ratio)
    found, expected = fit(features, spoilt, weight), fit(features, ratio, weight)
    np.testing.assert_allclose(found(features), expected(features), rtol=1e-6, atol=1e-9)


def test_a_teacher_that_knows_is_followed_and_one_that_does_not_is_not():
    rng = np.random.default_rng(0)
    features = rng.uniform(-1, 1, (150, 60))
    ratio = rng.normal(size=150) * (1 + 0.9 * features[:, 0])
    normal = np.array([-1.645, -0.674, 0, 0.674, 1.645])
    knows = ((1 + 0.9 * features[:, [0]]) * normal)[:, None]
    new = rng.uniform(-1, 1, (20_000, 60))
    truth = rng.normal(size=20_000) * (1 + 0.9 * new[:, 0])
    alone = loss(fit(features, ratio)(new)[:, 0], truth)
    assert loss(fit(features, ratio, taught=knows)(new)[:, 0], truth) < 0.98 * alone
    wrong = 5 * rng.normal(size=knows.shape)
    assert loss(fit(features, ratio, taught=wrong)(new)[:, 0], truth) < 1.03 * alone


@pytest.mark.parametrize("n_outputs", [1, 3])
def test_each_output_has_its_own(n_outputs):
    features, ratio = rows(300)
    several = np.column_stack([ratio * 10**k for k in range(n_outputs)])
    ones = np.ones_like(several)
    found = fit_error_quantiles(features, several, ones, ones, folds(300), LEVELS)
    assert isinstance(found, ErrorQuantiles)
    values = found(features)
    assert values.shape == (300, n_outputs, 5)
    np.testing.assert_allclose(np.median(values[:, 0]), np.median(fit(features, ratio)(features)))


def test_many_rows_are_thinned_out():
    features, ratio = rows(25_000, 3)
    found = fit(features, ratio)(features)[:, 0]
    np.testing.assert_allclose((ratio[:, None] <= found).mean(axis=0), LEVELS, atol=0.02)

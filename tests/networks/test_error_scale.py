"""Expected sizes of errors by ridge regression of their logarithm."""

import numpy as np
import pytest

from sklearn_regkd.networks.error_scale import fit_error_scale


def rows(n=2000, seed=0):
    rng = np.random.default_rng(seed)
    features = rng.uniform(-1, 1, (n, 30))
    size = np.exp(1.5 * features[:, 0])
    folds = [(np.flatnonzero(np.arange(n) % 5 != k), np.arange(k, n, 5)) for k in range(5)]
    return features, size, size * rng.normal(size=n), folds


def test_finds_where_errors_are_large():
    features, size, error, folds = rows()
    scale, expected = fit_error_scale(features, error[:, None], np.ones((2000, 1)), folds)
    assert np.corrcoef(np.log(expected[:, 0]), np.log(size))[0, 1] > 0.9
    new, new_size, _, _ = rows(seed=1)
    assert np.corrcoef(np.log(scale(new)[:, 0]), np.log(new_size))[0, 1] > 0.9


def test_is_a_constant_where_errors_are_even():
    features, _, _, folds = rows(300)
    error = np.random.default_rng(1).normal(size=(300, 1))
    scale, _ = fit_error_scale(features, error, np.ones((300, 1)), folds)
    spread = scale(features).std() / scale(features).mean()
    assert spread < 0.1


@pytest.mark.parametrize("factor", [1e-6, 1e6])
def test_has_the_units_of_the_errors(factor):
    features, _, error, folds = rows(300)
    weight = np.ones((300, 1))
    scale, expected = fit_error_scale(features, error[:, None], weight, folds)
    other, also = fit_error_scale(features, factor * error[:, None], weight, folds)
    np.testing.assert_allclose(also, factor * expected, rtol=1e-6)
    np.testing.assert_allclose(other(features), factor * scale(features), rtol=1e-6)


def test_outputs_are_apart_and_rows_without_weight_absent():
    features, _, error, folds = rows(300)
    both = np.column_stack([error, 3 * error[::-1]])
    weight = np.ones((300, 2))
    scale, expected = fit_error_scale(features, both, weight, folds)
    alone, own = fit_error_scale(features, both[:, :1], weight[:, :1], folds)
    np.testing.assert_allclose(expected[:, 0], own[:, 0])
    np.testing.assert_allclose(scale(features)[:, 0], alone(features)[:, 0])
    weight[:100] = 0
    spoilt = both.copy()
    spoilt[:100] = 1e9
    found = [fit_error_scale(features, one, weight, folds)[0](features) for one in (both, spoilt)]
    np.testing.assert_allclose(found[0], found[1])


def test_no_row_is_far_beyond_all_others():
    features, _, error, folds = rows(300)
    scale, expected = fit_error_scale(features, error[:, None], np.ones((300, 1)), folds)
    assert scale(1e6 * features).max() <= 2.001 * scale(features).max()
    assert np.isfinite(expected).all()


def test_errors_of_0_and_constant_features():
    features = np.ones((20, 3))
    folds = [(np.arange(10), np.arange(10, 20)), (np.arange(10, 20), np.arange(10))]
    scale, expected = fit_error_scale(features, np.zeros((20, 1)), np.ones((20, 1)), folds)
    assert np.isfinite(expected).all()
    assert np.isfinite(scale(features)).all()

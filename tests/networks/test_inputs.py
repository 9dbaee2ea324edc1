"""The two ways in: what is mapped beforehand is what the hook feeds to a module."""

import numpy as np
import pytest
import torch
from torch import nn

from sklearn_regkd.networks.inputs import (
    TRANSFORMS,
    attach_inputs,
    count_inputs,
    fit_inputs,
    transform_table,
)
from sklearn_regkd.preprocessing.quantile import Quantiles, fit_quantiles
from sklearn_regkd.preprocessing.scaling import Scaling, fit_input_scaling


class Mirror(nn.Module):
    """Returns what it is fed; has weights, so that it has a precision."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, X):
        return X


def make_table(missing=False, n=300):
    """Numbers of several units, and a column of codes at the end."""
    rng = np.random.default_rng(0)
    X = np.column_stack(
        [
            5 + 3 * rng.standard_normal(n),
            rng.lognormal(2.0, 2.0, n),
            np.full(n, 4.0),
            rng.integers(0, 3, n),
        ]
    )
    if missing:
        X[::7, 1] = np.nan
    return X


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("transform", "missing", "categorical"),
    [
        ("standard", False, ()),
        ("quantile", False, ()),
        ("quantile", True, ()),
        ("quantile", False, (3,)),
        ("quantile", True, (3,)),
    ],
)
class TestSameThing:
    def test_mapped_is_what_the_hook_feeds(self, transform, missing, categorical, dtype):
        X = make_table(missing).astype(dtype)
        inputs = fit_inputs(X, np.linspace(0.5, 1.5, len(X)), transform, categorical)
        module = Mirror()
        attach_inputs(module, inputs, n_dims=2)
        fresh = X[::-1] * 1.1  # not only rows of the fit
        fresh[:, 3] = X[:, 3]
        for rows in (X, fresh):
            fed = module(torch.from_numpy(rows.copy()))
            mapped = transform_table(inputs, rows)
            assert mapped.dtype == torch.float32
            assert mapped.isfinite().all()
            torch.testing.assert_close(fed, mapped, rtol=1e-5, atol=1e-5)

    def test_counted_as_they_come(self, transform, missing, categorical, dtype):
        X = make_table(missing).astype(dtype)
        inputs = fit_inputs(X, np.ones(len(X)), transform, categorical)
        n_numeric, n_plain = count_inputs(inputs)
        constant = transform == "quantile"  # a number that says nothing is a mark that is 0
        assert n_numeric == 4 - len(categorical) - constant
        assert n_plain == missing + 3 * len(categorical) + constant
        mapped = transform_table(inputs, X)
        assert mapped.shape == (len(X), n_numeric + n_plain)
        marks = [mark.unique().tolist() for mark in mapped[:, n_numeric:].T]
        assert marks == [[0]] * constant + [[0, 1]] * (n_plain - constant)
        # centred, if with the weight of the spike in the middle
        assert mapped[:, :n_numeric].mean(dim=0).abs().max() < 0.2


def test_each_transform_has_its_map():
    X, weight = make_table(), np.linspace(0.5, 1.5, 300)
    assert TRANSFORMS == ("quantile", "standard")
    quantiles = fit_inputs(X, weight, "quantile", [3])
    assert isinstance(quantiles, Quantiles)
    assert np.array_equal(quantiles.scores, fit_quantiles(X, weight, [3]).scores)
    scaling = fit_inputs(X, weight, "standard")
    assert isinstance(scaling, Scaling)
    assert np.array_equal(scaling.center, fit_input_scaling(X, weight).center)


def test_standard_is_mean_and_deviation():
    X = make_table()
    mapped = transform_table(fit_inputs(X, np.ones(len(X)), "standard"), X).numpy()
    np.testing.assert_allclose(mapped.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(mapped.std(axis=0), [1, 1, 0, 1], atol=1e-5)


@pytest.mark.parametrize("order", ["F", "strided"])
def test_layout_of_the_table_does_not_matter(order):
    X = make_table()
    other = np.asfortranarray(X) if order == "F" else np.repeat(X, 2, axis=0)[::2]
    for transform in TRANSFORMS:
        inputs = fit_inputs(X, np.ones(len(X)), transform)
        assert torch.equal(transform_table(inputs, other), transform_table(inputs, X))


def test_images_are_scaled_per_channel():
    X = 50 + 9 * np.random.default_rng(0).standard_normal((40, 2, 3, 3))
    module = Mirror()
    attach_inputs(module, fit_inputs(X, np.ones(40), "standard"), n_dims=4)
    out = module(torch.from_numpy(X))
    assert out.shape == X.shape
    np.testing.assert_allclose(out.mean(dim=(0, 2, 3)).detach(), 0, atol=1e-5)
    np.testing.assert_allclose(out.std(dim=(0, 2, 3)).detach(), 1, rtol=0.01)

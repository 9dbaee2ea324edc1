"""The two ways in: what is mapped beforehand is what the hook feeds to a module."""

import numpy as np
import pytest
import torch
from torch import nn

from sklearn_regkd.networks import inputs as inputs_module
from sklearn_regkd.networks.inputs import (
    TRANSFORMS,
    QuantileTransform,
    StandardTransform,
    TransformedRows,
    attached_transform,
    fit_input_transform,
)
from sklearn_regkd.preprocessing.quantile import fit_quantiles
from sklearn_regkd.preprocessing.scaling import fit_input_scaling


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
        inputs = fit_input_transform(X, np.linspace(0.5, 1.5, len(X)), transform, categorical)
        module = Mirror()
        inputs.attach(module, n_dims=2)
        fresh = X[::-1] * 1.1  # not only rows of the fit
        fresh[:, 3] = X[:, 3]
        for rows in (X, fresh):
            rows = rows.copy()
            fed = module(torch.from_numpy(rows))
            mapped = TransformedRows(rows, inputs)[:]
            assert mapped.dtype == torch.float32
            assert mapped.isfinite().all()
            torch.testing.assert_close(fed, mapped, rtol=1e-5, atol=1e-5)

    def test_counted_as_they_come(self, transform, missing, categorical, dtype):
        X = make_table(missing).astype(dtype)
        inputs = fit_input_transform(X, np.ones(len(X)), transform, categorical)
        n_numeric, n_plain = inputs.n_numeric, inputs.n_plain
        constant = transform == "quantile"  # a number that says nothing is a mark that is 0
        assert n_numeric == 4 - len(categorical) - constant
        assert n_plain == missing + 3 * len(categorical) + constant
        mapped = TransformedRows(X, inputs)[:]
        assert mapped.shape == (len(X), n_numeric + n_plain)
        marks = [mark.unique().tolist() for mark in mapped[:, n_numeric:].T]
        assert marks == [[0]] * constant + [[0, 1]] * (n_plain - constant)
        # centred, if with the weight of the spike in the middle
        assert mapped[:, :n_numeric].mean(dim=0).abs().max() < 0.2


def test_each_transform_has_its_map():
    X, weight = make_table(), np.linspace(0.5, 1.5, 300)
    assert TRANSFORMS == ("quantile", "standard")
    quantiles = fit_input_transform(X, weight, "quantile", [3])
    assert isinstance(quantiles, QuantileTransform)
    assert np.array_equal(quantiles.quantiles.scores, fit_quantiles(X, weight, [3]).scores)
    scaling = fit_input_transform(X, weight, "standard")
    assert isinstance(scaling, StandardTransform)
    assert np.array_equal(scaling.scaling.center, fit_input_scaling(X, weight).center)


def test_standard_is_mean_and_deviation():
    X = make_table()
    inputs = fit_input_transform(X, np.ones(len(X)), "standard")
    mapped = TransformedRows(X, inputs)[:].numpy()
    np.testing.assert_allclose(mapped.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(mapped.std(axis=0), [1, 1, 0, 1], atol=1e-5)


@pytest.mark.parametrize("order", ["F", "strided"])
def test_layout_of_the_table_does_not_matter(order):
    X = make_table()
    other = np.asfortranarray(X) if order == "F" else np.repeat(X, 2, axis=0)[::2]
    for transform in TRANSFORMS:
        inputs = fit_input_transform(X, np.ones(len(X)), transform)
        assert torch.equal(TransformedRows(other, inputs)[:], TransformedRows(X, inputs)[:])


def test_images_are_scaled_per_channel():
    X = 50 + 9 * np.random.default_rng(0).standard_normal((40, 2, 3, 3))
    module = Mirror()
    transform = fit_input_transform(X, np.ones(40), "standard")
    transform.attach(module, n_dims=4)
    out = module(torch.from_numpy(X))
    torch.testing.assert_close(out, transform.transform(torch.from_numpy(X)))
    assert out.shape == X.shape
    np.testing.assert_allclose(out.mean(dim=(0, 2, 3)).detach(), 0, atol=1e-5)
    np.testing.assert_allclose(out.std(dim=(0, 2, 3)).detach(), 1, rtol=0.01)


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_what_was_attached_is_found_again(transform):
    X, module = make_table(), Mirror()
    inputs = fit_input_transform(X, np.ones(300), transform, [3] if transform == "quantile" else [])
    inputs.attach(module, n_dims=2)
    found = attached_transform(module)
    assert (found.n_numeric, found.n_plain) == (inputs.n_numeric, inputs.n_plain)
    assert torch.equal(TransformedRows(X, found)[:], TransformedRows(X, inputs)[:])


class Counted(StandardTransform):
    """Counts the rows that are transformed."""

    n_rows = most_rows = 0

    def transform(self, X):
        self.n_rows, self.most_rows = self.n_rows + len(X), max(self.most_rows, len(X))
        return super().transform(X)


@pytest.mark.parametrize("kept", [True, False])
class TestTransformedRows:
    @pytest.fixture(autouse=True)
    def few_at_a_time(self, kept, monkeypatch):
        monkeypatch.setattr(inputs_module, "MOST_BYTES_KEPT", 2**20 if kept else 10)
        monkeypatch.setattr(inputs_module, "ROWS_AT_A_TIME", 7)

    def rows(self):
        X = make_table()
        counted = Counted(fit_input_scaling(X, np.ones(len(X))))
        expected = ((X - X.mean(axis=0)) / counted.scaling.scale).astype(np.float32)
        return TransformedRows(X, counted), torch.from_numpy(expected)

    @pytest.mark.parametrize(
        "index",
        [
            slice(None),
            slice(5, 40, 3),
            np.arange(300) % 5 == 0,
            np.array([7, 3, 7]),
            torch.tensor([7, 3, 7]),
            torch.arange(300) % 5 == 0,
        ],
        ids=["all", "slice", "mask", "numbers", "tensor of numbers", "tensor of bool"],
    )
    def test_indices(self, index, kept):
        rows, expected = self.rows()
        assert rows[index].dtype == torch.float32
        torch.testing.assert_close(rows[index], expected[index])
        taken = rows.take(index)
        assert len(taken) == len(expected[index])
        torch.testing.assert_close(taken[:], expected[index])

    def test_taken_from_taken(self, kept):
        rows, expected = self.rows()
        some = rows.take(np.arange(300) % 2 == 0).take(np.array([3, 1])).take(slice(1, 2))
        torch.testing.assert_close(some[:], expected[2:3])
        torch.testing.assert_close(some[np.array([0, 0])], expected[[2, 2]])

    def test_transformed_once_or_on_demand(self, kept):
        rows, _ = self.rows()
        assert rows.transform.n_rows == 300 * kept
        rows.take(slice(10, 20))[:]
        assert rows.transform.n_rows == (300 if kept else 10)
        rows[:]
        assert rows.transform.n_rows == (300 if kept else 310)
        assert rows.transform.most_rows <= 7

    def test_fingerprint(self, kept):
        rows, _ = self.rows()
        same, _ = self.rows()
        assert rows.take(slice(10)).fingerprint() == same.take(np.arange(10)).fingerprint()
        assert rows.fingerprint() != rows.take(slice(10)).fingerprint()

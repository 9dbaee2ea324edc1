"""The folded network is the module: the same numbers, whatever rows, chunks and heads."""

import copy

import numpy as np
import pytest
import torch

from sklearn_regkd.networks import inference as folded_module
from sklearn_regkd.networks.inference import InferenceNetwork
from sklearn_regkd.networks.inputs import fit_input_transform
from sklearn_regkd.networks.mlp import MLP
from sklearn_regkd.networks.scaling import OutputScaling
from sklearn_regkd.preprocessing.scaling import Scaling

SCALING = Scaling(np.array([3.0, -50.0]), np.array([2.0, 0.1]), np.array([False, False]))


def rows(n_rows, seed=0):
    """Numbers of several shapes, one with gaps; categories; a constant; two values."""
    rng = np.random.default_rng(seed)
    X = np.column_stack(
        [
            rng.standard_normal(n_rows),
            np.exp(3 * rng.standard_normal(n_rows)),
            rng.integers(0, 3, n_rows),
            1e6 + rng.uniform(0, 100, n_rows),
            rng.integers(-1, 4, n_rows),
            np.full(n_rows, 7.0),
            rng.integers(0, 2, n_rows),
        ]
    )
    X[::7, 0] = np.nan
    return X


def network(transform="quantile", categorical=(4,), n_frequencies=3, hidden=(16, 8), heads=1):
    """A module that was not trained, with its scalings, as a student builds it."""
    X = rows(500)
    X = X if transform == "quantile" else np.nan_to_num(X)
    inputs = fit_input_transform(X, np.ones(len(X)), transform, list(categorical))
    n_inputs, n_plain = inputs.n_inputs, inputs.n_plain
    module = MLP(n_inputs, 2 * heads, hidden, n_frequencies=n_frequencies, n_plain=n_plain)
    inputs.attach(module, 2)
    return module.eval(), OutputScaling(SCALING, heads)


def by_module(module, output, X, head="label"):
    """What the module says, in the precision of X."""
    dtype = torch.from_numpy(X).dtype
    module, output = copy.deepcopy(module).to(dtype), copy.deepcopy(output).to(dtype)
    with torch.inference_mode():
        return output(module(torch.from_numpy(X)), head).numpy()


CASES = {
    "as a student": {},
    "no embedding": {"n_frequencies": 0},
    "standardised": {"transform": "standard", "categorical": (), "n_frequencies": 0},
    "standardised, embedded": {"transform": "standard", "categorical": ()},
    "linear": {"hidden": (), "n_frequencies": 0},
    "numbers only": {"categorical": ()},
    "categories only": {"categorical": range(7), "n_frequencies": 0},
}


@pytest.mark.slow
@pytest.mark.parametrize("n_rows", [1, 40, 3000])
@pytest.mark.parametrize("case", CASES)
def test_equals_the_module(case, n_rows):
    X = rows(n_rows, seed=1)
    X = X if CASES[case].get("transform") != "standard" else np.nan_to_num(X)
    module, output = network(**CASES[case])
    for dtype, rtol in (("float32", 1e-4), ("float64", 1e-9)):
        given = X.astype(dtype)
        said = InferenceNetwork(module, output, getattr(torch, dtype))(given, "label")
        assert said.dtype == dtype
        assert said.shape == (n_rows, 2)
        np.testing.assert_allclose(said, by_module(module, output, given), rtol=rtol)


@pytest.mark.parametrize("head", ["label", "teacher", "mean"])
def test_heads(head):
    X = rows(50, seed=2)
    module, output = network(heads=2)
    said = InferenceNetwork(module, output, torch.float64)(X, head)
    np.testing.assert_allclose(said, by_module(module, output, X, head), rtol=1e-9)


def test_a_head_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match=r"heads are: label$"):
        InferenceNetwork(*network(), torch.float64)(rows(3), "teacher")


@pytest.mark.parametrize("chunk_rows", [1, 7, 2999])
def test_chunks_are_the_whole(chunk_rows, monkeypatch):
    X = rows(3000)
    folded = InferenceNetwork(*network(), torch.float64)
    whole = folded(X, "label")
    monkeypatch.setattr(folded_module, "CHUNK_ELEMENTS", chunk_rows * folded.widest)
    np.testing.assert_allclose(folded(X[:200], "label"), whole[:200], rtol=1e-12)
    np.testing.assert_allclose(folded(X[-200:], "label"), whole[-200:], rtol=1e-12)
    seen = []
    monkeypatch.setattr(folded, "enter", lambda X, enter=folded.enter: seen.append(X) or enter(X))
    folded(X[:100], "label")
    assert max(map(len, seen)) <= chunk_rows
    assert sum(map(len, seen)) == 100


def test_the_rows_are_not_written_to():
    X = rows(1)
    before = X.copy()
    InferenceNetwork(*network(), torch.float64)(X, "label")
    np.testing.assert_array_equal(X, before)

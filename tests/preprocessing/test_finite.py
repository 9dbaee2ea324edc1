"""Finite numbers in, finite numbers out: every magnitude, both precisions, all networks alike."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sklearn_regkd import StudentRegressor
from sklearn_regkd.networks.scaling import FARTHEST
from sklearn_regkd.preprocessing.quantile import fit_quantiles
from sklearn_regkd.preprocessing.scaling import fit_input_scaling, needs_double

MOST = float(np.finfo(np.float32).max)
LEAST = float(np.finfo(np.float32).smallest_subnormal)
N = 24


def magnitudes(draw):
    size = 10.0 ** draw(st.floats(-45, 38.5))
    return min(size, MOST)


@st.composite
def columns(draw):
    """Return a column that single precision holds, of one of many strange kinds."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    normal, size = rng.normal(size=N), magnitudes(draw)
    kinds = {
        "scaled": normal * size,
        "constant": np.full(N, draw(st.sampled_from([size, -size, MOST, -MOST, LEAST, 0.0]))),
        "over all numbers": rng.uniform(-1, 1, N) * MOST,
        "offset": normal + size,
        "two values": np.where(normal > 0, size, -size),
        "spiked": np.where(normal > 1, size, normal),
        "the least numbers": np.round(normal) * LEAST * draw(st.integers(1, 50)),
        "less than single": normal * 10.0 ** draw(st.floats(-320, -46)),
        "skewed": np.exp(20 * normal),
        "a late digit": size * (1 + np.round(normal) * 2.0**-23),
    }
    return np.clip(kinds[draw(st.sampled_from(sorted(kinds)))], -MOST, MOST)


NUMBERS = [0.0, 1.0, -1.0, LEAST, 5e-39, 1e30, -1e37, MOST, -MOST]
PROBES = np.array(NUMBERS)[np.random.default_rng(0).integers(0, len(NUMBERS), (40, 2))]


def student(transform):
    return StudentRegressor(
        (4,), max_epochs=1, weight_decay=0.1, input_transform=transform, random_state=0
    )


@pytest.mark.slow
@pytest.mark.parametrize("transform", ["quantile", "standard"])
@settings(max_examples=40, deadline=None)
@given(columns(), columns(), st.sampled_from([np.float32, np.float64]))
def test_finite_in_finite_out(transform, one, other, dtype):
    X = np.column_stack([one, other]).astype(dtype)
    y = np.random.default_rng(0).normal(size=N)
    model = student(transform).fit(X, y)
    rows = np.vstack([X, PROBES]).astype(np.float32)
    double = model.predict(rows.astype(np.float64))
    assert np.isfinite(double).all()
    # The network in single precision, and as it was trained. An offset may be rounded by a
    # hundredth of the spread.
    limit = 3e-2 * max(1, np.abs(double).max())
    for found in (model.predict(rows), model.net_.predict(rows).ravel()):
        np.testing.assert_allclose(found, double, rtol=0, atol=limit)


@pytest.mark.parametrize("transform", ["quantile", "standard"])
@pytest.mark.parametrize(
    "column",
    [
        np.linspace(-MOST, MOST, N),
        np.linspace(0, 1e-40, N),
        np.linspace(0, 1, N) * 1e-300,
        1e38 + np.linspace(0, 1e32, N),
        np.linspace(0, 1, N),
    ],
    ids=["all numbers", "subnormal", "less than single", "large offset", "ordinary"],
)
def test_graphs_answer_as_predict_does(transform, column):
    onnxruntime = pytest.importorskip("onnxruntime")
    from sklearn_regkd.export import to_onnx

    X = np.column_stack([column, np.resize([0, 1, 5.0], N)])
    model = student(transform).fit(X, np.arange(N) / N)
    rows = np.vstack([X, PROBES]).astype(np.float32)
    session = onnxruntime.InferenceSession(to_onnx(model).SerializeToString())
    found = session.run(None, {"X": rows})[0]
    np.testing.assert_allclose(found, model.predict(rows), rtol=1e-4, atol=1e-4)


class TestStandard:
    def test_far_inputs_are_cut(self):
        X = np.random.default_rng(0).normal(size=(200, 2))
        model = student("standard").fit(X, X[:, 0])
        sigma = X.std(axis=0)
        far = [X.mean(axis=0) + factor * sigma for factor in (FARTHEST, 2 * FARTHEST, 1e30)]
        for dtype in (np.float32, np.float64):
            found = model.predict(np.array(far, dtype))
            np.testing.assert_allclose(found, found[0], rtol=1e-2)

    @pytest.mark.parametrize("value", [0.0, 0.1, 1e-45, -1e30, MOST, 1.6e9 + 0.3])
    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    def test_a_constant_says_nothing(self, value, dtype):
        rng = np.random.default_rng(0)
        X = np.column_stack([rng.normal(size=60), np.full(60, value)]).astype(dtype)
        model = student("standard").fit(X, X[:, 0])
        moved = X.copy()
        for other in (0, 1e-30, -5, 3e38):
            moved[:, 1] = other
            np.testing.assert_array_equal(model.predict(moved), model.predict(X))

    def test_of_a_huge_constant_the_mean_is_rounded(self):
        X = np.full((7, 1), 1e30 / 3)
        scaling = fit_input_scaling(X, np.array([0.1, 0.7, 0.3, 0.2, 0.9, 0.4, 0.6]))
        assert scaling.constant.tolist() == [True]
        assert scaling.divisor.tolist() == [np.inf]

    def test_first_block_of_equal_values_proves_nothing(self):
        rng = np.random.default_rng(0)
        first = np.column_stack([rng.normal(size=60), np.zeros(60)])
        later = np.column_stack([rng.normal(size=60), rng.integers(0, 2, 60)])
        model = student("standard").partial_fit(first, first[:, 0])
        for _ in range(30):
            model.partial_fit(later, 3 * later[:, 1])
        assert np.corrcoef(model.predict(later), later[:, 1])[0, 1] > 0.5


@pytest.mark.parametrize(
    ("offset", "width", "spread", "expected"),
    [
        (0.0, 1.0, 1.0, False),
        (1.6e9, 1e-3, 1e6, False),
        (1.6e9, 1e-3, 1e3, True),
        (1e30, 1.0, 1e30, False),
        (1e31, 1.0, 1e31, True),
        (np.inf, 1.0, 1.0, False),
        (0.0, 1e-31, 1.0, True),
        (0.0, 1e31, 1e31, True),
        (5.0, 0.0, 0.0, False),
        (5.0, np.inf, np.inf, False),
    ],
)
def test_where_single_precision_would_fail(offset, width, spread, expected):
    arrays = (np.array([value, 1.0]) for value in (offset, width, spread))
    assert needs_double(*arrays) is expected


def test_tables_of_ordinary_columns_stay_in_single_precision():
    X = np.random.default_rng(0).normal(size=(500, 3)) * [1e-6, 1e6, 1e12] + [0, 1.6e9, 0]
    assert not fit_quantiles(X, np.ones(500)).needs_double
    assert not fit_input_scaling(X, np.ones(500)).needs_double

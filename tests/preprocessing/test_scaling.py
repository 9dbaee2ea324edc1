"""Scalings of targets and inputs: symmetries, robustness, and what is left as it is."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sklearn_regkd.preprocessing import scaling as scaling_module
from sklearn_regkd.preprocessing.scaling import fit_input_scaling, fit_target_scaling
from tests.helpers import columns, on_grid

quick = settings(max_examples=40, deadline=None)


@st.composite
def targets(draw, min_rows=2):
    """Targets (n_samples, n_outputs) whose sums and differences are exact."""
    shape = (draw(st.integers(min_rows, 30)), draw(st.integers(1, 3)))
    return draw(arrays(np.float64, shape, elements=on_grid))


@st.composite
def counts(draw, n):
    return np.array(draw(st.lists(st.integers(1, 4), min_size=n, max_size=n)))


@pytest.mark.filterwarnings("ignore:output .* of y is .* in every row:UserWarning")
class TestTargetScaling:
    @pytest.mark.parametrize("sign", [1, -1])
    @quick
    @given(y=targets(), exponent=st.integers(-20, 20), b=on_grid)
    def test_equivariant(self, sign, y, exponent, b):
        # All numbers are exact: the factor is a power of two, the shift on the
        # grid of y. Only the standard deviation, the last resort, is rounded.
        a = sign * 2.0**exponent
        weight = np.ones(len(y))
        plain, moved = fit_target_scaling(y, weight), fit_target_scaling(a * (y + b), weight)
        assert np.array_equal(moved.center, a * (plain.center + b))
        assert np.array_equal(moved.constant, plain.constant)
        varying = ~plain.constant
        np.testing.assert_allclose(moved.scale[varying], abs(a) * plain.scale[varying], rtol=1e-12)

    @pytest.mark.parametrize("a", [-1e9, -0.3, 1e-9, 7.0])
    @pytest.mark.parametrize("b", [0.0, -55.5, 1e6])
    def test_equivariant_on_many_rows(self, a, b):
        y = np.random.default_rng(0).gamma(2.0, size=(1001, 1))
        weight = np.ones(len(y))
        plain, moved = fit_target_scaling(y, weight), fit_target_scaling(a * y + b, weight)
        rounding = 1e-15 * abs(b)
        np.testing.assert_allclose(moved.center, a * plain.center + b, rtol=1e-12)
        np.testing.assert_allclose(moved.scale, abs(a) * plain.scale, rtol=1e-12, atol=4 * rounding)

    @quick
    @given(y=targets(min_rows=3))
    def test_standardised_targets_are_in_unit_scaling(self, y):
        weight = np.ones(len(y))
        scaling = fit_target_scaling(y, weight)
        again = fit_target_scaling(scaling.standardize(y), weight)
        assert (again.center == 0).all()
        np.testing.assert_allclose(again.scale, 1.0, rtol=1e-12)

    def test_standard_deviation_of_gaussian_targets(self):
        y = 5 + 3 * np.random.default_rng(0).standard_normal((20_000, 1))
        scaling = fit_target_scaling(y, np.ones(len(y)))
        np.testing.assert_allclose(scaling.center, 5, atol=0.1)
        np.testing.assert_allclose(scaling.scale, 3, rtol=0.03)

    @pytest.mark.parametrize("share", [0.1, 0.2, 0.3])
    @pytest.mark.parametrize("signs", [[1], [-1], [1, -1]])
    def test_wild_labels_do_not_decide_the_units(self, share, signs):
        rng = np.random.default_rng(0)
        y = rng.standard_normal((1000, 1))
        wild = rng.choice(1000, int(share * 1000), replace=False)
        y[wild, 0] = 1e9 * np.resize(signs, len(wild))
        scaling = fit_target_scaling(y, np.ones(1000))
        assert abs(scaling.center[0]) < 1
        assert 0.3 < scaling.scale[0] < 4

    @pytest.mark.parametrize("share", [0.6, 0.97, 0.999])
    def test_zero_inflated_targets(self, share):
        rng = np.random.default_rng(0)
        y = rng.gamma(2.0, 10.0, (1000, 1))
        y[: int(1000 * share)] = 0
        scaling = fit_target_scaling(y, np.ones(1000))
        assert scaling.center == 0
        assert not scaling.constant.any()
        # more than nothing, and not more than the spread of the other values
        assert 0 < scaling.scale[0] < y.max()
        if share > 0.95:
            # quantiles see only zeros: the mean absolute deviation, which is
            # sqrt(2 / pi) sigma for a Gaussian
            expected = np.sqrt(np.pi / 2) * np.abs(y).mean()
            np.testing.assert_allclose(scaling.scale, expected, rtol=1e-4)

    @pytest.mark.parametrize("value", [0.0, 0.1, -1e300, 1.6e9])
    def test_constant_targets_are_flagged(self, value):
        y = columns(np.full(9, value), np.arange(9))
        with pytest.warns(UserWarning, match="output 0 of y is .* in every row") as caught:
            scaling = fit_target_scaling(y, np.linspace(0.1, 3, 9))
        assert len(caught) == 1
        assert scaling.constant.tolist() == [True, False]
        assert scaling.center[0] == value
        assert scaling.scale[0] == 1
        assert (scaling.standardize(y)[:, 0] == 0).all()

    @quick
    @given(y=targets(), data=st.data())
    def test_integer_weight_is_repetition(self, y, data):
        weight = data.draw(counts(len(y)))
        weighted = fit_target_scaling(y, weight.astype(float))
        rows = np.repeat(y, weight, axis=0)
        repeated = fit_target_scaling(rows, np.ones(len(rows)))
        assert np.array_equal(weighted.center, repeated.center)
        assert np.array_equal(weighted.constant, repeated.constant)
        np.testing.assert_allclose(weighted.scale, repeated.scale, rtol=1e-12)

    @quick
    @given(y=targets(), data=st.data(), exponent=st.integers(-10, 10))
    def test_unit_of_the_weights_does_not_matter(self, y, data, exponent):
        weight = data.draw(counts(len(y))).astype(float)
        plain = fit_target_scaling(y, weight)
        other = fit_target_scaling(y, 2.0**exponent * weight)
        assert np.array_equal(plain.center, other.center)
        np.testing.assert_allclose(plain.scale, other.scale, rtol=1e-12)

    @pytest.mark.parametrize("value", [0.3, 0.7, 2.0])
    @pytest.mark.parametrize("n", [4, 6, 8, 101])
    def test_equal_weights_are_no_weights(self, n, value):
        y = np.arange(n, dtype=float)[:, None]
        plain, weighted = (fit_target_scaling(y, np.full(n, w)) for w in (1.0, value))
        assert weighted.center == plain.center
        np.testing.assert_allclose(weighted.scale, plain.scale, rtol=1e-12)

    @quick
    @given(y=targets(), random=st.randoms(use_true_random=False))
    def test_order_of_rows(self, y, random):
        order = list(range(len(y)))
        random.shuffle(order)
        weight = np.linspace(1, 2, len(y)).round(1) * 10
        plain = fit_target_scaling(y, weight)
        shuffled = fit_target_scaling(y[order], weight[order])
        np.testing.assert_allclose(shuffled.center, plain.center)
        np.testing.assert_allclose(shuffled.scale, plain.scale)


class TestInputScaling:
    @pytest.mark.parametrize("block_elements", [1, 7, 64, 2**20])
    @pytest.mark.parametrize("shape", [(101, 3), (40, 3, 5), (17, 2, 4, 3)])
    def test_mean_and_deviation_across_blocks(self, monkeypatch, block_elements, shape):
        monkeypatch.setattr(scaling_module, "BLOCK_ELEMENTS", block_elements)
        rng = np.random.default_rng(0)
        spread = np.arange(1, shape[1] + 1).reshape(-1, *[1] * (len(shape) - 2))
        X = 100 * spread + spread * rng.standard_normal(shape)
        scaling = fit_input_scaling(X, np.ones(len(X)))
        # Pictures without channels are scaled as a whole.
        others = None if X.ndim == 3 else tuple(axis for axis in range(X.ndim) if axis != 1)
        assert scaling.center.shape == (shape[1],)
        np.testing.assert_allclose(scaling.center, X.mean(axis=others), rtol=1e-12)
        np.testing.assert_allclose(scaling.scale, X.std(axis=others), rtol=1e-9)

    @pytest.mark.parametrize("block_elements", [16, 2**20])
    @pytest.mark.parametrize("shape", [(50, 3), (20, 2, 4)])
    def test_integer_weight_is_repetition_and_zero_is_absence(
        self, monkeypatch, block_elements, shape
    ):
        monkeypatch.setattr(scaling_module, "BLOCK_ELEMENTS", block_elements)
        X = np.random.default_rng(0).standard_normal(shape)
        weight = np.resize([2, 0, 1, 3], shape[0])
        weighted = fit_input_scaling(X, weight.astype(float))
        rows = np.repeat(X, weight, axis=0)
        repeated = fit_input_scaling(rows, np.ones(len(rows)))
        np.testing.assert_allclose(weighted.center, repeated.center, rtol=0, atol=1e-14)
        np.testing.assert_allclose(weighted.scale, repeated.scale, rtol=1e-12)

    def test_block_of_weight_zero_adds_nothing(self, monkeypatch):
        monkeypatch.setattr(scaling_module, "BLOCK_ELEMENTS", 4)
        X = np.random.default_rng(0).standard_normal((12, 2))
        weight = np.ones(12)
        weight[2:6] = 0
        scaling = fit_input_scaling(X, weight)
        np.testing.assert_allclose(scaling.center, X[weight > 0].mean(axis=0))
        np.testing.assert_allclose(scaling.scale, X[weight > 0].std(axis=0))

    @pytest.mark.parametrize("block_elements", [4, 2**20])
    @pytest.mark.parametrize("value", [0.0, 0.1, 1.6e9 + 0.3, -1e-300])
    def test_constant_column_keeps_its_units(self, monkeypatch, block_elements, value):
        monkeypatch.setattr(scaling_module, "BLOCK_ELEMENTS", block_elements)
        X = columns(np.full(60, value), np.arange(60))
        scaling = fit_input_scaling(X, np.ones(60))
        assert scaling.scale[0] == 1
        np.testing.assert_allclose(scaling.standardize(X)[:, 0], 0, atol=1e-6)

    def test_large_offset(self):
        seconds = np.random.default_rng(0).uniform(0, 100, 1000)
        X = columns(1.6e9 + seconds)
        scaling = fit_input_scaling(X, np.ones(1000))
        np.testing.assert_allclose(scaling.scale, seconds.std(), rtol=1e-6)

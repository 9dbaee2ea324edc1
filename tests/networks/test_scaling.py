"""Scalings of inputs and targets: symmetries, robustness, and their life inside a module."""

import pickle

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torch import nn

from sklearn_regkd.networks.mlp import MLP
from sklearn_regkd.networks.scaling import OutputScaling, attach_input_scaling
from sklearn_regkd.preprocessing import scaling as scaling_module
from sklearn_regkd.preprocessing.scaling import Scaling, fit_input_scaling, fit_target_scaling

quick = settings(max_examples=40, deadline=None)
on_grid = st.integers(-4096, 4096).map(lambda i: i / 64)


@st.composite
def targets(draw, min_rows=2):
    """Targets (n_samples, n_outputs) whose sums and differences are exact."""
    shape = (draw(st.integers(min_rows, 30)), draw(st.integers(1, 3)))
    return draw(arrays(np.float64, shape, elements=on_grid))


@st.composite
def counts(draw, n):
    return np.array(draw(st.lists(st.integers(1, 4), min_size=n, max_size=n)))


def columns(*values):
    return np.column_stack([np.asarray(v, float) for v in values])


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


def make_network():
    return nn.Sequential(nn.Linear(2, 5), nn.Tanh(), nn.Linear(5, 1))


SCALING = Scaling(np.array([10.0, -3.0]), np.array([2.0, 0.5]), np.array([False, False]))


class TestAttachInputScaling:
    @pytest.mark.parametrize("make", [make_network, lambda: MLP(2, 1)])
    def test_same_as_standardised_inputs(self, make):
        module = make()
        raw = 10 * torch.randn(20, 2)
        standard = torch.tensor(SCALING.standardize(raw.double().numpy())).float()
        expected = module(standard)
        attach_input_scaling(module, SCALING, n_dims=2)
        torch.testing.assert_close(module(raw), expected, rtol=1e-5, atol=1e-5)
        assert not torch.allclose(module(standard), expected)

    def test_parameters_keep_their_names(self):
        module = make_network()
        names = [name for name, _ in module.named_parameters()]
        layers = list(module)
        attach_input_scaling(module, SCALING, n_dims=2)
        assert [name for name, _ in module.named_parameters()] == names
        assert list(module) == layers

    def test_numbers_travel_in_the_state_dict(self):
        module, other = make_network(), make_network()
        attach_input_scaling(module, SCALING, n_dims=2)
        state = module.state_dict()
        np.testing.assert_array_equal(state["input_center"], SCALING.center)
        np.testing.assert_array_equal(state["input_scale"], SCALING.scale)

        unit = Scaling(np.zeros(2), np.ones(2), SCALING.constant)
        attach_input_scaling(other, unit, n_dims=2)
        other.load_state_dict(state)
        raw = 10 * torch.randn(20, 2)
        assert torch.equal(other(raw), module(raw))

    def test_time_stamps_keep_their_information(self):
        rng = np.random.default_rng(0)
        X = columns(1.6e9 + rng.uniform(0, 1, 500), rng.uniform(0, 1, 500))
        scaling = fit_input_scaling(X, np.ones(500))
        module = nn.Identity()
        attach_input_scaling(module, scaling, n_dims=2)
        standard = module(torch.tensor(X))
        assert standard.dtype == torch.float32
        # float64 itself resolves 2.4e-7 seconds here; float32 would resolve 128
        np.testing.assert_allclose(standard, scaling.standardize(X), atol=1e-5)
        assert len(np.unique(standard[:, 0])) > 490

    @pytest.mark.parametrize("weights", [torch.float32, torch.float64])
    @pytest.mark.parametrize("inputs", [torch.float32, torch.float64])
    def test_output_has_the_precision_of_the_weights(self, weights, inputs):
        module = make_network().to(weights)
        attach_input_scaling(module, SCALING, n_dims=2)
        assert module(torch.zeros(3, 2, dtype=inputs)).dtype == weights

    @pytest.mark.parametrize("shape", [(6, 2, 7), (6, 2, 5, 5)])
    def test_inputs_of_more_dimensions_are_scaled_per_channel(self, shape):
        X = np.random.default_rng(0).standard_normal(shape)
        module = nn.Identity()
        attach_input_scaling(module, SCALING, n_dims=len(shape))
        for channel in range(2):
            expected = (X[:, channel] - SCALING.center[channel]) / SCALING.scale[channel]
            np.testing.assert_allclose(
                module(torch.tensor(X))[:, channel], expected, rtol=1e-6, atol=1e-6
            )

    def test_survives_pickle(self):
        module = make_network()
        attach_input_scaling(module, SCALING, n_dims=2)
        copy = pickle.loads(pickle.dumps(module))
        raw = 10 * torch.randn(20, 2)
        assert torch.equal(copy(raw), module(raw))
        # the copy's own numbers are used, not those of the original
        copy.input_center += 1
        assert not torch.equal(copy(raw), module(raw))

    def test_further_arguments_pass_untouched(self):
        class TwoInputs(nn.Module):
            def forward(self, X, other):
                return X, other

        module = TwoInputs()
        attach_input_scaling(module, SCALING, n_dims=2)
        other = torch.randn(4, 2)
        assert module(torch.zeros(4, 2), other)[1] is other


def target_scaling(center, scale, constant=None):
    center, scale = np.array(center, float), np.array(scale, float)
    constant = np.zeros(len(center), bool) if constant is None else np.array(constant)
    return Scaling(center, scale, constant)


class TestOutputScaling:
    scaling = target_scaling([10.0, -5.0], [2.0, 0.5])

    def test_one_head(self):
        standard = torch.randn(7, 2)
        raw = OutputScaling(self.scaling)(standard)
        np.testing.assert_allclose(raw, standard.numpy() * [2, 0.5] + [10, -5], rtol=1e-6)
        # undoes what was done to the labels
        np.testing.assert_allclose(self.scaling.standardize(raw.numpy()), standard, atol=1e-5)

    def test_heads(self):
        standard = torch.randn(7, 4)
        output = OutputScaling(self.scaling, n_heads=2)
        one = OutputScaling(self.scaling)
        label, teacher = one(standard[:, :2]), one(standard[:, 2:])
        assert torch.equal(output(standard), label)
        assert torch.equal(output(standard, head="label"), label)
        assert torch.equal(output(standard, head="teacher"), teacher)
        torch.testing.assert_close(output(standard, head="mean"), (label + teacher) / 2)

    def test_one_output_without_its_dimension(self):
        output = OutputScaling(target_scaling([1.0], [2.0]))
        assert output(torch.tensor([0.0, 1.0])).tolist() == [[1.0], [3.0]]

    def test_teacher_head_of_a_student_with_one_head(self):
        for head in ("teacher", "mean"):
            with pytest.raises(ValueError, match=f"'{head}', but the student has one head"):
                OutputScaling(self.scaling)(torch.zeros(3, 2), head=head)

    def test_unknown_head_lists_the_known(self):
        with pytest.raises(ValueError, match=r"'labels' is unknown.*label, teacher, mean"):
            OutputScaling(self.scaling, n_heads=2)(torch.zeros(3, 4), head="labels")

    @pytest.mark.parametrize(
        ("n_heads", "head"), [(1, "label"), (2, "label"), (2, "teacher"), (2, "mean")]
    )
    def test_constant_target_is_exact(self, n_heads, head):
        values = [2.5, 0.0, 16_777_217.0]  # the last one is not a float32
        scaling = target_scaling(values, [1.0, 3.0, 1.0], [True, False, True])
        raw = OutputScaling(scaling, n_heads)(1e6 * torch.randn(9, 3 * n_heads), head=head)
        assert raw[:, 0].tolist() == [2.5] * 9
        assert raw[:, 2].tolist() == [16_777_217.0] * 9
        assert raw[:, 1].unique().numel() > 1

    @pytest.mark.parametrize(
        ("center", "scale"), [(1.6e9, 10.0), (1e39, 1e38), (0.0, 1e-42), (0.0, 1e300)]
    )
    def test_double_precision_where_single_would_not_do(self, center, scale):
        scaling = target_scaling([center], [scale])
        standard = torch.linspace(-2, 2, 41)[:, None]
        raw = OutputScaling(scaling)(standard)
        assert raw.dtype == torch.float64
        assert torch.isfinite(raw).all()
        np.testing.assert_allclose(scaling.standardize(raw.numpy()), standard, atol=1e-6)

    def test_single_precision_for_ordinary_targets(self):
        assert OutputScaling(self.scaling)(torch.zeros(3, 2)).dtype == torch.float32

    @quick
    @given(center=st.floats(-1e12, 1e12), scale=st.floats(1e-3, 1e6))
    def test_loses_less_than_a_hundredth_of_the_spread(self, center, scale):
        assume(abs(center) < 1e12 * scale)  # float64 has its limits as well
        scaling = target_scaling([center], [scale])
        standard = torch.linspace(-3, 3, 25)[:, None]
        raw = OutputScaling(scaling)(standard).double().numpy()
        np.testing.assert_allclose(scaling.standardize(raw), standard, atol=1e-2)

"""Scalings inside a module: of its inputs, and of what it returns."""

import pickle

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn

from sklearn_regkd.networks.mlp import MLP
from sklearn_regkd.networks.scaling import OutputScaling, attach_input_scaling
from sklearn_regkd.preprocessing.scaling import Scaling, fit_input_scaling
from tests.helpers import columns

quick = settings(max_examples=40, deadline=None)


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

"""The built-in network: its weights come from its seed and from nothing else."""

import math
from itertools import pairwise

import pytest
import torch

from sklearn_regkd.networks.mlp import ACTIVATIONS, MLP, seeded_linear


def parameters(module):
    return torch.cat([p.detach().flatten() for p in module.parameters()])


@pytest.mark.parametrize("hidden", [(), (8,), (16, 4)])
class TestSeed:
    def test_same_seed_same_weights(self, hidden):
        assert torch.equal(
            parameters(MLP(3, 2, hidden, seed=5)), parameters(MLP(3, 2, hidden, seed=5))
        )

    def test_other_seed_other_weights(self, hidden):
        first, second = parameters(MLP(3, 2, hidden, seed=5)), parameters(MLP(3, 2, hidden, seed=6))
        assert (first != second).all()

    def test_global_generator_neither_read_nor_moved(self, hidden):
        torch.manual_seed(0)
        before = torch.get_rng_state()
        first = parameters(MLP(3, 2, hidden, seed=5))
        assert torch.equal(torch.get_rng_state(), before)
        torch.manual_seed(1)
        assert torch.equal(parameters(MLP(3, 2, hidden, seed=5)), first)


@pytest.mark.parametrize("hidden", [(), (8,), (16, 4, 5)])
@pytest.mark.parametrize("n_outputs", [1, 3])
def test_shapes(hidden, n_outputs):
    network = MLP(7, n_outputs, hidden)
    linear = [layer for layer in network if isinstance(layer, torch.nn.Linear)]
    widths = [(layer.in_features, layer.out_features) for layer in linear]
    assert widths == list(pairwise([7, *hidden, n_outputs]))
    for n_rows in (0, 1, 5):
        assert network(torch.zeros(n_rows, 7)).shape == (n_rows, n_outputs)
    assert all(p.requires_grad for p in network.parameters())


def test_no_hidden_layers_is_a_linear_model():
    network = MLP(3, 2, hidden_layer_sizes=()).double()
    x, y = torch.randn(2, 10, 3, dtype=torch.float64)
    origin = network(torch.zeros(1, 3, dtype=torch.float64))
    torch.testing.assert_close(
        network(2 * x - 3 * y) - origin, 2 * (network(x) - origin) - 3 * (network(y) - origin)
    )


@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
def test_activation_follows_each_hidden_layer_only(activation):
    network = MLP(3, 2, (4, 5), activation)
    kinds = [type(layer) for layer in network]
    linear, between = torch.nn.Linear, ACTIVATIONS[activation]
    assert kinds == [linear, between, linear, between, linear]
    x, y = torch.randn(2, 10, 3)
    origin = network(torch.zeros(1, 3))
    additive = network(x) + network(y) - origin
    assert not torch.allclose(network(x + y), additive, atol=1e-4)


def test_initial_weights_are_spread_like_those_of_torch():
    generator = torch.Generator().manual_seed(0)
    layer = seeded_linear(100, 200, generator)
    bound = 1 / math.sqrt(100)
    for values in (layer.weight, layer.bias):
        assert values.abs().max() <= bound
        assert values.abs().max() > 0.9 * bound
        assert abs(values.mean()) < 0.2 * bound

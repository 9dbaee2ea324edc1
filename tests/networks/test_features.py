"""Layers of a network by their place: the last one, and what enters it."""

import numpy as np
import pytest
import torch

from sklearn_regkd.networks.features import last_features, last_linear


class TestLastFeatures:
    def test_the_last_layer_is_linear_in_them(self):
        torch.manual_seed(0)
        module = torch.nn.Sequential(torch.nn.Linear(3, 5), torch.nn.Tanh(), torch.nn.Linear(5, 2))
        X = np.random.default_rng(0).normal(size=(5000, 3)).astype(np.float32)
        phi = last_features(module, X)
        last = last_linear(module)
        weights = torch.cat([last.weight, last.bias[:, None]], dim=1).detach().double().numpy()
        with torch.no_grad():
            expected = module(torch.from_numpy(X)).numpy()
        np.testing.assert_allclose(phi @ weights.T, expected, atol=1e-5)
        assert not module[-1]._forward_pre_hooks

    def test_a_module_without_linear_layers(self):
        with pytest.raises(ValueError, match="Sequential has no linear layer"):
            last_linear(torch.nn.Sequential(torch.nn.Tanh()))

"""Normal scores inside a module: the life of their tables."""

import pickle

import numpy as np
import pytest
import torch
from torch import nn

from sklearn_regkd.networks.quantile import attach_input_quantiles, quantile_inputs
from sklearn_regkd.preprocessing.quantile import TABLES, fit_quantiles

X = np.array([[1.0, np.nan, 5.0], [2.0, 1.0, np.nan], [3.0, 7.0, 8.0], [4.0, 3.0, 9.0]])


def fit(X):
    return fit_quantiles(X, np.ones(len(X)))


def make_network(n_inputs=5):
    return nn.Sequential(nn.Linear(n_inputs, 4), nn.Tanh(), nn.Linear(4, 1))


class TestAttachInputQuantiles:
    quantiles = fit(X)

    def attached(self, quantiles=None):
        module = make_network()
        attach_input_quantiles(module, self.quantiles if quantiles is None else quantiles)
        return module

    def test_same_as_mapped_inputs(self):
        module = make_network()
        tables = {name: torch.from_numpy(getattr(self.quantiles, name)) for name in TABLES}
        expected = module(quantile_inputs(torch.from_numpy(X), tables).float())
        attach_input_quantiles(module, self.quantiles)
        torch.testing.assert_close(module(torch.from_numpy(X)), expected)
        assert expected.std() > 0

    def test_parameters_keep_their_names(self):
        expected = [name for name, _ in make_network().named_parameters()]
        assert [name for name, _ in self.attached().named_parameters()] == expected

    def test_tables_travel_in_the_state_dict(self):
        module = self.attached()
        state = module.state_dict()
        for name in TABLES:
            np.testing.assert_array_equal(state[f"input_{name}"], getattr(self.quantiles, name))
        other = self.attached(fit(np.where(np.isnan(X), np.nan, 3 + X**2)))
        raw = torch.from_numpy(X)
        other[0].load_state_dict(module[0].state_dict())
        other[2].load_state_dict(module[2].state_dict())
        assert not torch.equal(other(raw), module(raw))
        other.load_state_dict(state)
        assert torch.equal(other(raw), module(raw))

    def test_survives_pickle(self):
        module = self.attached()
        copy = pickle.loads(pickle.dumps(module))
        raw = torch.from_numpy(X)
        assert torch.equal(copy(raw), module(raw))
        # the copy's own numbers are used, not those of the original
        copy.input_scores += 1
        assert not torch.equal(copy(raw), module(raw))

    @pytest.mark.parametrize("weights", [torch.float32, torch.float64])
    @pytest.mark.parametrize("inputs", [torch.float32, torch.float64])
    def test_output_has_the_precision_of_the_weights(self, weights, inputs):
        module = self.attached().to(weights)
        out = module(torch.from_numpy(X).to(inputs))
        assert out.dtype == weights
        assert out.isfinite().all()

    def test_further_arguments_pass_untouched(self):
        class TwoInputs(nn.Linear):
            def forward(self, X, other):
                return X, other

        module = TwoInputs(5, 1)
        attach_input_quantiles(module, self.quantiles)
        other = torch.randn(4, 2)
        assert module(torch.zeros(4, 3), other)[1] is other

"""The adapter of hints: it comes for the training, and goes without a trace."""

import numpy as np
import pytest
import torch

from sklearn_regkd.losses.criterion import SupervisionCriterion
from sklearn_regkd.networks.features import last_linear
from sklearn_regkd.networks.hints import ADAPTER, HintAdapter
from tests.helpers import pure_distillation, tanh_network


class TestAdapter:
    def adapted(self):
        module, criterion = (
            tanh_network(),
            SupervisionCriterion("squared_error", 1, hint_weight=1.0),
        )
        return module, criterion, HintAdapter(module, criterion, torch.zeros(2, 10), 5, seed=0)

    def test_output_is_wider_in_training_only(self):
        module, criterion, _ = self.adapted()
        rows = torch.randn(7, 10)
        plain = tanh_network().eval()(rows)
        assert torch.equal(module.eval()(rows), plain)
        said = module.train()(rows)
        assert said.shape == (7, 6)
        hidden = module[:2](rows)
        torch.testing.assert_close(said[:, 1:], getattr(criterion, ADAPTER)(hidden))

    def test_dropped_without_a_trace(self):
        module, criterion, adapter = self.adapted()
        adapter.drop()
        assert not list(criterion.parameters())
        assert torch.equal(module.train()(torch.ones(7, 10)), tanh_network()(torch.ones(7, 10)))

    def test_loss_by_hand(self):
        criterion = self.adapted()[1]
        rng = np.random.default_rng(0)
        said, packed = torch.tensor(rng.normal(size=(8, 6))), torch.tensor(rng.normal(size=(8, 9)))
        packed[:, 2], packed[:, 3] = 1.0, torch.tensor(rng.uniform(0.5, 2, 8))
        plain = (packed[:, 3] * (said[:, 0] - packed[:, 0]) ** 2).mean()
        missed = ((said[:, 1:] - packed[:, 4:]) ** 2).mean(dim=1)
        hinted = plain + (packed[:, 3] * missed).mean()
        torch.testing.assert_close(criterion.train()(said, packed), hinted)
        # In evaluation mode there is no adapter, and nothing that it could miss.
        torch.testing.assert_close(criterion.eval()(said[:, :1], packed), plain)

    def test_attentive_hints_leave_out_what_the_teacher_gets_wrong(self):
        criterion = SupervisionCriterion("squared_error", 1, hint_weight=1.0, attentive_hints=True)
        packed = torch.zeros(9, 9)
        packed[:, 1] = torch.tensor([0.1, -0.1] * 4 + [100.0])  # teachers: the last is far off
        packed[:, 2:4] = 1.0
        said = torch.zeros(9, 6)
        said[-1, 1:] = 7.0
        assert float(criterion.train()(said, packed)) == 0.0
        said[0, 1:] = 7.0
        assert float(criterion(said, packed)) > 1.0

    @pytest.mark.slow
    def test_of_a_fit_nothing_is_left(self, friedman):
        X, y = friedman
        model = pure_distillation(hints="leaves").fit(X, y)
        net = model.student_.net_
        assert not list(net.criterion_.parameters())
        assert not last_linear(net.module_)._forward_pre_hooks
        known = {id(p) for p in net.module_.parameters()}
        kept = {id(p) for group in net.optimizer_.param_groups for p in group["params"]}
        assert kept == known
        assert {id(p) for p in net.optimizer_.state} <= known
        assert model.student_.n_parameters_ == pure_distillation().fit(X, y).student_.n_parameters_
        # What is left is a plain network that says the same.
        again = net.predict(X.astype(np.float32)).ravel()
        np.testing.assert_allclose(model.predict(X), again, rtol=1e-4)

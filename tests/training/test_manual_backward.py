"""Forward and backward written out are what autograd and torch's optimizers do."""

import copy

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback, Freezer
from torch import nn

from sklearn_regkd import StudentRegressor
from sklearn_regkd.networks import inputs as inputs_module
from sklearn_regkd.networks.inputs import EmbeddedRows
from sklearn_regkd.networks.mlp import ACTIVATIONS, MLP
from sklearn_regkd.training.batched_layers import ACTIVATION_KERNELS, Layers
from sklearn_regkd.training.flat_adamw import FlatAdamW
from sklearn_regkd.training.manual_backward import ManualTraining


def networks(n_nets, widths, activation):
    return [
        MLP(widths[0], widths[-1], widths[1:-1], activation, seed=seed) for seed in range(n_nets)
    ]


def linear(module):
    return [layer for layer in module if isinstance(layer, nn.Linear)]


def as_layers(modules, activation):
    """The same networks side by side."""
    stacked = [
        [torch.stack([getattr(layer, name).detach() for layer in layers]) for name in kinds]
        for kinds in (("weight", "bias"),)
        for layers in zip(*map(linear, modules), strict=True)
    ]
    weights, biases = zip(*stacked, strict=True)
    gradients = [[torch.full_like(p, torch.nan) for p in group] for group in (weights, biases)]
    return Layers(weights, biases, *gradients, activation), gradients


class TestLayers:
    @pytest.mark.slow
    @pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
    @pytest.mark.parametrize("widths", [(3, 2), (3, 5, 1), (4, 8, 6, 2)])
    @pytest.mark.parametrize("n_nets", [1, 3])
    @pytest.mark.parametrize("shared", [True, False])
    def test_equals_autograd(self, activation, widths, n_nets, shared):
        draw = torch.Generator().manual_seed(0)
        modules = networks(n_nets, widths, activation)
        layers, (of_weights, of_biases) = as_layers(modules, activation)
        for n_rows in (7, 6, 7):  # buffers of one size are used again
            X = torch.randn(n_nets, n_rows, widths[0], generator=draw)
            X = X[:1].expand_as(X) if shared else X
            behind = torch.randn(n_nets, n_rows, widths[-1], generator=draw)
            said = layers.forward(X[0] if shared else X)
            layers.backward(behind)
            for net, module in enumerate(modules):
                module.zero_grad()
                expected = module(X[net])
                expected.backward(behind[net])
                torch.testing.assert_close(said[net], expected.detach())
                for layer, of_weight, of_bias in zip(
                    linear(module), of_weights, of_biases, strict=True
                ):
                    torch.testing.assert_close(of_weight[net], layer.weight.grad)
                    torch.testing.assert_close(of_bias[net], layer.bias.grad)

    def test_every_activation_of_the_student(self):
        assert set(ACTIVATION_KERNELS) == set(ACTIVATIONS)


class TestFlatAdamW:
    def test_equals_torch(self):
        draw = torch.Generator().manual_seed(0)
        shapes = [torch.Size((3, 2)), torch.Size((4,))]
        ours = FlatAdamW(shapes)
        theirs = [nn.Parameter(torch.randn(shape, generator=draw)) for shape in shapes]
        for value, parameter in zip(ours.values, theirs, strict=True):
            value.copy_(parameter.data)
        ours.betas, ours.eps = (0.8, 0.95), 1e-5
        optimizer = torch.optim.AdamW(theirs, weight_decay=0.3, betas=ours.betas, eps=ours.eps)
        for step in range(5):
            optimizer.param_groups[0]["lr"] = lr = 0.1 / (step + 1)
            for gradient, parameter in zip(ours.gradients, theirs, strict=True):
                gradient.copy_(torch.randn(gradient.shape, generator=draw))
                parameter.grad = gradient.clone()
            ours.lr, ours.shrink = lr, (ours.values, [torch.tensor(1 - 0.3 * lr)] * 2)
            ours.step()
            optimizer.step()
        for value, parameter in zip(ours.values, theirs, strict=True):
            torch.testing.assert_close(value, parameter.data)

    def test_each_network_has_a_learning_rate_of_its_own(self):
        draw = torch.Generator().manual_seed(0)
        rates, shapes = (0.1, 0.003), [torch.Size((2, 3, 2)), torch.Size((2, 4))]
        together = FlatAdamW(shapes)
        alone = [FlatAdamW([shape[1:] for shape in shapes]) for _ in rates]
        together.lr = [torch.tensor(rates).view(-1, 1, 1), torch.tensor(rates).view(-1, 1)]
        for _ in range(5):
            for place, gradient in enumerate(together.gradients):
                gradient.copy_(torch.randn(gradient.shape, generator=draw))
                for net, one in enumerate(alone):
                    one.gradients[place].copy_(gradient[net])
            together.step()
            for lr, one in zip(rates, alone, strict=True):
                one.lr = lr
                one.step()
        for place, value in enumerate(together.values):
            for net, one in enumerate(alone):
                torch.testing.assert_close(value[net], one.values[place], rtol=1e-4, atol=1e-6)


class TestEmbeddedRows:
    @pytest.mark.parametrize("kept", [True, False])
    def test_rows_are_what_the_embedding_returns(self, kept, monkeypatch):
        monkeypatch.setattr(inputs_module, "MOST_BYTES_KEPT", 2**20 if kept else 10)
        X = torch.arange(20.0).reshape(10, 2)
        embedded = EmbeddedRows(X, lambda rows: rows.repeat(1, 2).square())
        assert (embedded.kept is not None) == kept
        for rows in (torch.tensor([3, 0, 3]), torch.tensor([[3, 0], [1, 1]])):
            assert torch.equal(embedded[rows], X[rows].repeat(*[1] * rows.ndim, 2).square())


@pytest.fixture
def table():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 4)).astype(np.float32)
    y = np.column_stack([np.sin(2 * X[:, 0]) + X[:, 1], X[:, 2] * X[:, 3]])
    y[::10] += 5
    return X, y


def fit(table, **params):
    student = StudentRegressor(
        (16, 8), **{"weight_decay": 0.1, "max_epochs": 8, "random_state": 0, **params}
    )
    return student.fit(*table)


class Spy(Callback):
    """Counts epochs that went without autograd, by the gradients that were left behind."""

    def on_epoch_end(self, net, **kwargs):
        explicit = all(p.grad is None for p in net.module_.parameters())
        self.epochs = [*getattr(self, "epochs", []), explicit]


def epochs_of(student):
    return dict(student.net_.callbacks_)["spy"].epochs


def spied(*callbacks, **params):
    return {"net_params": {"callbacks": [*callbacks, ("spy", Spy())], **params}}


class TestTraining:
    @pytest.mark.slow
    @pytest.mark.parametrize("loss", ["squared_error", "absolute_error", "huber", "tukey"])
    @pytest.mark.parametrize("embedding", ["periodic", None])
    def test_equals_autograd(self, table, loss, embedding, monkeypatch):
        explicit = fit(table, loss=loss, embedding=embedding, **spied())
        assert all(epochs_of(explicit))
        monkeypatch.setattr(ManualTraining, "supports", staticmethod(lambda net: False))
        plain = fit(table, loss=loss, embedding=embedding, **spied())
        assert not any(epochs_of(plain))
        X = table[0]
        np.testing.assert_allclose(explicit.predict(X), plain.predict(X), rtol=1e-3, atol=1e-3)
        for name in ("train_loss", "train_batch_count"):
            ours, theirs = explicit.history_[:, name], plain.history_[:, name]
            np.testing.assert_allclose(ours, theirs, rtol=1e-4)
        states = [copy.deepcopy(s.net_.optimizer_.state_dict()["state"]) for s in (explicit, plain)]
        assert states[0].keys() == states[1].keys()
        for ours, theirs in zip(states[0].values(), states[1].values(), strict=True):
            assert ours["step"] == theirs["step"]
            torch.testing.assert_close(
                ours["exp_avg_sq"], theirs["exp_avg_sq"], rtol=0.1, atol=1e-6
            )

    def test_early_stopping_keeps_the_best_epoch(self, table, monkeypatch):
        given = {"early_stopping": True, "max_epochs": 30, "n_iter_no_change": 3}
        explicit = fit(table, **given)
        monkeypatch.setattr(ManualTraining, "supports", staticmethod(lambda net: False))
        plain = fit(table, **given)
        assert explicit.n_iter_ == plain.n_iter_
        X = table[0]
        np.testing.assert_allclose(explicit.predict(X), plain.predict(X), rtol=1e-3, atol=1e-3)

    def test_who_watches_batches_gets_them(self, table):
        class Batches(Callback):
            def on_batch_end(self, net, **kwargs):
                self.seen = getattr(self, "seen", 0) + 1

        student = fit(table, **spied(("batches", Batches())))
        assert dict(student.net_.callbacks_)["batches"].seen == 8 * 3
        assert not any(epochs_of(student))

    def test_frozen_layers_stay(self, table):
        student = fit(table, embedding=None, **spied(("freeze", Freezer("0.*"))))
        start = MLP(4, 2, (16, 8), seed=student.net_.module__seed)
        assert torch.equal(student.net_.module_[0].weight.cpu(), start[0].weight)
        assert not torch.equal(student.net_.module_[2].weight.cpu(), start[2].weight)
        assert not any(epochs_of(student))

    def test_a_hook_on_a_layer_is_called(self, table):
        class Watch(Callback):
            def on_train_begin(self, net, **kwargs):
                self.calls = 0
                self.handle = net.module_[-1].register_forward_hook(self.count)

            def count(self, *args):
                self.calls += 1

            def on_epoch_end(self, net, **kwargs):
                if len(net.history) == 2:
                    self.handle.remove()

            def __getstate__(self):
                return {}

        student = fit(table, **spied(("watch", Watch())))
        assert dict(student.net_.callbacks_)["watch"].calls == 2 * 3
        # Two epochs with autograd, which leaves gradients; then without.
        optimizer = student.net_.optimizer_
        assert {float(state["step"]) for state in optimizer.state.values()} == {8 * 3}

    @pytest.mark.slow
    @pytest.mark.parametrize(
        "params",
        [{"optimizer": "sgd"}, {"optimizer": torch.optim.RMSprop}, {"loss": "barron_learned"}],
    )
    def test_what_it_cannot_do_is_left_to_autograd(self, table, params):
        assert not any(epochs_of(fit(table, lr=0.001, **params, **spied())))

    def test_whoever_replaces_weights_and_state_is_followed(self, table, monkeypatch):
        class Replace(Callback):
            def on_epoch_end(self, net, **kwargs):
                if len(net.history) == 3:
                    net.optimizer_.load_state_dict(copy.deepcopy(net.optimizer_.state_dict()))
                    for p in net.module_.parameters():
                        p.data = p.data.clone()

        X = table[0]
        replaced = fit(table, **spied(("replace", Replace())))
        assert all(epochs_of(replaced))
        np.testing.assert_array_equal(replaced.predict(X), fit(table).predict(X))

    @pytest.mark.slow
    def test_closure_optimizers_still_work(self, table):
        student = fit(table, optimizer=torch.optim.LBFGS, lr=0.1, max_epochs=15, batch_size=300)
        assert student.score(*table) > 0.3

    def test_nothing_of_the_data_is_kept(self, table):
        assert fit(table).net_.manual_ is None

"""The training loop: each network is trained as if it were alone."""

import pytest
import torch
from torch import nn

from sklearn_regkd.networks.inputs import EmbeddedRows
from sklearn_regkd.networks.mlp import MLP
from sklearn_regkd.training.batched_layers import Layers
from sklearn_regkd.training.batched_trainer import BatchedTrainer
from sklearn_regkd.training.flat_adamw import FlatAdamW
from sklearn_regkd.training.placed_rows import PlacedRows

X = torch.randn(40, 3, generator=torch.Generator().manual_seed(0))
Y = torch.stack([X[:, :1].sin(), X[:, 1:2] * X[:, 2:]])
DECAY, BIAS_DECAY, LR = (0.0, 0.5), (0.1, 0.0), (0.02, 0.05)


def linear(module):
    return [layer for layer in module if isinstance(layer, nn.Linear)]


def networks():
    return [MLP(3, 1, (6, 4), "tanh", seed=seed) for seed in range(2)]


def trainer(modules):
    layers = [linear(module) for module in modules]
    same = [[one.weight for one in each] for each in zip(*layers, strict=True)]
    same += [[one.bias for one in each] for each in zip(*layers, strict=True)]
    adamw = FlatAdamW([torch.Size((len(modules), *each[0].shape)) for each in same])
    for value, each in zip(adamw.values, same, strict=True):
        value.copy_(torch.stack([p.data for p in each]))
    decayed = [
        (value, torch.tensor(DECAY if value.ndim == 3 else BIAS_DECAY)) for value in adamw.values
    ]
    return BatchedTrainer(Layers.of(adamw.values, adamw.gradients, "tanh"), adamw, decayed)


def squared(prediction, label):
    difference = prediction - label
    return difference.square().mean(dim=(1, 2)), 2 * difference / label.shape[1]


def train_alone(module, net, lr, batches):
    groups = [
        {"params": [layer.weight for layer in linear(module)], "weight_decay": DECAY[net]},
        {"params": [layer.bias for layer in linear(module)], "weight_decay": BIAS_DECAY[net]},
    ]
    optimizer = torch.optim.AdamW(groups, lr=lr)
    total = 0
    for rows in batches:
        optimizer.zero_grad()
        loss = (module(X[rows]) - Y[net, rows]).square().mean()
        loss.backward()
        optimizer.step()
        total += float(loss.detach()) * len(rows)
    return total


@pytest.mark.parametrize("own_lr", [False, True])
@pytest.mark.parametrize("own_rows", [False, True])
def test_each_as_if_alone(own_lr, own_rows):
    draw = torch.Generator().manual_seed(1)
    orders = [torch.randperm(40, generator=draw).split(7) for _ in range(2 if own_rows else 1)]
    batches = [torch.stack(batch) for batch in zip(*orders, strict=True)] if own_rows else orders[0]
    modules = networks()
    together = trainer(modules)
    next(together.schedule(torch.tensor([LR if own_lr else LR[0]], dtype=torch.float64)))
    total, n_rows = together.run(
        PlacedRows(EmbeddedRows(X, nn.Identity()), Y).batches(batches), squared
    )
    assert n_rows == 40
    for net, module in enumerate(modules):
        lr = LR[net] if own_lr else LR[0]
        expected = train_alone(module, net, lr, orders[net if own_rows else 0])
        assert float(total[net]) == pytest.approx(expected, rel=1e-4)
        for layer, parameter in enumerate([*linear(module), *linear(module)]):
            theirs = parameter.weight if layer < 3 else parameter.bias
            ours = together.adamw.values[layer][net]
            torch.testing.assert_close(ours, theirs.detach(), rtol=1e-3, atol=1e-5)


def test_the_learning_rate_may_change_between_batches():
    module = networks()[:1] * 2
    together = trainer(module)
    first = [value.clone() for value in together.adamw.values]

    rates = together.schedule(torch.tensor([0.0, 0.1], dtype=torch.float64))

    def batches():
        next(rates)
        yield X[:20], Y[:, :20]
        assert all(map(torch.equal, together.adamw.values, first))
        next(rates)
        yield X[20:], Y[:, 20:]

    together.run(batches(), squared)
    assert not any(map(torch.equal, together.adamw.values, first))

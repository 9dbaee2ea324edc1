"""Losses of several networks at once are those of each network alone."""

import copy

import pytest
import torch

from sklearn_regkd.losses.batched import BatchedCriterion, BatchedLoss
from sklearn_regkd.losses.criterion import SupervisionCriterion
from sklearn_regkd.losses.gradient import element_gradient, output_gradient
from sklearn_regkd.losses.modules import BATCHED_LOSSES, LOG_LOSSES, element_loss
from sklearn_regkd.losses.quantile import QuantileLoss


def draw(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def batches(n_nets, n_outputs, n_batches=3, positive=False):
    """Predictions and labels that get nearer to each other."""
    for batch in range(n_batches):
        label = draw(n_nets, 20, n_outputs, seed=batch)
        label = label.abs() if positive else label
        yield label + draw(n_nets, 20, n_outputs, seed=9) / (1 + batch), label


@pytest.mark.parametrize("n_outputs", [1, 2])
@pytest.mark.parametrize(
    "names",
    [
        *([name] * 3 for name in BATCHED_LOSSES),
        [QuantileLoss(0.1), QuantileLoss(0.1), QuantileLoss(0.9), "huber"],
        ["huber", "huber", "squared_error", "tukey"],
        ["huber", "absolute_error", "huber"],
    ],
    ids=str,
)
def test_each_network_has_its_own_loss_and_scale(names, n_outputs):
    together = BatchedLoss([element_loss(name, n_outputs) for name in names], n_outputs)
    alone = [element_loss(name, n_outputs) for name in names]
    for prediction, label in batches(len(names), n_outputs, positive=names[0] in LOG_LOSSES):
        loss, derivative = together(prediction, label)
        for net, own in enumerate(alone):
            expected = element_gradient(own, prediction[net], label[net])
            torch.testing.assert_close((loss[net], derivative[net]), expected)


def test_scales_are_written_back():
    own = [element_loss("huber", 2) for _ in range(2)]
    alone = copy.deepcopy(own)
    together = BatchedLoss(own, 2)
    for prediction, label in batches(2, 2):
        together(prediction, label)
        for net, one in enumerate(alone):
            element_gradient(one, prediction[net], label[net])
    assert own[0].scale.scale.isnan().all()
    together.write_back()
    for one, expected in zip(own, alone, strict=True):
        torch.testing.assert_close(one.scale.scale, expected.scale.scale)


@pytest.mark.parametrize(
    ("losses", "n_heads", "at_once"),
    [
        (["squared_error"] * 2, 1, True),
        (["absolute_error"] * 2, 1, True),
        (["huber"] * 2, 1, True),
        (["huber", "squared_error"], 1, False),
        (["tukey"] * 2, 1, False),
        (["squared_error"] * 2, 2, False),
        (["attentive"] * 2, 1, False),
    ],
    ids=str,
)
def test_criteria_are_those_of_each_network(losses, n_heads, at_once):
    k = 2
    criteria = [SupervisionCriterion(loss, k, n_heads=n_heads) for loss in losses]
    alone = copy.deepcopy(criteria)
    together = BatchedCriterion(criteria)
    assert (together.loss is not None) == at_once
    for seed in range(3):
        weight = draw(2, 20, 1, seed=seed).abs()
        packed = torch.cat([draw(2, 20, 2 * k, seed=seed + 7), torch.ones(2, 20, k), weight], dim=2)
        prediction = draw(2, 20, n_heads * k, seed=seed + 3)
        values, gradients = together(prediction, packed)
        for net, criterion in enumerate(alone):
            expected = output_gradient(criterion, prediction[net], packed[net])
            torch.testing.assert_close((values[net], gradients[net]), expected)
    together.write_back()
    for own, expected in zip(criteria, alone, strict=True):
        for name, value in expected.state_dict().items():
            torch.testing.assert_close(own.state_dict()[name], value)

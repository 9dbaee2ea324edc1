"""Weights and reduction of the losses that have a file of their own."""

import pytest
import torch

from sklearn_regkd.losses import attentive_loss, barron_loss, bounded_loss, wing_loss


@pytest.mark.parametrize(
    ("loss", "params", "others"),
    [
        (attentive_loss, {"eta": 1.0}, 2),
        (bounded_loss, {}, 2),
        (wing_loss, {}, 1),
        (barron_loss, {}, 1),
    ],
)
class TestAll:
    def test_weights_and_reduction(self, loss, params, others):
        s, y, t = torch.tensor([[1.0, 3.0, 2.0], [0.0, 1.0, -1.0], [0.5, 1.5, -1.5]])
        targets = (y, t)[:others]
        element = loss(s, *targets, **params)
        weight = torch.tensor([2.0, 0.0, 1.0])
        mean = loss(s, *targets, **params, weight=weight, reduction="mean")
        torch.testing.assert_close(mean, (weight * element).sum() / 3)

    def test_a_row_of_weight_zero_is_absent(self, loss, params, others):
        s = torch.tensor([1.0, torch.inf], requires_grad=True)
        targets = (torch.zeros(2), torch.zeros(2))[:others]
        loss(s, *targets, **params, weight=torch.tensor([1.0, 0.0]), reduction="sum").backward()
        assert s.grad[1] == 0
        assert torch.isfinite(s.grad).all()

    def test_shapes_must_agree(self, loss, params, others):
        targets = (torch.zeros(2, 1), torch.zeros(2))[:others]
        with pytest.raises(ValueError, match="shape"):
            loss(torch.zeros(2), *targets, **params)

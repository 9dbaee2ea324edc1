"""Losses of several networks at once, with their gradients."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

import torch
from torch import Tensor, nn

from sklearn_regkd.losses.criterion import SupervisionCriterion
from sklearn_regkd.losses.gradient import (
    element_derivative,
    element_gradient,
    is_closed,
    is_exact,
    output_gradient,
)
from sklearn_regkd.losses.modules import ElementLoss, LabelOnly


class BatchedLoss(nn.Module):
    """Elementwise losses of networks side by side; those of neighbours of one kind at once.

    The outputs of each network are columns of their own, with a running scale of their own.

    Parameters
    ----------
    losses : sequence of ElementLoss
        The loss of each network, not used before; each one is a function of student and
        label, or one of :data:`~sklearn_regkd.losses.modules.BATCHED_LOSSES`.
    n_outputs : int
        Outputs of each network.

    Examples
    --------
    >>> import torch
    >>> from sklearn_regkd.losses.batched import BatchedLoss
    >>> from sklearn_regkd.losses.modules import element_loss
    >>> names = ["squared_error", "squared_error", "absolute_error"]
    >>> loss = BatchedLoss([element_loss(name, n_outputs=1) for name in names], n_outputs=1)
    >>> _, gradient = loss(torch.full((3, 1, 1), 5.0), torch.zeros(3, 1, 1))
    >>> gradient.flatten()
    tensor([10., 10.,  1.])
    """

    def __init__(self, losses: Sequence[ElementLoss], n_outputs: int):
        super().__init__()
        self.n_outputs = n_outputs
        self.groups: list[list[Any]] = [list(group) for _, group in groupby(losses, key=_kind)]
        self.counts = [len(group) for group in self.groups]
        self.parts: Any = nn.ModuleList(
            group[0] if isinstance(group[0], LabelOnly) else type(group[0])(len(group) * n_outputs)
            for group in self.groups
        )

    def forward(self, prediction: Tensor, label: Tensor) -> tuple[Tensor, Tensor]:
        """Return the loss of each element, and its derivative by the prediction.

        Parameters
        ----------
        prediction, label : Tensor of shape (n_nets, n_rows, n_outputs)
            What each network predicts, and what it should predict.

        Returns
        -------
        loss, derivative : Tensor of shape (n_nets, n_rows, n_outputs)
            New memory.
        """
        found = [
            [self._apart(one) for one in element_gradient(part, *self._columns(*group))]
            for part, *group in self._groups(prediction, label)
        ]
        loss, derivative = (torch.cat(parts) for parts in zip(*found, strict=True))
        return loss, derivative

    def derivative(self, prediction: Tensor, label: Tensor) -> Tensor:
        """Return the derivative of :meth:`forward` alone, in fewer operations.

        Parameters
        ----------
        prediction, label : Tensor of shape (n_nets, n_rows, n_outputs)
            What each network predicts, and what it should predict.
        """
        found = [
            element_derivative(part, *group)
            if is_exact(part)
            else self._apart(element_derivative(part, *self._columns(*group)))
            for part, *group in self._groups(prediction, label)
        ]
        return found[0].contiguous() if len(found) == 1 else torch.cat(found)

    def _groups(self, *tensors: Tensor) -> Iterator[tuple]:
        """Return each part with its networks' share of tensors (n_nets, n_rows, n_outputs)."""
        return zip(self.parts, *(one.split(self.counts) for one in tensors), strict=True)

    def _columns(self, *tensors: Tensor) -> list[Tensor]:
        """Return tensors (n_nets, n_rows, n_outputs) as (n_rows, n_nets * n_outputs)."""
        return [one.transpose(0, 1).reshape(one.shape[1], -1) for one in tensors]

    def _apart(self, columns: Tensor) -> Tensor:
        """Return the inverse of `_columns`."""
        return columns.reshape(len(columns), -1, self.n_outputs).transpose(0, 1)

    def write_back(self) -> None:
        """Give each network's own loss the running scale of its columns."""
        for part, group in zip(self.parts, self.groups, strict=True):
            if isinstance(part, LabelOnly):
                continue
            for own, scale in zip(group, part.scale.scale.split(self.n_outputs), strict=True):
                own.scale.scale = scale.clone()


def _kind(loss: ElementLoss) -> tuple:
    return type(loss), getattr(loss, "loss", None)


class BatchedCriterion:
    """The criteria of several networks, computed at once where they are of one kind.

    Parameters
    ----------
    criteria : sequence of SupervisionCriterion
        The criterion of each network, in training mode, not used before.
    """

    def __init__(self, criteria: Sequence[SupervisionCriterion]):
        self.criteria = criteria
        first = criteria[0]
        kinds = {(*_kind(criterion.loss), criterion.n_heads) for criterion in criteria}
        self.loss: BatchedLoss | None = None
        if len(kinds) == 1 and first.n_heads == 1 and is_closed(first.loss):
            self.loss = BatchedLoss([c.loss for c in criteria], first.n_outputs)

    def __call__(self, prediction: Tensor, packed: Tensor) -> tuple[Tensor, Tensor]:
        """Return the loss of each network, and the gradient with respect to all outputs.

        Parameters
        ----------
        prediction : Tensor of shape (n_nets, n_rows, n_heads * n_outputs)
            What each network predicts, standardised.
        packed : Tensor of shape (n_nets, n_rows, n_columns)
            The packed supervision of each network.
        """
        if self.loss is None:
            apart = [
                output_gradient(*one) for one in zip(self.criteria, prediction, packed, strict=True)
            ]
            losses, gradients = zip(*apart, strict=True)
            return torch.stack(losses), torch.stack(gradients)
        k = self.loss.n_outputs
        error, derivative = self.loss(prediction, packed[:, :, :k])
        weight = packed[:, :, 3 * k :] / (k * prediction.shape[1])
        return (weight * error).sum(dim=(1, 2)), weight * derivative

    def write_back(self) -> None:
        """Give each network's own criterion what it would have learned of its residuals."""
        if self.loss is not None:
            self.loss.write_back()

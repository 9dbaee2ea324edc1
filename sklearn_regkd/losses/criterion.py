"""The criterion of the training loop: it unpacks the supervision and applies a loss."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from sklearn_regkd.losses.robust import (
    HUBER_DELTA,
    TUKEY_C,
    absolute_error,
    huber_loss,
    squared_error,
    tukey_loss,
)
from sklearn_regkd.losses.tor import tor_loss
from sklearn_regkd.supervision.outliers import MAD_TO_SIGMA
from sklearn_regkd.supervision.supervision import unpack

ElementLoss = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]


class RunningScale(nn.Module):
    """Robust scale of the residuals: 1.4826 MAD of each batch, averaged over batches.

    Huber's and Tukey's losses need to know how large an ordinary residual is,
    and that shrinks as the student learns. The scale follows in training mode
    and stands still in evaluation mode, so that validation losses compare.

    Parameters
    ----------
    n_outputs : int
        Columns of the residuals.
    momentum : float, default=0.1
        Weight of the newest batch.
    floor : float, default=0.1
        Smallest scale, in standardised units, so that on clean labels the scale does not
        shrink around the rows that are easy until all others look like outliers.
    """

    def __init__(self, n_outputs: int, momentum: float = 0.1, floor: float = 0.1):
        super().__init__()
        self.momentum = momentum
        self.floor = floor
        self.scale: Tensor
        self.register_buffer("scale", torch.full((n_outputs,), torch.nan))

    def forward(self, residual: Tensor) -> Tensor:
        """Return the scale (n_outputs,) that goes with residuals (n_samples, n_outputs)."""
        if self.training or self.scale.isnan().any():
            detached = residual.detach().to(self.scale.dtype)
            mad = (detached - detached.median(dim=0).values).abs().median(dim=0).values
            batch = (MAD_TO_SIGMA * mad).clamp(min=self.floor)
            first = self.scale.isnan()
            self.scale = torch.where(first, batch, torch.lerp(self.scale, batch, self.momentum))
        return self.scale


class HuberLoss(nn.Module):
    """Huber's loss with delta 1.345 times the running scale of the residuals."""

    def __init__(self, n_outputs: int):
        super().__init__()
        self.scale = RunningScale(n_outputs)

    def forward(self, prediction: Tensor, label: Tensor, teacher: Tensor, inlier: Tensor) -> Tensor:
        """Return the elementwise loss."""
        return huber_loss(prediction, label, delta=HUBER_DELTA * self.scale(prediction - label))


class TukeyLoss(nn.Module):
    """Tukey's biweight with a cut-off of 4.685 times the running scale of the residuals."""

    def __init__(self, n_outputs: int):
        super().__init__()
        self.scale = RunningScale(n_outputs)

    def forward(self, prediction: Tensor, label: Tensor, teacher: Tensor, inlier: Tensor) -> Tensor:
        """Return the elementwise loss."""
        return tukey_loss(prediction, label, c=TUKEY_C, scale=self.scale(prediction - label))


def _squared(prediction: Tensor, label: Tensor, teacher: Tensor, inlier: Tensor) -> Tensor:
    return squared_error(prediction, label)


def _absolute(prediction: Tensor, label: Tensor, teacher: Tensor, inlier: Tensor) -> Tensor:
    return absolute_error(prediction, label)


def _tor(prediction: Tensor, label: Tensor, teacher: Tensor, inlier: Tensor) -> Tensor:
    return tor_loss(prediction, label, teacher, inlier=inlier)


# Each makes a loss for that many outputs, fresh for one training run.
LOSSES: dict[str, Callable[[int], ElementLoss]] = {
    "squared_error": lambda n_outputs: _squared,
    "absolute_error": lambda n_outputs: _absolute,
    "huber": HuberLoss,
    "tukey": TukeyLoss,
    "tor": lambda n_outputs: _tor,
}
STUDENT_LOSSES = set(LOSSES) - {"tor"}  # which needs a teacher


def element_loss(name: str, n_outputs: int) -> ElementLoss:
    """Return the elementwise loss of that name, fresh for one training run."""
    if name not in LOSSES:
        raise ValueError(f"loss={name!r} is unknown; known: {', '.join(sorted(LOSSES))}")
    return LOSSES[name](n_outputs)


class SupervisionCriterion(nn.Module):
    """Loss of a batch of student outputs against packed supervision.

    With one head: the weighted mean over rows and outputs of `loss`. With two
    heads the student's first `n_outputs` columns answer to `loss` and the
    others, squared, to the teacher, with weight `teacher_weight` (lambda):
    ``L(s_y; y, t) + lambda mean (s_t - t)^2``.

    Parameters
    ----------
    loss : str
        Name of the elementwise loss.
    n_outputs : int
        Number of targets.
    n_heads : {1, 2}, default=1
        Whether the student has columns of its own for the teacher.
    teacher_weight : float, default=1.0
        Lambda above.
    """

    def __init__(self, loss: str, n_outputs: int, n_heads: int = 1, teacher_weight: float = 1.0):
        super().__init__()
        self.loss = element_loss(loss, n_outputs)
        self.n_outputs = n_outputs
        self.n_heads = n_heads
        self.teacher_weight = teacher_weight

    def forward(self, prediction: Tensor, packed: Tensor) -> Tensor:
        """Return the loss of a batch, a scalar.

        Parameters
        ----------
        prediction : Tensor of shape (n_samples, n_heads * n_outputs)
            What the student says, standardised.
        packed : Tensor of shape (n_samples, 3 * n_outputs + 1)
            The supervision of these rows.
        """
        k = self.n_outputs
        prediction = prediction.reshape(len(prediction), -1)
        label, teacher, inlier, weight = unpack(packed, k)
        by_output = self.loss(prediction[:, :k], label, teacher, inlier)
        if self.n_heads == 2:
            by_output = by_output + self.teacher_weight * squared_error(prediction[:, k:], teacher)
        # Weights have mean 1 over the training set. Dividing by the rows, not
        # by the weights of this batch, keeps the gradient unbiased.
        by_row = by_output.mean(dim=1)
        return torch.where(weight > 0, weight * by_row, torch.zeros_like(by_row)).mean()

"""Elementwise losses as modules, which remember running scales and learned shapes."""

import copy
import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from sklearn_regkd.losses.attentive import attention, attentive_loss
from sklearn_regkd.losses.barron import barron_loss, log_partition
from sklearn_regkd.losses.bounded import bounded_loss
from sklearn_regkd.losses.deviance import gamma_loss, poisson_loss
from sklearn_regkd.losses.quantile import QuantileLoss, QuantileWithTeacher
from sklearn_regkd.losses.robust import (
    HUBER_DELTA,
    TUKEY_C,
    absolute_error,
    huber_loss,
    squared_error,
    tukey_loss,
)
from sklearn_regkd.losses.tor import tor_loss
from sklearn_regkd.losses.wing import wing_loss
from sklearn_regkd.preprocessing.robust_stats import MAD_TO_SIGMA

# Student, label, teacher, and whether the label is trusted, of (n_samples, n_outputs) each.
ElementLoss = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]

# A teacher that is off by more than this many robust sigma deserves no attention.
ATTENTION_SIGMA = 3.0


class RunningScale(nn.Module):
    """Robust scale of the residuals: 1.4826 MAD of each batch, averaged over batches.

    Huber's, Tukey's and Barron's losses depend on the size of an ordinary residual,
    which shrinks as the student learns. The scale follows in training mode
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
        is_on_cpu = self.scale.device.type == "cpu"  # elsewhere nobody waits for a value
        if not self.training and is_on_cpu and not self.scale.isnan().any():
            return self.scale
        detached = residual.detach().to(self.scale.dtype)
        mad = (detached - detached.median(dim=0).values).abs().median(dim=0).values
        batch = (MAD_TO_SIGMA * mad).clamp(min=self.floor)
        followed = torch.lerp(self.scale, batch, self.momentum) if self.training else self.scale
        self.scale = torch.where(self.scale.isnan(), batch, followed)
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


class BarronLoss(nn.Module):
    """Barron's general loss at the running scale of the residuals.

    Parameters
    ----------
    n_outputs : int
        Number of targets.
    learned : bool, default=False
        Whether each output's shape, from 0 to 2, is learned with the network.
        It is 1 otherwise, and in the beginning.
    """

    def __init__(self, n_outputs: int, learned: bool = False):
        super().__init__()
        self.scale = RunningScale(n_outputs)
        self.raw_shape = nn.Parameter(torch.zeros(n_outputs), requires_grad=learned)

    @property
    def shape(self) -> Tensor:
        """Return the shape of each output, (n_outputs,)."""
        return 2 * self.raw_shape.sigmoid()

    def forward(self, prediction: Tensor, label: Tensor, teacher: Tensor, inlier: Tensor) -> Tensor:
        """Return the elementwise loss, as a negative log-likelihood if the shape is learned."""
        scale = self.scale(prediction - label)
        loss = barron_loss(prediction, label, shape=self.shape, scale=scale)
        if not self.raw_shape.requires_grad:
            return loss
        # Twice the negative log-likelihood in units of the scale, like the loss.
        return loss + 2 * scale.square() * log_partition(self.shape)


class Attention(nn.Module):
    """How far the teacher is to be followed; eta is the square of 3 running scales of its errors.

    Parameters
    ----------
    n_outputs : int
        Number of targets.
    """

    def __init__(self, n_outputs: int):
        super().__init__()
        self.scale = RunningScale(n_outputs)

    def eta(self, label: Tensor, teacher: Tensor) -> Tensor:
        """Return the squared error (n_outputs,) of a teacher that deserves no attention."""
        return (ATTENTION_SIGMA * self.scale(teacher - label)).square()

    def forward(self, label: Tensor, teacher: Tensor) -> Tensor:
        """Return the attention (n_samples, n_outputs), in [0, 1]."""
        return attention(label, teacher, self.eta(label, teacher))


class AttentiveLoss(nn.Module):
    """Attentive imitation with a running :class:`Attention`.

    Parameters
    ----------
    n_outputs : int
        Number of targets.
    alpha : sequence of float of length n_outputs, default=None
        Weight of the teacher; None means one half.
    """

    def __init__(self, n_outputs: int, alpha: Any = None):
        super().__init__()
        self.attention = Attention(n_outputs)
        weight = torch.full((n_outputs,), 0.5) if alpha is None else torch.as_tensor(alpha)
        self.alpha: Tensor
        self.register_buffer("alpha", weight.float())

    def forward(self, prediction: Tensor, label: Tensor, teacher: Tensor, inlier: Tensor) -> Tensor:
        """Return the elementwise loss."""
        eta = self.attention.eta(label, teacher)
        return attentive_loss(prediction, label, teacher, eta=eta, alpha=self.alpha)


class LabelOnly(nn.Module):
    """A loss of student and label, without a teacher.

    Parameters
    ----------
    loss : callable or nn.Module
        Parameters of a module are trained with the network.
    """

    def __init__(self, loss: Callable[[Tensor, Tensor], Tensor]):
        super().__init__()
        self.loss = loss

    def forward(self, prediction: Tensor, label: Tensor, teacher: Tensor, inlier: Tensor) -> Tensor:
        """Return the elementwise loss."""
        return self.loss(prediction, label)


def _bounded(prediction: Tensor, label: Tensor, teacher: Tensor, inlier: Tensor) -> Tensor:
    return bounded_loss(prediction, label, teacher)


def _tor(prediction: Tensor, label: Tensor, teacher: Tensor, inlier: Tensor) -> Tensor:
    return tor_loss(prediction, label, teacher, inlier=inlier)


# Losses of student and label that networks side by side can have; each entry makes one for so
# many outputs, fresh for one training run.
BATCHED_LOSSES: dict[str, Callable[[int], ElementLoss]] = {
    "squared_error": lambda n_outputs: LabelOnly(squared_error),
    "absolute_error": lambda n_outputs: LabelOnly(absolute_error),
    "huber": HuberLoss,
    "tukey": TukeyLoss,
    "wing": lambda n_outputs: LabelOnly(wing_loss),
    "barron": BarronLoss,
    "poisson": lambda n_outputs: LabelOnly(poisson_loss),
    "gamma": lambda n_outputs: LabelOnly(gamma_loss),
}
LEARNED = {"barron_learned": lambda n_outputs: BarronLoss(n_outputs, learned=True)}
# These compare student, label and teacher themselves.
TEACHER_LOSSES = {
    "tor": lambda n_outputs: _tor,
    "bounded": lambda n_outputs: _bounded,
    "attentive": AttentiveLoss,
}
# With these a network predicts logarithms, and no label or prediction is negative.
LOG_LOSSES = ("poisson", "gamma")
# The last one is a QuantileLoss, which has a level.
STUDENT_LOSSES = {*BATCHED_LOSSES, *LEARNED, "quantile"}
LOSSES: dict[str, Callable[..., ElementLoss]] = {**BATCHED_LOSSES, **LEARNED, **TEACHER_LOSSES}


def element_loss(name: str | Callable, n_outputs: int, alpha: Any = None) -> ElementLoss:
    """Return an elementwise loss, fresh for one training run.

    Parameters
    ----------
    name : str or callable
        A name, or the user's own function or module: of ``(prediction, label)``,
        or of ``(prediction, label, teacher, inlier)``, to one loss per element.
        A module is copied.
    n_outputs : int
        Number of targets.
    alpha : sequence of float, default=None
        Weight of the teacher in losses that have one.
    """
    if isinstance(name, QuantileLoss):
        taught = alpha is not None and any(alpha)
        return QuantileWithTeacher(name.quantile, alpha) if taught else LabelOnly(name)
    if not isinstance(name, str):
        own = copy.deepcopy(name) if isinstance(name, nn.Module) else name
        called = own.forward if isinstance(own, nn.Module) else own
        parameters = inspect.signature(called).parameters.values()
        positional = [one for one in parameters if one.kind is not one.KEYWORD_ONLY]
        return own if len(positional) >= 4 else LabelOnly(own)
    if name not in LOSSES:
        raise ValueError(f"loss={name!r} is unknown; known: {', '.join(sorted(LOSSES))}")
    return AttentiveLoss(n_outputs, alpha) if name == "attentive" else LOSSES[name](n_outputs)


def is_log_loss(loss: Any) -> bool:
    """Return whether networks predict logarithms under a loss, given by name or not."""
    return isinstance(loss, str) and loss in LOG_LOSSES


def label_cost(loss: str | QuantileLoss, prediction: Tensor, label: Tensor) -> Tensor:
    """Return by what the predictions of students of that loss are compared with labels.

    Their own loss where the labels themselves say what it should be: squared error, deviance or
    quantile loss. Else the absolute error, which knows no scale.

    Parameters
    ----------
    loss : str or QuantileLoss
        One of the losses of student and label.
    prediction, label : Tensor of one shape
        Standardised.
    """
    costs = {"squared_error": squared_error, "poisson": poisson_loss, "gamma": gamma_loss}
    if isinstance(loss, QuantileLoss):
        return loss(prediction, label)
    return costs.get(loss, absolute_error)(prediction, label)

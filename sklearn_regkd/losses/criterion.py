"""The criterion of the training loop: a loss of predictions and packed supervision."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from sklearn_regkd.losses.modules import Attention, element_loss, is_log_loss
from sklearn_regkd.losses.robust import squared_error
from sklearn_regkd.supervision.supervision import unpack


class SupervisionCriterion(nn.Module):
    """Loss of a batch of student outputs against packed supervision.

    With one head: the weighted mean over rows and outputs of `loss`. With two
    heads `loss` takes the student's first `n_outputs` columns, and the others are
    compared with the teacher, squared or by the deviance, with weight `teacher_weight` (lambda):
    ``L(s_y; y, t) + lambda mean (s_t - t)^2``.

    Parameters
    ----------
    loss : str or callable
        The elementwise loss, see :func:`~sklearn_regkd.losses.modules.element_loss`.
    n_outputs : int
        Number of targets.
    n_heads : {1, 2}, default=1
        Whether the student has columns of its own for the teacher.
    teacher_weight : float, default=1.0
        Lambda above.
    alpha : sequence of float of length n_outputs, default=None
        Weight of the teacher, where `loss` has one.
    hint_weight : float, default=None
        Weight of the squared error of the hints, which in training follow the
        student's heads and the rest of the supervision; None if there are no hints.
    attentive_hints : bool, default=False
        Whether to weigh the hints of each row by the attention that its
        teacher deserves, see :func:`~sklearn_regkd.losses.attentive.attention`.
    """

    def __init__(
        self,
        loss: str | Callable,
        n_outputs: int,
        n_heads: int = 1,
        teacher_weight: float = 1.0,
        alpha: Any = None,
        hint_weight: float | None = None,
        attentive_hints: bool = False,
    ):
        super().__init__()
        self.loss = element_loss(loss, n_outputs, alpha)
        is_log = is_log_loss(loss)
        self.log_loss: Any = getattr(self.loss, "loss", None) if is_log else None
        self.n_outputs = n_outputs
        self.n_heads = n_heads
        self.teacher_weight = teacher_weight
        self.hint_weight = hint_weight
        self.attention = Attention(n_outputs) if attentive_hints else None

    def forward(self, prediction: Tensor, packed: Tensor) -> Tensor:
        """Return the loss of a batch, a scalar.

        Parameters
        ----------
        prediction : Tensor of shape (n_samples, n_heads * n_outputs)
            The student's predictions, standardised.
        packed : Tensor of shape (n_samples, 3 * n_outputs + 1 + n_hints)
            The supervision of these rows.
        """
        k = self.n_outputs
        if self.hint_weight is not None:
            packed, hints = packed.tensor_split([3 * k + 1], dim=1)
        prediction = prediction.reshape(len(prediction), -1)
        label, teacher, inlier, weight = unpack(packed, k)
        by_output = self.loss(prediction[:, :k], label, teacher, inlier)
        if by_output.shape != label.shape:
            raise ValueError(
                f"the loss returned shape {tuple(by_output.shape)}, expected one number for each "
                f"element, {tuple(label.shape)}: leave the mean to us (reduction='none')"
            )
        if self.n_heads == 2:
            of_teacher = prediction[:, k : 2 * k]
            # Where a network predicts logarithms, the loss compares them with what is none.
            distance = self.log_loss or squared_error
            by_output = by_output + self.teacher_weight * distance(of_teacher, teacher)
        if weight.ndim == 2:  # some labels are missing
            return torch.where(weight > 0, weight * by_output, torch.zeros_like(by_output)).mean()
        # Weights have mean 1 over the training set. Dividing by the rows, not
        # by the weights of this batch, keeps the gradient unbiased.
        by_row = by_output.mean(dim=1)
        if self.hint_weight is not None and self.training:  # what is validated has no adapter
            missed = squared_error(prediction[:, self.n_heads * k :], hints).mean(dim=1)
            if self.attention is not None:
                missed = missed * self.attention(label, teacher).mean(dim=1)
            by_row = by_row + self.hint_weight * missed
        return torch.where(weight > 0, weight * by_row, torch.zeros_like(by_row)).mean()

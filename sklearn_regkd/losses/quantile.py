"""The loss whose minimiser is a quantile, for labels alone and beside a teacher."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from sklearn_regkd.losses.reduction import reducible


@reducible
def quantile_loss(
    prediction: Tensor,
    label: Tensor,
    *,
    quantile: float = 0.5,
    weight: Tensor | None = None,
    reduction: str = "none",
) -> Tensor:
    """Pinball loss ``max(q (y - s), (q - 1) (y - s))``: its minimiser is the conditional quantile.

    Parameters
    ----------
    prediction, label : Tensor of shape (n_samples,) or (n_samples, n_outputs)
        The student's predictions and the labels, in the same units.
    quantile : float, default=0.5
        Level q of the quantile, between 0 and 1.
    weight : Tensor of shape (n_samples,), default=None
        Weight of each row.
    reduction : {"none", "mean", "sum"}, default="none"
        How to reduce, see :func:`~sklearn_regkd.losses.reduction.reduce_loss`.

    Returns
    -------
    Tensor
        The loss, of the shape of `prediction`, or a scalar.

    Raises
    ------
    ValueError
        If the shapes differ or `reduction` is unknown.

    Examples
    --------
    >>> import torch
    >>> from sklearn_regkd.losses import quantile_loss
    >>> quantile_loss(torch.tensor([0.0, 0.0]), torch.tensor([1.0, -1.0]), quantile=0.75)
    tensor([0.7500, 0.2500])
    """
    error = label - prediction
    return torch.maximum(quantile * error, (quantile - 1) * error)


@dataclass(frozen=True)
class QuantileLoss:
    """The pinball loss of one level, as a loss of student and label.

    Twice :func:`quantile_loss`, so that at the median it is the absolute error, and its steps
    are of the same size.

    Parameters
    ----------
    quantile : float
        Level between 0 and 1.
    """

    quantile: float

    def __call__(self, prediction: Tensor, label: Tensor) -> Tensor:
        """Return the elementwise loss."""
        return 2 * quantile_loss(prediction, label, quantile=self.quantile)

    def derivative(self, prediction: Tensor, label: Tensor) -> Tensor:
        """Return its derivative by the prediction, 0 where both are equal, in new memory."""
        return (prediction - label).sign_().add_(1 - 2 * self.quantile)


class QuantileWithTeacher(nn.Module):
    """The pinball loss of labels that are trusted, and the distance from the teacher's quantile.

    ``(1 - a) pinball(s, y) + a |s - t|``. A mixture of label and teacher, as other losses learn
    it, has other quantiles than the labels. Where several teachers disagree about a row, the
    absolute distance leads to the one in the middle. A label that is not trusted has no part:
    any replacement for it would lie in the middle of the labels, and draw quantiles there.

    Parameters
    ----------
    quantile : float
        Level between 0 and 1.
    alpha : sequence of float of length n_outputs
        Weight of the teacher, from 0 to 1.
    """

    def __init__(self, quantile: float, alpha: Any):
        super().__init__()
        self.of_label = QuantileLoss(quantile)
        self.alpha: Tensor
        self.register_buffer("alpha", torch.as_tensor(alpha).float())

    def forward(self, prediction: Tensor, label: Tensor, teacher: Tensor, inlier: Tensor) -> Tensor:
        """Return the elementwise loss."""
        by_label = torch.where(inlier, self.of_label(prediction, label), 0.0)
        return (1 - self.alpha) * by_label + self.alpha * (prediction - teacher).abs()

"""Wing loss: small errors count more than under the squared error, large ones linearly."""

import math

import torch
from torch import Tensor

from sklearn_regkd.losses.reduction import reducible


@reducible
def wing_loss(
    prediction: Tensor,
    label: Tensor,
    *,
    width: float = 0.5,
    curvature: float = 0.1,
    weight: Tensor | None = None,
    reduction: str = "none",
) -> Tensor:
    """Wing loss: ``w ln(1 + |d| / eps)`` where ``|d| < w``, else ``|d| - C``.

    ``C = w - w ln(1 + w / eps)`` joins the two pieces.

    Parameters
    ----------
    prediction, label : Tensor of shape (n_samples,) or (n_samples, n_outputs)
        The student's predictions and the labels, in the same units.
    width : float, default=0.5
        w: from this distance on the loss is linear.
    curvature : float, default=0.1
        eps: the smaller, the more small errors count. Both defaults are ours,
        for standardised targets; the paper's (10 and 2) are in pixels.
    weight : Tensor of shape (n_samples,), default=None
        Weight of each row.
    reduction : {"none", "mean", "sum"}, default="none"
        How to reduce, see :func:`~sklearn_regkd.losses.reduction.reduce_loss`.

    Returns
    -------
    Tensor
        The loss, of the shape of `prediction`, or a scalar.

    References
    ----------
    .. [1] Z.-H. Feng et al., "Wing loss for robust facial landmark
       localisation with convolutional neural networks", CVPR 2018,
       arXiv 1711.06753.

    Examples
    --------
    >>> import torch
    >>> from sklearn_regkd.losses import wing_loss
    >>> wing_loss(torch.tensor([0.0, 1.0, 2.0]), torch.zeros(3), width=1.0, curvature=1.0)
    tensor([0.0000, 0.6931, 1.6931])
    """
    if not (width > 0 and curvature > 0):
        raise ValueError(f"width and curvature must be positive, got {width!r} and {curvature!r}")
    distance = (prediction - label).abs()
    join = width - width * math.log1p(width / curvature)
    near = width * torch.log1p(distance.clamp(max=width) / curvature)
    return torch.where(distance < width, near, distance - join)

"""Barron's general loss: one parameter from the squared error to losses that ignore outliers."""

import torch
from torch import Tensor

from sklearn_regkd.losses.reduction import as_setting, holds_for_all, reducible

# How near to 0 the two denominators may come.
NEAR = 1e-3


@reducible
def barron_loss(
    prediction: Tensor,
    label: Tensor,
    *,
    shape: float | Tensor = 1.0,
    scale: float | Tensor = 1.0,
    weight: Tensor | None = None,
    reduction: str = "none",
) -> Tensor:
    """General robust loss, twice the paper's rho.

    ``2 (b / a) ((z / b + 1)^(a / 2) - 1)`` with ``z = (d / c)^2``, ``b = |a - 2|``
    and shape a, times ``c^2``, so that it equals ``d^2`` near the label for
    every shape. Shape 2 is the squared error, 1 a smooth absolute error, 0
    Cauchy's, -2 Geman and McClure's; minus infinity (Welsch's) is approached.

    Parameters
    ----------
    prediction, label : Tensor of shape (n_samples,) or (n_samples, n_outputs)
        The student's predictions and the labels, in the same units.
    shape : float or Tensor of shape (n_outputs,), default=1.0
        a, at most 2. A tensor may require a gradient: the shape is learned then
        (together with :func:`log_partition`, without which it would sink).
    scale : float or Tensor of shape (n_outputs,), default=1.0
        c: size of an ordinary error, positive.
    weight : Tensor of shape (n_samples,), default=None
        Weight of each row.
    reduction : {"none", "mean", "sum"}, default="none"
        How to reduce, see :func:`~sklearn_regkd.losses.reduction.reduce_loss`.

    Returns
    -------
    Tensor
        The loss, of the shape of `prediction`, or a scalar.

    Notes
    -----
    Equation 8 of [1]_; a and b are kept 1e-3 away from 0 there, where the
    formula is 0 / 0, which changes the loss by less than a thousandth of d^2.

    References
    ----------
    .. [1] J. T. Barron, "A general and adaptive robust loss function",
       CVPR 2019, arXiv 1701.03077.

    Examples
    --------
    >>> import torch
    >>> from sklearn_regkd.losses import barron_loss
    >>> barron_loss(torch.tensor([0.0, 1.0, 3.0]), torch.zeros(3), shape=1.0)
    tensor([0.0000, 0.8284, 4.3246])
    """
    a, c = (as_setting(value, prediction) for value in (shape, scale))
    if not (holds_for_all(shape, lambda a: a <= 2) and holds_for_all(scale, lambda c: c > 0)):
        raise ValueError(f"shape must be at most 2 and scale positive, got {shape!r} and {scale!r}")
    a = torch.where(a.abs() < NEAR, torch.where(a < 0, a - NEAR, a + NEAR), a)
    b = (2 - a).clamp(min=NEAR)
    z = ((prediction - label) / c).square()
    # expm1 and log1p keep small errors exact, where the power would round them away.
    return 2 * c.square() * b / a * torch.expm1(a / 2 * torch.log1p(z / b))


def log_partition(shape: Tensor) -> Tensor:
    """Return the logarithm of the integral of ``exp(-loss / 2)`` over all errors, scale 1.

    Added to half the loss (and to the logarithm of the scale) it makes a
    negative log-likelihood, under which a learned shape settles where it fits
    the errors best.

    Parameters
    ----------
    shape : Tensor of shape (n_outputs,)
        In [0, 2]; the integral diverges below 0.

    Returns
    -------
    Tensor of shape (n_outputs,)
        By the trapezoidal rule on 600 points that reach to 1.6 million scales.

    Examples
    --------
    >>> import torch
    >>> from sklearn_regkd.losses.barron import log_partition
    >>> log_partition(torch.tensor([2.0])).exp()  # a normal distribution
    tensor([2.5066])
    """
    u = torch.linspace(0, 15, 600, dtype=shape.dtype, device=shape.device)
    x = u.sinh()[:, None].expand(-1, len(shape))
    half = barron_loss(x, torch.zeros_like(x), shape=shape) / 2
    step = 2 * u.cosh()[:, None] * (u[1] - u[0])
    step = torch.cat([step[:1] / 2, step[1:]])
    return torch.logsumexp(step.log() - half, dim=0)

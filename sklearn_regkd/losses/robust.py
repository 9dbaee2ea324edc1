"""Losses that compare the student with one target: squared, absolute, Huber, Tukey."""

import torch
from torch import Tensor

from sklearn_regkd.losses.reduction import as_setting, reducible

# Both keep 95 % of the efficiency of least squares when the errors are Gaussian.
HUBER_DELTA = 1.345
TUKEY_C = 4.685


@reducible
def squared_error(
    prediction: Tensor, label: Tensor, *, weight: Tensor | None = None, reduction: str = "none"
) -> Tensor:
    """Squared error ``(s - y)^2``.

    Parameters
    ----------
    prediction, label : Tensor of shape (n_samples,) or (n_samples, n_outputs)
        The student's predictions and the labels, in the same units.
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
    >>> from sklearn_regkd.losses import squared_error
    >>> squared_error(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 4.0]))
    tensor([0., 4.])
    """
    return (prediction - label).square()


@reducible
def absolute_error(
    prediction: Tensor, label: Tensor, *, weight: Tensor | None = None, reduction: str = "none"
) -> Tensor:
    """Absolute error ``|s - y|``: its minimiser is the conditional median.

    Parameters and errors are those of :func:`squared_error`.

    Returns
    -------
    Tensor
        The loss, of the shape of `prediction`, or a scalar.

    Examples
    --------
    >>> import torch
    >>> from sklearn_regkd.losses import absolute_error
    >>> absolute_error(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 4.0]), reduction="mean")
    tensor(1.)
    """
    return (prediction - label).abs()


@reducible
def huber_loss(
    prediction: Tensor,
    label: Tensor,
    *,
    delta: float | Tensor = HUBER_DELTA,
    weight: Tensor | None = None,
    reduction: str = "none",
) -> Tensor:
    """Huber's loss: squared near the label, absolute far from it.

    ``d^2`` where ``|d| <= delta``, else ``delta (2 |d| - delta)``, with
    ``d = s - y``; that is twice Huber's rho, so that it equals the squared
    error near the label.

    Parameters
    ----------
    prediction, label : Tensor of shape (n_samples,) or (n_samples, n_outputs)
        The student's predictions and the labels, in the same units.
    delta : float or Tensor of shape (n_outputs,), default=1.345
        Distance from which the loss grows linearly, in the units of the label.
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
    .. [1] P. J. Huber, "Robust estimation of a location parameter", Annals of
       Mathematical Statistics 35, 1964.

    Examples
    --------
    >>> import torch
    >>> from sklearn_regkd.losses import huber_loss
    >>> huber_loss(torch.tensor([0.5, 3.0]), torch.zeros(2), delta=1.0)
    tensor([0.2500, 5.0000])
    """
    distance = (prediction - label).abs()
    # |d| is clipped before it is squared, so that a far label cannot overflow.
    near = torch.minimum(distance, as_setting(delta, distance))
    return near * (2 * distance - near)


@reducible
def tukey_loss(
    prediction: Tensor,
    label: Tensor,
    *,
    c: float = TUKEY_C,
    scale: float | Tensor = 1.0,
    weight: Tensor | None = None,
    reduction: str = "none",
) -> Tensor:
    """Tukey's biweight: a label far off has no pull at all.

    ``(b^2 / 3) (1 - (1 - (d / b)^2)^3)`` where ``|d| <= b``, else ``b^2 / 3``,
    with ``b = c scale``; it equals the squared error to second order at 0.

    Parameters
    ----------
    prediction, label : Tensor of shape (n_samples,) or (n_samples, n_outputs)
        The student's predictions and the labels, in the same units.
    c : float, default=4.685
        Cut-off in multiples of `scale`.
    scale : float or Tensor of shape (n_outputs,), default=1.0
        Scale of the errors of good labels, 1.4826 times their MAD in [1]_.
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
    .. [1] V. Belagiannis et al., "Robust optimization for deep regression",
       ICCV 2015.

    Examples
    --------
    >>> import torch
    >>> from sklearn_regkd.losses import tukey_loss
    >>> tukey_loss(torch.tensor([0.0, 3.0, 300.0]), torch.zeros(3), c=3.0)
    tensor([0., 3., 3.])
    """
    cut = as_setting(c * scale, prediction)
    distance = (prediction - label).abs()
    u = torch.clamp(distance / cut, max=1.0).square()
    # 1 - (1 - u)^3, without the cancellation that small distances would suffer.
    return cut.square() / 3 * u * (3 - 3 * u + u.square())

"""Deviances of counts and of positive amounts, of networks that predict logarithms."""

import torch
from torch import Tensor

from sklearn_regkd.losses.reduction import reducible
from sklearn_regkd.networks.scaling import LARGEST_LOG


@reducible
def poisson_loss(
    prediction: Tensor, label: Tensor, *, weight: Tensor | None = None, reduction: str = "none"
) -> Tensor:
    """Deviance of Poisson's distribution for a network that predicts the logarithm of the mean.

    ``2 (y log(y / m) - y + m)`` with ``m = exp(s)``, of which the term ``y log y`` counts as 0
    where y is 0. Its minimiser is the logarithm of the conditional mean of y.

    Parameters
    ----------
    prediction : Tensor of shape (n_samples,) or (n_samples, n_outputs)
        Logarithms of the means that the student predicts.
    label : Tensor of the same shape
        Counts, or other labels that are not negative, divided by any unit that `prediction`
        has as well.
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
    >>> from sklearn_regkd.losses import poisson_loss
    >>> poisson_loss(torch.tensor([0.0, 0.0]), torch.tensor([1.0, 0.0]))
    tensor([0., 2.])
    """
    mean = _exp(prediction)
    return 2 * (torch.xlogy(label, label) - label * prediction - label + mean)


@reducible
def gamma_loss(
    prediction: Tensor, label: Tensor, *, weight: Tensor | None = None, reduction: str = "none"
) -> Tensor:
    """Deviance of the gamma distribution for a network that predicts the logarithm of the mean.

    ``2 (y / m - log(y / m) - 1)`` with ``m = exp(s)``: errors count relative to what is
    predicted. Its minimiser is the logarithm of the conditional mean of y.

    Parameters and errors are those of :func:`poisson_loss`, but labels are positive; of a label of
    0, which only rows of weight 0 have, the logarithm counts as 0.

    Returns
    -------
    Tensor
        The loss, of the shape of `prediction`, or a scalar.

    Examples
    --------
    >>> import torch
    >>> from sklearn_regkd.losses import gamma_loss
    >>> gamma_loss(torch.zeros(2), torch.tensor([1.0, 2.0]))
    tensor([0.0000, 0.6137])
    """
    ratio = label * _exp(-prediction)
    log_label = torch.where(label > 0, label, torch.ones_like(label)).log()
    return 2 * (ratio - log_label + prediction - 1)


def _exp(values: Tensor) -> Tensor:
    """Return exponentials that rise in a straight line where they would be as good as infinite."""
    bounded = values.clamp(max=LARGEST_LOG)
    return bounded.exp() * (1 + values - bounded)


def poisson_derivative(prediction: Tensor, label: Tensor) -> Tensor:
    """Return the derivative of :func:`poisson_loss` by the prediction, in new memory."""
    return prediction.clamp(max=LARGEST_LOG).exp_().sub_(label).mul_(2)


def gamma_derivative(prediction: Tensor, label: Tensor) -> Tensor:
    """Return the derivative of :func:`gamma_loss` by the prediction, in new memory."""
    ratio = (-prediction).clamp_(max=LARGEST_LOG).exp_().mul_(label)
    return ratio.sub_(1).mul_(-2)

"""Losses together with their gradient, in closed form where there is a simple one."""

from collections.abc import Callable

import torch
from torch import Tensor

from sklearn_regkd.losses.criterion import SupervisionCriterion
from sklearn_regkd.losses.deviance import (
    gamma_derivative,
    gamma_loss,
    poisson_derivative,
    poisson_loss,
)
from sklearn_regkd.losses.modules import ElementLoss, HuberLoss, LabelOnly
from sklearn_regkd.losses.quantile import QuantileLoss
from sklearn_regkd.losses.robust import HUBER_DELTA, absolute_error, squared_error


def is_closed(loss: ElementLoss) -> bool:
    """Return whether a loss of student and label has its gradient here in closed form."""
    closed = isinstance(loss, HuberLoss) or _own_derivative(loss) is not None
    return closed or is_exact(loss)


def _own_derivative(loss: ElementLoss) -> Callable[[Tensor, Tensor], Tensor] | None:
    """Return the derivative of a deviance or quantile loss by the prediction."""
    plain = loss.loss if isinstance(loss, LabelOnly) else None
    if isinstance(plain, QuantileLoss):
        return plain.derivative
    if plain is poisson_loss:
        return poisson_derivative
    return gamma_derivative if plain is gamma_loss else None


def _huber_parts(loss: HuberLoss, prediction: Tensor, label: Tensor) -> tuple[Tensor, Tensor]:
    """Return the difference, and what is left of it when it is cut at delta."""
    difference = prediction - label
    delta = HUBER_DELTA * loss.scale(difference)
    return difference, difference.clamp(-delta, delta)


def is_exact(loss: ElementLoss) -> bool:
    """Return whether a loss is the squared or the absolute error.

    Nothing is rounded but the difference itself: the result does not depend on how the
    elements lie in memory.
    """
    return isinstance(loss, LabelOnly) and loss.loss in (squared_error, absolute_error)


def _is_squared(loss: ElementLoss) -> bool:
    return isinstance(loss, LabelOnly) and loss.loss is squared_error


def element_gradient(loss: ElementLoss, prediction: Tensor, label: Tensor) -> tuple[Tensor, Tensor]:
    """Return the loss of each element and its derivative by the prediction.

    Parameters
    ----------
    loss : callable
        See :func:`~sklearn_regkd.losses.modules.element_loss`; what it makes of an
        element depends on this element alone.
    prediction, label : Tensor of shape (n_samples, n_outputs)
        The student's predictions, and the labels.

    Returns
    -------
    loss, derivative : Tensor of shape (n_samples, n_outputs)
        In closed form where :func:`is_closed`, else by autograd.

    Examples
    --------
    >>> import torch
    >>> from sklearn_regkd.losses.gradient import element_gradient
    >>> from sklearn_regkd.losses.modules import element_loss
    >>> loss = element_loss("squared_error", n_outputs=1)
    >>> element_gradient(loss, torch.tensor([[3.0]]), torch.tensor([[1.0]]))
    (tensor([[4.]]), tensor([[4.]]))
    """
    plain = loss.loss if isinstance(loss, LabelOnly) else None
    if plain is squared_error:
        difference = prediction - label
        return difference.square(), 2 * difference
    if plain is absolute_error:
        difference = prediction - label
        return difference.abs(), difference.sign()
    if isinstance(loss, HuberLoss):
        difference, near = _huber_parts(loss, prediction, label)
        return near * (2 * difference - near), 2 * near
    own = _own_derivative(loss)
    if own is not None:
        assert plain is not None
        return plain(prediction, label), own(prediction, label)
    with torch.enable_grad():
        leaf = prediction.detach().requires_grad_()
        error = loss(leaf, label, label, torch.ones_like(label, dtype=torch.bool))
        gradient = torch.autograd.grad(error.sum(), leaf)[0]
    return error.detach(), gradient


def element_derivative(loss: ElementLoss, prediction: Tensor, label: Tensor) -> Tensor:
    """Return the derivative of :func:`element_gradient` alone, where nobody asks for the loss.

    Parameters
    ----------
    loss, prediction, label
        Those of :func:`element_gradient`.

    Returns
    -------
    Tensor of shape (n_samples, n_outputs)
        New memory.
    """
    if _is_squared(loss):
        return (prediction - label).mul_(2)
    if is_exact(loss):
        return (prediction - label).sign_()
    if isinstance(loss, HuberLoss):
        return _huber_parts(loss, prediction, label)[1].mul_(2)
    own = _own_derivative(loss)
    if own is not None:
        return own(prediction, label)
    return element_gradient(loss, prediction, label)[1]


def output_gradient(
    criterion: SupervisionCriterion, prediction: Tensor, packed: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the loss of a batch, and its gradient with respect to the predictions.

    Parameters
    ----------
    criterion : SupervisionCriterion
        Without parameters of its own, and without hints.
    prediction : Tensor of shape (n_samples, n_heads * n_outputs)
        The student's predictions, standardised.
    packed : Tensor of shape (n_samples, 3 * n_outputs + 1)
        The supervision of these rows.

    Returns
    -------
    loss : Tensor
        A scalar, as `criterion` returns it.
    gradient : Tensor of shape (n_samples, n_heads * n_outputs)
        What autograd would return.
    """
    k = criterion.n_outputs
    if criterion.n_heads == 1 and is_closed(criterion.loss):
        label, weight = packed[:, :k], packed[:, 3 * k :]
        share = 1 / (k * len(packed))
        if _is_squared(criterion.loss):  # the default, and small networks feel each operation
            difference = prediction - label
            gradient = difference * weight
            return share * torch.dot(gradient.ravel(), difference.ravel()), gradient.mul_(2 * share)
        error, gradient = element_gradient(criterion.loss, prediction, label)
        return share * (weight * error).sum(), gradient.mul_(weight).mul_(share)
    with torch.enable_grad():
        leaf = prediction.detach().requires_grad_()
        loss = criterion(leaf, packed)
    return loss.detach(), torch.autograd.grad(loss, leaf)[0]

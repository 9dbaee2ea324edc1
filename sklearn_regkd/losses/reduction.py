"""What all losses share: the check of shapes, weights of rows, and the reduction to one number."""

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec

import torch
from torch import Tensor

REDUCTIONS = ("none", "mean", "sum")

P = ParamSpec("P")


def reducible(loss: Callable[P, Tensor]) -> Callable[P, Tensor]:
    """Let an elementwise loss take rows of any weight, and reduce it.

    The loss declares `weight` and `reduction`, so that its signature is whole, and does
    nothing with them. Its positional arguments are tensors of one shape, which is checked.

    Parameters
    ----------
    loss : callable
        Returns one non-negative number per element, 0 where all tensors are 0.

    Examples
    --------
    >>> import torch
    >>> from sklearn_regkd.losses.reduction import reducible
    >>> @reducible
    ... def cubic_error(prediction, label, *, weight=None, reduction="none"):
    ...     return (prediction - label).abs() ** 3
    >>> label, weight = torch.tensor([1.0, torch.inf]), torch.tensor([2.0, 0.0])
    >>> cubic_error(torch.zeros(2), label, weight=weight, reduction="sum")
    tensor(2.)
    """
    signature = inspect.signature(loss)
    tensors = [
        name
        for name, parameter in signature.parameters.items()
        if parameter.kind is parameter.POSITIONAL_OR_KEYWORD
    ]

    @wraps(loss)
    def reduced(*args: P.args, **kwargs: P.kwargs) -> Tensor:
        given: dict[str, Any] = signature.bind(*args, **kwargs).arguments
        weight, reduction = given.pop("weight", None), given.pop("reduction", "none")
        first, *others = tensors
        prediction = given[first]
        check_same_shape(prediction, **{name: given[name] for name in others})
        if weight is not None and weight.shape == prediction.shape[:1]:
            # A row of weight 0 is absent however far off it is. Multiplying its loss by 0
            # later would give NaN if the loss, or its gradient, is infinite.
            is_there = by_element(weight, prediction) > 0
            for name in tensors:
                given[name] = torch.where(is_there, given[name], torch.zeros_like(given[name]))
        return reduce_loss(loss(**given), weight, reduction)  # type: ignore[call-arg]

    return reduced


def reduce_loss(loss: Tensor, weight: Tensor | None = None, reduction: str = "none") -> Tensor:
    """Weight an elementwise loss and reduce it.

    Parameters
    ----------
    loss : Tensor of shape (n_samples,) or (n_samples, n_outputs)
        One non-negative number per element.
    weight : Tensor of shape (n_samples,), default=None
        Weight of each row; None means 1. A row of weight 2 counts like two
        rows, a row of weight 0 like none, whatever its loss is.
    reduction : {"none", "mean", "sum"}, default="none"
        ``"none"`` returns the weighted elements, ``"sum"`` their sum,
        ``"mean"`` the sum divided by the sum of the weights of all elements.

    Returns
    -------
    Tensor
        The weighted loss, of the shape of `loss`, or a scalar.

    Raises
    ------
    ValueError
        If `reduction` is unknown or `weight` has another length than `loss`.
    """
    if reduction not in REDUCTIONS:
        raise ValueError(f"reduction={reduction!r} is unknown; known: {', '.join(REDUCTIONS)}")
    if weight is None:
        if reduction == "none":
            return loss
        return loss.mean() if reduction == "mean" else loss.sum()
    if weight.shape != loss.shape[:1]:
        raise ValueError(
            f"weight has shape {tuple(weight.shape)}, but the loss has {loss.shape[0]} rows"
        )
    weighted = by_element(weight, loss) * loss
    if reduction == "none":
        return weighted
    if reduction == "sum":
        return weighted.sum()
    return weighted.sum() / by_element(weight, loss).sum()


def by_element(weight: Tensor, like: Tensor) -> Tensor:
    """Return the weight of each row as that of each of its elements."""
    return weight.reshape(-1, *[1] * (like.ndim - 1)).expand_as(like)


def as_setting(value: float | Tensor, like: Tensor) -> Tensor:
    """Return a number that a loss depends on as a tensor of the type and device of another.

    A number of Python is not copied to the device, for which that would have to wait.
    """
    if isinstance(value, Tensor):
        return value.to(like.device, like.dtype)
    return like.new_full((), value)


def holds_for_all(value: float | Tensor, condition: Callable[[Tensor], Tensor]) -> bool:
    """Return whether a condition holds for a setting, True if only a device knows its value.

    To read values back there, in each step of a training, would cost more than the step.
    """
    tensor = torch.as_tensor(value)
    return tensor.device.type != "cpu" or bool(condition(tensor).all())


def check_same_shape(prediction: Tensor, **others: Tensor) -> None:
    """Refuse to broadcast: (n,) against (n, 1) would silently give an (n, n) loss."""
    for name, tensor in others.items():
        if tensor.shape != prediction.shape:
            raise ValueError(
                f"{name} has shape {tuple(tensor.shape)}, but prediction has shape "
                f"{tuple(prediction.shape)}; reshape one of them"
            )

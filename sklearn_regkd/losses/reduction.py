"""The last step that all losses share: weights, and from elements to one number."""

import torch
from torch import Tensor

REDUCTIONS = ("none", "mean", "sum")


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
        Of the shape of `loss`, or a scalar.

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


def difference(prediction: Tensor, other: Tensor, weight: Tensor | None) -> Tensor:
    """Return ``prediction - other``, and 0 in rows of weight 0.

    Such a row is absent however far off it is. Multiplying its loss by 0
    later would give NaN if the loss, or its gradient, is infinite.
    """
    distance = prediction - other
    if weight is None or weight.shape != distance.shape[:1]:  # reduce_loss names the shape
        return distance
    return torch.where(by_element(weight, distance) > 0, distance, torch.zeros_like(distance))


def check_same_shape(prediction: Tensor, **others: Tensor) -> None:
    """Refuse to broadcast: (n,) against (n, 1) would silently give an (n, n) loss."""
    for name, tensor in others.items():
        if tensor.shape != prediction.shape:
            raise ValueError(
                f"{name} has shape {tuple(tensor.shape)}, but prediction has shape "
                f"{tuple(prediction.shape)}; reshape one of them"
            )

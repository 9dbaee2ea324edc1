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
    by_element = weight.reshape(-1, *[1] * (loss.ndim - 1)).expand_as(loss)
    # A row of weight 0 is absent: its loss may be infinite, and 0 * inf would be NaN.
    weighted = torch.where(by_element > 0, by_element * loss, torch.zeros_like(loss))
    if reduction == "none":
        return weighted
    if reduction == "sum":
        return weighted.sum()
    return weighted.sum() / by_element.sum()


def check_same_shape(prediction: Tensor, **others: Tensor) -> None:
    """Refuse to broadcast: (n,) against (n, 1) would silently give an (n, n) loss."""
    for name, tensor in others.items():
        if tensor.shape != prediction.shape:
            raise ValueError(
                f"{name} has shape {tuple(tensor.shape)}, but prediction has shape "
                f"{tuple(prediction.shape)}; reshape one of them"
            )

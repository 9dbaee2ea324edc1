"""Attentive imitation loss: the teacher is followed where it is right itself."""

import torch
from torch import Tensor

from sklearn_regkd.losses.reduction import as_setting, holds_for_all, reducible


def attention(label: Tensor, teacher: Tensor, eta: float | Tensor) -> Tensor:
    """Return how far the teacher deserves to be followed, ``clip(1 - (t - y)^2 / eta, 0, 1)``.

    Parameters
    ----------
    label, teacher : Tensor of shape (n_samples,) or (n_samples, n_outputs)
        The labels, and the teacher's predictions.
    eta : float or Tensor of shape (n_outputs,)
        Squared error of a teacher that deserves no attention, positive. The
        range of the squared errors in [1]_; one wild label would stretch that
        until all rows look alike, so that a high quantile serves better.

    Returns
    -------
    Tensor
        In [0, 1].

    References
    ----------
    .. [1] M. R. U. Saputra et al., "Distilling knowledge from a deep pose
       regressor network", ICCV 2019, arXiv 1908.00858.

    Examples
    --------
    >>> import torch
    >>> from sklearn_regkd.losses.attentive import attention
    >>> attention(torch.zeros(3), torch.tensor([0.0, 1.0, 9.0]), eta=4.0)
    tensor([1.0000, 0.7500, 0.0000])
    """
    if not holds_for_all(eta, lambda eta: eta > 0):
        raise ValueError(f"eta must be positive, got {torch.as_tensor(eta).tolist()!r}")
    eta = as_setting(eta, label)
    # Clipped before it is squared, so that an absurd label cannot overflow.
    ratio = (teacher - label).abs() / eta.sqrt()
    return 1 - ratio.clamp(max=1).square()


@reducible
def attentive_loss(
    prediction: Tensor,
    label: Tensor,
    teacher: Tensor,
    *,
    eta: float | Tensor,
    alpha: float | Tensor = 0.5,
    weight: Tensor | None = None,
    reduction: str = "none",
) -> Tensor:
    """Attentive imitation loss ``(1 - alpha) (s - y)^2 + alpha Phi (s - t)^2``.

    Phi is :func:`attention`: large where teacher and label agree. Where they
    contradict each other this loss follows the label, other than the loss of
    teacher outlier rejection, which follows the teacher.

    Parameters
    ----------
    prediction, label, teacher : Tensor of shape (n_samples,) or (n_samples, n_outputs)
        The student's predictions, the labels, and the teacher's predictions.
    eta : float or Tensor of shape (n_outputs,)
        See :func:`attention`.
    alpha : float or Tensor of shape (n_outputs,), default=0.5
        Weight of the teacher.
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
    .. [1] M. R. U. Saputra et al., "Distilling knowledge from a deep pose
       regressor network", ICCV 2019, arXiv 1908.00858.

    Examples
    --------
    >>> import torch
    >>> from sklearn_regkd.losses import attentive_loss
    >>> label, teacher = torch.tensor([0.0, 0.0]), torch.tensor([1.0, 9.0])
    >>> attentive_loss(torch.zeros(2), label, teacher, eta=4.0)
    tensor([0.3750, 0.0000])
    """
    phi = attention(label, teacher, eta)
    # Where there is no attention the teacher may be anywhere, infinitely far off too.
    to_teacher = torch.where(phi > 0, prediction - teacher, torch.zeros_like(prediction))
    return (1 - alpha) * (prediction - label).square() + alpha * phi * to_teacher.square()

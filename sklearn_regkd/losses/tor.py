"""Teacher outlier rejection (TOR), the loss of Takamoto et al. 2020."""

import torch
from torch import Tensor

from sklearn_regkd.losses.reduction import as_setting, check_same_shape, reducible

SMOOTHING = 1e-2


@reducible
def tor_loss(
    prediction: Tensor,
    label: Tensor,
    teacher: Tensor,
    *,
    threshold: float | Tensor | None = None,
    inlier: Tensor | None = None,
    smoothing: float = SMOOTHING,
    weight: Tensor | None = None,
    reduction: str = "none",
) -> Tensor:
    """Squared error to trusted labels, a gentle pull to the teacher elsewhere.

    With student s, label y, teacher t:
    ``(s - y)^2`` if ``|y - t| < threshold``, else ``sqrt(|s - t|)``, the latter
    in the smooth form ``(d^2 + eps^2)^(1/4) - sqrt(eps)`` with ``d = s - t``.

    Parameters
    ----------
    prediction : Tensor of shape (n_samples,) or (n_samples, n_outputs)
        The student's predictions.
    label : Tensor of the same shape
        The given label, possibly wrong. A rejected label enters neither the
        loss nor its gradient, however far off it is.
    teacher : Tensor of the same shape
        The teacher's predictions, best out-of-fold: a teacher that has learned a
        wrong label by heart sees nothing wrong with it.
    threshold : float or Tensor of shape (n_outputs,), default=None
        Distance of label and teacher from which a label is rejected.
    inlier : Tensor of bool of the same shape, default=None
        Which labels are trusted, if that was decided before. Exactly one of
        `threshold` and `inlier` is given.
    smoothing : float, default=0.01
        eps above, in the units of the labels: the width in which the square
        root is rounded off. The square root's own gradient is infinite at
        ``s = t``; the papers do not say how they deal with it. Ours is
        bounded by about ``0.31 / sqrt(eps)``.
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
        If shapes differ, if not exactly one of `threshold` and `inlier` is
        given, or if `smoothing` is not positive.

    Notes
    -----
    Formula: Takamoto et al. 2020, restated by public implementations; the
    text of the paper itself could not be read. `smoothing` is our addition.

    References
    ----------
    .. [1] M. Takamoto, Y. Morishita, H. Imaoka, "An efficient method of
       training small models for regression problems with knowledge
       distillation", MIPR 2020, arXiv 2002.12597.

    Examples
    --------
    >>> import torch
    >>> from sklearn_regkd.losses import tor_loss
    >>> student, teacher = torch.tensor([1.0, 1.0]), torch.tensor([1.1, 1.0])
    >>> label = torch.tensor([1.5, 900.0])
    >>> tor_loss(student, label, teacher, threshold=2.0)
    tensor([0.2500, 0.0000])
    """
    if not smoothing > 0:
        raise ValueError(f"smoothing must be positive, got {smoothing!r}")
    if threshold is not None and inlier is None:
        inlier = (label - teacher).abs() < threshold
    elif inlier is not None and threshold is None:
        check_same_shape(prediction, inlier=inlier)
        inlier = inlier.bool()
    else:
        raise ValueError("give exactly one of threshold and inlier")
    # Each distance is 0 where the other branch holds: an infinite value, or
    # gradient, of the branch that is not taken would otherwise spoil the one
    # that is (0 * inf is NaN).
    zero = torch.zeros_like(prediction)
    to_label = torch.where(inlier, prediction - label, zero)
    to_teacher = torch.where(inlier, zero, prediction - teacher)
    eps = as_setting(smoothing, prediction)
    root = torch.hypot(to_teacher, eps.expand_as(to_teacher)).sqrt() - eps.sqrt()
    return torch.where(inlier, to_label.square(), root)

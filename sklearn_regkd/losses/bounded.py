"""The teacher-bounded loss: a student that is as good as its teacher has no loss."""

import torch
from torch import Tensor

from sklearn_regkd.losses.reduction import reducible


@reducible
def bounded_loss(
    prediction: Tensor,
    label: Tensor,
    teacher: Tensor,
    *,
    margin: float = 0.0,
    weight: Tensor | None = None,
    reduction: str = "none",
) -> Tensor:
    """Teacher-bounded loss: ``(s - y)^2`` where ``(s - y)^2 + m > (t - y)^2``, else 0.

    The label alone is the target, the teacher decides when it is enough. A wrong
    label, from which an out-of-fold teacher is far off, pulls only at a
    student that is farther off still.

    Parameters
    ----------
    prediction, label, teacher : Tensor of shape (n_samples,) or (n_samples, n_outputs)
        The student's predictions, the labels, and the teacher's predictions.
    margin : float, default=0.0
        How much better than the teacher the student must be, in squared units
        of the label. (The paper's m; its weight nu of this term against others
        is that of the whole loss here.)
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
    .. [1] G. Chen et al., "Learning efficient object detection models with
       knowledge distillation", NeurIPS 2017.

    Examples
    --------
    >>> import torch
    >>> from sklearn_regkd.losses import bounded_loss
    >>> student, teacher = torch.tensor([1.0, 3.0]), torch.tensor([2.0, 2.0])
    >>> bounded_loss(student, torch.zeros(2), teacher)
    tensor([0., 9.])
    """
    if margin < 0:
        raise ValueError(f"margin must not be negative, got {margin!r}")
    distance = prediction - label
    # Compared as distances: hypot does not overflow where squares would.
    reach = torch.hypot(distance.detach(), torch.full_like(distance, margin**0.5))
    worse = reach > (teacher - label).abs()
    return torch.where(worse, distance, torch.zeros_like(distance)).square()

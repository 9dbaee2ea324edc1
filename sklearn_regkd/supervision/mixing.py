"""What the student imitates: labels, the teacher, or something between and beyond."""

import numpy as np


def mix(label: np.ndarray, teacher: np.ndarray, alpha: float | np.ndarray) -> np.ndarray:
    """Return ``alpha t + (1 - alpha) y``.

    Regression on this mixture with squared error is the same as regression
    with the loss ``alpha (s - t)^2 + (1 - alpha) (s - y)^2``, up to a constant;
    `alpha` may lie outside [0, 1].

    Parameters
    ----------
    label, teacher : ndarray of shape (n_samples, n_outputs)
        In the same units.
    alpha : float or ndarray
        Weight of the teacher; an array has one per output, or one per label.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_regkd.supervision.mixing import mix
    >>> mix(np.array([[1.0]]), np.array([[2.0]]), alpha=0.25)
    array([[1.25]])
    """
    return alpha * teacher + (1 - alpha) * label


def best_alpha(
    label: np.ndarray, student: np.ndarray, teacher: np.ndarray, limit: float = 0.5
) -> float:
    """Return the alpha whose mixture ``alpha t + (1 - alpha) s`` predicts labels best.

    In closed form, least squares: ``alpha = <y - s, t - s> / <t - s, t - s>``.
    On out-of-fold predictions it tells how much the teacher knows that the
    student does not: near 0 for a teacher that is weaker throughout, near 1
    for one that the student has nothing to add to.

    Parameters
    ----------
    label, student, teacher : ndarray of shape (n_samples,) or (n_samples, n_outputs)
        Trusted labels only: the squared error follows wrong ones.
    limit : float, default=0.5
        How far outside of [0, 1] alpha may lie.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_regkd.supervision.mixing import best_alpha
    >>> best_alpha(np.array([1.0, 2.0]), np.array([0.0, 0.0]), np.array([4.0, 8.0]))
    0.25
    """
    apart = teacher - student
    size = (apart**2).sum()
    if not size > 0:
        return 0.0
    return float(np.clip(((label - student) * apart).sum() / size, -limit, 1 + limit))

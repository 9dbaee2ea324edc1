"""What the student imitates: labels, the teacher, or something between and beyond."""

import numpy as np


def mix(label: np.ndarray, teacher: np.ndarray, alpha: float) -> np.ndarray:
    """Return ``alpha t + (1 - alpha) y``.

    Regression on this mixture with squared error is the same as regression
    with the loss ``alpha (s - t)^2 + (1 - alpha) (s - y)^2``, up to a constant;
    `alpha` may lie outside [0, 1].

    Parameters
    ----------
    label, teacher : ndarray of shape (n_samples, n_outputs)
        In the same units.
    alpha : float
        Weight of the teacher.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_regkd.supervision.mixing import mix
    >>> mix(np.array([[1.0]]), np.array([[2.0]]), alpha=0.25)
    array([[1.25]])
    """
    return alpha * teacher + (1 - alpha) * label

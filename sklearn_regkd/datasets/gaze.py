"""Directions of gaze as two angles, and how far apart two of them are."""

from typing import Any

import numpy as np


def gaze_angles(direction: Any) -> np.ndarray:
    """Return pitch and yaw of directions of gaze.

    In camera coordinates (x to the right, y downwards, z away from the camera), as MPIIGaze has
    them, with ``pitch = asin(-y)`` and ``yaw = atan2(-x, -z)``: somebody who looks into the camera
    looks along -z and has 0 and 0; looking up is a positive pitch, looking to the left side of the
    picture (negative x) a positive yaw.

    Parameters
    ----------
    direction : array-like of shape (n_samples, 3)
        Vectors x, y, z of any length but 0.

    Returns
    -------
    ndarray of shape (n_samples, 2), float64
        Pitch and yaw in radians.

    Raises
    ------
    ValueError
        If the shape is another one, or a vector is 0 or not finite.

    Examples
    --------
    >>> from sklearn_regkd.datasets import gaze_angles
    >>> gaze_angles([[0, 0, -1], [-1, 0, -1], [0, -1, -1]]).round(3) + 0
    array([[0.   , 0.   ],
           [0.   , 0.785],
           [0.785, 0.   ]])
    """
    vectors = np.asarray(direction, np.float64)
    if vectors.ndim != 2 or vectors.shape[1] != 3:
        raise ValueError(f"directions must have shape (n_samples, 3), got {vectors.shape}")
    x, y, z = vectors.T
    if not (np.isfinite(vectors).all() and vectors.any(axis=1).all()):
        bad = np.flatnonzero(~np.isfinite(vectors).all(axis=1) | ~vectors.any(axis=1))
        raise ValueError(f"direction {bad[0]} is no direction: {vectors[bad[0]]}")
    # As atan2, unlike asin, it needs neither unit vectors nor a clip.
    return np.column_stack([np.arctan2(-y, np.hypot(x, z)), np.arctan2(-x, -z)])


def gaze_directions(angles: Any) -> np.ndarray:
    """Return the unit vectors of pitch and yaw, the inverse of :func:`gaze_angles`.

    Parameters
    ----------
    angles : array-like of shape (n_samples, 2)
        Pitch and yaw in radians.

    Returns
    -------
    ndarray of shape (n_samples, 3), float64
        Unit vectors x, y, z.

    Raises
    ------
    ValueError
        If the shape is another one, or an angle is not finite.

    Examples
    --------
    >>> from sklearn_regkd.datasets import gaze_directions
    >>> gaze_directions([[0.0, 0.0]]) + 0
    array([[ 0.,  0., -1.]])
    """
    values = np.asarray(angles, np.float64)
    if values.ndim != 2 or values.shape[1] != 2:
        raise ValueError(f"angles must be pitch and yaw, shape (n_samples, 2), got {values.shape}")
    finite = np.isfinite(values).all(axis=1)
    if not finite.all():
        raise ValueError(f"the angles of row {np.argmin(finite)} are not finite")
    pitch, yaw = values.T
    return np.column_stack(
        [-np.cos(pitch) * np.sin(yaw), -np.sin(pitch), -np.cos(pitch) * np.cos(yaw)]
    )


def angular_error(y_true: Any, y_pred: Any) -> np.ndarray:
    """Return the angle between true and predicted directions of gaze, row by row.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n_samples, 2)
        Pitch and yaw in radians.

    Returns
    -------
    ndarray of shape (n_samples,), float64
        Degrees, from 0 to 180; never NaN.

    Raises
    ------
    ValueError
        If the shapes differ or are other ones, or an angle is not finite.

    See Also
    --------
    mean_angular_error : The mean over all rows, for scorers.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_regkd.datasets import angular_error
    >>> angular_error([[0.0, 0.0], [0.1, 0.2]], [[0.0, np.pi / 2], [0.1, 0.2]])
    array([90.,  0.])
    """
    a, b = gaze_directions(y_true), gaze_directions(y_pred)
    if a.shape != b.shape:
        raise ValueError(f"y_true has {len(a)} rows, y_pred {len(b)}")
    # Not acos(a . b): rounding pushes that beyond 1 (NaN), and near 0 degrees it has lost half of
    # its digits.
    across = np.linalg.norm(np.cross(a, b), axis=1)
    return np.rad2deg(np.arctan2(across, (a * b).sum(axis=1)))


def mean_angular_error(y_true: Any, y_pred: Any, sample_weight: Any = None) -> float:
    """Return the mean angle between directions of gaze, the usual measure of gaze estimation.

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n_samples, 2)
        Pitch and yaw in radians.
    sample_weight : array-like of shape (n_samples,), default=None
        Weight of each row.

    Returns
    -------
    float
        Degrees; lower is better.

    Raises
    ------
    ValueError
        As :func:`angular_error`; if there are no rows or the weights do not fit them.

    Examples
    --------
    >>> from sklearn.metrics import make_scorer
    >>> from sklearn_regkd.datasets import mean_angular_error
    >>> scorer = make_scorer(mean_angular_error, greater_is_better=False)
    >>> round(mean_angular_error([[0.0, 0.0]], [[0.1, 0.0]]), 2)
    5.73
    """
    errors = angular_error(y_true, y_pred)
    if not len(errors):
        raise ValueError("there are no rows to take the mean of")
    if sample_weight is None:
        return float(errors.mean())
    weight = np.asarray(sample_weight, np.float64)
    if weight.shape != errors.shape or (weight < 0).any() or not 0 < weight.sum() < np.inf:
        raise ValueError(
            f"sample_weight must hold {len(errors)} weights, none negative and not all 0, got "
            f"shape {weight.shape}"
        )
    return float(np.average(errors, weights=weight))

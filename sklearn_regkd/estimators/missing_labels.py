"""Labels that nobody has measured: NaN in y."""

from typing import Any

import numpy as np

from sklearn_regkd.preprocessing.frames import as_floats
from sklearn_regkd.preprocessing.validation import like_y

# What stands in for a missing label is never learned; any finite number passes the checks of y.
FEWEST_KNOWN = 2


def fill_missing(y: Any) -> tuple[Any, np.ndarray | None]:
    """Return labels with numbers in the place of gaps, and which labels are known.

    Parameters
    ----------
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        Labels; NaN, None or ``pandas.NA`` is a gap.

    Returns
    -------
    filled : ndarray of the shape of y, or y itself
        The median of the target in each gap; y itself if there are none, or if it cannot be read
        as numbers, of which the checks of y will speak.
    known : ndarray of bool of shape (n_samples, n_outputs) or None
        None if all labels are known.

    Raises
    ------
    ValueError
        If a target has fewer than two labels.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_regkd.estimators.missing_labels import fill_missing
    >>> filled, known = fill_missing([1.0, np.nan, 3.0])
    >>> filled, known.ravel()
    (array([1., 2., 3.]), array([ True, False,  True]))
    """
    values = as_floats(np.asarray(y))
    if values is None or values.ndim not in (1, 2) or not np.isnan(values).any():
        return y, None
    columns = values.reshape(len(values), -1)
    known = ~np.isnan(columns)
    few = np.flatnonzero(known.sum(axis=0) < FEWEST_KNOWN)
    if len(few):
        raise ValueError(
            f"output {few[0]} of y has {known[:, few[0]].sum()} labels, all others are missing, "
            f"and at least {FEWEST_KNOWN} are needed: leave this target away"
        )
    filled = np.where(known, columns, np.nanmedian(columns, axis=0))
    return filled.reshape(values.shape), known


def refuse_trusted_gaps(trusted: np.ndarray | None, known: np.ndarray | None) -> None:
    """Raise an error if somebody is said to have checked a label that there is not."""
    if trusted is None or known is None or not (trusted & ~known).any():
        return
    row, output = np.argwhere(trusted & ~known)[0]
    raise ValueError(
        f"trusted is true in row {row} of output {output}, where y holds no label: set it to False "
        "there, or put the label in"
    )


def mark_missing(distiller: Any, known: np.ndarray | None) -> None:
    """Set `missing_mask_` of a fitted estimator, and doubt no label that there is not."""
    shape = np.shape(distiller.outlier_mask_)
    missing = np.zeros(shape, bool) if known is None else like_y(~known, distiller._y_ndim)
    distiller.missing_mask_ = missing
    if missing.any():
        distiller.outlier_mask_ = distiller.outlier_mask_ & ~missing
        distiller.inlier_probability_ = np.where(missing, 1.0, distiller.inlier_probability_)

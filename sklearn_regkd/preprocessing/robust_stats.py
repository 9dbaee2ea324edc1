"""Location and spread of numbers among which there may be outliers."""

import numpy as np
from scipy.stats import median_abs_deviation

# The standard deviation of a Gaussian whose median absolute deviation is 1.
MAD_TO_SIGMA = 1.4826
SHARE_TOLERANCE = 1e-9


def robust_sigma(error: np.ndarray) -> np.ndarray:
    """Return 1.4826 times the median absolute deviation from the median.

    Parameters
    ----------
    error : ndarray of shape (n_samples,) or (n_samples, n_outputs)
        Errors, such as label minus teacher.

    Returns
    -------
    ndarray of shape () or (n_outputs,)
        The standard deviation that Gaussian errors of this spread would have.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_regkd.preprocessing.robust_stats import robust_sigma
    >>> float(robust_sigma(np.array([-1.0, 0.0, 1.0, 1e9])))
    1.4826
    """
    return MAD_TO_SIGMA * median_abs_deviation(error, axis=0)


def half_sample_mode(values: np.ndarray) -> float:
    """Return the mode by repeated halving: the shortest half of the shortest half, and so on.

    The median moves towards outliers that are all on one side; the mode stays
    with the majority.

    Parameters
    ----------
    values : ndarray of shape (n_samples,)
        Numbers in any order.

    References
    ----------
    .. [1] D. R. Bickel, R. Frühwirth, "On a fast, robust estimator of the
       mode", Computational Statistics & Data Analysis 50, 2006.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_regkd.preprocessing.robust_stats import half_sample_mode
    >>> half_sample_mode(np.array([0.0, 0.9, 1.0, 1.1, 7.0, 8.0, 9.5]))
    0.95
    """
    ranked = np.sort(values)
    while len(ranked) > 3:
        half = (len(ranked) + 1) // 2
        width = ranked[half - 1 :] - ranked[: len(ranked) - half + 1]
        # Of equally short halves the middle one, not the lowest.
        shortest = np.flatnonzero(width == width.min())
        start = shortest[len(shortest) // 2]
        ranked = ranked[start : start + half]
    return float(np.median(ranked))


def weighted_quantile(values: np.ndarray, q: float, weight: np.ndarray) -> np.ndarray:
    """Return a quantile of each column, in which weight 2 counts like two rows.

    The midpoint where two values fit, so that the quantile q of -y is minus
    the quantile 1 - q of y. Shares are compared with a tolerance: weights of
    0.1 in all rows must give what weights of 1 give.

    Parameters
    ----------
    values : ndarray of shape (n_samples, n_columns)
        Numbers in any order.
    q : float
        Share of the weight below the quantile, in [0, 1].
    weight : ndarray of shape (n_samples,)
        Weight of each row, not all 0.

    Returns
    -------
    ndarray of shape (n_columns,)
        The quantiles.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_regkd.preprocessing.robust_stats import weighted_quantile
    >>> weighted_quantile(np.array([[1.0], [2.0], [3.0]]), 0.5, np.array([1.0, 1.0, 2.0]))
    array([2.5])
    """
    order = np.argsort(values, axis=0, kind="stable")
    share = np.cumsum(weight[order], axis=0)
    share /= share[-1]
    last = len(values) - 1
    low = np.minimum((share < q - SHARE_TOLERANCE).sum(axis=0), last)
    high = np.minimum((share < q + SHARE_TOLERANCE).sum(axis=0), last)
    ranked = np.take_along_axis(values, order, axis=0)
    column = np.arange(values.shape[1])
    return ranked[low, column] / 2 + ranked[high, column] / 2

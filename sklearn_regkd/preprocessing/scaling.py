"""Scalings of inputs and targets, learned from arrays.

Inputs get mean 0 and variance 1. Targets are centred and scaled robustly: a few wild labels
must not decide the units in which all others are learned.
"""

import warnings
from dataclasses import dataclass, replace

import numpy as np
from sklearn.preprocessing import StandardScaler
from sklearn.utils import gen_batches

from sklearn_regkd.preprocessing.robust_stats import MAD_TO_SIGMA, weighted_quantile

# Enough for good throughput, little against the memory of any X worth mentioning.
BLOCK_ELEMENTS = 2**20
P90_TO_SIGMA = 1 / 3.29
MEAN_DEVIATION_TO_SIGMA = 1.2533
# A label that far away is as absurd as one a million times farther, which
# would not fit into single precision.
MOST_SIGMA = 1e3
# Single precision ends at 3.4e38 and gets coarse below 1.2e-38: differences and quotients of
# numbers between these stay well inside.
LEAST_SAFE, MOST_SAFE = 1e-30, 1e30
# It rounds an offset of so many spreads by less than a hundredth of the spread.
MOST_SPREADS = 1e5


def needs_double(offset: np.ndarray, width: np.ndarray, spread: np.ndarray) -> bool:
    """Return whether ``(x - offset) / width`` may fail in single precision, for any feature.

    Parameters
    ----------
    offset : ndarray
        The numbers that are subtracted from inputs.
    width : ndarray
        The numbers by which differences are divided.
    spread : ndarray
        How far the inputs of a feature are spread, of a shape that broadcasts to `offset`.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_regkd.preprocessing.scaling import needs_double
    >>> ones = np.ones(1)
    >>> needs_double(7 * ones, ones, ones), needs_double(3e38 * ones, ones, 3e38 * ones)
    (False, True)
    >>> needs_double(ones, 1e-40 * ones, ones), needs_double(1e9 * ones, ones, ones)
    (True, True)
    """
    size = np.where(np.isfinite(offset), np.abs(offset), 0.0)
    is_width = (width > 0) & np.isfinite(width)
    odd = is_width & ((width < LEAST_SAFE) | (width > MOST_SAFE))
    far = (spread > 0) & (size / MOST_SPREADS > spread)
    return bool(odd.any() or far.any() or (size > MOST_SAFE).any())


@dataclass(frozen=True)
class Scaling:
    """An affine map per column: ``standard = (raw - center) / scale``.

    Parameters
    ----------
    center, scale : ndarray of shape (n_columns,), float64
        Both in raw units; `scale` is positive.
    constant : ndarray of bool of shape (n_columns,)
        Columns that hold one value only.
    log : bool, default=False
        Whether networks predict logarithms of standardised targets; `center` is 0 then.
    """

    center: np.ndarray
    scale: np.ndarray
    constant: np.ndarray
    log: bool = False

    @property
    def divisor(self) -> np.ndarray:
        """By what inputs are divided: constant ones, that say nothing, become 0 at any value."""
        return np.where(self.constant, np.inf, self.scale)

    @property
    def needs_double(self) -> bool:
        """Whether inputs of single precision must be standardised in double precision."""
        return needs_double(self.center, self.divisor, self.divisor)

    def of_column(self, column: int) -> "Scaling":
        """Return the scaling of one column alone."""
        only = slice(column, column + 1)
        return replace(
            self, center=self.center[only], scale=self.scale[only], constant=self.constant[only]
        )

    def standardize(self, values: np.ndarray) -> np.ndarray:
        """Return raw values (n_samples, n_columns) in standard units."""
        return (values - self.center) / self.scale

    def restore(self, values: np.ndarray) -> np.ndarray:
        """Return standard values (n_samples, n_columns) in raw units."""
        return values * self.scale + self.center


def fit_target_scaling(y: np.ndarray, weight: np.ndarray) -> Scaling:
    """Learn median and spread of each target.

    The spread is the median absolute deviation, which nearly half of the
    labels may leave without moving it far; where half of them are equal, that
    of their middle 90 %, and where nearly all of them are, their mean absolute
    deviation. Each as the standard deviation that a Gaussian would have.

    Parameters
    ----------
    y : ndarray of shape (n_samples, n_outputs)
        Labels in raw units.
    weight : ndarray of shape (n_samples,)
        Positive weights.

    Warns
    -----
    UserWarning
        If a target is the same in all rows; it will be predicted exactly.

    Returns
    -------
    Scaling
        Equivariant: a y + b has the centre a c + b and the scale |a| s.
    """
    center = weighted_quantile(y, 0.5, weight)
    deviation = np.abs(y - center)
    scale = MAD_TO_SIGMA * weighted_quantile(deviation, 0.5, weight)
    spread = weighted_quantile(y, 0.95, weight) - weighted_quantile(y, 0.05, weight)
    scale = np.where(scale > 0, scale, P90_TO_SIGMA * spread)
    mean = MEAN_DEVIATION_TO_SIGMA * np.average(deviation, axis=0, weights=weight)
    scale = np.where(scale > 0, scale, mean)
    constant = _constant(y)
    warn_of_constants(y, constant)
    return Scaling(center, np.where(scale > 0, scale, 1.0), constant)


def _constant(y: np.ndarray) -> np.ndarray:
    return np.asarray(y.min(axis=0) == y.max(axis=0))


def warn_of_constants(y: np.ndarray, constant: np.ndarray) -> None:
    """Warn of outputs that are the same in all rows; they will be predicted exactly."""
    for output in np.flatnonzero(constant):
        warnings.warn(
            f"output {output} of y is {y[0, output]:g} in every row: the student will predict just "
            "that",
            stacklevel=3,
        )


def fit_log_scaling(y: np.ndarray, weight: np.ndarray) -> Scaling:
    """Learn the mean of each target, the unit in which networks predict its logarithm.

    Parameters
    ----------
    y : ndarray of shape (n_samples, n_outputs)
        Labels in raw units, none negative, and not all 0.
    weight : ndarray of shape (n_samples,) or (n_samples, n_outputs)
        Weights of the rows or of the labels, not negative.
    """
    weight = np.broadcast_to(weight.reshape(len(y), -1), y.shape)
    mean = np.average(y, axis=0, weights=weight)
    # Of wrong labels alone might a mean be 0.
    scale = np.where(mean > 0, mean, 1.0)
    return Scaling(np.zeros_like(mean), scale, _constant(y), log=True)


def fit_input_scaling(X: np.ndarray, weight: np.ndarray) -> Scaling:
    """Learn mean and standard deviation of each feature, block by block.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features), (n_samples, height, width) or \
            (n_samples, channels, height, width)
        Inputs, also uint8. Images are scaled by channel, those without channels as a whole.
    weight : ndarray of shape (n_samples,)
        Weights, not negative and not all 0.

    Returns
    -------
    Scaling
        Of shape (n_features,), (height,) with equal entries, or (channels,).

    Raises
    ------
    ValueError
        If the variance of a feature overflows.
    """
    if X.ndim == 3:
        # The rows of a picture are no features: the margin of one may be the middle of another.
        whole = fit_input_scaling(X[:, None], weight)
        columns = (whole.center, whole.scale, whole.constant)
        center, scale, constant = (values.repeat(X.shape[1]) for values in columns)
        return Scaling(center, scale, constant)
    scaler = StandardScaler()
    per_row = int(np.prod(X.shape[1:]))
    inner = per_row // X.shape[1]
    with np.errstate(over="ignore", invalid="ignore"):
        for rows in gen_batches(len(X), max(1, BLOCK_ELEMENTS // per_row)):
            if not weight[rows].any():
                continue
            block = np.moveaxis(X[rows], 1, -1).reshape(-1, X.shape[1])
            scaler.partial_fit(block, sample_weight=np.repeat(weight[rows], inner))
    unbounded = np.flatnonzero(~np.isfinite(scaler.scale_))
    if len(unbounded):
        raise ValueError(
            f"the values of feature {unbounded[0]} of X are so large that their variance is not a "
            "finite number; take their logarithm, or another unit"
        )
    # scikit-learn's own sign: a mean of huge numbers is rounded, and leaves a variance.
    constant = scaler.scale_ != np.sqrt(scaler.var_)
    return Scaling(scaler.mean_, scaler.scale_, constant)

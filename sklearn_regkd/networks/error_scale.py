"""How large an error a row is to expect: one more linear map of what a network's layers say."""

from dataclasses import dataclass
from typing import Any

import numpy as np

# Ridge penalties that are tried, in units of the mean squared feature; the last one is next to a
# constant.
PENALTIES = np.logspace(-2, 5, 15)
# An error of 0 has no logarithm: this share of the median error is added to all.
FLOOR = 0.1
# No row expects more than so many times the largest expected error of the training rows.
BEYOND = 2.0


@dataclass(frozen=True)
class ErrorScale:
    """Expected size of the error of each output, ``exp(features @ weight + bias)``.

    Parameters
    ----------
    weight : ndarray of shape (n_features, n_outputs)
    bias : ndarray of shape (n_outputs,)
    low, high : ndarray of shape (n_outputs,)
        Between which logarithms it lies.
    """

    weight: np.ndarray
    bias: np.ndarray
    low: np.ndarray
    high: np.ndarray

    def __call__(self, features: np.ndarray) -> np.ndarray:
        """Return the expected sizes (n_samples, n_outputs) for features (n_samples, n_features)."""
        return np.exp((features @ self.weight + self.bias).clip(self.low, self.high))


def fit_error_scale(
    features: np.ndarray, error: np.ndarray, weight: np.ndarray, folds: list[tuple]
) -> tuple[ErrorScale, np.ndarray]:
    """Learn the logarithm of absolute errors by ridge regression, in closed form.

    Parameters
    ----------
    features : ndarray of shape (n_samples, n_features)
        What a network's layers say of each row.
    error : ndarray of shape (n_samples, n_outputs)
        Errors of rows that were left out.
    weight : ndarray of shape (n_samples, n_outputs)
        Weights, 0 where nothing is known of an error.
    folds : list of (train, test)
        By these folds the penalty is chosen, and the sizes that are returned are of rows that
        the regression has not seen.

    Returns
    -------
    scale : ErrorScale
        For new rows.
    expected : ndarray of shape (n_samples, n_outputs)
        Expected sizes of the errors of these rows, cross-fitted.
    """
    parts = [
        _fit_one(features, column, of_column, folds)
        for column, of_column in zip(error.T, weight.T, strict=True)
    ]
    slope, bias, low, high, expected = zip(*parts, strict=True)
    scale = ErrorScale(np.column_stack(slope), *map(np.array, (bias, low, high)))
    return scale, np.column_stack(expected)


def _fit_one(
    features: np.ndarray, error: np.ndarray, weight: np.ndarray, folds: list[tuple]
) -> tuple[Any, ...]:
    """Do it for one output."""
    known = weight > 0
    size = np.abs(error)
    usual = float(np.median(size[known])) or float(size[known].mean()) or 1.0
    target = np.log(size + FLOOR * usual)
    rows, center, spread = standardized(features, weight)
    cross_fitted = np.empty((len(PENALTIES), len(error)))
    cross_fitted[:] = np.average(target, weights=weight)
    for train, test in folds:
        if known[train].any():
            slopes, biases = ridge(rows[train], target[train], weight[train])
            cross_fitted[:, test] = (rows[test] @ slopes + biases).T
    cost = ((cross_fitted - target) ** 2 * weight).mean(axis=1)
    best = int(np.argmin(cost))
    slopes, biases = ridge(rows, target, weight)
    slope, bias = slopes[:, best] / spread, float(biases[best])
    fitted = rows @ slopes[:, best] + bias
    low, high = fitted[known].min() - np.log(BEYOND), fitted[known].max() + np.log(BEYOND)
    expected = np.exp(cross_fitted[best].clip(low, high))
    return slope, bias - center @ slope, low, high, expected


def standardized(
    features: np.ndarray, weight: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return features of mean 0 and variance 1, their means, and their standard deviations.

    Those of a constant are 0, and its deviation is infinite.
    """
    center = np.average(features, axis=0, weights=weight)
    centered = features - center
    spread = np.sqrt(np.average(centered**2, axis=0, weights=weight))
    spread = np.where(spread > 1e-9, spread, np.inf)
    return centered / spread, center, spread


def ridge(
    rows: np.ndarray, target: np.ndarray, weight: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return slopes (n_features, n_penalties) and biases (n_penalties,) of ridge regression.

    Parameters
    ----------
    rows : ndarray of shape (n_samples, n_features)
        Standardised, see :func:`standardized`.
    target : ndarray of shape (n_samples,)
        What they are to predict.
    weight : ndarray of shape (n_samples,)
        Weights, not all 0.
    """
    share = weight / weight.sum()
    mean, offset = share @ rows, float(share @ target)
    centered = rows - mean
    values, vectors = np.linalg.eigh((share[:, None] * centered).T @ centered)
    moment = vectors.T @ (centered.T @ (share * (target - offset)))
    penalty = PENALTIES / len(target)
    slope = vectors @ (moment[:, None] / (values[:, None].clip(0) + penalty))
    return slope, offset - mean @ slope

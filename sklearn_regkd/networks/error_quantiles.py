"""Quantiles of the error that a row is to expect: linear maps of what a network sees of it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import expit

from sklearn_regkd.networks.error_scale import ridge, standardized
from sklearn_regkd.preprocessing.conformal import Scores
from sklearn_regkd.preprocessing.robust_stats import weighted_quantile

# Penalties of the slopes that are tried, with features of variance 1 and errors in units of what
# is expected; "no slopes" is always among what is tried.
SLOPE_PENALTIES = (0.003, 0.01, 0.03, 0.1, 0.3)
# Shares of a teacher's quantiles that are tried where it has some.
TEACHER_SHARES = (0.0, 0.5, 1.0)
# The corner of the quantile loss is rounded over so many expected errors, so that steps of a known
# length lead to its minimum. What that moves, the shift by left-out rows moves back.
ROUNDING = 0.2
STEPS = 60
# A linear map does not need more rows, and a step costs time for each.
MOST_ROWS = 10_000


@dataclass(frozen=True)
class ErrorQuantiles:
    """Quantiles of the error of each output, in units of its expected size.

    Parameters
    ----------
    levels : ndarray of shape (n_levels,)
        Rising, between 0 and 1.
    weight : ndarray of shape (n_inputs, n_outputs, n_levels)
    bias : ndarray of shape (n_outputs, n_levels)
    low, high : ndarray of shape (n_outputs, n_levels)
        Between which each of them lies.
    """

    levels: np.ndarray
    weight: np.ndarray
    bias: np.ndarray
    low: np.ndarray
    high: np.ndarray

    def __call__(self, features: np.ndarray) -> np.ndarray:
        """Return (n_samples, n_outputs, n_levels) for features (n_samples, n_features).

        The first n_inputs features count.

        Each level is learned on its own, and two may cross where there are few rows: sorted ones
        are never farther from the true quantiles [1]_.

        References
        ----------
        .. [1] V. Chernozhukov et al., "Quantile and probability curves without crossing",
           Econometrica 78, 2010.
        """
        found = np.tensordot(features[:, : len(self.weight)], self.weight, 1) + self.bias
        return np.sort(found.clip(self.low, self.high), axis=-1)


def fit_error_quantiles(
    features: np.ndarray,
    ratio: np.ndarray,
    weight: np.ndarray,
    expected: np.ndarray,
    folds: list[tuple],
    levels: np.ndarray,
    taught: np.ndarray | None = None,
) -> ErrorQuantiles:
    """Learn quantiles of errors by the quantile loss, and make them hold.

    For each output the penalty of the slopes, and how much of the teacher's quantiles is taken, are
    those with the least quantile loss of rows that were left out. Then each level is shifted by
    what the left-out rows want, as conformal prediction does with an interval.

    Parameters
    ----------
    features : ndarray of shape (n_samples, n_inputs)
        What a network sees of each row, and nothing that has learned the row's label: hidden layers
        foretell on which side it lies, and quantiles then learn what the student knows already.
        (With hidden layers the quantile loss on kin8nm was .563, without .456.)
    ratio : ndarray of shape (n_samples, n_outputs)
        Errors of rows that were left out, each divided by its expected size.
    weight : ndarray of shape (n_samples, n_outputs)
        Weights, 0 where nothing is known of an error.
    expected : ndarray of shape (n_samples, n_outputs)
        Expected sizes.
    folds : list of (train, test)
        By which rows are left out.
    levels : ndarray of shape (n_levels,)
        Levels of the quantiles.
    taught : ndarray of shape (n_samples, n_outputs, n_levels), default=None
        Quantiles of the ratios that a teacher predicts, out-of-fold.

    Returns
    -------
    ErrorQuantiles
        For new rows.
    """
    kept = np.arange(len(ratio))
    if len(kept) > MOST_ROWS:
        kept = np.unique(np.linspace(0, len(kept) - 1, MOST_ROWS).astype(int))
    is_test = np.zeros((len(folds), len(ratio)), bool)
    for fold, (_, test) in enumerate(folds):
        is_test[fold, test] = True
    parts = []
    for output, of_output in enumerate(weight.T):
        one = _LeftOut(ratio[kept, output], of_output[kept], expected[kept, output], levels)
        rows, center, spread = standardized(features[kept], one.weight)
        teacher = None if taught is None else taught[kept, output]
        found = _best(one, rows, is_test[:, kept], teacher)
        shift = [
            Scores.of(left, one.weight).at(level)
            for left, level in zip((one.ratio[:, None] - found.cross_fitted).T, levels, strict=True)
        ]
        slope = found.slope / spread[:, None]
        bias = found.bias + shift - center @ slope
        fitted = features[of_output > 0] @ slope + bias
        parts.append((slope, bias, fitted.min(axis=0), fitted.max(axis=0)))
    slope, bias, low, high = (np.stack(one, axis=-2) for one in zip(*parts, strict=True))
    return ErrorQuantiles(levels, slope, bias, low, high)


@dataclass(frozen=True)
class _LeftOut:
    """Errors of one output in units of what is expected, and levels of their quantiles."""

    ratio: np.ndarray
    weight: np.ndarray
    expected: np.ndarray
    levels: np.ndarray

    def cost(self, found: np.ndarray) -> float:
        """Return the quantile loss in units of the output, summed over levels."""
        error = self.ratio[:, None] - found
        loss = np.maximum(self.levels * error, (self.levels - 1) * error).sum(axis=1)
        return float((self.weight * self.expected) @ loss)


@dataclass(frozen=True)
class _Heads:
    """Slopes (n_features, n_levels), biases (n_levels,), and what they say of left-out rows."""

    slope: np.ndarray
    bias: np.ndarray
    cross_fitted: np.ndarray

    def mixed(self, other: "_Heads", share: float) -> "_Heads":
        """Return a mixture with others, of which a share is taken."""
        return _Heads(
            (1 - share) * self.slope + share * other.slope,
            (1 - share) * self.bias + share * other.bias,
            (1 - share) * self.cross_fitted + share * other.cross_fitted,
        )


def _best(one: _LeftOut, rows: np.ndarray, is_test: np.ndarray, taught: Any) -> _Heads:
    """Return those with the least cost of rows that were left out."""
    usable = np.array([np.count_nonzero(one.weight[~test]) > 1 for test in is_test])
    is_test = is_test[usable]
    train = np.concatenate([one.weight * ~is_test, one.weight[None]])
    of_label = _best_penalty(one, rows, is_test, *_pinball(rows, one.ratio, train, one.levels))
    if taught is None:
        return of_label
    fits = [[ridge(rows, of_level, weight) for of_level in taught.T] for weight in train]
    slopes = np.array([[slope for slope, _ in of_fold] for of_fold in fits])
    biases = np.array([[bias for _, bias in of_fold] for of_fold in fits])
    of_teacher = _best_penalty(
        one, rows, is_test, slopes.transpose(0, 3, 2, 1), biases.transpose(0, 2, 1)
    )
    mixtures = [of_label.mixed(of_teacher, share) for share in TEACHER_SHARES]
    return min(mixtures, key=lambda heads: one.cost(heads.cross_fitted))


def _best_penalty(
    one: _LeftOut, rows: np.ndarray, is_test: np.ndarray, slopes: np.ndarray, biases: np.ndarray
) -> _Heads:
    """Choose among slopes (n_folds + 1, n_penalties, n_features, n_levels) and their biases.

    Those of each fold are learned without its rows, the last ones from all rows.
    """
    heads = []
    for slope, bias in zip(slopes.swapaxes(0, 1), biases.swapaxes(0, 1), strict=True):
        cross_fitted = rows @ slope[-1] + bias[-1]
        for fold, test in enumerate(is_test):
            cross_fitted[test] = rows[test] @ slope[fold] + bias[fold]
        heads.append(_Heads(slope[-1], bias[-1], cross_fitted))
    return min(heads, key=lambda one_of_them: one.cost(one_of_them.cross_fitted))


def _pinball(
    rows: np.ndarray, ratio: np.ndarray, weights: np.ndarray, levels: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Minimise the rounded quantile loss for all weights, penalties and levels at once.

    Its second derivative is at most that of a squared error over four roundings. So each step is
    one of a ridge regression, which in the basis of the principal components divides by numbers,
    and steps are accelerated (Nesterov).

    Returns
    -------
    slopes : ndarray of shape (n_weights, n_penalties, n_features, n_levels)
    biases : ndarray of shape (n_weights, n_penalties, n_levels)
    """
    n_features, n_levels, n_penalties = rows.shape[1], len(levels), 1 + len(SLOPE_PENALTIES)
    share = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    values, vectors = np.linalg.eigh((share[-1][:, None] * rows).T @ rows)
    turned = np.column_stack([rows @ vectors, np.ones(len(rows))]).astype(np.float32)
    # Of the folds' rows the components vary a little more or less.
    curvature = 1.5 / (4 * ROUNDING) * np.append(values.clip(0), 1)
    penalty = np.zeros((n_penalties, n_features + 1))
    penalty[0, :-1] = np.inf  # no slopes
    penalty[1:, :-1] = np.array(SLOPE_PENALTIES)[:, None]
    found_slopes, found_biases = [], []
    columns = (n_penalties, n_levels)
    length = (1 / (curvature + penalty)).T[:, :, None].astype(np.float32)
    shrink = np.where(np.isinf(penalty), 0, penalty).T[:, :, None].astype(np.float32)
    for one in share:
        start = [weighted_quantile(ratio[:, None], level, one)[0] for level in levels]
        known = one > 0
        x, y, w = turned[known], ratio[known, None, None].astype(np.float32), one[known]
        at = np.zeros((n_features + 1, *columns), np.float32)
        at[-1] = start
        before = at
        for step in range(STEPS):
            ahead = at + step / (step + 3) * (at - before)
            error = y - np.tensordot(x, ahead, 1)
            slope = (expit(-error / ROUNDING) - levels.astype(np.float32)) * w[:, None, None]
            gradient = np.tensordot(x.T, slope, 1) + shrink * ahead
            before, at = at, ahead - length * gradient
        found_slopes.append(np.einsum("fg,gpl->pfl", vectors, at[:-1].astype(float)))
        found_biases.append(at[-1].astype(float))
    return np.array(found_slopes), np.array(found_biases)

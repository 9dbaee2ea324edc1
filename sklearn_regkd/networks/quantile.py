"""Inputs as normal scores: each feature through its own quantiles, by a short table.

Trees see the order of a feature's values only, and that is a part of their
success on tables: units, skew and wild values do not matter to them. Here a
network gets the same: a value is replaced by the standard normal quantile of
its rank, interpolated between the knots of a table that becomes part of the
network.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy.special import ndtri
from torch import Tensor, nn

# 64 knots matched the full quantile transform on all tables tried; twice that
# costs nothing.
N_KNOTS = 128
# More rows do not move a table of this length.
ROWS_SEEN = 200_000


@dataclass(frozen=True)
class Quantiles:
    """A monotone piecewise linear map of each feature.

    Parameters
    ----------
    knots : ndarray of shape (n_features, n_knots), float64
        Values of the feature, increasing; infinity after the last one.
    scores : ndarray of shape (n_features, n_knots), float64
        The normal score of each knot.
    has_missing : ndarray of bool of shape (n_features,)
        Features with missing values, which get an input of their own.
    """

    knots: np.ndarray
    scores: np.ndarray
    has_missing: np.ndarray


def fit_quantiles(X: np.ndarray, weight: np.ndarray) -> Quantiles:
    """Learn the normal score of each feature's values.

    A value's score is the standard normal quantile of the share of rows below
    it plus half of the share at it, so that ties and weights count properly
    and the two ends stay finite.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Inputs; NaN is a missing value. Of more than 200,000 rows an even
        selection is read.
    weight : ndarray of shape (n_samples,)
        Weights, not negative and not all 0.

    Returns
    -------
    Quantiles
        With at most 128 knots a feature; values in between are interpolated,
        values beyond the ends get the score of the end.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_regkd.networks.quantile import fit_quantiles
    >>> fit_quantiles(np.array([[1.0], [10.0], [1e6]]), np.ones(3)).scores.round(2)
    array([[-0.97,  0.  ,  0.97,  0.  ]])
    """
    step = -(-len(X) // ROWS_SEEN)
    rows, weight = X[::step], np.asarray(weight[::step], np.float64)
    tables, has_missing = [], np.zeros(X.shape[1], bool)
    for feature in range(X.shape[1]):
        column = np.asarray(rows[:, feature], np.float64)
        known = ~np.isnan(column)
        has_missing[feature] = not known.all()
        tables.append(_table(column[known], weight[known]))
    # One knot at infinity ends each table: nothing is beyond it, so that the
    # interpolation needs no special case.
    length = 1 + max(len(values) for values, _ in tables)
    knots, scores = np.full((len(tables), length), np.inf), np.zeros((len(tables), length))
    for feature, (values, score) in enumerate(tables):
        knots[feature, : len(values)], scores[feature, : len(values)] = values, score
    return Quantiles(knots, scores, has_missing)


def _table(column: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return knots and scores of one feature, of its known values."""
    if not np.any(weight > 0):
        return np.zeros(1), np.zeros(1)
    values, inverse = np.unique(column, return_inverse=True)
    mass = np.bincount(inverse, weight)
    middle = (np.cumsum(mass) - mass / 2) / mass.sum()
    if len(values) > N_KNOTS:
        even = np.linspace(middle[0], middle[-1], N_KNOTS)
        chosen = np.unique(np.searchsorted(middle, even).clip(0, len(values) - 1))
        values, middle = values[chosen], middle[chosen]
    edge = 0.5 / len(column)
    return values, ndtri(middle.clip(edge, 1 - edge))


def normal_scores(X: Tensor, knots: Tensor, scores: Tensor) -> Tensor:
    """Look up values in the table of their feature.

    Parameters
    ----------
    X : Tensor of shape (n_samples, n_features)
        Raw inputs.
    knots, scores : Tensor of shape (n_features, n_knots)
        See :class:`Quantiles`.

    Returns
    -------
    Tensor of shape (n_samples, n_features)
        Normal scores; 0, the score of the median, for NaN.
    """
    columns = X.T.contiguous()
    right = torch.searchsorted(knots, columns, right=True).clamp_(1, knots.shape[1] - 1)
    low, high = knots.gather(1, right - 1), knots.gather(1, right)
    share = ((columns - low) / (high - low)).clamp(0, 1)
    found = torch.lerp(scores.gather(1, right - 1), scores.gather(1, right), share)
    return torch.where(columns.isnan(), 0.0, found).T


def _score_input(module: Any, args: tuple) -> tuple:
    """Turn the module's raw inputs into normal scores and, where needed, marks of absence."""
    X, *rest = args
    dtype = next(p.dtype for p in module.parameters())
    score = normal_scores(X, module.input_knots.to(X.dtype), module.input_scores.to(X.dtype))
    if len(module.input_missing):
        score = torch.cat([score, X[:, module.input_missing].isnan().to(X.dtype)], dim=1)
    return (score.to(dtype), *rest)


def attach_input_quantiles(module: nn.Module, quantiles: Quantiles) -> None:
    """Make a module take raw inputs from now on, through the quantiles of each feature.

    The tables become buffers (`input_knots`, `input_scores`, `input_missing`)
    and follow the module to its device and into its state dict.

    Parameters
    ----------
    module : nn.Module
        Changed in place. It gets one input per feature, and after these one
        that is 1 where a feature of `has_missing` is NaN.
    quantiles : Quantiles
        The map.
    """
    device = next(p.device for p in module.parameters())
    module.register_buffer("input_knots", torch.tensor(quantiles.knots, device=device))
    module.register_buffer("input_scores", torch.tensor(quantiles.scores, device=device))
    missing = torch.tensor(np.flatnonzero(quantiles.has_missing), device=device)
    module.register_buffer("input_missing", missing)
    module.register_forward_pre_hook(_score_input)

"""Inputs as normal scores: each feature through its own quantiles, by a short table.

Trees see the order of a feature's values only, and that is a part of their
success on tables: units, skew and wild values do not matter to them. Here a
network gets the same: a value is replaced by the standard normal quantile of
its rank, interpolated between the knots of a table that becomes part of the
network.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from scipy.special import ndtri

from sklearn_regkd.preprocessing.scaling import needs_double

# 64 knots matched the full quantile transform on all tables tried; twice that
# costs nothing.
N_KNOTS = 128
# More rows do not move a table of this length.
ROWS_SEEN = 200_000
# Of one feature; rarer ones are treated like categories never seen.
MOST_CATEGORIES = 64


@dataclass(frozen=True)
class Quantiles:
    """A monotone piecewise linear map of each feature.

    Parameters
    ----------
    numeric : ndarray of int of shape (n_numeric,)
        The features that are numbers, those of at most two values at the end.
    knots : ndarray of shape (n_numeric, n_knots), float64
        Values of each of them, increasing; infinity after the last one.
    scores : ndarray of shape (n_numeric, n_knots), float64
        The normal score of each knot; 0 and 1 where there are two values.
    missing : ndarray of int of shape (n_missing,)
        Numeric features with missing values, each of which gets an input of its own.
    category_feature, category_value : ndarray of shape (n_categories,)
        Every category of the other features, as feature and value.
    two_valued : ndarray of int of shape (n_two_valued,)
        The last of `numeric`: columns of a one-hot encoding, for example.
    """

    numeric: np.ndarray
    knots: np.ndarray
    scores: np.ndarray
    missing: np.ndarray
    category_feature: np.ndarray
    category_value: np.ndarray
    two_valued: np.ndarray

    @property
    def n_plain(self) -> int:
        """Number of inputs, the last ones, that are 0 or 1 and gain nothing from waves."""
        return len(self.two_valued) + len(self.missing) + len(self.category_value)

    @property
    def needs_double(self) -> bool:
        """Whether inputs of single precision must be looked up in double precision."""
        return knots_need_double(self.knots)


def knots_need_double(knots: np.ndarray) -> bool:
    """Return whether single precision may fail to interpolate between knots.

    Parameters
    ----------
    knots : ndarray of shape (n_features, n_knots)
        See :class:`Quantiles`.
    """
    known = np.where(np.isfinite(knots), knots, knots[:, :1])
    return needs_double(knots, np.diff(known, axis=1), np.ptp(known, axis=1, keepdims=True))


TABLES = tuple(field.name for field in fields(Quantiles))


def fit_quantiles(X: np.ndarray, weight: np.ndarray, categorical: Sequence[int] = ()) -> Quantiles:
    """Learn the normal score of each number, and the categories of the other features.

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
    categorical : sequence of int, default=()
        Features whose values are codes of categories.

    Returns
    -------
    Quantiles
        With at most 128 knots a feature; values in between are interpolated,
        values beyond the ends get the score of the end.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_regkd.preprocessing.quantile import fit_quantiles
    >>> fit_quantiles(np.array([[1.0], [10.0], [1e6]]), np.ones(3)).scores.round(2)
    array([[-0.97,  0.  ,  0.97,  0.  ]])
    """
    step = -(-len(X) // ROWS_SEEN)
    rows, weight = X[::step], np.asarray(weight[::step], np.float64)
    numeric = np.setdiff1d(np.arange(X.shape[1]), np.asarray(categorical, int))
    tables, missing, categories = [], [], []
    for feature in range(X.shape[1]):
        column = np.asarray(rows[:, feature], np.float64)
        known = ~np.isnan(column)
        if feature not in numeric:
            values, counts = np.unique(column[known & (column >= 0)], return_counts=True)
            common = np.sort(values[np.argsort(-counts, kind="stable")[:MOST_CATEGORIES]])
            categories += [(feature, value) for value in common]
            continue
        if not known.all():
            missing.append(feature)
        tables.append(_table(column[known], weight[known]))
    if not tables and not categories:
        # Not one category is known. A network needs an input: one that no row sets.
        categories = [(0, np.inf)]
    # One knot at infinity ends each table: nothing is beyond it, so that the
    # interpolation needs no special case.
    length = 1 + max((len(values) for values, _ in tables), default=1)
    knots, scores = np.full((len(tables), length), np.inf), np.zeros((len(tables), length))
    for feature, (values, score) in enumerate(tables):
        knots[feature, : len(values)], scores[feature, : len(values)] = values, score
    is_two_valued = (knots < np.inf).sum(axis=1) <= 2
    marks = np.where(knots < np.inf, np.arange(length), 0.0)
    scores = np.where(is_two_valued[:, None], marks, scores)
    order = np.argsort(is_two_valued, kind="stable")
    pairs = np.array(categories, np.float64).reshape(-1, 2)
    return Quantiles(
        numeric[order],
        knots[order],
        scores[order],
        np.array(missing, int),
        pairs[:, 0].astype(int),
        pairs[:, 1],
        numeric[is_two_valued],
    )


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

"""Which rows a table can speak about: its ranges, its categories, and where it has gaps."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sklearn_regkd.preprocessing.scaling import BLOCK_ELEMENTS
from sklearn_regkd.utils.arithmetic import ceil_div

# A row is a false alarm if it is like those of fit, and outside all the same. About 2 d / n of
# such rows have, in one of d columns, a number beyond the ends of n training rows; with tails as
# heavy as those of Student's t of 3 degrees of freedom, c**-3 of these lie c times as far. Of 200
# training rows 0.01 came out as 0.9 % at most on 20 tables and 1.7 % on 60 columns of that t. A
# quarter of the range would have had 5 % and 15 %, and no room at all 12 % and 46 %.
FALSE_ALARMS, TAIL_POWER = 0.01, 3
# Many rows in few columns need no room, and yet the next row may be the largest. With few rows
# in many columns there would be no end to it.
LEAST_ROOM, MOST_ROOM = 0.25, 3.0
# What single precision makes of a number is the same number.
ROUNDING = 1e-6
# More rows do not move a quartile.
ROWS_SEEN = 200_000


@dataclass(frozen=True, kw_only=True)
class Domain:
    """What is known of each column of a table: where its numbers end, and what else it holds.

    Parameters
    ----------
    n_rows : int
        Number of rows.
    low, high : ndarray of shape (n_features,), float64
        Least and largest number of each column; infinite, and the wrong way round, if there is
        none.
    lower, upper : ndarray of shape (n_features,), float64
        Quartiles of each column.
    few_valued : ndarray of bool of shape (n_features,)
        Columns with at most two values, to which no further one is near.
    missing : ndarray of bool of shape (n_features,)
        Columns with missing values; of categories also negative codes.
    categorical : ndarray of int of shape (n_categorical,)
        Columns that hold codes of categories, for which the numbers above mean nothing.
    category_feature, category_value : ndarray of shape (n_categories,)
        Every category, as column and code.
    """

    n_rows: int
    low: np.ndarray
    high: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    few_valued: np.ndarray
    missing: np.ndarray
    categorical: np.ndarray
    category_feature: np.ndarray
    category_value: np.ndarray

    @property
    def numeric(self) -> np.ndarray:
        """Return the columns that hold numbers."""
        return np.setdiff1d(np.arange(len(self.low)), self.categorical)

    def bounds(self, dtype: Any) -> tuple[np.ndarray, np.ndarray]:
        """Return between which numbers of a floating type rows are inside, by numeric column.

        The tail of a column, from its upper quartile to its end, may be longer by a quarter of
        itself, and by more where there are few rows in many columns, see :data:`FALSE_ALARMS`.

        Parameters
        ----------
        dtype : {float32, float64}
            Type of the rows that are compared.

        Returns
        -------
        low, high : ndarray of shape (n_numeric,)
            Finite where the column holds numbers, so that infinity is outside.
        """
        at = self.numeric
        low, high = self.low[at], self.high[at]
        beyond = 2 * len(at) / self.n_rows
        room = np.clip((beyond / FALSE_ALARMS) ** (1 / TAIL_POWER) - 1, LEAST_ROOM, MOST_ROOM)
        room = np.where(self.few_valued[at], 0.0, room)
        with np.errstate(invalid="ignore"):  # no number at all
            least = ROUNDING * np.maximum(np.abs(low), np.abs(high))
            below = np.maximum(room * (self.lower[at] - low), least)
            above = np.maximum(room * (high - self.upper[at]), least)
            empty, most = low > high, float(np.finfo(dtype).max)
            low = np.where(empty, np.inf, np.clip(low - below, -most, most))
            high = np.where(empty, -np.inf, np.clip(high + above, -most, most))
        return low.astype(dtype), high.astype(dtype)

    def contains(self, X: np.ndarray) -> np.ndarray:
        """Return which rows lie inside.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features), float32 or float64
            Rows, with codes in the place of categories.

        Returns
        -------
        ndarray of bool of shape (n_samples,)
            False for rows with a number out of bounds, a category that the table has not, or
            a gap in a column where the table has none.
        """
        (low, high), values = self.bounds(X.dtype), X[:, self.numeric]
        inside = (values >= low) & (values <= high)
        inside |= np.isnan(values) & self.missing[self.numeric]
        found: np.ndarray = np.logical_and.reduce(inside, axis=1)
        for feature in self.categorical:
            known = self.category_value[self.category_feature == feature].astype(X.dtype)
            codes = X[:, feature]
            is_gap = np.isnan(codes) | (np.isfinite(codes) & (codes < 0))
            found &= np.isin(codes, known) | (is_gap & self.missing[feature])
        return found

    def widened(self, other: "Domain") -> "Domain":
        """Return the domain of these rows and of others, of which the categories are not read.

        A network knows those of the first rows alone.

        Parameters
        ----------
        other : Domain
            The domain of rows with the same columns.
        """
        n_rows, is_number = self.n_rows + other.n_rows, np.ones(len(self.low), bool)
        is_number[self.categorical] = False
        ends = np.stack([self.low, self.high, other.low, other.high])
        low, high = np.minimum(self.low, other.low), np.maximum(self.high, other.high)
        at_ends = (ends == low) | (ends == high) | np.isinf(ends)
        few = self.few_valued & other.few_valued & at_ends.all(axis=0)
        return replace(
            self,
            n_rows=n_rows,
            low=low,
            high=high,
            lower=_mean(self, other, "lower"),
            upper=_mean(self, other, "upper"),
            few_valued=few,
            missing=self.missing | (other.missing & is_number),
        )


def _mean(one: Domain, other: Domain, quartile: str) -> np.ndarray:
    """Return a quartile of both, nearly; of one of them where the other has no numbers."""
    first, second = getattr(one, quartile), getattr(other, quartile)
    share = one.n_rows / (one.n_rows + other.n_rows)
    mean = share * first + (1 - share) * second
    return np.where(np.isnan(first), second, np.where(np.isnan(second), first, mean))


def fit_domain(X: np.ndarray, categorical: Sequence[int] = ()) -> Domain:
    """Learn which rows a table can speak about.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        The rows of the table; NaN is a missing value. All of them are read, block by block.
    categorical : sequence of int, default=()
        Columns whose values are codes of categories.

    Returns
    -------
    Domain
        In which all of these rows are.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_regkd.preprocessing.domain import fit_domain
    >>> domain = fit_domain(np.linspace(0, 1, 800)[:, None])
    >>> domain.contains(np.array([[0.5], [1.05], [1.5], [np.inf], [np.nan]]))
    array([ True,  True, False, False, False])
    """
    n_features = X.shape[1]
    low, high = np.full(n_features, np.inf), np.full(n_features, -np.inf)
    missing = np.zeros(n_features, bool)
    codes: list[set[float]] = [set() for _ in categorical]
    step = max(1, BLOCK_ELEMENTS // n_features)
    for start in range(0, len(X), step):
        block = X[start : start + step]
        low = np.fmin(low, np.fmin.reduce(block, axis=0))
        high = np.fmax(high, np.fmax.reduce(block, axis=0))
        missing |= np.isnan(block).any(axis=0)
        for known, feature in zip(codes, categorical, strict=True):
            values = np.unique(block[:, feature])
            known.update(values[values >= 0].tolist())
            missing[feature] |= bool((values < 0).any())
    some = X[:: max(1, ceil_div(len(X), ROWS_SEEN))]
    shapes = [_shape(column) for column in some.T]
    lower, upper, few_valued = (np.array(one) for one in zip(*shapes, strict=True))
    pairs = [(at, code) for at, known in zip(categorical, codes, strict=True) for code in known]
    table = np.array(sorted(pairs), np.float64).reshape(-1, 2)
    return Domain(
        n_rows=len(X),
        low=low,
        high=high,
        lower=lower,
        upper=upper,
        few_valued=few_valued,
        missing=missing,
        categorical=np.array(categorical, np.int64),
        category_feature=table[:, 0].astype(np.int64),
        category_value=table[:, 1],
    )


def _shape(column: np.ndarray) -> tuple[float, float, bool]:
    """Return the quartiles of a column, and whether it has at most two values."""
    known = column[~np.isnan(column)].astype(np.float64)
    if not len(known):
        return np.nan, np.nan, True
    lower, upper = np.quantile(known, [0.25, 0.75])
    two = bool(((known == known.min()) | (known == known.max())).all())
    return float(lower), float(upper), two


def label_range(
    label: np.ndarray, believed: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the least and the largest label of each output among those taken for right.

    Parameters
    ----------
    label : ndarray of shape (n_samples, n_outputs)
        Labels.
    believed : ndarray of bool of shape (n_samples, n_outputs), default=None
        Which are taken for right; where that is none of an output, or None, all count.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_regkd.preprocessing.domain import label_range
    >>> label_range(np.array([[1.0], [2.0], [900.0]]), np.array([[True], [True], [False]]))
    (array([1.]), array([2.]))
    """
    if believed is None:
        believed = np.ones(label.shape, bool)
    believed = believed | ~believed.any(axis=0)
    low = np.where(believed, label, np.inf).min(axis=0, initial=np.inf)
    return low, np.where(believed, label, -np.inf).max(axis=0, initial=-np.inf)

"""More rows to learn from: made up, labelled by the teacher."""

import numpy as np
from sklearn.neighbors import NearestNeighbors

from sklearn_regkd.supervision.strategy import Strategy

KINDS = ("spunge", "neighbors")


def spunge(X: np.ndarray, n_rows: int, change: float, rng: np.random.RandomState) -> np.ndarray:
    """Return rows in which some features come from other rows.

    Each feature of a copied row is replaced, with probability `change`, by the
    value that a randomly chosen row has there: marginal distributions stay,
    dependencies weaken.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Rows to start from.
    n_rows : int
        Rows to make.
    change : float in [0, 1]
        Probability of a feature to be replaced.
    rng : RandomState
        Source of randomness.

    References
    ----------
    .. [1] R. Fakoor et al., "Fast, accurate, and simple models for tabular data
       via augmented distillation", NeurIPS 2020, arXiv 2006.14284, compare
       generators of such rows; this is the simplest kind.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_regkd.supervision.synthetic import spunge
    >>> X = np.array([[0.0, 10.0], [1.0, 11.0]])
    >>> spunge(X, 4, 0.5, np.random.RandomState(0)).shape
    (4, 2)
    """
    made = X[rng.randint(len(X), size=n_rows)]
    other = rng.randint(len(X), size=made.shape)
    replaced = rng.uniform(size=made.shape) < change
    return np.where(replaced, X[other, np.arange(X.shape[1])], made)


def mix_neighbors(
    X: np.ndarray, n_rows: int, n_neighbors: int, rng: np.random.RandomState
) -> np.ndarray:
    """Return points between rows and one of their nearest neighbours.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Rows to start from, without missing values.
    n_rows : int
        Rows to make.
    n_neighbors : int
        Among how many neighbours the partner is drawn; nearness is measured
        in standard deviations.
    rng : RandomState
        Source of randomness.

    References
    ----------
    .. [1] N. Chawla et al., "SMOTE: synthetic minority over-sampling
       technique", JAIR 16, 2002.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_regkd.supervision.synthetic import mix_neighbors
    >>> X = np.array([[0.0], [1.0], [50.0]])
    >>> bool((mix_neighbors(X, 20, 1, np.random.RandomState(0)) <= 50).all())
    True
    """
    scale = X.std(axis=0)
    standard = X / np.where(scale > 0, scale, 1)
    n_neighbors = min(n_neighbors, len(X) - 1)
    near = NearestNeighbors(n_neighbors=n_neighbors).fit(standard).kneighbors(return_distance=False)
    first = rng.randint(len(X), size=n_rows)
    second = near[first, rng.randint(n_neighbors, size=n_rows)]
    share = rng.uniform(size=(n_rows, 1)).astype(X.dtype)
    return X[first] + share * (X[second] - X[first])


class SyntheticRows(Strategy):
    """Rows that nobody measured, for a teacher to label.

    They help a student of few rows to learn more of what its teacher knows,
    and cost accuracy where there are labels enough.

    Parameters
    ----------
    kind : {"spunge", "neighbors"}, default="spunge"
        :func:`spunge` or :func:`mix_neighbors`.
    share : float, default=1.0
        How many to make, per row of the training set.
    change : float, default=0.25
        See :func:`spunge`.
    n_neighbors : int, default=5
        See :func:`mix_neighbors`.
    """

    argument = "synthetic"
    short_names = KINDS

    def __init__(self, kind="spunge", share=1.0, change=0.25, n_neighbors=5):
        self.kind = kind
        self.share = share
        self.change = change
        self.n_neighbors = n_neighbors

    def draw(self, X: np.ndarray, rng: np.random.RandomState) -> np.ndarray:
        """Return synthetic rows like those of X."""
        n_rows = max(1, round(self.share * len(X)))
        if self.kind == "spunge":
            return spunge(X, n_rows, self.change, rng)
        if np.isnan(X).any():
            raise ValueError(
                "synthetic='neighbors' cannot mix rows with missing values; use 'spunge', or "
                "impute before"
            )
        return mix_neighbors(X, n_rows, self.n_neighbors, rng)

    def validate(self) -> None:
        """Raise a ValueError if a parameter is out of range."""
        if self.kind not in KINDS:
            raise ValueError(f"kind={self.kind!r} is unknown; known: {', '.join(KINDS)}")
        if not (isinstance(self.share, int | float) and 0 < self.share < np.inf):
            raise ValueError(f"share must be a number > 0, got {self.share!r}")
        if not 0 < self.change <= 1:
            raise ValueError(f"change must be in (0, 1], got {self.change!r}")
        if not (isinstance(self.n_neighbors, int | np.integer) and self.n_neighbors > 0):
            raise ValueError(f"n_neighbors must be an integer > 0, got {self.n_neighbors!r}")

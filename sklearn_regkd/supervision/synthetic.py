"""More rows to learn from: made up, labelled by the teacher."""

from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
from sklearn.neighbors import NearestNeighbors
from sklearn.utils import gen_batches

from sklearn_regkd.supervision.strategy import Strategy, TeacherInterface
from sklearn_regkd.supervision.targets import Targets
from sklearn_regkd.utils.sklearn_compat import Interval, StrOptions

KINDS = ("spunge", "neighbors", "mixup")
BATCH = 4096  # rows: bytes become fractions, and four times as large, on their way


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
    # In double precision: differences of large single numbers overflow.
    X, dtype = X.astype(np.float64), X.dtype
    scale = X.std(axis=0)
    standard = X / np.where(scale > 0, scale, 1)
    n_neighbors = min(n_neighbors, len(X) - 1)
    near = NearestNeighbors(n_neighbors=n_neighbors).fit(standard).kneighbors(return_distance=False)
    first = rng.randint(len(X), size=n_rows)
    second = near[first, rng.randint(n_neighbors, size=n_rows)]
    share = rng.uniform(size=(n_rows, 1))
    return (X[first] + share * (X[second] - X[first])).astype(dtype)


def mix_pairs(X: np.ndarray, n_rows: int, rng: np.random.RandomState) -> np.ndarray:
    """Return points on the way from rows to any other rows, for images as well.

    The share of each of the two is uniform between 0 and 1. Only the inputs are mixed: the
    teacher predicts their labels.

    Parameters
    ----------
    X : ndarray of shape (n_samples, ...)
        Rows to start from, without missing values. Integers, such as pixels, are rounded.
    n_rows : int
        Rows to make.
    rng : RandomState
        Source of randomness.

    References
    ----------
    .. [1] H. Zhang et al., "mixup: beyond empirical risk minimization", ICLR 2018,
       arXiv 1710.09412, mix the labels as well.
    .. [2] L. Beyer et al., "Knowledge distillation: a good teacher is patient and
       consistent", CVPR 2022, arXiv 2106.05237, let the teacher label mixed pictures.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_regkd.supervision.synthetic import mix_pairs
    >>> pictures = np.array([[[0, 200]], [[100, 0]]], dtype=np.uint8)
    >>> made = mix_pairs(pictures, 5, np.random.RandomState(0))
    >>> made.shape, made.dtype
    ((5, 1, 2), dtype('uint8'))
    """
    first, second = rng.randint(len(X), size=(2, n_rows))
    share = rng.uniform(size=(n_rows, *[1] * (X.ndim - 1)))
    made = np.empty((n_rows, *X.shape[1:]), X.dtype)
    for rows in gen_batches(n_rows, BATCH):
        start = X[first[rows]].astype(np.float64)  # differences of large single numbers overflow
        mixed = start + share[rows] * (X[second[rows]] - start)
        made[rows] = np.rint(mixed) if np.issubdtype(X.dtype, np.integer) else mixed
    return made


class SyntheticRows(Strategy):
    """Rows that nobody measured, for a teacher to label.

    They help a student of few rows to learn more of what its teacher knows, above all from
    images (``SyntheticRows("mixup", share=3.0)``), and cost accuracy in tables that have labels
    enough.

    Parameters
    ----------
    kind : {"spunge", "neighbors", "mixup"}, default="spunge"
        :func:`spunge`, :func:`mix_neighbors` or, the only one for images, :func:`mix_pairs`.
    share : float, default=1.0
        How many to make, per row of the training set.
    change : float, default=0.25
        See :func:`spunge`.
    n_neighbors : int, default=5
        See :func:`mix_neighbors`.
    """

    argument = "synthetic"
    short_names = KINDS

    constraints: ClassVar = {
        "kind": [StrOptions(set(KINDS))],
        "share": [Interval(Real, 0, None, closed="neither")],
        "change": [Interval(Real, 0, 1, closed="right")],
        "n_neighbors": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(self, kind="spunge", share=1.0, change=0.25, n_neighbors=5):
        self.kind = kind
        self.share = share
        self.change = change
        self.n_neighbors = n_neighbors

    def apply(self, targets: Targets, data: Any, teacher: TeacherInterface) -> Targets:
        """Add the rows, labelled by the teacher."""
        X = self.draw(data.X, data.random_state)
        return targets.with_rows(X, teacher.predict(X))

    def draw(self, X: np.ndarray, rng: np.random.RandomState) -> np.ndarray:
        """Return synthetic rows like those of X."""
        if X.ndim > 2 and self.kind != "mixup":
            raise ValueError(
                f"synthetic={self.kind!r} makes rows of tables, and X has shape {X.shape}: for "
                "images take synthetic='mixup'"
            )
        n_rows = max(1, round(self.share * len(X)))
        if self.kind == "spunge":
            return spunge(X, n_rows, self.change, rng)
        if np.isnan(X).any():
            raise ValueError(
                f"synthetic={self.kind!r} cannot mix rows with missing values; use 'spunge', or "
                "impute before"
            )
        if self.kind == "mixup":
            return mix_pairs(X, n_rows, rng)
        return mix_neighbors(X, n_rows, self.n_neighbors, rng)

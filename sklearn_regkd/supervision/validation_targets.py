"""What the student learns while some rows are held out, for trials of its settings."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from sklearn.model_selection import GroupKFold

from sklearn_regkd.preprocessing.folds import DEFAULT_FOLDS, refuse_one_group

# The trial of the weight decay leaves out three parts in turn.
MOST_PARTS = 3
# Share of the rows; the error on a smaller part depends too much on chance.
SMALLEST_PART = 0.1
# Of fewer rows a fifth says little, and teachers without it are weaker than the one of all rows.
# (With teachers of 1,500 rows in the trial R2 is .36, not .33, on protein, .88, not .86, on miami.)
FEWEST_ROWS = 300


@dataclass(frozen=True)
class ValidationTargets:
    """Folds of the rows that are held out in turn, and what is learned meanwhile.

    A teacher that was fitted on all rows has learned their labels: from its predictions a student
    that is tried on held-out rows would learn these labels after all, and one with too little
    weight decay would seem the best. Here the student learns from teachers that have not seen the
    held-out rows, but have seen the others, as the teacher of all rows has seen all of them.

    Parameters
    ----------
    fold : ndarray of int of shape (n_samples,)
        With which fold a row is held out; ``n_folds`` for never.
    seen : ndarray of bool of shape (n_folds, n_samples)
        From which rows the student learns while a fold is held out.
    target : ndarray of shape (n_folds, n_samples, n_outputs), default=None
        What it learns meanwhile, in standard units; None means the labels.
    """

    fold: np.ndarray
    seen: np.ndarray
    target: np.ndarray | None = None

    @classmethod
    def of_folds(cls, folds: list[tuple], n_samples: int) -> Self:
        """Hold out what the first folds test, at most three, and learn the labels meanwhile.

        Parameters
        ----------
        folds : list of (train, test)
            The folds of cross-fitting.
        n_samples : int
            Number of rows.
        """
        parts = folds[:MOST_PARTS]
        fold, seen = np.full(n_samples, len(parts)), np.zeros((len(parts), n_samples), bool)
        for number, (train, test) in enumerate(parts):
            fold[test], seen[number, train] = number, True
        return cls(fold, seen)

    @classmethod
    def of_groups(cls, groups: np.ndarray | None) -> Self | None:
        """Hold out whole groups, about a fifth of the rows a time; None without groups.

        Parameters
        ----------
        groups : ndarray of int of shape (n_samples,) or None
            The group of each row.

        Raises
        ------
        ValueError
            If there is one group only.
        """
        if groups is None:
            return None
        refuse_one_group(groups)
        n_folds = min(DEFAULT_FOLDS, len(np.unique(groups)))
        folds = GroupKFold(n_folds).split(groups, groups=groups)
        return cls.of_folds(list(folds), len(groups))

    @classmethod
    def by_folds(cls, folds: list[tuple], target: np.ndarray) -> Self:
        """Hold out what the first folds test.

        Parameters
        ----------
        folds : list of (train, test)
            The folds of cross-fitting.
        target : ndarray of shape (n_folds, n_samples, n_outputs)
            What is learned, according to teachers that were fitted on these folds.

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn_regkd.supervision.validation_targets import ValidationTargets
        >>> folds = [([1, 3], [0, 2]), ([0, 2], [1, 3])]
        >>> ValidationTargets.by_folds(folds, np.zeros((1, 4, 1))).fold
        array([0, 1, 0, 1])
        """
        return replace(cls.of_folds(folds[: len(target)], target.shape[1]), target=target)

    def of(self, rows: np.ndarray) -> Self:
        """Return the same for some rows, given by a mask or by their numbers."""
        target = None if self.target is None else self.target[:, rows]
        return type(self)(self.fold[rows], self.seen[:, rows], target)


def count_parts(folds: list[tuple], n_samples: int) -> int:
    """Return how many of the first folds are left out in turn: three, or none.

    None on few rows, or where one of the folds is small.

    Parameters
    ----------
    folds : list of (train, test)
        The folds of cross-fitting.
    n_samples : int
        Number of rows.
    """
    if n_samples < FEWEST_ROWS:
        return 0
    tests = [test for _, test in folds[:MOST_PARTS]]
    return len(tests) if min(map(len, tests)) >= SMALLEST_PART * n_samples else 0

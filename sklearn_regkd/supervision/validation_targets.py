"""What the student would be told if some rows were left out, for trials of its settings."""

from dataclasses import dataclass

import numpy as np

# The trial of the weight decay leaves out three parts in turn.
MOST_PARTS = 3
# Of the rows; a smaller part says too little of a setting.
SMALLEST_PART = 0.1
# Below, the student goes over its rows more often than 32 times, and a trial of half as many steps
# does not show how much it overfits: with noise on all labels of 3,750 rows of kin8nm too little
# weight decay was taken, for R2 .80 in place of .84. Labels alone are the safer ones there.
FEWEST_ROWS = 4_000


@dataclass(frozen=True)
class ValidationTargets:
    """Parts of the rows that are left out in turn, and what is learned meanwhile.

    A teacher that was fitted on all rows tells of each what it learned from the others: from it,
    a student that is tried on left-out rows would know their labels by hearsay, and one that is
    held back too little would seem the best. Here it learns from teachers that have not seen
    them, but have seen the other rows, as the teacher of all rows has seen all of them.

    Parameters
    ----------
    part : ndarray of int of shape (n_samples,)
        With which part a row is left out; ``len(told)`` for never.
    told : ndarray of shape (n_parts, n_samples, n_outputs)
        What the student learns while a part is left out, in standard units.
    """

    part: np.ndarray
    told: np.ndarray

    @classmethod
    def by_folds(cls, folds: list[tuple], told: np.ndarray) -> "ValidationTargets":
        """Leave out what the first folds test.

        Parameters
        ----------
        folds : list of (train, test)
            Of cross-fitting.
        told : ndarray of shape (n_parts, n_samples, n_outputs)
            What is learned, according to teachers that were fitted on these folds.

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn_regkd.supervision.validation_targets import ValidationTargets
        >>> folds = [([1, 3], [0, 2]), ([0, 2], [1, 3])]
        >>> ValidationTargets.by_folds(folds, np.zeros((1, 4, 1))).part
        array([0, 1, 0, 1])
        """
        part = np.full(told.shape[1], len(told))
        for number, (_, test) in enumerate(folds[: len(told)]):
            part[test] = number
        return cls(part, told)

    def of(self, rows: np.ndarray) -> "ValidationTargets":
        """Return the rehearsal of some rows, given by a mask or by their numbers."""
        return ValidationTargets(self.part[rows], self.told[:, rows])


def count_parts(folds: list[tuple], n_samples: int) -> int:
    """Return how many of the first folds are left out in turn: three, or none.

    None on few rows, or where one of the folds is small.

    Parameters
    ----------
    folds : list of (train, test)
        Of cross-fitting.
    n_samples : int
        Number of rows.
    """
    if n_samples < FEWEST_ROWS:
        return 0
    tests = [test for _, test in folds[:MOST_PARTS]]
    return len(tests) if min(map(len, tests)) >= SMALLEST_PART * n_samples else 0

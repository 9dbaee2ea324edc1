"""The method `save` of the estimators, and their state for skops and pickle."""

import copyreg
import os
from typing import Any

from sklearn_regkd.persistence.estimator_file import dumps, loads, save

FILE = "file"


class SaveMixin:
    """Method `save`, and what :mod:`skops.io` reads of an estimator."""

    def save(self, path: str | os.PathLike, *, training_rows: bool = True) -> None:
        """Write the fitted estimator to a file that :func:`sklearn_regkd.load` reads.

        It is a safetensors file: numbers and JSON, no code. It holds the student with
        its scalings, the parameters, the history, and what was found out about the
        training rows; not the teacher, callbacks and other objects of the user's.

        Parameters
        ----------
        path : str or path-like
            Where to; an existing file is replaced.
        training_rows : bool, default=True
            Whether to keep what says something of single training rows
            (``teacher_prediction_``, ``inlier_probability_``, ``outlier_mask_``). Without
            it the file of a student is small, whatever it was trained on.

        Raises
        ------
        TypeError
            If a category is not text, number or None.
        sklearn.exceptions.NotFittedError
            If the estimator is not fitted.
        """
        save(self, path, training_rows)

    def _state(self) -> dict[str, Any]:
        """Return all attributes but those that are quickly made anew."""
        return super().__getstate__()  # type: ignore[return-value]

    def __reduce_ex__(self, protocol):
        # What pickle, joblib and copy take: everything.
        return copyreg.__newobj__, (type(self),), self._state()  # type: ignore[attr-defined]

    def __getstate__(self):
        # What skops takes, which knows no tensors: the content of a file.
        fitted = "n_iter_" in vars(self)
        return {FILE: dumps(self)} if fitted else self._state()

    def __setstate__(self, state):
        if FILE in state:
            state = vars(loads(state[FILE]))
        super().__setstate__(state)  # type: ignore[misc]

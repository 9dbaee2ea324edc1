"""What the methods of the papers may use of a fitted teacher, whatever its kind."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from sklearn_regkd.preprocessing.frames import is_frame
from sklearn_regkd.teachers.cross_fit import predict_teacher, teacher_rows
from sklearn_regkd.teachers.fit_data import FitData
from sklearn_regkd.teachers.hints import hint_features


@dataclass(frozen=True)
class FittedTeacher:
    """A fitted teacher beside the data of its fit.

    Parameters
    ----------
    teacher : object or None
        The fitted teacher; None if only its predictions are known.
    data : FitData
        The data of the fit.
    """

    teacher: Any
    data: FitData

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Return predictions for further rows, standardised (n_rows, n_outputs).

        Parameters
        ----------
        X : ndarray of shape (n_rows, ...)
            Rows of numbers; a teacher that was fitted on a frame gets them as a frame.
        """
        return self._predict(teacher_rows(self.teacher, _like_frame(X, self.data.teacher_X), X))

    def predict_unlabeled(self) -> np.ndarray:
        """Return predictions for the user's rows without labels, standardised."""
        return self._predict(self.data.teacher_X_unlabeled)

    def _predict(self, rows: Any) -> np.ndarray:
        prediction = predict_teacher(self.teacher, rows, self.data.n_outputs)
        return self.data.scaling.standardize(prediction)

    def hint_features(self, layer: str, n_components: int) -> np.ndarray:
        """Return what happens inside the teacher for each training row.

        Parameters
        ----------
        layer : str
            ``"leaves"``, or the name of a layer of a torch teacher.
        n_components : int
            Values per row, at most.

        Returns
        -------
        ndarray of shape (n_samples, n_hints)
            Hints, standardised.
        """
        data = self.data
        return hint_features(self.teacher, data.teacher_X, layer, n_components, data.random_state)


def _like_frame(X: np.ndarray, frame: Any) -> Any:
    """Return rows as a frame of the same kind and names, if it is a frame."""
    if not is_frame(frame):
        return X
    names = list(frame.columns)
    kind = type(frame)
    return kind(X, schema=names) if hasattr(frame, "with_columns") else kind(X, columns=names)

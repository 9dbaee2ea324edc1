"""Rows without labels: the user's own, or made up, and labelled by the teacher."""

from typing import Any

import numpy as np

from sklearn_regkd.preprocessing.frames import is_frame
from sklearn_regkd.preprocessing.validation import check_predict_data
from sklearn_regkd.supervision.synthetic import SyntheticRows
from sklearn_regkd.teachers.cross_fit import ask, teacher_rows
from sklearn_regkd.teachers.fit_data import FitData


def extra_rows(
    distiller: Any,
    lesson: FitData,
    teacher: Any,
    synthetic: SyntheticRows | None,
    X_unlabeled: Any,
) -> tuple[np.ndarray, np.ndarray]:
    """Return further inputs and what the teacher says about them, in raw units.

    Parameters
    ----------
    distiller : BaseDistiller
        Whose fit this is, against which the user's rows are checked.
    lesson : FitData
        Data and student.
    teacher : object or None
        Fitted.
    synthetic : SyntheticRows or None
        How to make rows up.
    X_unlabeled : array-like of shape (n_more, n_features) or None
        The user's rows.

    Raises
    ------
    ValueError
        If there is no teacher to ask, or rows cannot be made up.
    """
    if teacher is None:
        raise ValueError(
            "X_unlabeled and synthetic rows are labelled by the teacher: pass a teacher, not "
            "its predictions"
        )
    student, n_outputs = lesson.student, lesson.y.shape[1]
    rows, labels = [], []
    if X_unlabeled is not None:
        student._columns.require_frame(X_unlabeled)
        shape, allow_nan = lesson.X.shape[1:], student._takes_missing()
        checked = check_predict_data(
            distiller, student._columns.transform(X_unlabeled), shape, allow_nan
        )
        rows.append(checked)
        labels.append(ask(teacher, teacher_rows(teacher, X_unlabeled, checked), n_outputs))
    if synthetic is not None:
        if student._columns.categorical:
            raise ValueError(
                f"synthetic rows are made of numbers, and {student._columns.category_names} are "
                "columns of categories: encode them in a Pipeline, or leave synthetic=None"
            )
        made = synthetic.draw(lesson.X[lesson.counted], lesson.random_state)
        named = made
        if is_frame(lesson.rows):
            kind = type(lesson.rows)
            names = list(lesson.rows.columns)
            polars = hasattr(lesson.rows, "with_columns")
            named = kind(made, schema=names) if polars else kind(made, columns=names)
        rows.append(made)
        labels.append(ask(teacher, named, n_outputs))
    return np.concatenate(rows), np.concatenate(labels)

"""Rows in the form that a model takes."""

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_array

from sklearn_regkd.estimators.student import StudentRegressor
from sklearn_regkd.export.graph import INPUT
from sklearn_regkd.export.pipeline import input_types
from sklearn_regkd.export.wrapped import Wrapped
from sklearn_regkd.preprocessing.categories import is_frame
from sklearn_regkd.preprocessing.validation import check_predict_data


def model_feed(
    estimator: BaseEstimator, wrapped: Wrapped, X: Any, dtype: np.dtype
) -> dict[str, np.ndarray]:
    """Return the inputs of a model for rows as in `predict`, checked as there.

    Parameters
    ----------
    estimator : estimator
        What was exported.
    wrapped : Wrapped
        What is inside.
    X : array-like of shape (n_samples, n_features)
        Rows.
    dtype : {float32, float64}
        Of the numbers among the inputs.
    """
    if not wrapped.steps:
        return {INPUT: student_rows(wrapped.student, X).astype(dtype)}
    if not is_frame(X):
        return {INPUT: check_array(X, dtype=dtype, ensure_all_finite=False)}
    types = input_types(estimator, X, dtype)
    return {
        name: np.asarray(X[column]).astype(kind).reshape(-1, 1)
        for column, (name, kind, _) in zip(X.columns, types, strict=True)
    }


def student_rows(student: StudentRegressor, X: Any) -> np.ndarray:
    """Return rows as a student's network takes them, with codes for categories, or refuse them."""
    return check_predict_data(
        student, student._codes(X), student._input_shape, student._takes_missing()
    )


def n_rows(feed: dict[str, np.ndarray]) -> int:
    """Return the number of rows of a model's inputs."""
    return len(next(iter(feed.values())))


def take_rows(feed: dict[str, np.ndarray], rows: slice) -> dict[str, np.ndarray]:
    """Return some rows of a model's inputs."""
    return {name: np.ascontiguousarray(values[rows]) for name, values in feed.items()}

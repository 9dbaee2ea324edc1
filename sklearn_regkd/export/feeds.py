"""The inputs of a model: what they are called and hold, and rows in this form."""

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils import check_array

from sklearn_regkd.estimators.student import StudentRegressor
from sklearn_regkd.export.graph import INPUT
from sklearn_regkd.export.wrapped import Wrapped, all_layers
from sklearn_regkd.preprocessing.error_messages import first_odd
from sklearn_regkd.preprocessing.frames import is_frame
from sklearn_regkd.preprocessing.validation import check_predict_data


def student_rows(student: StudentRegressor, X: Any) -> np.ndarray:
    """Return rows as a student's network takes them, with codes for categories, or refuse them."""
    return check_predict_data(
        student, student._columns.transform(X), student._input_shape, student._takes_missing()
    )


@dataclass(frozen=True, kw_only=True)
class Input:
    """An input of a Pipeline's model.

    Parameters
    ----------
    name : str
        What it is called.
    dtype : dtype
        str, int64, float32 or float64.
    width : int
        How many columns of X it holds.
    """

    name: str
    dtype: np.dtype
    width: int

    def as_float(self, dtype: np.dtype) -> Self:
        """Return an input for a floating type where this one is for integers."""
        return replace(self, dtype=dtype) if self.dtype.kind == "i" else self


def pipeline_inputs(estimator: BaseEstimator, X: Any, dtype: np.dtype) -> list[Input]:
    """Return the inputs of a Pipeline's model.

    There is one input for each column of a data frame, and one in all for an array.

    Parameters
    ----------
    estimator : estimator
        Fitted, with a Pipeline inside.
    X : array-like of shape (n_samples, n_features) or None
        Rows as in `predict`.
    dtype : {float32, float64}
        Of numbers that are no integers.

    Raises
    ------
    ValueError
        If the columns of a data frame are not known, or cannot be inputs.
    """
    if is_frame(X):
        names = [str(name) for name in X.columns]
        if len({*names, ""}) <= len(names):
            raise ValueError(
                "each column becomes an input of its own, so that all need names and no two the "
                f"same one, got {names}: rename them before fit"
            )
        types = [_column_type(name, X[name], dtype) for name in X.columns]
        return [
            Input(name=name, dtype=kind, width=1) for name, kind in zip(names, types, strict=True)
        ]
    if X is None and fitted_attribute(estimator, "feature_names_in_") is not None:
        raise ValueError(
            "the Pipeline was fitted on a data frame, and each column becomes an input of its "
            "own: pass some rows as X, so that the types of the columns are known"
        )
    width = fitted_attribute(estimator, "n_features_in_")
    return [Input(name=INPUT, dtype=np.dtype(dtype), width=width)]


def fitted_attribute(estimator: BaseEstimator, name: str) -> Any:
    """Return what the first of an estimator's layers and steps knows about the inputs, or None.

    A Pipeline asks its first step, which may be ``"passthrough"``.
    """
    for layer in all_layers(estimator):
        steps = [step for _, step in layer.steps] if isinstance(layer, Pipeline) else []
        for one in (layer, *steps):
            if hasattr(one, name):
                return getattr(one, name)
    return None


def _column_type(name: Any, column: Any, dtype: np.dtype) -> np.dtype:
    """Return the type of the input that a column becomes: text, int64 or `dtype`."""
    values = np.asarray(column)
    if values.dtype.kind in "biu":
        return np.dtype(np.int64)
    if values.dtype.kind == "f":
        return np.dtype(dtype)
    odd = first_odd(values)
    if isinstance(odd, str):
        return np.dtype(str)
    try:
        values.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"column {name!r} holds {values.dtype} such as {odd!r}, which no input of an ONNX "
            "model can be: make numbers or text of it before the Pipeline"
        ) from error
    return np.dtype(dtype)


def model_feed(model: Any, wrapped: Wrapped, X: Any) -> dict[str, np.ndarray]:
    """Return the inputs of a model for rows as in `predict`.

    Parameters
    ----------
    model : onnx.ModelProto
        The model.
    wrapped : Wrapped
        What was exported.
    X : array-like of shape (n_samples, n_features)
        Rows; those of a student without other steps are checked as in `predict`.
    """
    from onnx import helper

    types = {
        value.name: helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type)
        for value in model.graph.input
    }
    if not wrapped.steps:
        return {INPUT: student_rows(wrapped.student, X).astype(types[INPUT])}
    if not is_frame(X):
        return {INPUT: check_array(X, dtype=types[INPUT], ensure_all_finite=False)}
    feed = {}
    for column, (name, dtype) in zip(X.columns, types.items(), strict=True):
        values = np.asarray(X[column])
        values = values.astype(str).astype(object) if dtype.kind == "O" else values.astype(dtype)
        feed[name] = values.reshape(-1, 1)
    return feed


def n_rows(feed: dict[str, np.ndarray]) -> int:
    """Return the number of rows of a model's inputs."""
    return len(next(iter(feed.values())))


def take_rows(feed: dict[str, np.ndarray], rows: slice) -> dict[str, np.ndarray]:
    """Return some rows of a model's inputs."""
    return {name: np.ascontiguousarray(values[rows]) for name, values in feed.items()}

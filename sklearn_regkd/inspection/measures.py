"""Quality and cost of teacher and student: errors on some rows, size and speed."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error
from skorch import NeuralNet
from torch.nn import Module

from sklearn_regkd.estimators.base import BaseDistiller
from sklearn_regkd.persistence.json_params import NotSaved
from sklearn_regkd.preprocessing.validation import check_predict_data
from sklearn_regkd.teachers.cross_fit import predict_teacher, teacher_rows
from sklearn_regkd.utils.sklearn_compat import count_tree_nodes, safe_indexing
from sklearn_regkd.utils.timing import microseconds
from sklearn_regkd.utils.unwrap import layers


@dataclass(frozen=True)
class Quality:
    """How far predictions of one output are from the values that they are compared with.

    Parameters
    ----------
    r2 : float
        Coefficient of determination; NaN for fewer than two rows.
    mean_error : float
        Mean absolute error, in units of y.
    squared_error : float
        Root of the mean squared error, in units of y.
    """

    r2: float
    mean_error: float
    squared_error: float

    @classmethod
    def of(cls, truth: np.ndarray, prediction: np.ndarray) -> "Quality":
        """Compare two arrays of shape (n_samples,)."""
        return cls(
            float(r2_score(truth, prediction)) if len(truth) > 1 else np.nan,
            float(mean_absolute_error(truth, prediction)),
            float(root_mean_squared_error(truth, prediction)),
        )


@dataclass(frozen=True)
class Cost:
    """Size and speed of a model.

    Parameters
    ----------
    size : int or None
        Trained numbers of a network or a linear model, nodes of trees; None if unknown.
    size_unit : str
        What `size` counts, ``"parameters"`` or ``"nodes of trees"``; empty if unknown.
    one_row : float
        Microseconds that the prediction of a single row takes.
    per_row : float
        Microseconds that each row takes when many are predicted at once.
    """

    size: int | None
    size_unit: str
    one_row: float
    per_row: float

    @classmethod
    def of(cls, model: Any, predict: Callable[[Any], Any], X: Any) -> "Cost":
        """Count a model's numbers and take the time of its predictions."""
        one_row = microseconds(predict, safe_indexing(X, [0]))
        return cls(*size_of(model), one_row, microseconds(predict, X) / len(X))


def size_of(model: Any) -> tuple[int | None, str]:
    """Return how many parameters or nodes of trees a fitted model has, and which it is.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> from sklearn_regkd.inspection.measures import size_of
    >>> size_of(Ridge().fit([[0.0, 1.0], [1.0, 3.0]], [0.0, 1.0]))
    (3, 'parameters')
    """
    model = layers(model)[-1]
    model = getattr(model, "module_", model) if isinstance(model, NeuralNet) else model
    if isinstance(model, Module):
        return sum(p.numel() for p in model.parameters()), "parameters"
    if hasattr(model, "n_parameters_"):
        return int(model.n_parameters_), "parameters"
    nodes = count_tree_nodes(model)
    if nodes is not None:
        return nodes, "nodes of trees"
    parts = getattr(model, "estimators_", None)
    if parts is not None:
        members = parts.ravel() if isinstance(parts, np.ndarray) else parts
        sizes = [size_of(part) for part in members]
        units = {unit for _, unit in sizes}
        known = [size for size, _ in sizes if size is not None]
        if len(units) == 1 and known:
            return sum(known), units.pop()
        return None, ""
    for weights, bias in (("coefs_", "intercepts_"), ("coef_", "intercept_")):
        if hasattr(model, weights):
            both = (getattr(model, weights), getattr(model, bias, 0.0))
            arrays = [a for v in both for a in (v if isinstance(v, list) else [v])]
            return sum(int(np.size(a)) for a in arrays), "parameters"
    return None, ""


def rows_for_teacher(distiller: BaseDistiller, X: Any) -> Any:
    """Return rows in the form that the teacher of a fitted estimator takes."""
    student = distiller.student_
    student._columns.require_frame(X)
    array = check_predict_data(
        distiller, student._columns.transform(X), distiller._input_shape, student._takes_missing()
    )
    return teacher_rows(distiller.teacher_, X, array)


def has_teacher(distiller: BaseDistiller) -> bool:
    """Return whether there is a teacher: not if predictions were given, or after loading."""
    return distiller.teacher_ is not None and not isinstance(distiller.teacher_, NotSaved)


def predict_with_teacher(distiller: BaseDistiller, rows: Any) -> np.ndarray:
    """Return the teacher's predictions of rows in its form, shape (n_samples, n_outputs)."""
    return predict_teacher(distiller.teacher_, rows, distiller.n_outputs_)

"""What teacher and student are worth on some rows, and what they cost."""

import time
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
from sklearn_regkd.teachers.cross_fit import ask, teacher_rows
from sklearn_regkd.teachers.kinds import unwrap
from sklearn_regkd.utils.sklearn_compat import count_tree_nodes, safe_indexing

# One row is asked for again and again, for so many seconds and calls at most.
SECONDS, CALLS = 0.2, 30


@dataclass(frozen=True)
class Quality:
    """How far predictions of one output are from what they are compared with.

    Parameters
    ----------
    r2 : float
        1 is perfect, 0 is what the mean would reach; NaN for fewer than two rows.
    mean_error, squared_error : float
        Mean absolute error and root of the mean squared error, in units of y.
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
    """What a model costs.

    Parameters
    ----------
    size : int or None
        Trained numbers of a network or a linear model, nodes of trees; None if unknown.
    counted : str
        What `size` counts.
    one_row, per_row : float
        Microseconds for a single row, and for each of many.
    """

    size: int | None
    counted: str
    one_row: float
    per_row: float

    @classmethod
    def of(cls, model: Any, predict: Callable[[Any], Any], X: Any) -> "Cost":
        """Count a model's numbers and take the time of its predictions."""
        size, counted = size_of(model)
        return cls(
            size, counted, microseconds(predict, safe_indexing(X, [0])), microseconds(predict, X)
        )


def microseconds(predict: Callable[[Any], Any], X: Any) -> float:
    """Return the time per row of the fastest of some calls: others may use the machine."""
    predict(X)  # the first call pays for thread pools and caches
    times: list[float] = []
    until = time.perf_counter() + SECONDS
    while len(times) < 3 or (len(times) < CALLS and time.perf_counter() < until):
        start = time.perf_counter()
        predict(X)
        times.append(time.perf_counter() - start)
    return 1e6 * min(times) / len(X)


def size_of(model: Any) -> tuple[int | None, str]:
    """Return how many numbers or nodes a fitted model has, and which of them it is.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> from sklearn_regkd.inspection.measures import size_of
    >>> size_of(Ridge().fit([[0.0, 1.0], [1.0, 3.0]], [0.0, 1.0]))
    (3, 'parameters')
    """
    model, _ = unwrap(model)
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
        kinds = {counted for _, counted in sizes}
        known = [size for size, _ in sizes if size is not None]
        if len(kinds) == 1 and known:
            return sum(known), kinds.pop()
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
    """Whether the teacher is there to be asked: not if only predictions were given, or in files."""
    return distiller.teacher_ is not None and not isinstance(distiller.teacher_, NotSaved)


def ask_teacher(distiller: BaseDistiller, rows: Any) -> np.ndarray:
    """Return what the teacher says of rows in its form, shape (n_samples, n_outputs)."""
    return ask(distiller.teacher_, rows, distiller.n_outputs_)

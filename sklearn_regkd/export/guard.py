"""Rows that a Pipeline refuses, found out by asking it."""

import warnings
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.preprocessing import OrdinalEncoder

from sklearn_regkd.export.feeds import Input
from sklearn_regkd.export.graph import Graph
from sklearn_regkd.preprocessing.frames import is_frame


def guard_rows(
    graph: Graph, estimator: BaseEstimator, row: Any, inputs: list[Input], columns: str, dtype: Any
) -> str:
    """Put NaN in the place of the outputs of rows whose numbers a Pipeline refuses.

    Its steps validate in `predict` and not in a graph, where clipping and binning make
    ordinary numbers of NaN and infinity. Whether they do is found out with one row and
    each of its numbers in turn.

    Parameters
    ----------
    graph : Graph
        It gets the nodes.
    estimator : estimator
        Fitted, with a Pipeline inside.
    row : array-like of shape (1, n_features)
        For which it predicts.
    inputs : list of Input
        The inputs of the model.
    columns, dtype
        Name and type of the outputs (n_samples, n_outputs).

    Returns
    -------
    str
        Name of the outputs.
    """
    if is_frame(row):
        floats = [one.dtype.kind == "f" for one in inputs]
        places = [name for name, is_float in zip(row.columns, floats, strict=True) if is_float]
    else:
        row = np.array(row, dtype=np.float64)
        places = list(range(row.shape[1]))
    if not places:
        return columns
    names = [one.name for one in inputs if one.dtype.kind == "f"]
    numbers = names[0] if len(names) == 1 else graph.add("Concat", *names, axis=1)
    odd = []
    for value, operator in ((np.nan, "IsNaN"), (np.inf, "IsInf")):
        refused = np.array([_refuses(estimator, _with_value(row, at, value)) for at in places])
        if refused.any():
            odd.append(graph.add("And", graph.add(operator, numbers), refused))
    if not odd:
        return columns
    every = odd[0] if len(odd) == 1 else graph.add("Or", *odd)
    count = graph.add("ReduceSum", graph.cast(every, np.float32), np.array([1], np.int64))
    return graph.add("Where", graph.cast(count, bool), np.array(np.nan, dtype), columns)


def _refuses(estimator: Any, row: Any) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            estimator.predict(row)
        except ValueError:
            return True
    return False


def _with_value(row: Any, place: Any, value: float) -> Any:
    if hasattr(row, "with_columns"):
        return row.with_columns([type(row[place])(place, [value])])
    changed = row.copy()
    if is_frame(row):
        changed[place] = value
    else:
        changed[:, place] = value
    return changed


def warn_about_unknown_categories(estimator: Any) -> None:
    """Warn of encoders that refuse a category in `predict`, and take it for another in a graph."""
    found = [one for one in _parts(estimator) if isinstance(one, OrdinalEncoder)]
    if any(one.handle_unknown == "error" for one in found):
        warnings.warn(
            "the Pipeline has an OrdinalEncoder with handle_unknown='error': in the ONNX model a "
            "category that fit has not seen is taken for another one, where `predict` raises; fit "
            "with handle_unknown='use_encoded_value', unknown_value=-1, or look at the categories "
            "before",
            stacklevel=4,
        )


def _parts(estimator: Any) -> list[Any]:
    """Return a fitted estimator and all that is inside it."""
    found, todo = [], [estimator]
    while todo:
        one = todo.pop()
        found.append(one)
        for name in ("steps", "transformers_", "transformer_list"):
            todo += [part[1] for part in getattr(one, name, ())]
        for name in ("best_estimator_", "regressor_", "estimator"):
            todo += [getattr(one, name)] if hasattr(one, name) else []
    return found

"""Rows that a Pipeline refuses, found out by asking it."""

import warnings
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.preprocessing import OrdinalEncoder

from sklearn_regkd.export.graph import Graph
from sklearn_regkd.preprocessing.frames import is_frame


def guard_rows(
    graph: Graph,
    estimator: BaseEstimator,
    X: Any,
    inputs: dict[str, tuple],
    columns: str,
    dtype: np.dtype,
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
    X : array-like of shape (n_samples, n_features) or None
        Rows as in `predict`; None for an array.
    inputs : dict of tuple
        Type and width of each input.
    columns, dtype
        Name and type of the outputs (n_samples, n_outputs).

    Returns
    -------
    str
        Name of the outputs.
    """
    names = [name for name, (kind, _) in inputs.items() if kind.kind == "f"]
    if not names:
        return columns
    row = np.zeros((1, inputs[names[0]][1])) if X is None else X[:1]
    refused = {value: _refused(estimator, row, inputs, value) for value in (np.nan, np.inf)}
    numbers = names[0] if len(names) == 1 else graph.add("Concat", *names, axis=1)
    odd = []
    if refused[np.nan].any():
        odd.append(graph.add("And", graph.add("IsNaN", numbers), refused[np.nan]))
    if refused[np.inf].any():
        odd.append(graph.add("And", graph.add("IsInf", numbers), refused[np.inf]))
    if not odd:
        return columns
    every = odd[0] if len(odd) == 1 else graph.add("Or", *odd)
    count = graph.add("ReduceSum", graph.cast(every, np.float32), np.array([1], np.int64))
    return graph.add("Where", graph.cast(count, bool), np.array(np.nan, dtype), columns)


def _refused(estimator: Any, row: Any, inputs: dict[str, tuple], value: float) -> np.ndarray:
    """Return for each number of a row whether `predict` refuses another value in its place."""
    if is_frame(row):
        kinds = [kind.kind for kind, _ in inputs.values()]
        places = [name for name, kind in zip(row.columns, kinds, strict=True) if kind == "f"]
    else:
        row = np.array(row, dtype=np.float64)
        places = list(range(row.shape[1]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return np.array([_refuses(estimator, _with_value(row, at, value)) for at in places])


def _refuses(estimator: Any, row: Any) -> bool:
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

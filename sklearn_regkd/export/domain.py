"""The output `in_domain` of an ONNX model: which rows the training table can speak about."""

from typing import Any

import numpy as np

from sklearn_regkd.estimators.in_domain import domain_of
from sklearn_regkd.export.converters import ROWS, STUDENT
from sklearn_regkd.export.graph import INPUT, Graph
from sklearn_regkd.export.wrapped import Wrapped
from sklearn_regkd.preprocessing.domain import Domain

IN_DOMAIN = "in_domain"


def add_in_domain(model: Any, wrapped: Wrapped, dtype: np.dtype) -> None:
    """Add the output ``in_domain`` to the model of a student, or of a Pipeline.

    Parameters
    ----------
    model : onnx.ModelProto
        Changed in place.
    wrapped : Wrapped
        What was exported.
    dtype : {float32, float64}
        Type of the inputs of a student without other steps.

    Raises
    ------
    ValueError
        If the student was fitted on images, does not know its training rows, or is in a graph
        that has a column of this name, or from which its rows have vanished.
    """
    from onnx import TensorProto, helper

    graph, domain = Graph(f"{IN_DOMAIN}_"), domain_of(wrapped.student)
    if any(value.name == IN_DOMAIN for value in model.graph.input):
        raise ValueError(
            f"a column of X is called {IN_DOMAIN!r}, which is the name of the output: rename the "
            "column before fit, or leave in_domain away"
        )
    rows = INPUT
    if wrapped.steps:
        rows, dtype = _rows_of_student(model)
    inside = _write(graph, domain, rows, dtype)
    if wrapped.steps:  # that refuse rows by themselves
        inside = graph.add("And", inside, _is_predicted(graph, model.graph.output[0]))
    graph.add("Squeeze", inside, np.array([1], np.int64), name=IN_DOMAIN)
    model.graph.node.extend(graph.nodes)
    model.graph.initializer.extend(graph.constants)
    model.graph.output.append(
        helper.make_tensor_value_info(IN_DOMAIN, TensorProto.BOOL, ["n_samples"])
    )


def _rows_of_student(model: Any) -> tuple[str, np.dtype]:
    """Return name and type of the rows that reach the student inside a Pipeline's graph."""
    from onnx import helper

    for node in model.graph.node:
        name = node.output[0]
        if name.startswith(STUDENT) and name.endswith(f"_{ROWS}"):
            return name, np.dtype(helper.tensor_dtype_to_np_dtype(_element_type(node, model)))
    raise ValueError(
        "in_domain is not known for this Pipeline: skl2onnx has written a graph without the rows "
        "that reach the student. Export the steps and the student apart, or leave in_domain away"
    )


def _element_type(node: Any, model: Any) -> int:
    """Return the type of a conversion, or of conversions that are joined."""
    casts = {one.output[0]: one for one in model.graph.node if one.op_type == "Cast"}
    cast = node if node.op_type == "Cast" else casts[node.input[0]]
    return next(one.i for one in cast.attribute if one.name == "to")


def _is_predicted(graph: Graph, output: Any) -> str:
    """Return the name of a column (n_samples, 1) that says which rows have no NaN in an output."""
    y = output.name
    if len(output.type.tensor_type.shape.dim) == 1:
        y = graph.add("Unsqueeze", y, np.array([1], np.int64))
    return _all(graph, graph.add("Not", graph.add("IsNaN", y)))


def _write(graph: Graph, domain: Domain, X: str, dtype: np.dtype) -> str:
    """Add what :meth:`Domain.contains` does; return the name of a column (n_samples, 1)."""
    parts = []
    if len(domain.numeric):
        low, high = domain.bounds(dtype)
        numbers = graph.add("Gather", X, domain.numeric, axis=1)
        inside = _between(graph, numbers, low, high)
        may_be_missing = domain.missing[domain.numeric]
        if may_be_missing.any():
            gaps = graph.add("And", graph.add("IsNaN", numbers), may_be_missing)
            inside = graph.add("Or", inside, gaps)
        parts.append(_all(graph, inside))
    if len(domain.categorical):
        parts.append(_all(graph, _is_known(graph, domain, X, dtype)))
    return parts[0] if len(parts) == 1 else graph.add("And", *parts)


def _is_known(graph: Graph, domain: Domain, X: str, dtype: np.dtype) -> str:
    """Return the name of (n_samples, n_categorical): which categories the table has."""
    codes = graph.add("Gather", X, domain.categorical, axis=1)
    may_be_missing = domain.missing[domain.categorical]
    is_negative = graph.add("Less", codes, np.array(0, dtype))
    is_finite = graph.add("GreaterOrEqual", codes, np.array(np.finfo(dtype).min))
    gap = graph.add("And", is_negative, is_finite)
    gap = graph.add("Or", gap, graph.add("IsNaN", codes))
    known = graph.add("And", gap, may_be_missing)
    if len(domain.category_value):
        every = graph.add("Gather", X, domain.category_feature, axis=1)
        same = graph.add("Equal", every, domain.category_value.astype(dtype))
        of_column = domain.category_feature[:, None] == domain.categorical
        hits = graph.add("MatMul", graph.cast(same, np.float32), of_column.astype(np.float32))
        known = graph.add("Or", known, graph.cast(hits, bool))
    return known


def _between(graph: Graph, values: str, low: np.ndarray, high: np.ndarray) -> str:
    above, below = graph.add("GreaterOrEqual", values, low), graph.add("LessOrEqual", values, high)
    return graph.add("And", above, below)


def _all(graph: Graph, columns: str) -> str:
    """Return the name of a column (n_samples, 1): whether all booleans of a row are true."""
    wrong = graph.cast(graph.add("Not", columns), np.float32)
    count = graph.add("ReduceSum", wrong, np.array([1], np.int64), keepdims=1)
    return graph.add("Not", graph.cast(count, bool))

"""Whole Pipelines as ONNX models: skl2onnx writes the steps, here is what it leaves open."""

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline

from sklearn_regkd.export.converters import import_skl2onnx, register_converters
from sklearn_regkd.export.feeds import Input, model_feed, pipeline_inputs
from sklearn_regkd.export.graph import (
    OUTPUT,
    Graph,
    append,
    element_type,
    output_value,
    refusal,
    write_output,
)
from sklearn_regkd.export.guard import guard_rows, warn_about_unknown_categories
from sklearn_regkd.export.wrapped import Wrapped, all_layers
from sklearn_regkd.preprocessing.frames import is_frame

# Rows for which the model is compared with the Pipeline, how near it must come in parts of
# the range of the predictions and of the largest one, and for what share of the rows: where
# a step cuts, rounding may bring a value to the other side.
CHECKED_ROWS, OF_RANGE, OF_LARGEST, SHARE = 100, 1e-3, 1e-5, 0.9


def export_pipeline(
    estimator: BaseEstimator, wrapped: Wrapped, X: Any, dtype: np.dtype, opset: int | None
) -> Any:
    """Return the model of a Pipeline, or of what is around one.

    Parameters
    ----------
    estimator : estimator
        Fitted.
    wrapped : Wrapped
        What is inside.
    X : array-like of shape (n_samples, n_features)
        Rows as in `predict`, for the types of the columns; None for an array.
    dtype : {float32, float64}
        Of the numbers among the inputs that are no integers.
    opset : int or None
        Version of the operators; None takes the least one that will do.

    Raises
    ------
    ValueError
        If the columns of a data frame are not known, if the Pipeline does not predict for the
        rows, or if what skl2onnx has written does not run or does not predict the same.
    """
    from onnx import helper

    skl2onnx = import_skl2onnx("to_onnx of a Pipeline")
    register_converters()
    warn_about_unknown_categories(estimator)
    inputs = pipeline_inputs(estimator, X, dtype)
    if X is None:
        rows = np.zeros((1, inputs[0].width))
    else:
        rows = X[:CHECKED_ROWS] if is_frame(X) else np.asarray(X)[:CHECKED_ROWS]
    expected = estimator.predict(rows)
    # Steps other than a ColumnTransformer get several inputs as they are, and what is joined to
    # an integer is made an integer.
    kept = inputs if _begins_with_columns(estimator) else [one.as_float(dtype) for one in inputs]
    types = [(one.name, _tensor_type(one)) for one in kept]
    model = skl2onnx.to_onnx(estimator, initial_types=types, target_opset=opset, name="student")
    _restore_inputs(model.graph, inputs)
    _replace_vectorizers(model.graph)
    (columns,) = model.graph.output
    kind = helper.tensor_dtype_to_np_dtype(columns.type.tensor_type.elem_type)
    graph = Graph("output_")
    value = guard_rows(graph, estimator, rows[:1], inputs, columns.name, kind)
    taken = {one.name for one in inputs}
    output = OUTPUT if OUTPUT not in taken else "prediction"
    write_output(graph, value, wrapped.y_ndim, output)
    append(model, graph, output_value(kind, wrapped.y_ndim, wrapped.student.n_outputs_, output))
    _check(model, wrapped, rows, expected, dtype)
    return model


def _begins_with_columns(estimator: BaseEstimator) -> bool:
    """Return whether a ColumnTransformer is the first of all steps."""
    pipelines = (one for one in all_layers(estimator) if isinstance(one, Pipeline))
    return any(isinstance(one[0], ColumnTransformer) for one in list(pipelines)[:1])


def _tensor_type(about: Input) -> Any:
    from skl2onnx.common import data_types

    kinds = {
        "U": data_types.StringTensorType,
        "i": data_types.Int64TensorType,
        "f": data_types.FloatTensorType
        if about.dtype == np.float32
        else data_types.DoubleTensorType,
    }
    return kinds[about.dtype.kind]([None, about.width])


def _restore_inputs(graph: Any, inputs: list[Input]) -> None:
    """Give the inputs of a graph the names of the columns, and integers where these hold them.

    skl2onnx has made names of its own from those with blanks, for example, and may have given a
    column's name to what it computes, or to a constant.
    """
    from onnx import helper

    columns = {one.name for one in inputs}
    computed = {name for node in graph.node for name in node.output}
    computed |= {constant.name for constant in graph.initializer}
    names = {name: f"{name}_computed" for name in columns & computed}
    names.update({value.name: one.name for value, one in zip(graph.input, inputs, strict=True)})
    casts = []
    for value, one in zip(graph.input, inputs, strict=True):
        written = value.type.tensor_type.elem_type
        if one.dtype.kind == "i" and written != element_type(one.dtype):
            names[value.name] = f"{value.name}_as_float"
            casts.append(helper.make_node("Cast", [one.name], [names[value.name]], to=written))
            value.type.tensor_type.elem_type = element_type(one.dtype)
        value.name = one.name
    for node in graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]
    for value in (*graph.output, *graph.initializer):
        value.name = names.get(value.name, value.name)
    nodes = [*casts, *graph.node]
    graph.ClearField("node")
    graph.node.extend(nodes)


def _replace_vectorizers(graph: Any) -> None:
    """Join columns by Concat: with no rows ONNX Runtime crashes in FeatureVectorizer."""
    from onnx import helper

    for node in graph.node:
        if node.op_type == "FeatureVectorizer":
            node.op_type, node.domain = "Concat", ""
            node.ClearField("attribute")
            node.attribute.append(helper.make_attribute("axis", 1))


def _check(model: Any, wrapped: Wrapped, rows: Any, expected: np.ndarray, dtype: np.dtype) -> None:
    """Refuse a model that ONNX Runtime, where it is installed, does not run, or runs wrongly.

    There are operators that it has for single precision only, and steps that skl2onnx writes
    wrongly.
    """
    try:
        import onnxruntime
    except ImportError:
        return
    other = "float32" if dtype == np.float64 else "float64"
    error = refusal(onnxruntime, model)
    if error is not None:
        raise ValueError(
            f"skl2onnx has written a graph that ONNX Runtime does not run: {error}. Try "
            f"dtype={other!r}"
        ) from error
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    found = session.run(None, model_feed(model, wrapped, rows))[0]
    allowed = OF_RANGE * np.ptp(expected, axis=0) + OF_LARGEST * np.abs(expected).max(axis=0)
    if len(expected) == 1:
        allowed = OF_RANGE * np.abs(expected)
    is_near = np.abs(found - expected) <= allowed
    if is_near.mean() < SHARE:
        raise ValueError(
            f"the model that skl2onnx has written predicts {found[~is_near][0]:g} where the "
            f"Pipeline predicts {expected[~is_near][0]:g}, and is as far off in "
            f"{1 - is_near.mean():.0%} of the rows: a step is written wrongly, or single precision "
            f"is too coarse for a column; try dtype={other!r}, or a step of another kind"
        )

"""The built-in network as ONNX nodes, from what prediction has worked out beforehand."""

import math
import warnings
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from sklearn_regkd.estimators.student import StudentRegressor
from sklearn_regkd.export.graph import Graph
from sklearn_regkd.networks.inference import InferenceNetwork
from sklearn_regkd.networks.scaling import FARTHEST, LARGEST_LOG
from sklearn_regkd.preprocessing.error_messages import listed

# What rounding to single precision may do to an input of the network, whose scale is 1.
MOST_ROUNDING = 0.01


def is_built_in(student: StudentRegressor) -> bool:
    """Return whether a student has the built-in network, not a module of the user's."""
    return student.module is None


def inference_network(student: StudentRegressor, dtype: Any) -> InferenceNetwork:
    """Return the built-in network of a student for inputs of a floating type."""
    networks = student._inference
    assert networks is not None
    return networks[np.dtype(dtype)]


def write_student(
    graph: Graph,
    student: StudentRegressor,
    head: str,
    X: str,
    dtype: Any,
    layers: list[str] | None = None,
) -> str:
    """Add a student with the built-in network, from raw features to raw units.

    What it makes of rows that `predict` refuses is any number.

    Parameters
    ----------
    graph : Graph
        It gets the nodes.
    student : StudentRegressor
        Fitted, with the built-in network.
    head : {"label", "teacher", "mean"}
        Which output.
    X : str
        Name of the raw inputs (n_samples, n_features).
    dtype : {float32, float64}
        Type of the inputs. Beyond the map of the inputs all is single precision.
    layers : list of str, default=None
        It gets the names of what the network sees, and of the hidden layers.

    Returns
    -------
    str
        Name of the outputs (n_samples, n_outputs), of the type :func:`output_dtype`.
    """
    network = inference_network(student, np.float32)
    entrance = inference_network(student, dtype)
    hidden = _enter(graph, entrance, X, np.dtype(dtype), student._takes_missing())
    if np.dtype(dtype) != np.float32:
        hidden = graph.cast(hidden, np.float32)
    names = [] if layers is None else layers
    names.append(hidden)
    columns = _run(graph, network, hidden, head, names)
    wanted = output_dtype(student, dtype)
    if wanted != _dtype(network.center):
        columns = graph.cast(columns, wanted)
    output = student._output
    for operator, bound in (("Max", output.low), ("Min", output.high)):
        if bound is not None:
            columns = graph.add(operator, columns, _array(bound).astype(wanted))
    return columns


def refuse_rows(graph: Graph, student: StudentRegressor, X: str, X_dtype: Any, columns: str) -> str:
    """Put NaN in the place of the outputs of rows that a student's `predict` refuses.

    Nobody validates where a graph runs, and what a network makes of NaN or infinity,
    in eight bits for example, may look like any other number.

    Parameters
    ----------
    graph : Graph
        It gets the nodes.
    student : StudentRegressor
        Fitted, also with a module of the user's.
    X, X_dtype
        Name and type of the raw inputs.
    columns : str
        Name of the outputs (n_samples, n_outputs), of the type :func:`output_dtype`.
    """
    values = X
    if np.dtype(X_dtype) != np.float32:  # what it does not hold becomes infinite
        values = graph.cast(values, np.float32)
    if student._takes_missing():
        values = graph.add("Where", graph.add("IsNaN", values), _single(0), values)
    if len(student._input_shape) > 1:
        values = graph.add("Flatten", values, axis=1)
    # Half of their mean size, which of finite numbers is finite.
    share = _single(0.5 / math.prod(student._input_shape))
    shares = graph.add("Mul", graph.add("Abs", values), share)
    size = graph.add("ReduceSum", shares, np.array([1], np.int64), keepdims=1)
    is_finite = graph.add("LessOrEqual", size, _single(float(np.finfo(np.float32).max)))
    nan = np.array(np.nan, output_dtype(student, X_dtype))
    return graph.add("Where", is_finite, columns, nan)


def output_dtype(student: StudentRegressor, dtype: Any) -> np.dtype:
    """Return the type of what `predict` returns for inputs of a floating type."""
    return np.promote_types(_dtype(student._output.center), dtype)


def warn_about_rounding(student: StudentRegressor) -> None:
    """Warn of columns that lose what the student has learned of them in single precision."""
    names = rounded_columns(student)
    if names:
        warnings.warn(
            f"single precision is too coarse for {listed(names)}: the model will not predict what "
            "`predict` does for inputs in double precision; pass dtype='float64', or subtract an "
            "offset from such columns before fit",
            stacklevel=3,
        )


def rounded_columns(student: StudentRegressor) -> list[Any]:
    """Return the names, or else the numbers, of columns that need double precision."""
    if len(student._input_shape) > 1:
        return []
    buffers = student.net_.module_.named_buffers(recurse=False)
    tables = {name.removeprefix("input_"): _array(values) for name, values in buffers}
    if "center" in tables:
        rounding = np.abs(np.float32(tables["center"]) - tables["center"])
        columns = np.flatnonzero(rounding > MOST_ROUNDING * tables["scale"])
    else:
        table: Any = inference_network(student, np.float64).scores
        last = torch.finfo(torch.float32).max
        knots = table.knots.clamp(-last, last)
        moved = (table(knots.float().double()) - table(knots)).abs().amax(1) > MOST_ROUNDING
        codes = tables["category_value"]
        merged = tables["category_feature"][codes.astype(np.float32) != codes]
        columns = np.union1d(tables["numeric"][_array(moved)], merged)
    names = getattr(student, "feature_names_in_", range(student.n_features_in_))
    return [names[int(column)] for column in columns]


ACTIVATIONS = {
    nn.ReLU: lambda graph, z: graph.add("Relu", z),
    nn.Tanh: lambda graph, z: graph.add("Tanh", z),
    nn.SiLU: lambda graph, z: graph.add("Mul", z, graph.add("Sigmoid", z)),
    nn.GELU: lambda graph, z: graph.add(
        "Mul",
        graph.add("Mul", z, _single(0.5)),
        graph.add("Add", graph.add("Erf", graph.add("Mul", z, _single(0.5**0.5))), _single(1.0)),
    ),
}


def _run(graph: Graph, network: InferenceNetwork, hidden: str, head: str, layers: list[str]) -> str:
    """Add the layers, whose names `layers` gets; return the name of the outputs.

    These are of the type of the network's `center`.
    """
    if network.frequency is not None:
        hidden = _embed(graph, network, hidden)
    for bias, weight in network.hidden:
        hidden = _dense(graph, hidden, bias, weight)
        hidden = ACTIVATIONS[network.kind](graph, hidden)
        layers.append(hidden)
    bias, weight = network.heads[head]
    if network.center.dtype == torch.float32 and len(bias) == 1 and not network.log:
        # One operation with the last layer. (Of several outputs eight bits would have to
        # hold all units at once.)
        unit, offset = network.scale.double(), network.center.double()
        bias, weight = bias.double() * unit + offset, weight.double() * unit
        return _dense(graph, hidden, bias.float(), weight.float())
    standard = _dense(graph, hidden, bias, weight)
    if network.log:
        largest = np.array(LARGEST_LOG, _dtype(bias))
        standard = graph.add("Exp", graph.add("Min", standard, largest))
    center, scale = (_array(values[:, 0]) for values in (network.center, network.scale))
    if center.dtype == np.float64:
        standard = graph.cast(standard, np.float64)  # the target's offset needs its digits
    return graph.add("Add", graph.add("Mul", standard, scale), center)


def _enter(graph: Graph, network: InferenceNetwork, X: str, dtype: np.dtype, missing: bool) -> str:
    """Add the map of the inputs of a type; `missing` says whether rows with NaN are predicted."""
    if network.scores is None:
        return _standardize(graph, network, X, dtype)
    table = network.scores
    if network.only_numeric:
        return _scores(graph, table, X, dtype, missing)
    parts = []
    if len(network.numeric):
        numbers = graph.add("Gather", X, _array(network.numeric), axis=1)
        parts.append(_scores(graph, table, numbers, dtype, missing))
    if len(network.missing):
        gaps = graph.add("IsNaN", graph.add("Gather", X, _array(network.missing), axis=1))
        parts.append(graph.cast(gaps, dtype))
    if len(network.category_value):
        codes = graph.add("Gather", X, _array(network.category_feature), axis=1)
        same = graph.add("Equal", codes, _array(network.category_value[:, 0]))
        parts.append(graph.cast(same, dtype))
    return parts[0] if len(parts) == 1 else graph.add("Concat", *parts, axis=1)


def _standardize(graph: Graph, network: InferenceNetwork, X: str, dtype: np.dtype) -> str:
    """Add the scaling of the inputs, in double precision where `predict` needs that as well."""
    center, scale = _array(network.input_center), _array(network.input_scale)
    wide = X if center.dtype == dtype else graph.cast(X, center.dtype)
    standard = graph.add("Div", graph.add("Sub", wide, center), scale)
    bounds = [np.array(bound, center.dtype) for bound in (-FARTHEST, FARTHEST)]
    standard = graph.add("Clip", standard, *bounds)
    return standard if center.dtype == dtype else graph.cast(standard, dtype)


def _scores(graph: Graph, table: Any, X: str, X_dtype: np.dtype, missing: bool) -> str:
    """Add the lookup of normal scores: count the knots at or below a value, then a line."""
    n_features, n_knots = table.knots.shape
    dtype = _dtype(table.knots)
    X = X if X_dtype == dtype else graph.cast(X, dtype)
    wide = graph.add("Unsqueeze", X, np.array([2], np.int64))
    knots = graph.constant(_array(table.knots))
    reached = graph.cast(graph.add("GreaterOrEqual", wide, knots), np.int32)
    rank = graph.add("ReduceSum", reached, np.array([2], np.int64), keepdims=0)
    place = graph.add("Add", rank, np.arange(n_features, dtype=np.int32) * (n_knots + 1))
    slope, score = (graph.constant(_array(values).ravel()) for values in (table.slope, table.score))
    # The knot below a value, and 0 where the score does not rise: far from such a knot the
    # distance might be infinite.
    below = graph.add("Pad", knots, np.array([0, 1, 0, 0], np.int64))
    below = graph.add("Reshape", below, np.array([-1], np.int64))
    below = graph.add("Where", graph.cast(slope, bool), below, np.array(0, dtype))
    base, rise, start = (graph.add("Gather", values, place) for values in (below, slope, score))
    found = graph.add("Add", graph.add("Mul", graph.add("Sub", X, base), rise), start)
    if missing:
        found = graph.add("Where", graph.add("IsNaN", X), np.array(0, dtype), found)
    return found if X_dtype == dtype else graph.cast(found, X_dtype)


def _embed(graph: Graph, network: InferenceNetwork, hidden: str) -> str:
    frequency = _array(network.frequency)[:, 0]
    numbers = hidden
    if network.scores is not None and not network.only_numeric:
        bounds = [np.array([value], np.int64) for value in (0, network.n_numeric, 1)]
        numbers = graph.add("Slice", hidden, *bounds)
    # Each number times each frequency, as one product with a matrix that is mostly 0.
    every = np.kron(np.eye(network.n_numeric, dtype=np.float32), frequency)
    phase = graph.add("MatMul", numbers, every)
    waves = [graph.add("Sin", phase), graph.add("Cos", phase)]
    return graph.add("Concat", hidden, *waves, axis=1)


def _dense(graph: Graph, hidden: str, bias: Tensor, weight: Tensor) -> str:
    return graph.add("Gemm", hidden, _array(weight), _array(bias)[:, 0], transB=1)


def _array(values: Any) -> np.ndarray:
    return values.detach().cpu().numpy()


def _dtype(values: Tensor) -> np.dtype:
    return _array(values).dtype


def _single(value: float) -> np.ndarray:
    return np.array(value, np.float32)

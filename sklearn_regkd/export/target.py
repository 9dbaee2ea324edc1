"""From a transformed target back to its own units, as ONNX nodes."""

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from scipy import special
from sklearn.compose import TransformedTargetRegressor
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    PowerTransformer,
    RobustScaler,
    StandardScaler,
)

from sklearn_regkd.export.graph import Graph
from sklearn_regkd.utils.sklearn_compat import power_scaler

Write: TypeAlias = Callable[[Graph, str], str]

# Their inverse is a line, which two points tell.
LINEAR = (StandardScaler, MinMaxScaler, MaxAbsScaler, RobustScaler)
LEAST_POWER = 1e-8


def _number(value: float) -> np.ndarray:
    return np.array(value, np.float64)


def _one(kind: str) -> Write:
    return lambda graph, z: graph.add(kind, z)


def _times(factor: float, kind: str) -> Write:
    return lambda graph, z: graph.add(kind, graph.add("Mul", z, _number(factor)))


def _log(base: float) -> Write:
    return lambda graph, z: graph.add("Mul", graph.add("Log", z), _number(1 / np.log(base)))


def _plus_one(graph: Graph, z: str) -> str:
    return graph.add("Add", z, _number(1))


def _minus_one(graph: Graph, z: str) -> str:
    return graph.add("Sub", z, _number(1))


def _expm1(graph: Graph, z: str) -> str:
    return _minus_one(graph, graph.add("Exp", z))


def _sinh(graph: Graph, z: str) -> str:
    two = graph.add("Sub", graph.add("Exp", z), graph.add("Exp", graph.add("Neg", z)))
    return graph.add("Mul", two, _number(0.5))


def _arcsinh(graph: Graph, z: str) -> str:
    root = graph.add("Sqrt", _plus_one(graph, graph.add("Mul", z, z)))
    positive = graph.add("Log", graph.add("Add", graph.add("Abs", z), root))
    return graph.add("Mul", graph.add("Sign", z), positive)


def _cbrt(graph: Graph, z: str) -> str:
    root = graph.add("Pow", graph.add("Abs", z), _number(1 / 3))
    return graph.add("Mul", graph.add("Sign", z), root)


def _logit(graph: Graph, z: str) -> str:
    return graph.add("Log", graph.add("Div", z, _plus_one(graph, graph.add("Neg", z))))


FUNCTIONS: dict[Any, Write] = {
    np.exp: _one("Exp"),
    np.exp2: _times(np.log(2), "Exp"),
    special.exp2: _times(np.log(2), "Exp"),
    special.exp10: _times(np.log(10), "Exp"),
    np.expm1: _expm1,
    special.expm1: _expm1,
    np.log: _one("Log"),
    np.log2: _log(2),
    np.log10: _log(10),
    np.log1p: lambda graph, z: graph.add("Log", _plus_one(graph, z)),
    special.log1p: lambda graph, z: graph.add("Log", _plus_one(graph, z)),
    np.square: lambda graph, z: graph.add("Mul", z, z),
    np.sqrt: _one("Sqrt"),
    np.cbrt: _cbrt,
    special.cbrt: _cbrt,
    np.sinh: _sinh,
    np.arcsinh: _arcsinh,
    np.negative: _one("Neg"),
    np.positive: _one("Identity"),
    np.reciprocal: _one("Reciprocal"),
    np.abs: _one("Abs"),
    np.tanh: _one("Tanh"),
    special.expit: _one("Sigmoid"),
    special.logit: _logit,
}


def write_inverse(graph: Graph, transformers: list[Any], columns: str, dtype: Any) -> str:
    """Add the inverse of fitted transformers of the target, in double precision.

    Parameters
    ----------
    graph : Graph
        It gets the nodes.
    transformers : list of object
        In the order in which their inverses are applied; what
        :func:`target_transformer` returned.
    columns : str
        Name of the outputs (n_samples, n_outputs) in the units of the student.
    dtype : dtype
        Of these outputs, and of those in raw units.

    Returns
    -------
    str
        Name of the outputs in raw units.

    Raises
    ------
    TypeError
        If a function or a transformer cannot be written in ONNX.
    """
    if not transformers:
        return columns
    wide = np.dtype(dtype) == np.float64
    value = columns if wide else graph.cast(columns, np.float64)
    for transformer in transformers:
        value = _inverse(graph, transformer, value)
    return value if wide else graph.cast(value, dtype)


def target_transformer(regressor: TransformedTargetRegressor) -> Any:
    """Return the fitted transformer of a regressor, after a look whether ONNX knows its inverse.

    Raises
    ------
    TypeError
        If a function or a transformer cannot be written in ONNX; it is named.
    """
    transformer = regressor.transformer_
    _inverse(Graph(), transformer, "")
    return transformer


def _inverse(graph: Graph, transformer: Any, value: str) -> str:
    if isinstance(transformer, str) or transformer is None:
        return value  # "passthrough" in a Pipeline
    if isinstance(transformer, Pipeline):
        for _, step in reversed(transformer.steps):
            value = _inverse(graph, step, value)
        return value
    if type(transformer) is FunctionTransformer:
        return _function(graph, transformer, value)
    if type(transformer) in LINEAR:
        shape = 1, transformer.n_features_in_
        # An array for each call: with copy=False it is written into.
        offset = transformer.inverse_transform(np.zeros(shape))[0]
        slope = transformer.inverse_transform(np.ones(shape))[0] - offset
        return graph.add("Add", graph.add("Mul", value, slope), offset)
    if type(transformer) is PowerTransformer:
        return _power(graph, transformer, value)
    known = ", ".join(sorted(kind.__name__ for kind in (*LINEAR, PowerTransformer)))
    raise TypeError(
        f"the target is transformed by {transformer!r}, whose inverse cannot be written in ONNX; "
        f"known are FunctionTransformer and func/inverse_func with a known function, {known} and "
        "Pipelines of these"
    )


def _function(graph: Graph, transformer: FunctionTransformer, value: str) -> str:
    function = transformer.inverse_func
    if function is None:
        return value
    # A ufunc of ours is the same object wherever it is imported from.
    write = FUNCTIONS.get(function) if isinstance(function, np.ufunc) else None
    if write is None or transformer.inv_kw_args:
        name = getattr(function, "__qualname__", None) or getattr(function, "__name__", function)
        extra = f" with {transformer.inv_kw_args}" if transformer.inv_kw_args else ""
        known = ", ".join(sorted({one.__name__ for one in FUNCTIONS}))
        raise TypeError(
            f"inverse_func={name}{extra} cannot be written in ONNX: take one of the functions of "
            f"NumPy and scipy.special, without arguments: {known}"
        )
    return write(graph, value)


def _power(graph: Graph, transformer: PowerTransformer, value: str) -> str:
    if transformer.standardize:
        value = _inverse(graph, power_scaler(transformer), value)
    # A power of 0 means the logarithm, which very small powers are, too.
    power = np.asarray(transformer.lambdas_, np.float64)
    if transformer.method == "box-cox":
        return _power_of(graph, value, np.where(abs(power) < LEAST_POWER, LEAST_POWER, power))
    low = 2 - power
    power, low = (np.where(abs(one) < LEAST_POWER, LEAST_POWER, one) for one in (power, low))
    above = _minus_one(graph, _power_of(graph, _positive_part(graph, value), power))
    below = _positive_part(graph, graph.add("Neg", value))
    return graph.add("Sub", above, _minus_one(graph, _power_of(graph, below, low)))


def _positive_part(graph: Graph, value: str) -> str:
    """Add a maximum with 0 that leaves NaN as it is."""
    positive = graph.cast(graph.add("Greater", value, _number(0)), np.float64)
    return graph.add("Mul", value, positive)


def _power_of(graph: Graph, value: str, power: np.ndarray) -> str:
    line = _plus_one(graph, graph.add("Mul", value, power))
    return graph.add("Pow", line, 1 / power)

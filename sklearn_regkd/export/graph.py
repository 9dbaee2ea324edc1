"""Nodes of an ONNX graph, the model around them, and the versions of the operators."""

from functools import cache
from typing import Any

import numpy as np

# Unsqueeze, Squeeze and ReduceSum take their axes as an input from 13 on.
LEAST_OPSET, OPSET = 13, 17
INPUT, OUTPUT = "X", "y"


class Graph:
    """ONNX nodes in the order in which they run.

    Parameters
    ----------
    prefix : str, default=""
        Before the name of each value, so that graphs can be joined.
    """

    def __init__(self, prefix: str = ""):
        self.prefix = prefix
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def add(
        self,
        kind: str,
        *inputs: Any,
        name: str | None = None,
        n_outputs: int = 1,
        **attributes: Any,
    ) -> str:
        """Add a node; arrays among its inputs become constants. Return its first output's name."""
        from onnx import helper

        names = [one if isinstance(one, str) else self.constant(one) for one in inputs]
        name = name or f"{self.prefix}{kind.lower()}_{len(self.nodes)}"
        more = [f"{name}_{position}" for position in range(1, n_outputs)]
        self.nodes.append(helper.make_node(kind, names, [name, *more], name=name, **attributes))
        return name

    def constant(self, values: np.ndarray) -> str:
        """Add an array, and return its name."""
        from onnx import numpy_helper

        name = f"{self.prefix}constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def cast(self, value: str, dtype: Any, name: str | None = None) -> str:
        """Add a conversion to a type of NumPy. Return its output's name."""
        return self.add("Cast", value, to=element_type(dtype), name=name)


def element_type(dtype: Any) -> int:
    """Return ONNX's number of a type of NumPy."""
    from onnx import helper

    return helper.np_dtype_to_tensor_dtype(np.dtype(dtype))


def write_output(graph: Graph, columns: str, y_ndim: int, name: str = OUTPUT) -> None:
    """Name the outputs (n_samples, n_outputs), in the shape in which `predict` returns them."""
    if y_ndim == 1:
        graph.add("Squeeze", columns, np.array([1], np.int64), name=name)
    else:
        graph.add("Identity", columns, name=name)


def output_value(dtype: np.dtype, y_ndim: int, n_outputs: int, name: str = OUTPUT) -> Any:
    """Return what a model says of its output."""
    from onnx import helper

    shape: list[Any] = ["n_samples", n_outputs]
    return helper.make_tensor_value_info(name, element_type(dtype), shape[:y_ndim])


def check_opset(opset: Any, least: int = LEAST_OPSET, newest: int | None = None) -> int:
    """Return a version of ONNX's operators in which a graph can be written and run.

    Raises
    ------
    TypeError
        If it is no integer.
    ValueError
        If it is lower than the least one, or newer than what is installed here knows.
    """
    if isinstance(opset, bool) or not isinstance(opset, int | np.integer):
        raise TypeError(f"target_opset must be an integer or None, got {opset!r}")
    newest = newest_opset() if newest is None else min(newest_opset(), newest)
    if not least <= opset <= newest:
        raise ValueError(
            f"target_opset={opset}, but the graph needs at least {least}, and what is installed "
            f"here writes and runs opsets up to {newest}: take one of {least} to {newest}"
        )
    return int(opset)


@cache
def newest_opset() -> int:
    """Return the newest opset that onnx can write and, where it is installed, ONNX Runtime runs."""
    import onnx

    newest = onnx.defs.onnx_opset_version()
    try:
        import onnxruntime
    except ImportError:
        return newest
    while newest > LEAST_OPSET and refusal(onnxruntime, _smallest_model(newest)) is not None:
        newest -= 1
    return newest


def _smallest_model(opset: int) -> Any:
    from onnx import helper

    X, y = (helper.make_tensor_value_info(name, 1, [1]) for name in (INPUT, OUTPUT))
    node = helper.make_node("Identity", [INPUT], [OUTPUT])
    return make_model(helper.make_graph([node], "smallest", [X], [y]), opset)


def refusal(onnxruntime: Any, model: Any) -> Exception | None:
    """Return the error with which ONNX Runtime refuses a model, None if it takes it."""
    state = onnxruntime.capi.onnxruntime_pybind11_state
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # the error says it all
    try:
        onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
    except (state.Fail, state.InvalidGraph, state.NotImplemented) as error:
        return error
    return None


def make_model(body: Any, opset: int) -> Any:
    """Return a model around a graph, of the lowest version of the file that can hold it."""
    from onnx import helper

    opsets = [helper.make_opsetid("", opset)]
    return helper.make_model(
        body, opset_imports=opsets, ir_version=helper.find_min_ir_version_for(opsets)
    )


def append(model: Any, graph: Graph, output: Any) -> None:
    """Append nodes to a model, whose output they replace by another one."""
    model.graph.node.extend(graph.nodes)
    model.graph.initializer.extend(graph.constants)
    model.graph.output.pop()
    model.graph.output.append(output)

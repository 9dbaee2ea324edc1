"""A fitted student as an ONNX file: raw features in, raw units out, and nothing else needed.

The graph of the built-in network is written here, node by node, from what
prediction has worked out beforehand (:mod:`sklearn_regkd.networks.inference`); a
module of the user's is exported by PyTorch.
"""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils import check_array
from torch import Tensor, nn

from sklearn_regkd.estimators.base import BaseDistiller
from sklearn_regkd.estimators.distilled import DistilledRegressor
from sklearn_regkd.estimators.student import StudentRegressor
from sklearn_regkd.estimators.tor import TORRegressor
from sklearn_regkd.networks.inference import InferenceNetwork
from sklearn_regkd.networks.scaling import FARTHEST
from sklearn_regkd.utils.sklearn_compat import check_fitted
from sklearn_regkd.utils.unwrap import layers

OPSET, IR_VERSION = 17, 8
INPUT, OUTPUT = "X", "y"


def to_onnx(estimator: BaseEstimator, path: str | Path | None = None) -> Any:
    """Write the student of a fitted estimator as an ONNX model.

    The model takes ``X``, float32 of shape (n_samples, n_features) with any number of
    rows, raw as in `predict`, and returns ``y`` of the shape and in the units of
    `predict`, of the head that `predict` takes. Categories are the numbers that they
    were coded by. A row with a missing value that `fit` was not told to expect
    gives NaN: nobody validates there.

    Parameters
    ----------
    estimator : StudentRegressor, TORRegressor, DistilledRegressor or a search over one
        Fitted.
    path : str or Path, default=None
        Where to write the file; None writes none.

    Returns
    -------
    onnx.ModelProto
        The model.

    Raises
    ------
    ImportError
        If onnx is not installed.
    TypeError
        If the estimator is none of the above. For a Pipeline call
        :func:`register_converters` once, then ``skl2onnx.to_onnx(pipeline, X)``.
    ValueError
        If a module of the user's can be exported for a fixed number of rows only.
    sklearn.exceptions.NotFittedError
        If it is not fitted.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_regkd import StudentRegressor
    >>> from sklearn_regkd.export import to_onnx
    >>> X = np.random.default_rng(0).normal(size=(60, 2)).astype("float32")
    >>> student = StudentRegressor((8,), max_epochs=2, random_state=0).fit(X, X[:, 0])
    >>> [value.name for value in to_onnx(student).graph.output]
    ['y']
    """
    try:
        import onnx
    except ImportError as error:
        raise ImportError(
            "to_onnx needs the package onnx: pip install 'sklearn-regkd[onnx]'"
        ) from error
    student, head = student_of(estimator)
    if student._folded is None:
        model = _export_module(student, head)
    else:
        model = _export_folded(student._folded[np.dtype(np.float32)], student, head)
    onnx.checker.check_model(model)
    if path is not None:
        onnx.save(model, str(path))
    return model


def student_of(estimator: BaseEstimator) -> tuple[StudentRegressor, str]:
    """Return the fitted student inside an estimator, and the head that it predicts with."""
    *wrappers, estimator = layers(estimator)
    if any(isinstance(wrapper, Pipeline) for wrapper in wrappers):
        raise TypeError(
            "a Pipeline has other steps, which skl2onnx knows: call "
            "sklearn_regkd.export.register_converters(), then "
            "skl2onnx.to_onnx(pipeline, X[:1].astype('float32'))"
        )
    if isinstance(estimator, BaseDistiller):
        check_fitted(estimator, "student_")
        return estimator.student_, estimator.predict_head
    if isinstance(estimator, StudentRegressor):
        check_fitted(estimator, "net_")
        return estimator, "label"
    raise TypeError(
        f"to_onnx takes a fitted StudentRegressor, TORRegressor or DistilledRegressor, got "
        f"{estimator!r}"
    )


def model_rows(student: StudentRegressor, X: Any) -> np.ndarray:
    """Return rows in the form that a student's model takes: numbers in single precision."""
    return check_array(
        student._columns.transform(X),
        dtype=np.float32,
        allow_nd=True,
        ensure_all_finite=False,
        order="C",
    )


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

    def add(self, kind: str, *inputs: Any, name: str | None = None, **attributes: Any) -> str:
        """Add a node; arrays among its inputs become constants. Return its output's name."""
        from onnx import helper

        names = [one if isinstance(one, str) else self.constant(one) for one in inputs]
        name = name or f"{self.prefix}{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, names, [name], **attributes))
        return name

    def constant(self, values: np.ndarray) -> str:
        """Add an array, and return its name."""
        from onnx import numpy_helper

        name = f"{self.prefix}constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name


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


def write_network(graph: Graph, network: InferenceNetwork, head: str, X: str) -> str:
    """Add the nodes of a built-in network; return the name of its output (n_samples, n_outputs).

    Parameters
    ----------
    graph : Graph
        It gets the nodes.
    network : InferenceNetwork
        In single precision.
    head : {"label", "teacher", "mean"}
        Which output.
    X : str
        Name of the raw inputs, float32 (n_samples, n_features).
    """
    hidden = _enter(graph, network, X)
    if network.frequency is not None:
        hidden = _embed(graph, network, hidden)
    for bias, weight in network.hidden:
        hidden = _dense(graph, hidden, bias, weight)
        hidden = ACTIVATIONS[network.kind](graph, hidden)
    bias, weight = network.heads[head]
    if network.center.dtype == torch.float32 and len(bias) == 1:
        # One operation with the last layer. (Of several outputs eight bits would have to
        # hold all units at once.)
        unit, offset = network.scale.double(), network.center.double()
        bias, weight = bias.double() * unit + offset, weight.double() * unit
        return _dense(graph, hidden, bias.float(), weight.float())
    said = _dense(graph, hidden, bias, weight)
    center, scale = (_array(values[:, 0]) for values in (network.center, network.scale))
    if center.dtype == np.float64:
        said = graph.add("Cast", said, to=11)  # double: the target's offset needs its digits
    return graph.add("Add", graph.add("Mul", said, scale), center)


def _enter(graph: Graph, network: InferenceNetwork, X: str) -> str:
    if network.scores is None:
        center, scale = _array(network.input_center), _array(network.input_scale)
        double = center.dtype == np.float64
        wide = graph.add("Cast", X, to=11) if double else X
        standard = graph.add("Div", graph.add("Sub", wide, center), scale)
        bounds = [np.array(bound, center.dtype) for bound in (-FARTHEST, FARTHEST)]
        standard = graph.add("Clip", standard, *bounds)
        return graph.add("Cast", standard, to=1) if double else standard
    table = network.scores
    if network.only_numeric:
        return _scores(graph, table, X, missing=False)
    parts = []
    if len(network.numeric):
        numbers = graph.add("Gather", X, _array(network.numeric), axis=1)
        gaps = len(network.missing) or len(network.category_value)
        parts.append(_scores(graph, table, numbers, missing=bool(gaps)))
    if len(network.missing):
        missing = graph.add("IsNaN", graph.add("Gather", X, _array(network.missing), axis=1))
        parts.append(graph.add("Cast", missing, to=1))
    if len(network.category_value):
        codes = graph.add("Gather", X, _array(network.category_feature), axis=1)
        same = graph.add("Equal", codes, _array(network.category_value[:, 0]))
        parts.append(graph.add("Cast", same, to=1))
    return parts[0] if len(parts) == 1 else graph.add("Concat", *parts, axis=1)


def _scores(graph: Graph, table: Any, X: str, missing: bool) -> str:
    """Add the lookup of normal scores: count the knots at or below a value, then a line."""
    n_features, n_knots = table.knots.shape
    double = table.knots.dtype == torch.float64
    if double:
        X = graph.add("Cast", X, to=11)
    wide = graph.add("Unsqueeze", X, np.array([2], np.int64))
    knots = graph.constant(_array(table.knots))
    reached = graph.add("Cast", graph.add("GreaterOrEqual", wide, knots), to=6)  # int32
    rank = graph.add("ReduceSum", reached, np.array([2], np.int64), keepdims=0)
    place = graph.add("Add", rank, np.arange(n_features, dtype=np.int32) * (n_knots + 1))
    # The knot below a value; where there is none the slope is 0.
    below = graph.add("Pad", knots, np.array([0, 1, 0, 0], np.int64))
    below = graph.add("Reshape", below, np.array([-1], np.int64))
    slope, score = (_array(values).ravel() for values in (table.slope, table.score))
    base, rise, start = (graph.add("Gather", values, place) for values in (below, slope, score))
    found = graph.add("Add", graph.add("Mul", graph.add("Sub", X, base), rise), start)
    if double:
        found = graph.add("Cast", found, to=1)
    if not missing:
        return found
    return graph.add("Where", graph.add("IsNaN", X), _single(0.0), found)


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


def _single(value: float) -> np.ndarray:
    return np.array(value, np.float32)


def _export_folded(network: InferenceNetwork, student: StudentRegressor, head: str) -> Any:
    from onnx import TensorProto, helper

    graph = Graph()
    columns = write_network(graph, network, head, INPUT)
    if student._y_ndim == 1:
        graph.add("Squeeze", columns, np.array([1], np.int64), name=OUTPUT)
    else:
        graph.add("Identity", columns, name=OUTPUT)
    double = network.center.dtype == torch.float64
    given = helper.make_tensor_value_info(
        INPUT, TensorProto.FLOAT, ["n_samples", *student._input_shape]
    )
    shape = ["n_samples"] if student._y_ndim == 1 else ["n_samples", student.n_outputs_]
    kind = TensorProto.DOUBLE if double else TensorProto.FLOAT
    returned = helper.make_tensor_value_info(OUTPUT, kind, shape)
    body = helper.make_graph(graph.nodes, "student", [given], [returned], graph.constants)
    opset = [helper.make_opsetid("", OPSET)]
    return helper.make_model(
        body, opset_imports=opset, ir_version=IR_VERSION, producer_name="sklearn_regkd"
    )


def _convert(scope: Any, operator: Any, container: Any) -> None:
    """Add a student to a graph of skl2onnx; it names its own values there."""
    student, head = student_of(operator.raw_operator)
    if student._folded is None:
        raise TypeError("a module of your own cannot be part of a Pipeline's graph; use to_onnx")
    graph = Graph(scope.get_unique_variable_name("student") + "_")
    X = graph.add("Cast", operator.inputs[0].full_name, to=1)
    said = write_network(graph, student._folded[np.dtype(np.float32)], head, X)
    graph.add("Cast", said, to=1, name=operator.outputs[0].full_name)
    for constant in graph.constants:
        container.initializers.append(constant)
    for node in graph.nodes:
        container.nodes.append(node)


def register_converters() -> None:
    """Let ``skl2onnx.to_onnx`` convert Pipelines that end with one of our estimators.

    Outputs are float32 of shape (n_samples, n_outputs), as of all regressors there.

    Raises
    ------
    ImportError
        If skl2onnx is not installed.
    """
    from skl2onnx import update_registered_converter
    from skl2onnx.common.data_types import FloatTensorType

    def shape(operator):
        student, _ = student_of(operator.raw_operator)
        operator.outputs[0].type = FloatTensorType([None, student.n_outputs_])

    for Estimator in (StudentRegressor, TORRegressor, DistilledRegressor):
        update_registered_converter(Estimator, f"Regkd{Estimator.__name__}", shape, _convert)


class _Whole(nn.Module):
    """A user's module with its scalings, of which `predict` takes one head."""

    def __init__(self, student: StudentRegressor, head: str):
        super().__init__()
        self.module, self.output, self.head = student.net_.module_, student._output, head
        self.flat = student._y_ndim == 1

    def forward(self, X: Tensor) -> Tensor:
        """Return what `predict` returns."""
        columns = self.output(self.module(X), head=self.head)
        return columns[:, 0] if self.flat else columns


def _export_module(student: StudentRegressor, head: str) -> Any:
    whole = _Whole(student, head).eval().cpu()
    rows = torch.zeros((2, *student._input_shape), dtype=torch.float32)
    with warnings.catch_warnings():
        # What PyTorch will change inside itself is not for our users to act on.
        for category in (FutureWarning, DeprecationWarning):
            warnings.simplefilter("ignore", category)
        program: Any = torch.onnx.export(
            whole,
            (rows,),
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_shapes={"X": {0: torch.export.Dim("n_samples")}},
            opset_version=18,
            dynamo=True,
            verbose=False,
        )
    model = program.model_proto
    if not model.graph.input[0].type.tensor_type.shape.dim[0].dim_param:
        raise ValueError(
            f"PyTorch could export {type(whole.module).__name__} for {len(rows)} rows only: its "
            "forward turns the number of rows into a plain number; write X.shape[0] instead "
            "of len(X), and no loops over rows"
        )
    return model

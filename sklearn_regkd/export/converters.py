"""What skl2onnx has to know of our estimators, so that it can write the Pipelines around them."""

from typing import Any

import numpy as np
from sklearn.compose import TransformedTargetRegressor
from sklearn.frozen import FrozenEstimator

from sklearn_regkd.estimators.distilled import DistilledRegressor
from sklearn_regkd.estimators.search import DistilledSearchCV
from sklearn_regkd.estimators.student import StudentRegressor
from sklearn_regkd.estimators.tor import TORRegressor
from sklearn_regkd.export.graph import LEAST_OPSET, Graph, check_opset
from sklearn_regkd.export.network import is_built_in, output_dtype, refuse_rows, write_student
from sklearn_regkd.export.target import target_transformer, write_inverse
from sklearn_regkd.export.wrapped import student_of
from sklearn_regkd.utils.unwrap import layers

# What the rows are called that reach the student inside a Pipeline's graph.
STUDENT, ROWS = "regkd_student", "rows"


def register_converters() -> None:
    """Let ``skl2onnx.to_onnx`` convert Pipelines that end with one of our estimators.

    A TransformedTargetRegressor and a FrozenEstimator may be around them or inside. Outputs
    have the shape (n_samples, n_outputs), as those of all regressors there, and are float32,
    or float64 where the inputs are, or where the digits of the target need it.
    :func:`to_onnx` does the same for a whole Pipeline, and returns what `predict` returns.

    Raises
    ------
    ImportError
        If skl2onnx is not installed.
    """
    skl2onnx = import_skl2onnx("register_converters")
    register = skl2onnx.update_registered_converter
    for Estimator in (StudentRegressor, TORRegressor, DistilledRegressor):
        register(Estimator, f"Regkd{Estimator.__name__}", _student_shape, _convert_student)
    register(
        TransformedTargetRegressor,
        "RegkdTransformedTargetRegressor",
        _target_shape,
        _convert_target,
        parser=_parse_target,
    )
    # These are no operators of their own.
    for Wrapper in (DistilledSearchCV, FrozenEstimator):
        skl2onnx.update_registered_parser(Wrapper, _parse_wrapper)


def import_skl2onnx(who: str) -> Any:
    """Return the package, or raise an ImportError that says how to install it."""
    try:
        import skl2onnx
    except ImportError as error:
        raise ImportError(
            f"{who} needs the package skl2onnx: pip install 'sklearn-regkd[onnx]'"
        ) from error
    return skl2onnx


def _parse_wrapper(scope: Any, model: Any, inputs: list, custom_parsers: Any = None) -> list:
    from skl2onnx._parse import _parse_sklearn

    return _parse_sklearn(scope, layers(model)[1], inputs, custom_parsers=custom_parsers)


def _parse_target(scope: Any, model: Any, inputs: list, custom_parsers: Any = None) -> list:
    from skl2onnx._parse import _parse_sklearn

    columns = _parse_sklearn(scope, model.regressor_, inputs, custom_parsers=custom_parsers)
    for column in columns:
        column.init_status(is_leaf=False)  # a search takes its output for that of the graph
    operator = scope.declare_local_operator("RegkdTransformedTargetRegressor", model)
    operator.inputs = columns
    operator.outputs.append(scope.declare_local_variable("variable", columns[0].type))
    return operator.outputs


def _target_shape(operator: Any) -> None:
    operator.outputs[0].type = operator.inputs[0].type


def _convert_target(scope: Any, operator: Any, container: Any) -> None:
    _check_opset(container)
    graph = _graph(scope, "target")
    (columns,), dtype = operator.inputs, _input_dtype(operator)
    transformers = [target_transformer(operator.raw_operator)]
    value = write_inverse(graph, transformers, columns.full_name, dtype)
    graph.add("Identity", value, name=operator.outputs[0].full_name)
    _add_to(container, graph)


def _student_shape(operator: Any) -> None:
    from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType

    student, _ = student_of(operator.raw_operator)
    dtype = output_dtype(student, _input_dtype(operator))
    kind = DoubleTensorType if dtype == np.float64 else FloatTensorType
    operator.outputs[0].type = kind([None, student.n_outputs_])


def _convert_student(scope: Any, operator: Any, container: Any) -> None:
    """Add a student to a graph of skl2onnx."""
    student, head = student_of(operator.raw_operator)
    if not is_built_in(student):
        raise TypeError("a module of your own cannot be part of a Pipeline's graph; use to_onnx")
    _check_opset(container)
    graph = _graph(scope, STUDENT)
    dtype = np.float64 if _is_wide(operator) else np.float32
    name, parts = f"{graph.prefix}{ROWS}", [one.full_name for one in operator.inputs]
    if len(parts) == 1:
        X = graph.cast(parts[0], dtype, name)
    else:
        X = graph.add("Concat", *[graph.cast(one, dtype) for one in parts], axis=1, name=name)
    columns = write_student(graph, student, head, X, dtype)
    columns = refuse_rows(graph, student, X, dtype, columns)
    graph.cast(
        columns, output_dtype(student, _input_dtype(operator)), operator.outputs[0].full_name
    )
    _add_to(container, graph)


def _input_dtype(operator: Any) -> np.dtype:
    """Return float64 if an input is, else float32, as other converters do."""
    from skl2onnx.common.data_types import DoubleTensorType, StringTensorType

    if any(isinstance(one.type, StringTensorType) for one in operator.inputs):
        raise TypeError(
            "text reaches the student, and a graph knows no categories: encode such columns in "
            "the Pipeline, for example with OneHotEncoder(sparse_output=False)"
        )
    double = any(isinstance(one.type, DoubleTensorType) for one in operator.inputs)
    return np.dtype(np.float64 if double else np.float32)


def _is_wide(operator: Any) -> bool:
    """Return whether an input has more digits than single precision."""
    from skl2onnx.common.data_types import BooleanTensorType, FloatTensorType

    narrow = FloatTensorType, BooleanTensorType
    return not all(isinstance(one.type, narrow) for one in operator.inputs)


def _check_opset(container: Any) -> None:
    from skl2onnx import get_latest_tested_opset_version

    # For later ones it writes files that ONNX Runtime may be too old for.
    newest = get_latest_tested_opset_version()
    check_opset(container.target_opset_any_domain(""), newest=newest)


def _graph(scope: Any, name: str) -> Graph:
    return Graph(scope.get_unique_variable_name(name) + "_")


def _add_to(container: Any, graph: Graph) -> None:
    from onnx import helper

    for constant in graph.constants:
        container.initializers.append(constant)
    for node in graph.nodes:
        attributes = {one.name: helper.get_attribute_value(one) for one in node.attribute}
        container.add_node(
            node.op_type,
            list(node.input),
            list(node.output),
            name=node.name,
            op_version=LEAST_OPSET,
            **attributes,
        )

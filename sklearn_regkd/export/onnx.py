"""A fitted student as an ONNX file: raw features in, raw units out, and nothing else needed."""

import os
from collections.abc import Mapping
from typing import Any, BinaryIO

import numpy as np
from sklearn.base import BaseEstimator

from sklearn_regkd.export.domain import add_in_domain
from sklearn_regkd.export.files import check_path, save_model
from sklearn_regkd.export.graph import (
    INPUT,
    OPSET,
    Graph,
    append,
    check_opset,
    element_type,
    make_model,
    output_value,
    write_output,
)
from sklearn_regkd.export.intervals import (
    BOUNDS,
    finish_quantiles,
    intervals_of,
    write_bounds,
    write_quantiles,
    write_sizes,
)
from sklearn_regkd.export.metadata import add_metadata, check_metadata
from sklearn_regkd.export.module import COLUMNS, LEAST_MODULE_OPSET, export_module
from sklearn_regkd.export.network import (
    is_built_in,
    output_dtype,
    refuse_rows,
    warn_about_rounding,
    write_student,
)
from sklearn_regkd.export.pipeline import export_pipeline
from sklearn_regkd.export.target import write_inverse
from sklearn_regkd.export.wrapped import Wrapped, unwrap_student
from sklearn_regkd.networks.intervals import Intervals
from sklearn_regkd.utils.unwrap import layers as layers_of


def to_onnx(
    estimator: BaseEstimator,
    path: str | os.PathLike | BinaryIO | None = None,
    *,
    X: Any = None,
    dtype: Any = "float32",
    target_opset: int | None = None,
    metadata: Mapping[str, str] | None = None,
    in_domain: bool = False,
    intervals: float | None = None,
    quantiles: bool = False,
) -> Any:
    """Write the student of a fitted estimator as an ONNX model.

    The model takes ``X`` of shape (n_samples, n_features) with any number of rows, raw as
    in `predict`, and returns ``y`` of the shape and in the units of `predict`, of the head
    that `predict` takes. Categories are the numbers that they were coded by, which the
    metadata of the model tell; a number that `fit` has not seen is an unknown category, as
    in `predict`. A row that `predict` refuses gives NaN, because nobody validates there: one
    with infinity, or with NaN where ``missing_values="error"``.

    Of a Pipeline all steps are written, by skl2onnx. Fitted on a data frame, it has an input
    for each column, of shape (n_samples, 1) and its name: text, int64 for integers, bool and
    what is shorter, `dtype` for other numbers.

    Parameters
    ----------
    estimator : StudentRegressor, TORRegressor or DistilledRegressor
        Fitted. Also a search, a Pipeline, a TransformedTargetRegressor or a FrozenEstimator
        around one.
    path : str, path-like or binary file, default=None
        Where to write the file; None writes none. An existing file is replaced in one go.
    X : array-like of shape (n_samples, n_features), default=None
        Rows as in `predict`, one is enough: of a Pipeline that was fitted on a data frame
        the types of the columns are read from it. Not used otherwise.
    dtype : {"float32", "float64"}, default="float32"
        Type of the inputs. Double precision is for columns that single precision is too
        coarse for, such as time stamps; a warning names them.
    target_opset : int, default=None
        Version of ONNX's operators, at least 13, and 18 for a module of the user's. None
        takes 17, for a module 18, and for a Pipeline the least one that it needs.
    metadata : dict of str, default=None
        What else is to stand in the file, for example ``{"unit": "MPa"}``. It is added to the
        properties that the model has by itself: ``estimator``, ``sklearn_regkd_version``,
        ``missing_values``, and as JSON ``feature_names`` and ``categories``.
    in_domain : bool, default=False
        Whether the model has a second output, ``in_domain`` of shape (n_samples,): booleans, as
        the method of that name returns them for rows of the type of the inputs. In a column of
        categories a negative code or NaN is a missing one, and outside unless `fit` had such. Of
        a Pipeline it is about what its steps make of a row, and False where ``y`` is NaN.
    intervals : float, default=None
        Coverage of the outputs ``lower`` and ``upper``, of the shape of ``y``: the bounds that
        `predict_interval` returns. None writes none.
    quantiles : bool, default=False
        Whether there is an output ``quantiles``, of the shape and values that `predict_quantiles`
        returns.

    Returns
    -------
    onnx.ModelProto
        The model.

    Raises
    ------
    ImportError
        If onnx, or for a Pipeline skl2onnx, is not installed, or PyTorch is too old to export
        a module of the user's.
    TypeError
        If the estimator is none of the above, the inverse of a transformed target cannot be
        written in ONNX, or `path` is a text file.
    ValueError
        If a module of the user's can be exported for a fixed number of rows only, the columns
        of a Pipeline are not known, `in_domain` is asked of a student that has no such method or
        does not know its training rows, `intervals` or `quantiles` of an estimator that has none,
        or a parameter has another value than those above.
    sklearn.exceptions.NotFittedError
        If it is not fitted.

    Warns
    -----
    UserWarning
        If single precision is too coarse for a column.

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
    check_path(path)
    check_metadata(metadata)
    wrapped, kind = unwrap_student(estimator), _check_dtype(dtype)
    is_module = not is_built_in(wrapped.student)
    if target_opset is not None:
        target_opset = check_opset(target_opset, *[LEAST_MODULE_OPSET] * is_module)
    is_wrapped = wrapped.steps or bool(wrapped.transformers)
    if intervals is not None:
        intervals_of(estimator, is_wrapped, intervals)
    if quantiles:
        intervals_of(estimator, is_wrapped)
    if wrapped.steps:
        model = export_pipeline(estimator, wrapped, X, kind, target_opset)
    else:
        if kind == np.float32:
            warn_about_rounding(wrapped.student)
        if is_module:
            model = _export_module(wrapped, kind, target_opset)
        else:
            known = getattr(layers_of(estimator)[-1], "_intervals", None)
            model = _export_network(wrapped, kind, target_opset, known, intervals, quantiles)
    if in_domain:
        add_in_domain(model, wrapped, kind)
    add_metadata(model, estimator, wrapped.student, metadata or {})
    onnx.checker.check_model(model)
    if path is not None:
        save_model(model, path)
    return model


def _check_dtype(dtype: Any) -> np.dtype:
    try:
        kind = np.dtype("object" if dtype is None else dtype)
    except TypeError:
        kind = np.dtype("object")
    if kind not in (np.float32, np.float64):
        raise ValueError(f"dtype must be 'float32' or 'float64', got {dtype!r}")
    return kind


def _export_network(
    wrapped: Wrapped,
    dtype: np.dtype,
    opset: int | None,
    known: Intervals | None,
    coverage: float | None,
    quantiles: bool,
) -> Any:
    from onnx import helper

    student, graph = wrapped.student, Graph()
    layers: list[str] = []
    columns = write_student(graph, student, wrapped.head, INPUT, dtype, layers)
    outputs = [_output(wrapped, dtype)]
    _finish(graph, wrapped, columns, dtype)
    if known is not None and known.scale is not None and (coverage is not None or quantiles):
        kind = output_dtype(student, dtype)
        size = write_sizes(graph, known.scale, layers, kind)
        found = {}
        if coverage is not None:
            bounds = write_bounds(graph, known, columns, size, float(coverage), kind)
            found = dict(zip(BOUNDS, bounds, strict=True))
        for name, bound in found.items():
            refused = refuse_rows(graph, student, INPUT, dtype, bound)
            write_output(graph, refused, wrapped.y_ndim, name)
            outputs.append(output_value(kind, wrapped.y_ndim, student.n_outputs_, name))
        if quantiles:
            every = write_quantiles(graph, known, columns, size, layers[0], kind)
            every = refuse_rows(graph, student, INPUT, dtype, every)
            outputs.append(finish_quantiles(graph, known, every, wrapped.y_ndim, kind))
    shape = ["n_samples", *student._input_shape]
    given = helper.make_tensor_value_info(INPUT, element_type(dtype), shape)
    body = helper.make_graph(graph.nodes, "student", [given], outputs, graph.constants)
    return make_model(body, opset or OPSET)


def _export_module(wrapped: Wrapped, dtype: np.dtype, opset: int | None) -> Any:
    output = output_dtype(wrapped.student, dtype)
    model = export_module(wrapped.student, wrapped.head, dtype, output, opset or LEAST_MODULE_OPSET)
    graph = Graph("output_")
    _finish(graph, wrapped, COLUMNS, dtype)
    append(model, graph, _output(wrapped, dtype))
    return model


def _finish(graph: Graph, wrapped: Wrapped, columns: str, dtype: np.dtype) -> None:
    """Add what leads from the student's outputs to those of `predict`."""
    output = output_dtype(wrapped.student, dtype)
    columns = write_inverse(graph, wrapped.transformers, columns, output)
    # Last: there are functions that make numbers of NaN.
    columns = refuse_rows(graph, wrapped.student, INPUT, dtype, columns)
    write_output(graph, columns, wrapped.y_ndim)


def _output(wrapped: Wrapped, dtype: np.dtype) -> Any:
    output = output_dtype(wrapped.student, dtype)
    return output_value(output, wrapped.y_ndim, wrapped.student.n_outputs_)

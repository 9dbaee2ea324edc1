"""The outputs `lower`, `upper` and `quantiles` of an ONNX model."""

from typing import Any

import numpy as np

from sklearn_regkd.export.graph import Graph, element_type
from sklearn_regkd.networks.error_scale import ErrorScale
from sklearn_regkd.networks.intervals import Intervals
from sklearn_regkd.preprocessing.conformal import check_coverage
from sklearn_regkd.utils.unwrap import layers

BOUNDS, QUANTILES = ("lower", "upper"), "quantiles"


def intervals_of(estimator: Any, is_wrapped: bool, coverage: Any = None) -> Intervals:
    """Return what an estimator knows of its errors, or say why it cannot be exported.

    Parameters
    ----------
    estimator : estimator
        Fitted.
    is_wrapped : bool
        Whether a Pipeline with steps or a transformed target is around it.
    coverage : float, default=None
        Share of labels that is to lie inside intervals; None means that quantiles are wanted.

    Raises
    ------
    ValueError
        If `coverage` is not between 0 and 1, or the estimator has no intervals, or no quantiles,
        that could be exported.
    """
    what = "quantiles" if coverage is None else "intervals"
    if coverage is not None:
        check_coverage(coverage, "intervals")
    found = getattr(layers(estimator)[-1], "_intervals", None)
    if found is None or found.scale is None:
        raise ValueError(
            f"{what} are exported of a fitted DistilledRegressor or TORRegressor whose student "
            "has the built-in network and does not predict a quantile"
        )
    if is_wrapped:
        raise ValueError(
            f"{what} are exported of the estimator itself, not of a Pipeline or a transformed "
            f"target around it: export the steps and the estimator apart, or leave {what} away"
        )
    if coverage is None and found.quantiles is None:
        raise ValueError(
            "quantiles are exported of an estimator that was fitted with some, such as "
            "DistilledRegressor(quantiles=(0.05, 0.5, 0.95))"
        )
    return found


def write_sizes(graph: Graph, scale: ErrorScale, layer_names: list[str], dtype: np.dtype) -> str:
    """Add how large an error each row is to expect.

    Parameters
    ----------
    graph : Graph
        It gets the nodes.
    scale : ErrorScale
        From layers to sizes.
    layer_names : list of str
        Names of what the layers say, see :func:`~sklearn_regkd.export.network.write_student`.
    dtype : dtype
        Type of the predictions.

    Returns
    -------
    str
        Name of (n_samples, n_outputs).
    """
    seen, *hidden = layer_names
    every = graph.add("Concat", seen, graph.add("Abs", seen), *hidden, axis=1)
    weight, bias = scale.weight.astype(np.float32), scale.bias.astype(np.float32)
    # Not a Gemm: those are rounded in models of eight bits, and a logarithm suffers by that.
    logs = graph.add("Add", graph.add("MatMul", every, weight), bias)
    logs = graph.add("Max", logs, scale.low.astype(np.float32))
    size = graph.add("Exp", graph.add("Min", logs, scale.high.astype(np.float32)))
    return size if dtype == np.float32 else graph.cast(size, dtype)


def write_bounds(
    graph: Graph, intervals: Intervals, columns: str, size: str, coverage: float, dtype: np.dtype
) -> tuple[str, str]:
    """Add the bounds around predictions.

    Parameters
    ----------
    graph : Graph
        It gets the nodes.
    intervals : Intervals
        What is known of the errors.
    columns, size : str
        Names of the predictions and of :func:`write_sizes`, (n_samples, n_outputs) each.
    coverage : float
        Share of labels that is to lie inside.
    dtype : dtype
        Type of the predictions.

    Returns
    -------
    lower, upper : str
        Names of (n_samples, n_outputs).
    """
    names = []
    for factor in np.transpose([one.bounds(coverage) for one in intervals.scores]):
        bound = graph.add("Add", columns, graph.add("Mul", size, factor.astype(dtype)))
        names.append(_clip(graph, bound, intervals.low, intervals.high, dtype))
    return names[0], names[1]


def write_quantiles(
    graph: Graph,
    intervals: Intervals,
    columns: str,
    size: str,
    seen: str,
    dtype: np.dtype,
) -> str:
    """Add the quantiles around predictions.

    Parameters
    ----------
    graph, intervals, columns, size, dtype
        As for :func:`write_bounds`.
    seen : str
        Name of what the network sees of the rows.

    Returns
    -------
    str
        Name of (n_samples, n_outputs * n_levels), all levels of the first output first.
    """
    quantiles = intervals.quantiles
    assert quantiles is not None
    n_outputs, n_levels = quantiles.bias.shape
    inputs = graph.add("Concat", seen, graph.add("Abs", seen), axis=1)
    weight, bias, low, high = (
        one.reshape(*one.shape[:-2], -1).astype(np.float32)
        for one in (quantiles.weight, quantiles.bias, quantiles.low, quantiles.high)
    )
    error = graph.add("Add", graph.add("MatMul", inputs, weight), bias)
    error = _clip(graph, error, low, high, np.dtype(np.float32))
    shape = np.array([-1, n_outputs, n_levels])
    error = graph.add("Reshape", error, shape)
    # Those that cross are sorted.
    most = np.array([n_levels], np.int64)
    error = graph.add("TopK", error, most, n_outputs=2, axis=-1, largest=0, sorted=1)
    if dtype != np.float32:
        error = graph.cast(error, dtype)
    each = np.array([-1, n_outputs, 1])
    error = graph.add("Mul", error, graph.add("Reshape", size, each))
    found = graph.add("Add", error, graph.add("Reshape", columns, each))
    found = _clip(graph, found, intervals.low[:, None], intervals.high[:, None], dtype)
    return graph.add("Reshape", found, np.array([-1, n_outputs * n_levels]))


def finish_quantiles(
    graph: Graph, intervals: Intervals, columns: str, y_ndim: int, dtype: np.dtype
) -> Any:
    """Name the output of what :func:`write_quantiles` has written; return what a model says of it.

    Parameters
    ----------
    graph, intervals, dtype
        As there.
    columns : str
        Name of the quantiles (n_samples, n_outputs * n_levels).
    y_ndim : {1, 2}
        Dimensions of y in `fit`: of one there is no dimension of outputs.
    """
    from onnx import helper

    assert intervals.quantiles is not None
    shape = list(intervals.quantiles.bias.shape)[-y_ndim:]
    graph.add("Reshape", columns, np.array([-1, *shape]), name=QUANTILES)
    return helper.make_tensor_value_info(QUANTILES, element_type(dtype), ["n_samples", *shape])


def _clip(graph: Graph, name: str, low: np.ndarray, high: np.ndarray, dtype: np.dtype) -> str:
    for operator, limit in (("Max", low), ("Min", high)):
        if np.isfinite(limit).any():
            name = graph.add(operator, name, limit.astype(dtype))
    return name

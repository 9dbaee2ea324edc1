"""The outputs `lower` and `upper` of an ONNX model."""

from typing import Any

import numpy as np

from sklearn_regkd.export.graph import Graph
from sklearn_regkd.networks.intervals import Intervals
from sklearn_regkd.preprocessing.conformal import check_coverage
from sklearn_regkd.utils.unwrap import layers

BOUNDS = ("lower", "upper")


def intervals_of(estimator: Any, is_wrapped: bool, coverage: Any) -> Intervals:
    """Return what an estimator knows of its errors, or say why it cannot be exported.

    Parameters
    ----------
    estimator : estimator
        Fitted.
    is_wrapped : bool
        Whether a Pipeline with steps or a transformed target is around it.
    coverage : float
        Share of labels that is to lie inside.

    Raises
    ------
    ValueError
        If `coverage` is not between 0 and 1, or the estimator has no intervals that a graph
        could hold.
    """
    check_coverage(coverage, "intervals")
    found = getattr(layers(estimator)[-1], "_intervals", None)
    if found is None or found.scale is None:
        raise ValueError(
            "intervals are exported of a fitted DistilledRegressor or TORRegressor whose student "
            "has the built-in network and does not predict a quantile"
        )
    if is_wrapped:
        raise ValueError(
            "intervals are exported of the estimator itself, not of a Pipeline or a transformed "
            "target around it: export the steps and the estimator apart, or leave intervals away"
        )
    return found


def write_bounds(
    graph: Graph,
    intervals: Intervals,
    columns: str,
    layer_names: list[str],
    coverage: float,
    dtype: np.dtype,
) -> tuple[str, str]:
    """Add the bounds around predictions.

    Parameters
    ----------
    graph : Graph
        It gets the nodes.
    intervals : Intervals
        What is known of the errors.
    columns : str
        Name of the predictions (n_samples, n_outputs).
    layer_names : list of str
        Names of what the layers say, see :func:`~sklearn_regkd.export.network.write_student`.
    coverage : float
        Share of labels that is to lie inside.
    dtype : dtype
        Type of the predictions.

    Returns
    -------
    lower, upper : str
        Names of (n_samples, n_outputs).
    """
    scale = intervals.scale
    assert scale is not None
    seen, *hidden = layer_names
    every = graph.add("Concat", seen, graph.add("Abs", seen), *hidden, axis=1)
    weight, bias = scale.weight.astype(np.float32), scale.bias.astype(np.float32)
    # Not a Gemm: those are rounded in models of eight bits, and a logarithm suffers by that.
    logs = graph.add("Add", graph.add("MatMul", every, weight), bias)
    logs = graph.add("Max", logs, scale.low.astype(np.float32))
    size = graph.add("Exp", graph.add("Min", logs, scale.high.astype(np.float32)))
    if dtype != np.float32:
        size = graph.cast(size, dtype)
    names = []
    for factor in np.transpose([one.bounds(coverage) for one in intervals.scores]):
        bound = graph.add("Add", columns, graph.add("Mul", size, factor.astype(dtype)))
        for operator, limit in (("Max", intervals.low), ("Min", intervals.high)):
            if np.isfinite(limit).any():
                bound = graph.add(operator, bound, limit.astype(dtype))
        names.append(bound)
    return names[0], names[1]

"""A student in integers of eight bits."""

import logging
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from sklearn.base import BaseEstimator

from sklearn_regkd.export.feeds import model_feed, n_rows, take_rows
from sklearn_regkd.export.files import check_path, save_model
from sklearn_regkd.export.metadata import add_metadata
from sklearn_regkd.export.network import is_built_in
from sklearn_regkd.export.onnx import to_onnx
from sklearn_regkd.export.wrapped import unwrap_student
from sklearn_regkd.utils.arithmetic import ceil_div

# More rows do not widen the ranges that are seen by much.
MOST_ROWS = 10_000
# What is rounded: in our own network not the product with the frequencies, which is a MatMul.
OWN_LAYERS, LAYERS = ["Gemm"], ["Gemm", "MatMul", "Conv"]


def to_int8_onnx(
    estimator: BaseEstimator,
    X: Any,
    path: str | os.PathLike | BinaryIO | None = None,
    *,
    dtype: Any = "float32",
    target_opset: int | None = None,
    metadata: Mapping[str, str] | None = None,
    in_domain: bool = False,
    intervals: float | None = None,
) -> Any:
    """Write the student of a fitted estimator as an ONNX model with integers of eight bits.

    Weights and inputs of the layers are rounded to 256 steps between the least and
    the largest value that they take for the rows of `X` (static quantisation of ONNX
    Runtime). The tables of the inputs, sines, cosines and the scaling of the target
    stay in single precision. What it costs is told by
    :func:`~sklearn_regkd.export.onnx_report`: it is the student with the widest range
    of predictions that loses most.

    Parameters
    ----------
    estimator : StudentRegressor, TORRegressor or DistilledRegressor
        Fitted. Also a search, a Pipeline, a TransformedTargetRegressor or a FrozenEstimator
        around one.
    X : array-like of shape (n_samples, n_features)
        Rows as in `predict`, of the kind that will be asked about; those of fit, for
        example. Of more than 10,000 rows an even selection is taken.
    path : str, path-like or binary file, default=None
        Where to write the file; None writes none. An existing file is replaced in one go.
    dtype, target_opset, metadata, in_domain, intervals
        As in :func:`~sklearn_regkd.export.to_onnx`.

    Returns
    -------
    onnx.ModelProto
        Half the size of that of :func:`~sklearn_regkd.export.to_onnx`, or less.

    Raises
    ------
    ImportError
        If onnx or onnxruntime is not installed.
    TypeError, ValueError
        As in :func:`~sklearn_regkd.export.to_onnx`, and for rows that `predict` refuses.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_regkd import StudentRegressor
    >>> from sklearn_regkd.export import to_int8_onnx, to_onnx
    >>> X = np.random.default_rng(0).normal(size=(60, 2)).astype("float32")
    >>> student = StudentRegressor(max_epochs=2, random_state=0).fit(X, X[:, 0])
    >>> to_int8_onnx(student, X).ByteSize() < 0.6 * to_onnx(student).ByteSize()
    True
    """
    check_path(path)
    model = to_onnx(
        estimator,
        X=X,
        dtype=dtype,
        target_opset=target_opset,
        metadata=metadata,
        in_domain=in_domain,
        intervals=intervals,
    )
    try:
        import onnx
        from onnxruntime.quantization import QuantType, quantize_static
    except ImportError as error:
        raise ImportError(
            "to_int8_onnx needs the package onnxruntime: pip install 'sklearn-regkd[onnx]'"
        ) from error
    wrapped = unwrap_student(estimator)
    feed = model_feed(model, wrapped, X)
    feed = take_rows(feed, slice(None, None, ceil_div(n_rows(feed), MOST_ROWS)))
    with tempfile.TemporaryDirectory() as folder, _hushed():
        whole, file = (str(Path(folder) / name) for name in ("whole.onnx", "int8.onnx"))
        onnx.save(model, whole)  # ONNX Runtime 1.19 loses the weights of a model in memory
        quantize_static(
            whole,
            file,
            _Rows(feed),
            op_types_to_quantize=OWN_LAYERS if is_built_in(wrapped.student) else LAYERS,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )
        small = onnx.load(file)
    add_metadata(small, estimator, wrapped.student, metadata or {})
    if path is not None:
        save_model(small, path)
    return small


class _Rows:
    """What ONNX Runtime calls a reader of calibration data: all rows at once."""

    def __init__(self, feed: dict[str, np.ndarray]):
        self.left: Iterator[dict[str, np.ndarray]] = iter([feed])

    def get_next(self) -> dict[str, np.ndarray] | None:
        return next(self.left, None)


@contextmanager
def _hushed() -> Iterator[None]:
    """Keep advice about other models from the root logger."""
    logger = logging.getLogger()
    disabled, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = disabled

"""A student in integers of eight bits."""

import copy
import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from sklearn_regkd.export.onnx import INPUT, model_rows, student_of, to_onnx

# More rows do not widen the ranges that are seen by much.
MOST_ROWS = 10_000
# What is rounded: in our own network not the product with the frequencies, which is a MatMul.
OWN_LAYERS, LAYERS = ["Gemm"], ["Gemm", "MatMul", "Conv"]


def to_int8_onnx(estimator: BaseEstimator, X: Any, path: str | Path | None = None) -> Any:
    """Write the student of a fitted estimator as an ONNX model with integers of eight bits.

    Weights and inputs of the layers are rounded to 256 steps between the least and
    the largest value that they take for the rows of `X` (static quantisation of ONNX
    Runtime). The tables of the inputs, sines, cosines and the scaling of the target
    stay in single precision. What it costs is told by
    :func:`~sklearn_regkd.export.onnx_report`: it is the student with the widest range
    of predictions that loses most.

    Parameters
    ----------
    estimator : StudentRegressor, TORRegressor, DistilledRegressor or a search over one
        Fitted.
    X : array-like of shape (n_samples, n_features)
        Rows as in `predict`, of the kind that will be asked about; those of fit, for
        example. Of more than 10,000 rows an even selection is taken.
    path : str or Path, default=None
        Where to write the file; None writes none.

    Returns
    -------
    onnx.ModelProto
        Half the size of that of :func:`~sklearn_regkd.export.to_onnx`, or less.

    Raises
    ------
    ImportError
        If onnx or onnxruntime is not installed.

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
    model = to_onnx(estimator)
    try:
        import onnx
        from onnxruntime.quantization import QuantType, quantize_static
    except ImportError as error:
        raise ImportError(
            "to_int8_onnx needs the package onnxruntime: pip install 'sklearn-regkd[onnx]'"
        ) from error
    student, _ = student_of(estimator)
    rows = model_rows(student, X)
    rows = rows[:: -(-len(rows) // MOST_ROWS)]
    with tempfile.TemporaryDirectory() as folder, _hushed():
        file = str(Path(folder) / "int8.onnx")
        quantize_static(
            copy.deepcopy(model),  # it is changed
            file,
            _Rows(rows),
            op_types_to_quantize=LAYERS if student._inference is None else OWN_LAYERS,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )
        model = onnx.load(file)
    if path is not None:
        onnx.save(model, str(path))
    return model


class _Rows:
    """What ONNX Runtime calls a reader of calibration data: all rows at once."""

    def __init__(self, rows: np.ndarray):
        self.left: Iterator[dict[str, np.ndarray]] = iter([{INPUT: rows}])

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

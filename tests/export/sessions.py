"""What other programs make of our models: the runs of ONNX Runtime that tests share."""

import numpy as np
import onnxruntime
import pytest

from sklearn_regkd.export import to_int8_onnx, to_onnx
from sklearn_regkd.export.module import takes_any_number_of_rows

needs_exporter = pytest.mark.skipif(
    not takes_any_number_of_rows(), reason="this PyTorch exports no module for any number of rows"
)


def session(model):
    """Return a session for a model, or for the path of a file."""
    return onnxruntime.InferenceSession(
        model if isinstance(model, str) else model.SerializeToString(),
        providers=["CPUExecutionProvider"],
    )


def run(model, X):
    """Run a model over an array, or over a dict of them."""
    opened = session(model)
    feed = X if isinstance(X, dict) else {opened.get_inputs()[0].name: X}
    return opened.run(None, feed)[0]


def run_frame(model, frame):
    """Run the model of a Pipeline over a frame, as the page of the library says."""
    kinds = {"tensor(string)": object, "tensor(int64)": np.int64, "tensor(double)": np.float64}
    opened = session(model)
    feed = {
        value.name: frame[value.name]
        .to_numpy()
        .astype(kinds.get(value.type, np.float32))
        .reshape(-1, 1)
        for value in opened.get_inputs()
    }
    return opened.run(None, feed)[0]


def assert_agree(estimator, X, model=None):
    """Assert that a model returns what `predict` does: shape, type and values."""
    expected = estimator.predict(X)
    found = run(model or to_onnx(estimator), X)
    assert found.shape == expected.shape
    assert found.dtype == expected.dtype
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())


def predict_or_nan(estimator, X):
    """Return what `predict` makes of each row by itself, NaN for those that it refuses."""
    found = []
    for row in X:
        try:
            found.append(estimator.predict(row[None])[0])
        except ValueError:
            found.append(np.nan)
    return np.array(found)


def assert_same_rows_refused(estimator, X_fit, X):
    """Assert that models answer row by row as `predict` does, and that some rows are refused."""
    expected = predict_or_nan(estimator, X)
    size = np.nanmax(np.abs(expected), initial=0)
    np.testing.assert_allclose(run(to_onnx(estimator), X), expected, rtol=1e-5, atol=1e-5 * size)
    small = run(to_int8_onnx(estimator, X_fit), X)
    np.testing.assert_array_equal(np.isnan(small), np.isnan(expected))
    return expected

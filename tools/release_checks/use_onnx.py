"""What the extra `onnx` is for: students, Pipelines and modules of the user's as ONNX models."""

import numpy as np
import onnxruntime
from sklearn.datasets import make_friedman1
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures
from torch import nn

from sklearn_regkd import StudentRegressor
from sklearn_regkd.export import onnx_report, to_int8_onnx, to_onnx

X, y = make_friedman1(300, random_state=0)


class Linear(nn.Module):
    """A network of the user's."""

    def __init__(self, n_features, n_outputs):
        super().__init__()
        self.linear = nn.Linear(n_features, n_outputs)

    def forward(self, X):
        """Return predictions."""
        return self.linear(X)


def assert_right(model, estimator, tolerance):
    """Compare ONNX Runtime with predict, by the range of the labels."""
    session = onnxruntime.InferenceSession(model.SerializeToString())
    (there,) = session.run(["y"], {"X": X.astype(np.float32)})
    assert abs(there.ravel() - estimator.predict(X)).max() < tolerance * np.ptp(y)


student = StudentRegressor((8,), max_epochs=20, weight_decay=1.0, random_state=0).fit(X, y)
assert_right(to_onnx(student, "student.onnx"), student, 1e-5)
assert_right(to_int8_onnx(student, X), student, 0.1)
print(onnx_report("student.onnx", student, X, y))
pipeline = make_pipeline(PolynomialFeatures(2), student).fit(X, y)
assert_right(to_onnx(pipeline, X=X), pipeline, 1e-5)
own = StudentRegressor(module=Linear, max_epochs=2, random_state=0).fit(X, y)
assert_right(to_onnx(own), own, 1e-5)

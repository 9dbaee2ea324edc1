"""What an exported student costs, and what it is worth."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.compose import TransformedTargetRegressor
from sklearn.metrics import r2_score
from sklearn.pipeline import Pipeline

from sklearn_regkd.export.feeds import model_feed, n_rows, student_rows, take_rows
from sklearn_regkd.export.wrapped import all_layers, unwrap_student
from sklearn_regkd.persistence.json_params import NotSaved
from sklearn_regkd.teachers.cross_fit import predict_teacher, teacher_rows
from sklearn_regkd.utils.timing import microseconds

# One row takes so little time that so many calls are timed together.
CALLS = 50


@dataclass(frozen=True)
class OnnxReport:
    """What an ONNX model of a student costs, and how near it comes.

    Parameters
    ----------
    n_bytes : int
        Of the file.
    n_parameters : int
        Trained numbers of the student.
    one_row : float
        Microseconds for one row in ONNX Runtime, one thread.
    per_row : float
        Microseconds per row, all rows at once.
    agreement : float
        R2 of the model's predictions, with those of the estimator as the truth.
    teacher : float or None
        R2 with the teacher's predictions as the truth, where there is a teacher.
    label : float or None
        R2 with labels as the truth, where they were given.
    """

    n_bytes: int
    n_parameters: int
    one_row: float
    per_row: float
    agreement: float
    teacher: float | None
    label: float | None

    def __str__(self) -> str:
        parts = [
            f"{self.n_bytes:,} bytes",
            f"{self.n_parameters:,} parameters",
            f"{self.one_row:.0f} us for one row, {self.per_row:.2f} us a row of many",
            f"R2 {self.agreement:.5f} against predict",
        ]
        for name, value in (("the teacher", self.teacher), ("the labels", self.label)):
            if value is not None:
                parts.append(f"{value:.3f} against {name}")
        return "; ".join(parts)


def onnx_report(model: Any, estimator: BaseEstimator, X: Any, y: Any = None) -> OnnxReport:
    """Run an exported model over rows, and say what it costs and how near it comes.

    Parameters
    ----------
    model : onnx.ModelProto or path
        What `to_onnx` or `to_int8_onnx` returned, or a file that they wrote.
    estimator : StudentRegressor, TORRegressor or DistilledRegressor
        That it was made from. Also a search, a Pipeline, a TransformedTargetRegressor or a
        FrozenEstimator around one.
    X : array-like of shape (n_samples, n_features)
        Rows as in `predict`, better not those of fit.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
        Their labels.

    Returns
    -------
    OnnxReport
        ``print`` it for one line.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_regkd import StudentRegressor
    >>> from sklearn_regkd.export import onnx_report, to_onnx
    >>> X = np.random.default_rng(0).normal(size=(60, 2)).astype("float32")
    >>> student = StudentRegressor((8,), max_epochs=2, random_state=0).fit(X, X[:, 0])
    >>> print(onnx_report(to_onnx(student), student, X))
    6,... bytes; 545 parameters; ... us for one row, ... against predict
    """
    import onnx
    import onnxruntime

    wrapped = unwrap_student(estimator)
    data = model.SerializeToString() if hasattr(model, "graph") else Path(model).read_bytes()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    expected = estimator.predict(X)
    feed = model_feed(onnx.load_from_string(data), wrapped, X)
    prediction = session.run(None, feed)[0].reshape(expected.shape)
    teacher_prediction = predicted_by_teacher(estimator, X)
    return OnnxReport(
        len(data),
        wrapped.student.n_parameters_,
        microseconds(session.run, None, take_rows(feed, slice(1)), n_calls=CALLS),
        microseconds(session.run, None, feed) / n_rows(feed),
        float(r2_score(expected, prediction)),
        None
        if teacher_prediction is None
        else float(r2_score(teacher_prediction.reshape(expected.shape), prediction)),
        None if y is None else float(r2_score(np.asarray(y).reshape(expected.shape), prediction)),
    )


def predicted_by_teacher(estimator: Any, X: Any) -> np.ndarray | None:
    """Return what the teacher inside an estimator predicts, in the units of the estimator."""
    *wrappers, inner = all_layers(estimator)
    transformers = []
    for wrapper in wrappers:
        if isinstance(wrapper, Pipeline) and len(wrapper) > 1:
            X = wrapper[:-1].transform(X)
        elif isinstance(wrapper, TransformedTargetRegressor):
            transformers.append(wrapper.transformer_)
    teacher = getattr(inner, "teacher_", None)
    if teacher is None or isinstance(teacher, NotSaved):
        return None
    student = inner.student_
    rows = teacher_rows(teacher, X, student_rows(student, X))
    prediction = predict_teacher(teacher, rows, student.n_outputs_)
    for transformer in reversed(transformers):
        prediction = transformer.inverse_transform(prediction)
    return prediction

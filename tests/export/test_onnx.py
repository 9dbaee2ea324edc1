"""What ONNX Runtime says is what predict says."""

import numpy as np
import onnx
import onnxruntime
import pandas as pd
import pytest
import skl2onnx
import torch
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from torch import nn

from sklearn_regkd import DistilledRegressor, StudentRegressor, TORRegressor
from sklearn_regkd.export import register_converters, to_onnx
from sklearn_regkd.networks.mlp import ACTIVATIONS

QUICK = {"max_epochs": 3, "weight_decay": 0.1, "random_state": 0}


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 3)).astype(np.float32)
    X[:, 1] = np.round(X[:, 1])  # ties
    return X, 50 + 10 * X[:, 0] + X[:, 1] ** 2


def run(model, X):
    """What another program makes of the file."""
    session = onnxruntime.InferenceSession(
        model if isinstance(model, str) else model.SerializeToString(),
        providers=["CPUExecutionProvider"],
    )
    return session.run(None, {session.get_inputs()[0].name: X})[0]


def assert_agree(estimator, X, model=None):
    expected = estimator.predict(X)
    said = run(model or to_onnx(estimator), X)
    assert said.shape == expected.shape
    assert said.dtype == expected.dtype
    np.testing.assert_allclose(said, expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
@pytest.mark.parametrize("embedding", ["periodic", None])
@pytest.mark.parametrize("input_transform", ["quantile", "standard"])
def test_students(table, activation, embedding, input_transform):
    X, y = table
    student = StudentRegressor(
        (8, 4),
        activation=activation,
        embedding=embedding,
        input_transform=input_transform,
        **QUICK,
    ).fit(X, y)
    far = np.float32([[1e6, -1e6, 0], [-1e6, 1e6, 3.5]])
    assert_agree(student, np.concatenate([X, far]))


@pytest.mark.parametrize("hidden", [(), (5,)])
def test_depth(table, hidden):
    assert_agree(StudentRegressor(hidden, **QUICK).fit(*table), table[0])


def test_one_row_and_any_number(table):
    X, y = table
    student = StudentRegressor((8,), **QUICK).fit(X, y)
    model = to_onnx(student)
    for n_rows in (1, 2, 77):
        assert_agree(student, X[:n_rows], model)


def test_several_outputs(table):
    X, y = table
    assert_agree(StudentRegressor((8,), **QUICK).fit(X, np.column_stack([y, -y])), X)


@pytest.mark.parametrize("head", ["label", "teacher", "mean"])
def test_heads(table, head):
    tor = TORRegressor(
        Ridge(), StudentRegressor((8,), **QUICK), heads=2, predict_head=head, random_state=0
    ).fit(*table)
    assert_agree(tor, table[0])


def test_distilled_and_search(table):
    X, y = table
    distilled = DistilledRegressor(student=StudentRegressor((8,), **QUICK), random_state=0)
    assert_agree(distilled.fit(X, y, teacher_prediction=y), X)
    search = GridSearchCV(StudentRegressor((8,), **QUICK), {"lr": [0.01, 0.02]}, cv=2).fit(X, y)
    assert_agree(search, X)


def test_offset_beyond_single_precision(table):
    X, y = table
    assert_agree(StudentRegressor((8,), **QUICK).fit(X, 1.7e9 + y), X)


def test_missing_values(table):
    X, y = table[0].copy(), table[1]
    X[::7, 0] = np.nan
    assert_agree(StudentRegressor((8,), missing_values="indicator", **QUICK).fit(X, y), X)


def test_missing_values_that_nobody_expected_are_not_guessed(table):
    student = StudentRegressor((8,), **QUICK).fit(*table)
    X = table[0][:3].copy()
    X[1, 2] = np.nan
    assert np.isnan(run(to_onnx(student), X)).tolist() == [False, True, False]


@pytest.mark.parametrize("alone", [False, True])
def test_columns_of_two_values(table, alone):
    X, y = table
    marks = X > 0.5
    X = marks.astype(np.float32) if alone else np.column_stack([marks[:, 0], X, marks[:, 1]])
    student = StudentRegressor((8,), **QUICK).fit(X, y)
    probes = np.concatenate([X, X + 0.25, X * 100])
    assert_agree(student, probes)
    probes[1, 0] = np.nan
    assert np.isnan(run(to_onnx(student), probes)).nonzero()[0].tolist() == [1]


def test_categories_are_codes(table):
    X, y = table
    frame = pd.DataFrame(
        {"a": X[:, 0], "kind": pd.Categorical(np.array(list("uvw"))[np.arange(120) % 3])}
    )
    student = StudentRegressor((8,), **QUICK).fit(frame, y)
    codes = np.column_stack([X[:, 0], np.arange(120) % 3]).astype(np.float32)
    np.testing.assert_allclose(run(to_onnx(student), codes), student.predict(frame), rtol=1e-4)


class Picture(nn.Module):
    def __init__(self, input_shape, n_outputs):
        super().__init__()
        self.convolution = nn.Conv2d(input_shape[0], 4, 3)
        self.last = nn.Linear(4, n_outputs)

    def forward(self, X):
        return self.last(torch.relu(self.convolution(X)).mean(dim=(2, 3)))


def test_images():
    X = np.random.default_rng(0).normal(size=(20, 1, 6, 6)).astype(np.float32)
    student = StudentRegressor(module=Picture, max_epochs=2, random_state=0)
    student.fit(X, X.mean(axis=(1, 2, 3)))
    model = to_onnx(student)
    assert_agree(student, X, model)
    assert_agree(student, X[:3], model)


class FixedRows(nn.Module):
    def __init__(self, n_features, n_outputs):
        super().__init__()
        self.last = nn.Linear(n_features, n_outputs)

    def forward(self, X):
        return self.last(X).reshape(len(X), -1)


def test_a_module_for_a_fixed_number_of_rows_is_refused(table):
    student = StudentRegressor(module=FixedRows, max_epochs=2, random_state=0).fit(*table)
    with pytest.raises(ValueError, match="len"):
        to_onnx(student)


def test_file(table, tmp_path):
    student = StudentRegressor(**QUICK).fit(*table)
    path = tmp_path / "student.onnx"
    to_onnx(student, path)
    assert_agree(student, table[0], str(path))
    assert path.stat().st_size < 100_000
    onnx.checker.check_model(str(path), full_check=True)


@pytest.mark.parametrize("Estimator", [StudentRegressor, TORRegressor, DistilledRegressor])
def test_pipeline(table, Estimator):
    X, y = table
    student = StudentRegressor((8,), **QUICK)
    last = student if Estimator is StudentRegressor else Estimator(Ridge(), student, random_state=0)
    pipeline = make_pipeline(MinMaxScaler(), last).fit(X, y)
    register_converters()
    model = skl2onnx.to_onnx(pipeline, X[:1])
    np.testing.assert_allclose(run(model, X)[:, 0], pipeline.predict(X), rtol=1e-4)


def test_errors(table):
    with pytest.raises(NotFittedError):
        to_onnx(StudentRegressor())
    with pytest.raises(NotFittedError):
        to_onnx(make_pipeline(MinMaxScaler(), StudentRegressor()))
    with pytest.raises(TypeError, match="Ridge"):
        to_onnx(Ridge().fit(*table))

"""Networks of the user's as ONNX models."""

import warnings

import numpy as np
import pytest
import torch
from torch import nn

from sklearn_regkd import StudentRegressor
from sklearn_regkd.export import to_int8_onnx, to_onnx
from tests.export.sessions import assert_agree, needs_exporter, run

pytestmark = [pytest.mark.slow, needs_exporter]  # which takes seconds for each module


@pytest.fixture(scope="module")
def table():
    X = np.random.default_rng(0).normal(size=(60, 3)).astype(np.float32)
    return X, 50 + 10 * X[:, 0] + X[:, 1] ** 2


class Layers(nn.Module):
    def __init__(self, n_features, n_outputs):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(n_features, 8), nn.ReLU(), nn.Linear(8, n_outputs))

    def forward(self, X):
        return self.layers(X)


class Picture(nn.Module):
    def __init__(self, input_shape, n_outputs):
        super().__init__()
        self.convolution = nn.Conv2d(input_shape[0], 4, 3)
        self.last = nn.Linear(4, n_outputs)

    def forward(self, X):
        return self.last(torch.relu(self.convolution(X)).mean(dim=(2, 3)))


class FixedRows(nn.Module):
    def __init__(self, n_features, n_outputs):
        super().__init__()
        self.last = nn.Linear(n_features, n_outputs)

    def forward(self, X):
        return self.last(X).reshape(len(X), -1)


@pytest.fixture(scope="module")
def student(table):
    return StudentRegressor(module=Layers, max_epochs=2, random_state=0).fit(*table)


@pytest.fixture(scope="module")
def exported(student):
    """Return the model of the student, and whether its module was left in training."""
    network = student.net_.module_.train()
    model = to_onnx(student)
    training = network.training
    network.eval()
    return model, training


def test_rows_that_predict_refuses_are_not_guessed(table, student, exported):
    X = table[0][:3].copy()
    X[0, 1], X[2, 0] = np.nan, np.inf
    for model in (exported[0], to_int8_onnx(student, table[0])):
        assert np.isnan(run(model, X)).tolist() == [True, False, True]


def test_images():
    X = np.random.default_rng(0).normal(size=(20, 1, 6, 6)).astype(np.float32)
    student = StudentRegressor(module=Picture, max_epochs=2, random_state=0)
    student.fit(X, X.mean(axis=(1, 2, 3)))
    model = to_onnx(student)
    assert_agree(student, X, model)
    assert_agree(student, X[:3], model)
    gap = X[:2].copy()
    gap[1, 0, 5, 5] = np.nan
    assert np.isnan(run(model, gap)).tolist() == [False, True]


def test_double_precision(table):
    X = table[0] + np.array([0, 0, 1e9])
    student = StudentRegressor(module=Layers, max_epochs=2, random_state=0).fit(X, table[1])
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # which ends it: what it would write is of no interest
        with pytest.raises(UserWarning, match="too coarse for column 2"):
            to_onnx(student)
    assert_agree(student, X, to_onnx(student, dtype="float64"))


def test_several_outputs(table):
    X, y = table
    student = StudentRegressor(module=Layers, max_epochs=2, random_state=0)
    assert_agree(student.fit(X, np.column_stack([y, -y])), X)


def test_opsets(table, student):
    with pytest.raises(ValueError, match="target_opset=17, but the graph needs at least 18"):
        to_onnx(student, target_opset=17)
    model = to_onnx(student, target_opset=20)
    assert model.opset_import[0].version == 20
    assert_agree(student, table[0], model)


def test_a_module_for_a_fixed_number_of_rows_is_refused(table):
    student = StudentRegressor(module=FixedRows, max_epochs=2, random_state=0).fit(*table)
    with pytest.raises(ValueError, match="len"):
        to_onnx(student)


def test_the_student_is_left_as_it_was(exported):
    assert exported[1]


def test_no_file_of_the_user_is_named(exported):
    assert __file__.rsplit("/", 1)[1].encode() not in exported[0].SerializeToString()

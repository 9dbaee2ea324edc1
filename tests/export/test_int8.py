"""Students in eight bits, and the line that says what a model is worth."""

import logging
import re

import numpy as np
import onnx
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestRegressor
from sklearn.metrics import r2_score
from torch import nn

from sklearn_regkd import StudentRegressor, TORRegressor, load
from sklearn_regkd.export import onnx_report, to_int8_onnx, to_onnx
from tests.export.sessions import needs_exporter


@pytest.fixture(scope="module")
def table():
    X = np.random.default_rng(0).normal(size=(500, 3)).astype(np.float32)
    return X, 50 + 10 * X[:, 0] + X[:, 1] ** 2


@pytest.fixture(scope="module")
def student(table):
    return StudentRegressor(max_epochs=20, weight_decay=0.1, random_state=0).fit(*table)


def test_eight_bits_take_half_the_space_and_nearly_all_of_the_accuracy(table, student, tmp_path):
    X, y = table
    model = to_int8_onnx(student, X, tmp_path / "int8.onnx")
    kinds = {onnx.TensorProto.DataType.Name(one.data_type) for one in model.graph.initializer}
    assert {"INT8", "FLOAT"} <= kinds
    assert (tmp_path / "int8.onnx").stat().st_size < 0.6 * to_onnx(student).ByteSize()
    report = onnx_report(tmp_path / "int8.onnx", student, X, y)
    assert 0.995 < report.agreement < 1
    assert report.label > student.score(X, y) - 0.005
    assert report.n_bytes == (tmp_path / "int8.onnx").stat().st_size


def test_rows_of_which_no_more_than_10000_are_read(table, student):
    X, _ = table
    many = np.tile(X, (41, 1))
    few = to_int8_onnx(student, many[::3])
    assert to_int8_onnx(student, many).SerializeToString() == few.SerializeToString()


@needs_exporter
@pytest.mark.slow
def test_images(tmp_path):
    def picture(input_shape, n_outputs):
        return nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(64, n_outputs))

    X = np.random.default_rng(0).normal(size=(90, 1, 6, 6)).astype(np.float32)
    student = StudentRegressor(module=picture, max_epochs=20, lr=0.01, random_state=0)
    student.fit(X, X.mean(axis=(1, 2, 3)))
    assert onnx_report(to_onnx(student), student, X).agreement > 0.999999
    assert onnx_report(to_int8_onnx(student, X), student, X).agreement > 0.98


@pytest.mark.slow
def test_the_line_has_what_it_promises(table):
    X, y = table
    student = StudentRegressor((8,), max_epochs=9, weight_decay=0.1)
    tor = TORRegressor(RandomForestRegressor(5, random_state=0), student, random_state=0).fit(X, y)
    model = to_onnx(tor)
    report = onnx_report(model, tor, X, y)
    assert report.teacher == pytest.approx(
        r2_score(tor.teacher_.predict(X), tor.predict(X)), abs=1e-5
    )
    assert report.label == pytest.approx(tor.score(X, y), abs=1e-5)
    assert report.n_parameters == tor.student_.n_parameters_
    assert report.one_row > report.per_row > 0
    assert re.fullmatch(
        r"[\d,]+ bytes; [\d,]+ parameters; \d+ us for one row, [\d.]+ us a row of many; "
        r"R2 [\d.]+ against predict; -?[\d.]+ against the teacher; -?[\d.]+ against the labels",
        str(report),
    )


def test_a_loaded_student_has_no_teacher_to_compare_with(table, tmp_path):
    X, y = table
    student = StudentRegressor((8,), max_epochs=3, weight_decay=0.1)
    TORRegressor(RandomForestRegressor(5), student).fit(X, y).save(tmp_path / "file")
    tor = load(tmp_path / "file")
    assert onnx_report(to_onnx(tor), tor, X).teacher is None


def test_frames_with_categories(table):
    X, y = table
    frame = pd.DataFrame(X, columns=list("abc")).assign(
        kind=pd.Categorical(np.where(X[:, 0] > 0, "up", "down"))
    )
    student = StudentRegressor((8,), max_epochs=9, weight_decay=0.1, random_state=0).fit(frame, y)
    assert onnx_report(to_onnx(student), student, frame).agreement > 0.999999
    assert onnx_report(to_int8_onnx(student, frame), student, frame).agreement > 0.98


def test_nobody_else_is_hushed(table, student, caplog):
    to_int8_onnx(student, table[0])
    assert not caplog.records
    logging.getLogger().warning("heard")
    assert [record.message for record in caplog.records] == ["heard"]

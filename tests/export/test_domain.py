"""The output `in_domain` of a model says what the method says, and exported students clip."""

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.compose import make_column_transformer
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from sklearn_regkd import DistilledRegressor, StudentRegressor
from sklearn_regkd.export import onnx_report, to_int8_onnx, to_onnx
from tests.export.sessions import needs_exporter, session
from tests.helpers import QUICK


def outputs(model, feed):
    opened = session(model)
    assert [one.name for one in opened.get_outputs()] == ["y", "in_domain"]
    feed = feed if isinstance(feed, dict) else {"X": feed}
    y, inside = opened.run(None, feed)
    assert inside.dtype == bool
    assert inside.shape == y.shape[:1]
    return y, inside


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(150, 4))
    X[:, 2] = rng.integers(5, size=150)
    X[:, 3] = np.where(rng.random(150) < 0.2, np.nan, X[:, 3])
    return X, 50 + 10 * X[:, 0]


@pytest.fixture(scope="module")
def students(table):
    """Return a student for numbers and one for gaps and categories, with their models by type."""
    X, y = table
    plain = StudentRegressor((4,), **QUICK).fit(X[:, :2], y)
    mixed = StudentRegressor(
        (4,), categorical_features=[2], missing_values="indicator", **QUICK
    ).fit(X, y)
    types = np.float32, np.float64
    return [
        (student, {dtype: to_onnx(student, dtype=dtype, in_domain=True) for dtype in types})
        for student in (plain, mixed)
    ]


odd = st.floats(-6, 6) | st.sampled_from([np.nan, np.inf, -np.inf, -1.0, 2.0, 7.0, 1e30, 1e300])


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(*[odd] * 4), min_size=1, max_size=5), st.booleans())
def test_the_same_rows(students, rows, in_double):
    dtype = np.float64 if in_double else np.float32
    for student, models in students:
        with np.errstate(over="ignore"):
            X = np.array(rows)[:, : student.n_features_in_].astype(dtype)
        _, inside = outputs(models[dtype], X)
        np.testing.assert_array_equal(inside, student.in_domain(X))


def test_eight_bits_and_report(table, students):
    X, _ = table
    for student, _ in students:
        rows = np.concatenate([X, X * 9])[:, : student.n_features_in_].astype(np.float32)
        small = to_int8_onnx(student, rows[:150], in_domain=True)
        np.testing.assert_array_equal(outputs(small, rows)[1], student.in_domain(rows))
        assert onnx_report(small, student, rows).agreement > 0.9


def test_no_such_output_by_default(students):
    assert [one.name for one in to_onnx(students[0][0]).graph.output] == ["y"]


def test_categories_of_a_frame(table):
    X, y = table
    kind = pd.Categorical(np.where(X[:, 1] > 0, "x", "y"))
    student = StudentRegressor((4,), **QUICK).fit(pd.DataFrame({"a": X[:, 0], "k": kind}), y)
    rows = np.float32([[0, 0], [0, 1], [0, 2], [0, -1], [0, np.nan]])
    _, inside = outputs(to_onnx(student, in_domain=True), rows)
    assert inside.tolist() == [True, True, False, False, False]


def test_only_categories(table):
    codes, y = table[0][:, [2]], table[1]
    student = StudentRegressor((4,), categorical_features=[0], **QUICK).fit(codes, y)
    _, inside = outputs(to_onnx(student, in_domain=True), np.float32([[3], [5], [0.5]]))
    assert inside.tolist() == [True, False, False]


def test_pipelines(table):
    X, y = table
    frame = pd.DataFrame({"a": X[:, 0], "town": np.where(X[:, 1] > 0, "Rome", "Oslo")})
    towns = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    columns = make_column_transformer((StandardScaler(), ["a"]), (towns, ["town"]))
    pipeline = make_pipeline(columns, StudentRegressor((4,), **QUICK)).fit(frame, y)
    model = to_onnx(pipeline, X=frame, in_domain=True)
    a = np.float32([[0.5], [90], [np.nan], [0.5]])
    rows = {"a": a, "town": np.array([["Rome"], ["Oslo"], ["Rome"], ["Oslo"]], object)}
    found, inside = outputs(model, rows)
    assert inside.tolist() == [True, False, False, True]
    assert np.isnan(found).tolist() == [False, False, True, False]
    numbers = make_pipeline(StandardScaler(), StudentRegressor((4,), **QUICK)).fit(X[:, :3], y)
    many = np.concatenate([X, X * 2])[:, :3]
    _, inside = outputs(to_onnx(numbers, in_domain=True), many.astype(np.float32))
    np.testing.assert_array_equal(inside, numbers[-1].in_domain(numbers[:-1].transform(many)))


def test_a_column_of_that_name(table):
    frame = pd.DataFrame(table[0][:, :2], columns=["a", "in_domain"])
    pipeline = make_pipeline(StandardScaler(), StudentRegressor((4,), **QUICK))
    pipeline.fit(frame, table[1])
    with pytest.raises(ValueError, match="rename the column"):
        to_onnx(pipeline, X=frame, in_domain=True)


@needs_exporter
def test_modules(table):
    X, y = table[0][:, :2], table[1]

    def linear(n_features, n_outputs):
        return torch.nn.Linear(n_features, n_outputs)

    student = StudentRegressor(
        module=linear, clip_predictions=True, max_epochs=2, lr=1.0, random_state=0
    ).fit(X, y)
    rows = np.concatenate([X, X * 100]).astype(np.float32)
    found, inside = outputs(to_onnx(student, in_domain=True), rows)
    np.testing.assert_array_equal(inside, student.in_domain(rows))
    np.testing.assert_allclose(found, student.predict(rows), rtol=1e-5)
    assert (found <= np.float32(y.max())).all()


@needs_exporter
def test_images_are_refused():
    X = np.random.default_rng(0).normal(size=(20, 4, 5)).astype(np.float32)

    def flat(input_shape, n_outputs):
        return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(20, n_outputs))

    student = StudentRegressor(module=flat, max_epochs=1, random_state=0).fit(X, X[:, 0, 0])
    with pytest.raises(ValueError, match="takes tables"):
        to_onnx(student, in_domain=True)


@pytest.mark.parametrize("n_outputs", [1, 2])
def test_models_clip(table, n_outputs):
    X, y = table[0][:, :2], table[1]
    labels = np.column_stack([y, -y])[:, :n_outputs]
    student = StudentRegressor(
        (), embedding=None, input_transform="standard", clip_predictions=True, **QUICK
    )
    distilled = DistilledRegressor(Ridge(), student, outliers=None, random_state=0).fit(X, labels)
    rows = (X * 100).astype(np.float32)
    expected = distilled.predict(rows)
    assert (expected.max(axis=0) == labels.max(axis=0).astype(np.float32)).all()
    found = session(to_onnx(distilled)).run(None, {"X": rows})[0]
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    small = session(to_int8_onnx(distilled, X)).run(None, {"X": rows})[0]
    assert (small <= labels.max(axis=0).astype(np.float32)).all()
    assert (small >= labels.min(axis=0).astype(np.float32)).all()

"""What ONNX Runtime answers is what predict answers."""

import numpy as np
import onnx
import pandas as pd
import polars as pl
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from sklearn_regkd import DistilledRegressor, DistilledSearchCV, StudentRegressor, TORRegressor
from sklearn_regkd.export import module, to_onnx
from sklearn_regkd.export.graph import newest_opset
from sklearn_regkd.networks.mlp import ACTIVATIONS
from tests.export.sessions import assert_agree, assert_same_rows_refused, run
from tests.helpers import QUICK, TwoLayers


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 3)).astype(np.float32)
    X[:, 1] = np.round(X[:, 1])  # ties
    return X, 50 + 10 * X[:, 0] + X[:, 1] ** 2


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


@pytest.mark.slow
def test_distilled_and_search(table):
    X, y = table
    distilled = DistilledRegressor(student=StudentRegressor((8,), **QUICK), random_state=0)
    assert_agree(distilled.fit(X, y, teacher_prediction=y), X)
    for search in (GridSearchCV, DistilledSearchCV):
        assert_agree(
            search(StudentRegressor((8,), **QUICK), {"lr": [0.01, 0.02]}, cv=2).fit(X, y), X
        )


def test_offset_beyond_single_precision(table):
    X, y = table
    assert_agree(StudentRegressor((8,), **QUICK).fit(X, 1.7e9 + y), X)


def test_missing_values(table):
    X, y = table[0].copy(), table[1]
    X[::7, 0] = np.nan
    assert_agree(StudentRegressor((8,), missing_values="indicator", **QUICK).fit(X, y), X)


GAPS = np.float32([np.nan, np.inf, -np.inf])


def with_gaps(X):
    """Return rows of which each has another value that is no number, and one that has none."""
    n_features = X.shape[1]
    rows = X[: 3 * n_features + 1].copy()
    for j in range(n_features):
        rows[np.arange(3) + 3 * j, j] = GAPS
    return rows


@pytest.mark.parametrize("input_transform", ["quantile", "standard"])
def test_rows_that_predict_refuses_are_not_guessed(table, input_transform):
    X, y = table
    student = StudentRegressor((8,), input_transform=input_transform, **QUICK).fit(X, y)
    expected = assert_same_rows_refused(student, X, with_gaps(X))
    assert np.isnan(expected).tolist() == 9 * [True] + [False]


@pytest.mark.parametrize("gap_in_fit", [False, True])
def test_gaps_with_an_indicator(table, gap_in_fit):
    """Where fit has seen none, too: there `predict` takes the median."""
    X, y = table[0].copy(), table[1]
    if gap_in_fit:
        X[::7, 1] = np.nan
    student = StudentRegressor((8,), missing_values="indicator", **QUICK).fit(X, y)
    expected = assert_same_rows_refused(student, X, with_gaps(table[0]))
    assert np.isnan(expected).tolist() == 3 * [False, True, True] + [False]


@pytest.mark.parametrize("missing_values", ["error", "indicator"])
def test_gaps_beside_a_category(table, missing_values):
    """A column of categories must not make a plausible number of a gap, in itself or elsewhere."""
    X, y = table[0].copy(), table[1]
    X[:, 2] = np.arange(120) % 3
    student = StudentRegressor(
        (8,), categorical_features=[2], missing_values=missing_values, **QUICK
    ).fit(X, y)
    expected = assert_same_rows_refused(student, X, with_gaps(X))
    refused = [missing_values == "error", True, True]
    assert np.isnan(expected).tolist() == 3 * refused + [False]


def test_two_columns_in_fit_one_of_which_is_constant(table):
    X, y = table[0].copy(), table[1]
    X[:, 2] = 7
    student = StudentRegressor((8,), **QUICK).fit(X, y)
    assert_agree(student, X + np.float32([0, 0, 1]))
    assert_same_rows_refused(student, X, with_gaps(X))


def test_largest_numbers_of_single_precision(table):
    X, y = table
    student = StudentRegressor((8,), **QUICK).fit(X * 7e37, y)
    most = np.finfo(np.float32).max
    assert_agree(student, np.float32([[most, -most, most], [-most, most, -most], [0, 1e-45, 0]]))


@pytest.mark.parametrize("alone", [False, True])
def test_columns_of_two_values(table, alone):
    X, y = table
    marks = X > 0.5
    X = marks.astype(np.float32) if alone else np.column_stack([marks[:, 0], X, marks[:, 1]])
    student = StudentRegressor((8,), **QUICK).fit(X, y)
    probes = np.concatenate([X, X + 0.25, X * 100])
    assert_agree(student, probes)
    assert_same_rows_refused(student, X, with_gaps(X))


def coded(column):
    """Return the codes of categories, which count in the order of their values."""
    known = sorted(set(column) - {None})
    return np.float32([known.index(one) if one in known else -1 for one in column])


@pytest.mark.parametrize(
    "words", [["u", "v", "w"], ["v", None, "u"], [3, 1, 2], [True, False], [2.5, 0.5]]
)
def test_categories_are_codes(table, words):
    column = [words[i % len(words)] for i in range(120)]
    frame = pd.DataFrame({"a": table[0][:, 0], "kind": pd.Categorical(column)})
    assert_codes_agree(frame, column, table[1])


def test_categories_of_polars_are_codes(table):
    column = list("vwu") * 40
    kind = pl.Series(column, dtype=pl.Categorical)
    assert_codes_agree(pl.DataFrame({"a": table[0][:, 0], "kind": kind}), column, table[1])


def assert_codes_agree(frame, column, y):
    student = StudentRegressor((8,), **QUICK).fit(frame, y)
    codes = np.column_stack([frame["a"].to_numpy(), coded(column)])
    np.testing.assert_allclose(run(to_onnx(student), codes), student.predict(frame), rtol=1e-4)


def test_unknown_categories_are_none(table):
    X, y = table
    frame = pd.DataFrame({"a": X[:, 0], "kind": pd.Categorical(list("uvw") * 40)})
    student = StudentRegressor((8,), **QUICK).fit(frame, y)
    unknown = frame[:1].assign(kind=pd.Categorical(["x"]))
    codes = np.float32([[X[0, 0], code] for code in (-1, 3, 99, 0.5)])
    np.testing.assert_allclose(
        run(to_onnx(student), codes), np.repeat(student.predict(unknown), 4), rtol=1e-5
    )


def test_any_number_of_rows_none_included(table):
    X, y = table
    model = to_onnx(StudentRegressor((8,), **QUICK).fit(X, y))
    assert run(model, X[:0]).shape == (0,)
    assert run(model, np.tile(X, (9, 1))[:1000]).shape == (1000,)


@pytest.mark.parametrize("input_transform", ["quantile", "standard"])
def test_columns_that_single_precision_is_too_coarse_for(table, input_transform):
    X = table[0].astype(np.float64)
    X[:, 2] = 1.7e9 + np.arange(120)
    y = X[:, 0] + np.sin(np.arange(120) / 20)
    student = StudentRegressor((8,), input_transform=input_transform, **QUICK).fit(X, y)
    with pytest.warns(UserWarning, match=r"too coarse for column 2: .* dtype='float64'"):
        to_onnx(student)
    model = to_onnx(student, dtype="float64")
    assert_agree(student, X, model)
    gaps = X[:3].copy()
    gaps[0, 0], gaps[1, 2] = np.nan, np.inf
    assert np.isnan(run(model, gaps)).tolist() == [True, True, False]


def test_nobody_is_warned_of_ordinary_columns(table, recwarn):
    X = table[0].astype(np.float64)
    for column in (1e9 * X[:, 0], np.exp(9 * X[:, 1]), np.round(X[:, 2], 1), X[:, 0] > 0):
        student = StudentRegressor((4,), **QUICK).fit(np.column_stack([column, X]), table[1])
        to_onnx(student)
    assert not [one for one in recwarn if "coarse" in str(one.message)]


@pytest.mark.parametrize("opset", [13, 15, 17, 18, 20, 22])
def test_opsets(table, opset):
    if opset > newest_opset():
        pytest.skip("what is installed does not write and run it")
    X, y = table[0].copy(), table[1]
    X[::7, 0] = np.nan
    student = StudentRegressor((8,), missing_values="indicator", **QUICK).fit(X, y)
    model = to_onnx(student, target_opset=opset)
    assert [(one.domain, one.version) for one in model.opset_import] == [("", opset)]
    assert_agree(student, X, model)


def test_opsets_in_which_nothing_can_be_written_or_run(table):
    student = StudentRegressor((8,), **QUICK).fit(*table)
    with pytest.raises(ValueError, match=r"target_opset=12, but the graph needs at least 13"):
        to_onnx(student, target_opset=12)
    with pytest.raises(ValueError, match=r"target_opset=999.*take one of 13 to \d+"):
        to_onnx(student, target_opset=999)
    with pytest.raises(TypeError, match=r"target_opset must be an integer or None, got '17'"):
        to_onnx(student, target_opset="17")


def test_the_newest_opset_runs(table):
    student = StudentRegressor((8,), **QUICK).fit(*table)
    with pytest.raises(ValueError) as error:
        to_onnx(student, target_opset=999)
    newest = int(str(error.value).split()[-1])
    assert_agree(student, table[0], to_onnx(student, target_opset=newest))


def test_file(table, tmp_path):
    student = StudentRegressor(**QUICK).fit(*table)
    path = tmp_path / "student.onnx"
    to_onnx(student, path)
    assert_agree(student, table[0], str(path))
    assert path.stat().st_size < 100_000
    onnx.checker.check_model(str(path), full_check=True)


@pytest.mark.parametrize("wrap", [FrozenEstimator, lambda one: make_pipeline("passthrough", one)])
def test_wrappers_without_steps(table, wrap):
    X, y = table
    assert_agree(wrap(StudentRegressor((8,), **QUICK).fit(X, y)), X)


def test_errors(table):
    with pytest.raises(NotFittedError):
        to_onnx(StudentRegressor())
    with pytest.raises(NotFittedError):
        to_onnx(make_pipeline(MinMaxScaler(), StudentRegressor()))
    with pytest.raises(TypeError, match=r"takes a fitted StudentRegressor.*, got Ridge"):
        to_onnx(Ridge().fit(*table))
    student = StudentRegressor((8,), **QUICK).fit(*table)
    for dtype in ("float16", None, "x"):
        with pytest.raises(ValueError, match="dtype must be 'float32' or 'float64', got"):
            to_onnx(student, dtype=dtype)


def test_a_pytorch_that_is_too_old_for_a_module_is_named(table, monkeypatch):
    student = StudentRegressor(module=TwoLayers, **QUICK).fit(*table)
    monkeypatch.setattr(module, "takes_any_number_of_rows", lambda: False)
    with pytest.raises(ImportError, match=r"PyTorch \d.* take a newer PyTorch"):
        to_onnx(student)

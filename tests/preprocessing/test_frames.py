"""Frames of pandas and polars, read column by column."""

import datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pytest

from sklearn_regkd.preprocessing.frames import (
    as_floats,
    column,
    columns_of_no_numbers,
    declared_categories,
    is_missing,
    na_as_nan,
    named_columns,
    replace_columns,
)

pa = pytest.importorskip("pyarrow")
ARROW_CATEGORY = pd.ArrowDtype(pa.dictionary(pa.int32(), pa.string()))


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_columns_are_replaced_in_a_copy(frame):
    X = frame({"a": [1.0, 2.0], "k": ["u", "v"], "b": [3.0, 4.0]})
    new = replace_columns(X, {1: np.array([0.0, -1.0])})
    assert list(new.columns) == ["a", "k", "b"]
    np.testing.assert_array_equal(np.asarray(new), [[1, 0, 3], [2, -1, 4]])
    assert column(X, 1).to_list() == ["u", "v"]


def test_two_columns_of_one_name_are_two_columns():
    X = pd.DataFrame([[1, "u"], [2, "v"]], columns=["a", "a"])
    new = replace_columns(X, {1: np.array([5, 6])})
    assert new.to_numpy().tolist() == [[1, 5], [2, 6]]


@pytest.mark.parametrize(
    ("dtype", "declared"),
    [
        ("category", True),
        (pd.CategoricalDtype(["v", "u"], ordered=True), True),
        (ARROW_CATEGORY, True),
        ("str", False),
        ("string", False),
        ("string[pyarrow]", False),
        (object, False),
    ],
)
def test_declared_categories_of_pandas(dtype, declared):
    X = pd.DataFrame({"a": [1.0, 2.0], "k": pd.Series(["u", "v"]).astype(dtype)})
    assert declared_categories(X) == [1] * declared


@pytest.mark.parametrize(
    ("dtype", "declared"),
    [(pl.Categorical, True), (pl.Enum(["v", "u"]), True), (pl.String, False)],
)
def test_declared_categories_of_polars(dtype, declared):
    X = pl.DataFrame({"a": [1.0, 2.0], "k": pl.Series(["u", "v"]).cast(dtype)})
    assert declared_categories(X) == [1] * declared


def test_dates_are_no_declared_categories_and_no_numbers():
    days = [datetime.date(2020, 1, 1)] * 2
    for X in (
        pl.DataFrame({"a": [1, 2], "d": days}),
        pd.DataFrame({"a": [1, 2], "d": pd.to_datetime(days)}),
    ):
        assert declared_categories(X) == []
        assert columns_of_no_numbers(X) == [1]


@pytest.mark.parametrize("dtype", ["int8", "uint64", "float32", "bool", "Int64", "Float32"])
def test_columns_of_numbers_need_no_second_look(dtype):
    assert columns_of_no_numbers(pd.DataFrame({"a": pd.Series([0, 1], dtype=dtype)})) == []


@pytest.mark.parametrize(
    "value",
    [None, np.nan, np.float32("nan"), pd.NA, pd.NaT, np.datetime64("NaT"), Decimal("nan")],
)
def test_missing(value):
    assert is_missing(value)


@pytest.mark.parametrize(
    "value", [0, "", "nan", False, np.inf, (), [], np.array([np.nan, 1.0]), pd.Timestamp(0)]
)
def test_not_missing(value):
    assert not is_missing(value)


@pytest.mark.parametrize("dtype", ["string", "string[pyarrow]", "Int64", "boolean", "arrow"])
def test_categories_stay_categories_without_na(dtype):
    known = {"Int64": [1, 2], "boolean": [False, True]}.get(dtype, ["u", "v"])
    k = pd.Series([known[0], None, known[1]], dtype="string" if dtype == "arrow" else dtype)
    X = pd.DataFrame({"k": k.astype(ARROW_CATEGORY if dtype == "arrow" else "category")})
    found = na_as_nan(X)
    assert declared_categories(found) == [0]
    assert found["k"].cat.categories.tolist() == known
    values = np.asarray(found["k"])
    assert [values[0], values[2]] == known
    assert isinstance(values[1], float)  # NaN, which scikit-learn knows
    assert X["k"].isna().tolist() == found["k"].isna().tolist() == [False, True, False]


@pytest.mark.parametrize("kind", [pd.DataFrame, np.array, list])
def test_na_among_objects_becomes_nan(kind):
    rows = [[1.0, pd.NA], [pd.NA, 4]]
    X = np.array(rows, dtype=object) if kind is np.array else kind(rows)
    found = np.asarray(na_as_nan(X)).astype(float)
    np.testing.assert_array_equal(found, [[1, np.nan], [np.nan, 4]])
    assert np.asarray(X, dtype=object)[0, 1] is pd.NA


def test_what_holds_no_na_is_not_copied():
    for X in (
        np.array([[1, "u"]], dtype=object),
        np.zeros((2, 2)),
        pd.DataFrame({"a": [1, None], "k": ["u", None]}),
        pl.DataFrame({"a": [1, None]}),
        [[1, None]],
    ):
        assert na_as_nan(X) is X


def test_floats_of_what_is_a_number():
    values = np.array([None, pd.NA, np.nan, 1, True, Decimal("2.5"), "3"], dtype=object)
    np.testing.assert_array_equal(as_floats(values), [np.nan, np.nan, np.nan, 1, 1, 2.5, 3])
    assert as_floats(np.array(["u"], dtype=object)) is None
    assert as_floats(np.array(["2020-01-01"], dtype="datetime64[D]")) is None
    assert as_floats(np.array([1j])) is None


def test_integers_beyond_all_floats_are_the_largest():
    largest = np.finfo(float).max
    assert as_floats(np.array([10**400, -(10**400), 7], dtype=object)).tolist() == [
        largest,
        -largest,
        7,
    ]


def test_columns_of_lists_and_arrays_are_numbered():
    for X in ([[1, "u"], [2, "v"]], np.array([[1, "u"], [2, "v"]], dtype=object)):
        assert [name for name, _ in named_columns(X)] == [0, 1]
    assert list(named_columns(np.zeros((2, 3, 4)))) == []

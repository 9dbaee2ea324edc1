"""What comes in as X, y and weights: the same answer in fit and predict, or an error."""

import datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import Ridge
from sklearn.tree import DecisionTreeRegressor

from sklearn_regkd import DistilledRegressor, StudentRegressor, TORRegressor
from sklearn_regkd.preprocessing.error_messages import MOST_IN_SINGLE, hint_about_columns
from sklearn_regkd.preprocessing.validation import as_columns, check_weight

N = 24
RNG = np.random.default_rng(0)
A = RNG.normal(size=N)
Y = A + RNG.normal(size=N)


def student(**params):
    return StudentRegressor((4,), max_epochs=1, weight_decay=0.1, random_state=0, **params)


ESTIMATORS = {
    "student": student,
    "tor": lambda **p: TORRegressor(
        DecisionTreeRegressor(max_depth=2), student(**p), cv=2, random_state=0
    ),
    "distilled": lambda **p: DistilledRegressor(
        DecisionTreeRegressor(max_depth=2),
        student(**p),
        outliers=None,
        alpha=0.5,
        cv=2,
        random_state=0,
    ),
}


@pytest.fixture(params=ESTIMATORS)
def make(request):
    return ESTIMATORS[request.param]


DAYS = np.arange(N).astype("datetime64[D]")
DATES = {
    "datetime64": DAYS,
    "timedelta64": DAYS - DAYS[0],
    "objects of NumPy": np.array([*DAYS, np.nan], dtype=object)[:N],
    "durations of NumPy": np.array([np.timedelta64(k, "h") for k in range(N)] + [0], object)[:N],
    "dates": [datetime.date(2020, 1, 1 + k) for k in range(N)],
    "times": [datetime.time(k % 24) for k in range(N)],
    "pandas": pd.date_range("2020", periods=N),
    "pandas with a zone": pd.date_range("2020", periods=N, tz="Asia/Tokyo"),
    "periods": pd.period_range("2020", periods=N),
    "timedeltas": pd.timedelta_range("1h", periods=N),
    "Arrow": pd.array(DAYS.astype(object), dtype="date32[day][pyarrow]"),
    "time stamps of Arrow": pd.array(pd.date_range("2020", periods=N), "timestamp[us][pyarrow]"),
    "polars Date": pl.Series(DAYS).cast(pl.Date),
    "polars Datetime": pl.Series(DAYS).cast(pl.Datetime("ms")),
    "polars Datetime in ns": pl.Series(DAYS).cast(pl.Datetime("ns")),
    "polars Duration": pl.Series((DAYS - DAYS[0]).astype("timedelta64[ms]")),
    "polars Time": pl.Series([datetime.time(k % 24) for k in range(N)]),
    "some missing": [None, *[datetime.date(2020, 1, 1)] * (N - 1)],
}


def tables_with(dates):
    """Return tables of a column of numbers and one of dates, by the name of the latter."""
    if isinstance(dates, pl.Series):
        return [(pl.DataFrame({"a": A, "when": dates}), "'when'")]
    frame = pd.DataFrame({"a": A}).assign(when=dates)
    return [(frame, "'when'"), (frame.to_numpy(object), "1")]


class TestDates:
    @pytest.mark.parametrize("kind", DATES)
    def test_are_refused_in_fit_with_the_way_out(self, make, kind):
        for X, name in tables_with(DATES[kind]):
            with pytest.raises(ValueError, match=f"X holds dates in column {name}.*day of the"):
                make(missing_values="indicator").fit(X, Y)

    @pytest.mark.parametrize("kind", DATES)
    def test_are_refused_in_predict_after_numbers(self, kind):
        for X, name in tables_with(DATES[kind]):
            if isinstance(X, pl.DataFrame):
                numbers = X.with_columns(when=pl.Series(A))
            elif isinstance(X, pd.DataFrame):
                numbers = X.assign(when=A)
            else:
                numbers = np.column_stack([A, A])
            for make in ESTIMATORS.values():
                model = make().fit(numbers, Y)
                with pytest.raises(ValueError, match=f"X holds dates in column {name}"):
                    model.predict(X)

    @pytest.mark.parametrize("unit", ["D", "s", "ns"])
    def test_arrays_of_nothing_else(self, make, unit):
        X = DAYS.astype(f"datetime64[{unit}]")[:, None]
        for dates in (X, X - X[0]):
            with pytest.raises(ValueError, match="dates in column 0"):
                make().fit(dates, Y)
            with pytest.raises(ValueError, match="dates in column 0"):
                make().fit(A[:, None], Y).predict(dates)

    def test_lists_of_them(self, make):
        with pytest.raises(ValueError, match="dates in column 1"):
            make().fit([[a, day] for a, day in zip(A, DAYS, strict=True)], Y)

    @pytest.mark.parametrize("kind", DATES)
    def test_are_refused_as_labels(self, make, kind):
        for y in (DATES[kind], np.asarray(DATES[kind])):
            with pytest.raises(ValueError, match="y must hold numbers, got dates or durations"):
                make().fit(A[:, None], y)

    def test_are_refused_as_one_of_two_labels(self):
        for frame in (pd.DataFrame, pl.DataFrame):
            with pytest.raises(ValueError, match="y must hold numbers, got dates"):
                student().fit(A[:, None], frame({"y": Y, "when": DAYS.astype("datetime64[us]")}))

    def test_are_refused_in_later_blocks(self):
        model = student().partial_fit(A[:, None], Y)
        with pytest.raises(ValueError, match="dates in column 0"):
            model.partial_fit(DAYS[:, None], Y)

    def test_are_refused_as_weights_and_predictions_of_a_teacher(self):
        durations = DAYS - DAYS[0] + 1
        with pytest.raises(ValueError, match=r"sample_weight must hold numbers.*dates"):
            student().fit(A[:, None], Y, sample_weight=durations)
        tor = TORRegressor(None, student(), random_state=0)
        for odd in (durations, np.array([*durations], dtype=object), DAYS):
            with pytest.raises(ValueError, match="teacher_prediction must hold numbers"):
                tor.fit(A[:, None], Y, teacher_prediction=odd)

    def test_other_columns_than_in_fit_are_what_is_wrong_first(self):
        model = student().fit(pd.DataFrame({"a": A}), Y)
        with pytest.raises(ValueError, match=r"feature names.*\n.*\n- when"):
            model.predict(pd.DataFrame({"a": A, "when": DAYS}))


NUMBERS = [None if a > 1 else round(10 * a) for a in A]
FORMS = {
    "Int64": lambda v: pd.array(v, dtype="Int64"),
    "Float64": lambda v: pd.array(v, dtype="Float64"),
    "Arrow": lambda v: pd.array(v, dtype="int64[pyarrow]"),
    "None": lambda v: pd.Series(v, dtype=object),
    "NA": lambda v: pd.Series([pd.NA if one is None else one for one in v], dtype=object),
    "Decimal": lambda v: [None if one is None else Decimal(one) for one in v],
    "text": lambda v: pd.array([None if one is None else str(one) for one in v], "string"),
    "category": lambda v: pd.Categorical(v),
}


@pytest.fixture(scope="module")
def expected():
    X = np.column_stack([A, np.array(NUMBERS, float)])
    return student(missing_values="indicator").fit(X, Y).predict(X)


class TestMissingMarkers:
    @pytest.mark.parametrize("form", FORMS)
    def test_all_mean_the_same(self, expected, form):
        X = pd.DataFrame({"a": A}).assign(n=FORMS[form](NUMBERS))
        params = {"missing_values": "indicator", "categorical_features": None}
        model = student(**params).fit(X, Y)
        np.testing.assert_array_equal(model.predict(X), expected)
        rows = X.to_numpy(object)
        for array in (rows, rows.tolist()):
            other = student(**params).fit(array, Y)
            np.testing.assert_array_equal(other.predict(array), expected)

    def test_null_of_polars(self, expected):
        X = pl.DataFrame({"a": A, "n": NUMBERS})
        model = student(missing_values="indicator").fit(X, Y)
        np.testing.assert_array_equal(model.predict(X), expected)

    @pytest.mark.parametrize("form", FORMS)
    def test_the_hint_names_column_and_parameter(self, form):
        X = pd.DataFrame({"a": A}).assign(n=FORMS[form](NUMBERS))
        missing = NUMBERS.count(None)
        for table, name in (
            (X, "'n'"),
            (X.to_numpy(object), "1"),
            (X.to_numpy(object).tolist(), 1),
        ):
            with pytest.raises(
                ValueError,
                match=f"NaN, {missing} times in column {name}: fit with missing_values='indicator'",
            ):
                student(categorical_features=None).fit(table, Y)

    @pytest.mark.parametrize("dtype", ["boolean", "Int64", object])
    def test_labels(self, make, dtype):
        y = pd.Series([pd.NA, *([1, 0] * N)[1:N]], dtype=dtype)
        with pytest.raises(ValueError, match=r"y contains NaN, in 1 of 24 rows \(first: row 0\)"):
            make().fit(A[:, None], y)

    def test_allowed_ones_are_not_what_is_wrong(self):
        X = np.column_stack([A, np.full(N, np.nan)])
        with pytest.raises(ValueError, match="inconsistent"):
            student(missing_values="indicator").fit(X, Y[:-1])


class TestObjects:
    @pytest.mark.parametrize(
        ("values", "kind"),
        [
            (pd.interval_range(0, N), "objects of type Interval"),
            ([[1]] * N, "objects of type list"),
            ([{}] * N, "objects of type dict"),
        ],
    )
    def test_are_named_by_their_type(self, make, values, kind):
        X = pd.DataFrame({"a": A, "odd": pd.Series(values)})
        with pytest.raises((TypeError, ValueError), match=f"X holds {kind} in column 'odd'"):
            make().fit(X, Y)

    def test_declared_categories_that_are_not_taken(self):
        X = pd.DataFrame({"a": A, "k": pd.Categorical(["u", "v"] * (N // 2))})
        for params in ({"input_transform": "standard"}, {"categorical_features": None}):
            with pytest.raises(ValueError, match=r"'k'.*it is declared as categories"):
                student(**params).fit(X, Y)

    @pytest.mark.parametrize(
        "params", [{"input_transform": "standard"}, {"module": torch.nn.Linear}]
    )
    @pytest.mark.parametrize("columns", [[1], ["k"], [False, True], np.array([1]), []])
    def test_named_categories_that_are_not_taken(self, params, columns):
        X = pd.DataFrame({"a": A, "k": np.arange(N) % 2})
        with pytest.raises(ValueError, match=r"categorical_features=.* needs input_transform"):
            student(categorical_features=columns, **params).fit(X, Y)


class TestTooLarge:
    @pytest.mark.parametrize("transform", ["quantile", "standard"])
    @pytest.mark.parametrize("value", [3.5e38, -1e39, 1e300, -1.7e308])
    def test_numbers_that_single_precision_does_not_hold(self, make, transform, value):
        X = pd.DataFrame({"a": A, "b": A})
        large = X.copy()
        large.loc[5, "b"] = value
        words = rf"X holds {value:g}.* in column 'b', first in row 5: numbers go up to 3\.4e\+38"
        with pytest.raises(ValueError, match=words.replace("+", r"\+").replace(r"\\+", r"\+")):
            make(input_transform=transform).fit(large, Y)
        model = make(input_transform=transform).fit(X, Y)
        with pytest.raises(ValueError, match="in column 'b', first in row 5"):
            model.predict(large)
        with pytest.raises(ValueError, match="in column 'b', first in row 0"):
            model.predict(large[5:6])

    @pytest.mark.parametrize("sign", [1, -1])
    def test_two_that_add_up_to_nothing(self, sign):
        model = student().fit(np.column_stack([A, A]), Y)
        with pytest.raises(ValueError, match="in columns 0, 1, first in row 0"):
            model.predict(np.array([[sign * 1e300, -sign * 1e300]]))

    def test_the_largest_is_let_pass(self, make):
        X = np.column_stack([A, A])
        X[3] = MOST_IN_SINGLE, -MOST_IN_SINGLE
        model = make().fit(X, Y)
        assert np.isfinite(model.predict(X)).all()
        assert np.isfinite(model.predict(X.astype(np.float32))).all()

    def test_integers_of_python(self):
        X = np.array([[a, 10**400] for a in A], dtype=object)
        with pytest.raises(ValueError, match=r"X holds 1000.*\.\.\. in column 1, first in row 0"):
            student().fit(X, Y)

    def test_beside_gaps(self):
        X = np.column_stack([A, A])
        X[0, 0], X[1, 1] = np.nan, 1e39
        with pytest.raises(ValueError, match=r"X holds 1e\+39 in column 1, first in row 1"):
            student(missing_values="indicator").fit(X, Y)

    def test_pictures(self):
        from sklearn_regkd.networks.cnn import small_cnn

        X = np.zeros((N, 6, 6))
        X[0, 0, 0] = 1e40
        with pytest.raises(ValueError, match=r"X holds 1e\+40"):
            StudentRegressor(module=small_cnn, max_epochs=1).fit(X, Y)

    @pytest.mark.parametrize("value", [1.1e306, -1.7e308])
    def test_labels_beyond_which_predictions_overflow(self, make, value):
        y = Y.copy()
        y[7] = value
        with pytest.raises(ValueError, match=r"y holds .*e\+30\d in row 7"):
            make().fit(A[:, None], y)


class TestTeacherPrediction:
    @pytest.mark.parametrize(
        "odd", [np.array(["1"] * 3), np.array(["u"] * 3, object), np.ones(3, complex)]
    )
    def test_what_is_no_number_is_refused(self, odd):
        with pytest.raises(ValueError, match="the teacher must hold numbers, got dtype"):
            as_columns(odd, 3, 1, "the teacher")

    def test_na_is_no_prediction(self):
        for odd in (pd.array([1.0, None, 2.0], dtype="Float64"), [1.0, pd.NA, 2.0], [1, None, 2]):
            with pytest.raises(ValueError, match=r"NaN or infinite in 1 of 3 rows \(first: row 1"):
                as_columns(odd, 3, 1, "the teacher")

    @pytest.mark.parametrize("kind", [list, np.array, pd.Series, pl.Series])
    def test_numbers_of_any_form(self, kind):
        assert as_columns(kind([1, 2, 3]), 3, 1, "it").tolist() == [[1], [2], [3]]


def test_a_lazy_frame_is_refused_with_the_way_out(make):
    X = pl.DataFrame({"a": A, "k": ["u", "v"] * (N // 2)}).cast({"k": pl.Categorical})
    with pytest.raises(TypeError, match=r"LazyFrame.*X\.collect\(\)"):
        make().fit(X.lazy(), Y)
    model = student().fit(X, Y)
    with pytest.raises((TypeError, ValueError), match=r"LazyFrame"):
        model.predict(X.lazy())


def test_weights_of_any_form():
    X = np.zeros((3, 1))
    for kind in (list, np.array, pd.Series, pl.Series):
        assert check_weight(kind([1, 0, 2]), X).tolist() == [1, 0, 2]


class TestHintAboutColumns:
    X = pd.DataFrame({"a": A, "k": pd.Categorical(["u", "v"] * (N // 2)), "when": DAYS})

    @pytest.mark.parametrize(
        "words",
        [
            "could not convert string to float: 'u'",
            "Cannot convert 'b'u'' to float",
            "pandas dtypes must be int, float or bool.\nFields with bad pandas dtypes: k: object",
            "DataFrame.dtypes for data must be int, float, bool or category. Invalid columns:k",
            "The DType <class 'numpy.dtypes.DateTime64DType'> could not be promoted",
            "'<' not supported between instances of 'str' and 'float'",
            "unsupported operand type(s) for -: 'str' and 'float'",
            "ufunc 'isnan' not supported for the input types",
            "must be real number, not str",
            "feature 'k' is unknown",
        ],
    )
    def test_where_the_error_is_about_types(self, words):
        hint = hint_about_columns(self.X, ValueError(words))
        assert "text, dates or other objects in columns 'k', 'when'" in hint
        assert "Pipeline that encodes them" in hint

    @pytest.mark.parametrize(
        "words",
        [
            "Do not support special JSON characters in feature name.",
            "feature_names must be string, and may not contain [, ] or <",
            "Expected n_neighbors <= n_samples_fit, but n_neighbors = 5, n_samples_fit = 3",
            "Input X contains NaN.\nRidge does not accept missing values encoded as NaN natively.",
            "CUDA out of memory",
            "",
        ],
    )
    def test_where_it_is_about_something_else(self, words):
        assert hint_about_columns(self.X, ValueError(words)) == ""

    def test_numbers_are_never_to_blame(self):
        X = pd.DataFrame({"a": A, "b": pd.array([None, *[True] * (N - 1)], dtype="boolean")})
        assert hint_about_columns(X, ValueError("could not convert string to float")) == ""
        assert hint_about_columns(np.zeros((2, 2)), ValueError("could not convert")) == ""

    @pytest.mark.parametrize(("name", "fails"), [("distance, [km]", True), ("distance", False)])
    def test_a_teacher_that_takes_categories_but_not_the_name(self, name, fails):
        lightgbm = pytest.importorskip("lightgbm")
        X = pd.DataFrame({name: A, "k": self.X["k"]})
        teacher = lightgbm.LGBMRegressor(n_estimators=2, verbose=-1)
        model = DistilledRegressor(teacher, student(), outliers=None, cv=2, random_state=0)
        if not fails:
            assert model.fit(X, Y).predict(X).shape == (N,)
            return
        with pytest.raises(RuntimeError, match="special JSON characters") as caught:
            model.fit(X, Y)
        assert "'k'" not in str(caught.value)

    def test_a_teacher_that_takes_no_categories(self):
        X = self.X[["a", "k"]]
        model = DistilledRegressor(Ridge(), student(), outliers=None, cv=2, random_state=0)
        with pytest.raises(RuntimeError, match=r"Ridge failed .*other objects in column 'k'"):
            model.fit(X, Y)


def test_a_frozen_teacher_gets_a_frame_without_na():
    class Remembers(Ridge):
        def predict(self, X):
            self.seen_ = X
            return np.zeros(len(X))

    teacher = Remembers()
    teacher.coef_ = np.zeros(2)
    X = pd.DataFrame({"a": A, "k": pd.Series(["u", None] * (N // 2), dtype="string")})
    X = X.astype({"k": "category"})
    model = TORRegressor(FrozenEstimator(teacher), student(), random_state=0)
    model.fit(X, Y)
    assert teacher.seen_["k"].dtype == "category"
    assert isinstance(np.asarray(teacher.seen_["k"])[1], float)

"""What names of columns and values of categories mean, in fit and afterwards."""

import json

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sklearn_regkd.preprocessing.columns import TableColumns, categorical_columns

X3 = np.zeros((4, 3))
F3 = pd.DataFrame(X3, columns=["a", "b", "k"])


class TestCategoricalColumns:
    @pytest.mark.parametrize(
        "chosen",
        [
            [2],
            (2,),
            np.array([2]),
            np.array([2], np.uint8),
            [False, False, True],
            (False, False, True),
            np.array([False, False, True]),
            [np.False_, np.False_, np.True_],
            pd.Series([False, False, True]),
            pd.array([False, False, True], dtype="boolean"),
            pl.Series([False, False, True]),
        ],
        ids=lambda chosen: type(chosen).__name__,
    )
    @pytest.mark.parametrize(
        "X", [X3, X3.tolist(), F3, pl.DataFrame(X3)], ids=["array", "list", "pandas", "polars"]
    )
    def test_positions_and_masks(self, X, chosen):
        assert categorical_columns(X, chosen) == [2]

    @pytest.mark.parametrize("X", [F3, pl.from_pandas(F3)], ids=["pandas", "polars"])
    @pytest.mark.parametrize(
        "chosen", [["k", "a"], np.array(["k", "a"]), pd.Index(["k", "a"]), ["k", 0], [2, 0]]
    )
    def test_names_in_the_order_of_the_columns(self, X, chosen):
        assert categorical_columns(X, chosen) == [0, 2]

    @pytest.mark.parametrize("chosen", [None, [], (), np.array([], int), [False] * 3, "from_dtype"])
    def test_none(self, chosen):
        assert categorical_columns(X3, chosen) == []

    def test_integers_are_positions_whatever_the_names_are(self):
        X = pd.DataFrame(X3, columns=[2, 0, 1])
        assert categorical_columns(X, [2]) == [2]

    def test_names_that_are_no_text(self):
        X = pd.DataFrame(X3, columns=pd.MultiIndex.from_tuples([("a", 1), ("a", 2), ("b", 1)]))
        assert categorical_columns(X, [("b", 1)]) == [2]

    @pytest.mark.parametrize(
        ("X", "chosen", "words"),
        [
            (X3, [True, False], "mask.*3 columns.*2 booleans among 2"),
            (X3, [False] * 4, "mask"),
            (X3, [True, False, 2], "mask.*2 booleans among 3"),
            (X3, [np.True_, 0, 1], "mask"),
            (X3, [3], "column 3, but X has 3 columns.*positions from 0 to 2"),
            (X3, [-1], "column -1.*positions from 0 to 2"),
            (F3, [-1], "column -1"),
            (X3, [0, 0, 1], "column 0 twice.*mask"),
            (F3, ["k", 2], "column 'k' twice"),
            (X3, ["k"], "'k', but X has no names"),
            (X3, [1.0], "1.0, but X has no names"),
            (F3, ["kind"], r"'kind'.*none of that name: \['a', 'b', 'k'\]"),
            (F3.set_axis(["k", "b", "k"], axis=1), ["k"], "more than one of that name"),
        ],
    )
    def test_what_names_no_column_is_refused(self, X, chosen, words):
        with pytest.raises(ValueError, match=f"(?s)categorical_features.*{words}"):
            categorical_columns(X, chosen)


def mixed():
    return pd.DataFrame(
        {
            "a": [0.5, 1.5, 2.5, 3.5],
            "k": pd.Categorical(["v", None, "u", "v"]),
            "n": pd.Categorical([30, 10, None, 20]),
        }
    )


CODES = [[0.5, 1, 2], [1.5, -1, 0], [2.5, 0, -1], [3.5, 1, 1]]
FORMS = {
    "pandas": lambda X: X,
    "pandas without declaration": lambda X: X.astype(object),
    "one row at a time": lambda X: X.iloc[:1],
    "polars": lambda X: pl.DataFrame(
        {"a": X["a"].tolist(), "k": _none(X["k"]), "n": _none(X["n"])}, strict=False
    ),
    "polars, text declared": lambda X: FORMS["polars"](X).cast({"k": pl.Categorical}),
    "array of objects": lambda X: X.to_numpy(object),
    "what SHAP takes": lambda X: X.values,
    "list": lambda X: X.to_numpy(object).tolist(),
    "frame of an array": lambda X: pd.DataFrame(X.to_numpy(object)),
}


def _none(series):
    return [None if pd.isna(value) else value for value in series]


class TestTransform:
    @pytest.fixture
    def columns(self):
        columns = TableColumns()
        columns.fit_transform(mixed())
        return columns

    def test_codes_count_the_values_in_their_order(self):
        columns, X = TableColumns(), mixed()
        np.testing.assert_array_equal(np.asarray(columns.fit_transform(X)), CODES)
        assert columns.categorical == [1, 2]
        assert columns.categories == [{"u": 0, "v": 1}, {10: 0, 20: 1, 30: 2}]
        assert X.equals(mixed())

    @pytest.mark.parametrize("form", FORMS)
    def test_the_same_values_in_another_form(self, columns, form):
        coded = np.asarray(columns.transform(FORMS[form](mixed()))).astype(float)
        np.testing.assert_array_equal(coded, CODES[: len(coded)])

    @pytest.mark.parametrize("form", [f for f in FORMS if "pandas" in f or "polars" in f])
    def test_whatever_fit_got(self, form):
        columns = TableColumns(["k", "n"])
        np.testing.assert_array_equal(
            np.asarray(columns.fit_transform(FORMS[form](mixed())), float), CODES
        )
        for other in FORMS:
            coded = np.asarray(columns.transform(FORMS[other](mixed()))).astype(float)
            np.testing.assert_array_equal(coded, CODES[: len(coded)])

    def test_unknown_categories_are_as_missing_ones(self, columns):
        X = mixed().astype(object).assign(k="w", n=11)
        assert (np.asarray(columns.transform(X), float)[:, 1:] == -1).all()

    @pytest.mark.parametrize("dtype", [float, np.float32, int, bool])
    def test_numbers_of_an_array_are_neither_codes_nor_categories(self, columns, dtype):
        for X in (np.zeros((4, 3), dtype), np.zeros((4, 3), dtype).tolist()):
            with pytest.raises(
                ValueError, match=r"columns 'k', 'n' held categories.*pandas.DataFrame\(X"
            ):
                columns.transform(X)
        with pytest.raises(ValueError, match="array of numbers"):
            columns.transform(pd.DataFrame(np.zeros((4, 3), dtype)))

    @pytest.mark.parametrize(
        ("odd", "words"),
        [
            ({"k": 1}, "'k' of X holds 1 of type int.*such as 'u'"),
            ({"n": "10"}, "'n' of X holds '10' of type str.*such as 10"),
            ({"n": "unknown"}, "'n'"),
            ({"k": [[1]] * 4}, r"'k' of X holds \[1\], a list, which cannot be a category"),
        ],
    )
    @pytest.mark.parametrize("form", ["pandas", "array of objects"])
    def test_values_of_another_type_are_no_unknown_categories(self, columns, form, odd, words):
        X = mixed().astype(object).assign(**odd)
        with pytest.raises(ValueError, match=words):
            columns.transform(FORMS[form](X))

    def test_text_that_an_array_made_of_numbers(self, columns):
        with pytest.raises(ValueError, match=r"'n' of X holds '30(\.0)?' of type str"):
            columns.transform(mixed().astype(object).to_numpy(str))

    @pytest.mark.parametrize("shape", [(4,), (4, 2), (4, 2, 3), (0,)])
    def test_other_shapes_are_for_the_validation_to_refuse(self, columns, shape):
        X = np.zeros(shape)
        assert columns.transform(X) is X

    def test_codes_of_an_array_are_codes_everywhere(self):
        columns, X = TableColumns([1]), np.array([[0.5, 1], [1.5, 0]])
        assert columns.fit_transform(X) is X
        for other in (X, X.tolist(), pd.DataFrame(X), pl.DataFrame(X)):
            assert columns.transform(other) is other

    def test_categories_that_cannot_be_ranked(self):
        X = pd.DataFrame({"k": pd.Series(["u", 2, "v", 1], dtype=object)})
        columns = TableColumns(["k"])
        assert np.asarray(columns.fit_transform(X)).ravel().tolist() == [2, 1, 3, 0]
        assert np.asarray(columns.transform(X[::-1])).ravel().tolist() == [0, 3, 1, 2]

    def test_intervals_and_dates_are_categories_where_they_are_declared(self):
        for values in (pd.cut([1, 5, 9], 3), pd.Categorical(pd.date_range("2020", periods=3))):
            columns = TableColumns()
            coded = columns.fit_transform(pd.DataFrame({"k": values}))
            assert coded["k"].tolist() == [0, 1, 2]

    def test_lists_are_no_categories(self):
        X = pd.DataFrame({"k": pd.Series([["u"], ["v"]])})
        with pytest.raises(ValueError, match=r"'k' of X holds \['u'\], a list"):
            TableColumns(["k"]).fit_transform(X)

    def test_two_columns_of_one_name(self):
        X = mixed().set_axis(["a", "k", "k"], axis=1)
        columns = TableColumns()
        np.testing.assert_array_equal(np.asarray(columns.fit_transform(X)), CODES)
        np.testing.assert_array_equal(np.asarray(columns.transform(X)), CODES)

    def test_a_column_without_any_category(self):
        X = pd.DataFrame({"a": [1.0], "k": pd.Categorical([None], categories=["u"])})
        columns = TableColumns()
        assert columns.fit_transform(X)["k"].tolist() == [-1]
        assert columns.transform(X.assign(k="u"))["k"].tolist() == [-1]
        assert columns.transform(X.assign(k=7))["k"].tolist() == [-1]


VALUES = st.one_of(
    st.sampled_from([None, float("nan"), pd.NA, True, False, 0.5]),
    st.text("uvw1 ", max_size=2),
    st.integers(-3, 3),
)


class TestRoundTrip:
    @settings(max_examples=60, deadline=None)
    @given(st.lists(VALUES, min_size=1, max_size=12), st.data())
    def test_equal_values_have_equal_codes(self, values, data):
        X = pd.DataFrame({"a": range(len(values)), "k": pd.Series(values, dtype=object)})
        columns = TableColumns(["k"])
        codes = np.asarray(columns.fit_transform(X)["k"])
        for one, code in zip(values, codes, strict=True):
            assert (code == -1) == bool(pd.isna(one))
            for other, its in zip(values, codes, strict=True):
                if code >= 0 and its >= 0:
                    assert (one == other) == (code == its)
        order = data.draw(st.permutations(range(len(values))))
        loaded = TableColumns.from_plain(json.loads(json.dumps(columns.to_plain())))
        for known in (columns, loaded):
            frame = X.iloc[order]
            assert np.asarray(known.transform(frame)["k"]).tolist() == codes[order].tolist()
            rows = known.transform(frame.to_numpy(object))
            assert rows[:, 1].tolist() == codes[order].tolist()

    @settings(max_examples=30, deadline=None)
    @given(st.lists(st.sampled_from(["u", "v", "ü", None]), min_size=1, max_size=9))
    def test_the_library_of_a_frame_does_not_matter(self, values):
        forms = [
            pd.DataFrame({"k": pd.Series(values, dtype=dtype).astype("category")})
            for dtype in (object, "str", "string")
        ]
        text = pl.Series("k", values, dtype=pl.String)
        forms += [pl.DataFrame([text.cast(kind)]) for kind in (pl.Categorical, pl.Enum("vuü"))]
        codes = {tuple(np.asarray(TableColumns().fit_transform(X)).ravel()) for X in forms}
        assert len(codes) == 1


class TestNames:
    def columns(self, X):
        columns = TableColumns()
        columns.fit_transform(X)
        return columns

    @pytest.mark.parametrize("frame", [mixed(), F3], ids=["categories", "numbers"])
    def test_another_order_is_refused_in_the_words_of_scikit_learn(self, frame):
        with pytest.raises(ValueError, match="feature names should match"):
            self.columns(frame).transform(frame[frame.columns[::-1]])

    @pytest.mark.parametrize(
        "names", [[10, 20, 30], pd.date_range("2020", periods=3), [("a", 1), ("a", 2), ("b", 1)]]
    )
    @pytest.mark.parametrize("frame", [mixed(), F3], ids=["categories", "numbers"])
    def test_names_that_scikit_learn_does_not_compare(self, frame, names):
        frame = frame.set_axis(pd.Index(names), axis=1)
        columns = self.columns(frame)
        np.testing.assert_array_equal(
            np.asarray(columns.transform(frame), float),
            np.asarray(TableColumns().fit_transform(frame), float),
        )
        with pytest.raises(ValueError, match=r"columns of X are called .* in fit they were"):
            columns.transform(frame.iloc[:, ::-1])

    def test_numbers_that_pandas_gave_are_positions(self):
        columns = self.columns(pd.DataFrame(X3))
        for other in (pd.DataFrame(X3), X3, F3):  # of the last one scikit-learn warns
            assert columns.transform(other) is other
        for odd in ([2, 1, 0], [1, 2, 3]):
            with pytest.raises(ValueError, match="in fit they were called"):
                columns.transform(pd.DataFrame(X3, columns=odd))

    def test_categories_of_numbered_columns(self):
        columns = self.columns(mixed().set_axis(range(3), axis=1))
        np.testing.assert_array_equal(
            np.asarray(columns.transform(mixed().set_axis(range(3), axis=1))), CODES
        )
        with pytest.raises(ValueError, match=r"in fit they were called \[0, 1, 2\]"):
            columns.transform(mixed())

    @pytest.mark.parametrize(
        "names", [["a", "k"], [("u", "a"), ("v", "k")], pd.date_range("2020", periods=2), [5, 7]]
    )
    def test_names_of_all_kinds_can_be_kept(self, names):
        frame = mixed()[["a", "k"]].set_axis(pd.Index(names), axis=1)
        loaded = TableColumns.from_plain(json.loads(json.dumps(self.columns(frame).to_plain())))
        assert np.asarray(loaded.transform(frame))[:, 1].tolist() == [1, -1, 0, 1]

    def test_a_category_that_cannot_be_kept_is_named_with_its_column(self):
        columns = self.columns(pd.DataFrame({"age": pd.cut([1, 5, 9], 3)}))
        with pytest.raises(TypeError, match=r"the category Interval\(.* in column 'age' is a"):
            columns.to_plain()

    def test_an_integer_that_may_share_its_hash_with_many_others_is_no_category(self):
        values = [2**64, 2**65]
        columns = self.columns(pd.DataFrame({"id": pd.Categorical(values)}))
        with pytest.raises(TypeError, match="an integer in column 'id' has 66 bits"):
            columns.to_plain()
        plain = {"names": ["id"], "categorical": [0], "categories": [values]}
        with pytest.raises(TypeError, match="an integer in column 0 has 66 bits"):
            TableColumns.from_plain(plain)


class TestPlain:
    def test_old_files_name_columns_of_categories_only(self):
        plain = {"names": None, "categorical": [1], "categories": [["u", "v", None, np.nan]]}
        columns = TableColumns.from_plain(plain)
        frame = pd.DataFrame({3: [1.0, 2.0], 4: ["v", None]})
        assert np.asarray(columns.transform(frame), float)[:, 1].tolist() == [1, -1]
        assert columns.transform(frame.to_numpy(object))[:, 1].tolist() == [1, -1]

    @pytest.mark.parametrize(
        "change",
        [
            {"categorical": [0, 1]},
            {"categorical": [-1]},
            {"categories": [["u"], ["v"]]},
            {"categories": [[["u"]]]},
            {"names": [{}]},
        ],
    )
    def test_what_contradicts_itself_is_refused(self, change):
        plain = {"names": ["a", "k"], "categorical": [1], "categories": [["u"]]}
        TableColumns.from_plain(plain)
        with pytest.raises((TypeError, ValueError)):
            TableColumns.from_plain({**plain, **change})


def test_a_teacher_of_a_frame_with_categories_is_not_asked_about_arrays():
    columns = TableColumns()
    columns.fit_transform(mixed())
    columns.require_frame(mixed())
    with pytest.raises(ValueError, match=r"X is a ndarray, but the teacher.*columns 'k', 'n'"):
        columns.require_frame(mixed().to_numpy(object))
    plain = TableColumns()
    plain.fit_transform(F3)
    plain.require_frame(X3)


def test_a_frame_without_columns_is_refused_by_names():
    columns = TableColumns()
    columns.fit_transform(pd.DataFrame({"a": [1.0, 2.0]}))
    with (
        pytest.warns(UserWarning, match="feature names"),
        pytest.raises(ValueError, match=r"X are called \[\], but in fit they were called \['a'\]"),
    ):
        columns.transform(pd.DataFrame(index=range(2)))

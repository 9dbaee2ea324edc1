"""The same rows mean the same to a fitted estimator, whatever holds them."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor

from sklearn_regkd import DistilledRegressor, StudentRegressor, TORRegressor, load
from sklearn_regkd.export.feeds import student_rows
from sklearn_regkd.inspection.measures import rows_for_teacher

N = 80


def student(**params):
    params = {"max_epochs": 3, "weight_decay": 0.1, "random_state": 0, **params}
    return StudentRegressor((8,), **params)


ESTIMATORS = {
    "student": student,
    "tor": lambda **p: TORRegressor(student=student(**p), cv=2, random_state=0),
    "distilled": lambda **p: DistilledRegressor(
        student=student(**p), outliers=None, alpha=0.5, cv=2, random_state=0
    ),
}


@pytest.fixture(scope="module")
def table():
    """A number, a category of text and one of numbers that are not their codes."""
    rng = np.random.default_rng(0)
    level = rng.integers(1, 4, N)
    X = pd.DataFrame(
        {
            "a": rng.normal(size=N),
            "town": pd.Categorical(
                np.where(rng.random(N) < 0.2, None, ["Ames", "Rome"] * (N // 2))
            ),
            "level": pd.Categorical(level),
        }
    )
    return X, X["a"].to_numpy() + np.array([0, 10, -10, 5])[level]


@pytest.fixture(scope="module", params=ESTIMATORS)
def fitted(request, table):
    return ESTIMATORS[request.param]().fit(*table)


def as_polars(X):
    columns = {name: [None if pd.isna(v) else v for v in X[name]] for name in X}
    return pl.DataFrame(columns).cast({"town": pl.Categorical})


FORMS = {
    "array of objects": lambda X: X.to_numpy(object),
    "values of the frame": lambda X: X.values,
    "lists": lambda X: X.to_numpy(object).tolist(),
    "other index": lambda X: X.set_index(np.arange(N)[::-1]),
    "not declared": lambda X: X.astype(object),
    "numbers as floats": lambda X: X.astype({"level": float}),
    "text with pandas.NA": lambda X: X.astype({"town": "string"}),
    "categories with pandas.NA": lambda X: X.astype({"town": "string"}).astype(
        {"town": "category"}
    ),
    "categories in another order": lambda X: X.assign(
        town=X["town"].cat.reorder_categories(["Rome", "Ames"])
    ),
    "polars": as_polars,
}


@pytest.mark.filterwarnings("ignore:X does not have valid feature names")
class TestForms:
    @pytest.mark.parametrize("form", FORMS)
    def test_the_same_rows_have_the_same_predictions(self, fitted, table, form):
        X, _ = table
        np.testing.assert_array_equal(fitted.predict(FORMS[form](X)), fitted.predict(X))

    @pytest.mark.slow
    @pytest.mark.parametrize("form", ["polars", "categories with pandas.NA"])
    @pytest.mark.parametrize("name", ESTIMATORS)
    def test_a_fit_on_another_form_is_the_same_fit(self, table, form, name):
        X, y = table[0][["a", "town"]], table[1]
        one, other = ESTIMATORS[name]().fit(X, y), ESTIMATORS[name]().fit(FORMS[form](X), y)
        np.testing.assert_array_equal(one.predict(X), other.predict(X))

    @pytest.mark.parametrize("dtype", [float, np.float32, int])
    def test_numbers_of_an_array_are_refused(self, fitted, table, dtype):
        X, _ = table
        codes = X.assign(a=1.0, town=X["town"].cat.codes, level=X["level"].astype(int))
        for rows in (
            codes.to_numpy(dtype),
            codes.to_numpy(dtype)[:1],
            codes.to_numpy(dtype).tolist(),
        ):
            with pytest.raises(ValueError, match=r"array of numbers.*columns 'town', 'level' held"):
                fitted.predict(rows)

    def test_a_frame_made_of_an_array_is_the_way_out(self, table):
        X, y = table
        X = X[["a", "level"]]
        model = student().fit(X, y)
        rows = X.astype(float).to_numpy()
        with pytest.raises(ValueError, match=r"pandas\.DataFrame\(X, columns=\.\.\.\)"):
            model.predict(rows)
        again = model.predict(pd.DataFrame(rows, columns=X.columns))
        np.testing.assert_array_equal(again, model.predict(X))

    def test_codes_in_the_place_of_text_are_refused(self, fitted, table):
        X, _ = table
        with pytest.raises(
            ValueError, match=r"'town' of X holds .* of another type, such as 'Ames'"
        ):
            fitted.predict(X.assign(town=X["town"].cat.codes))

    def test_what_is_saved_means_the_same(self, fitted, table, tmp_path):
        X, _ = table
        fitted.save(tmp_path / "model.regkd")
        loaded = load(tmp_path / "model.regkd")
        for form in FORMS.values():
            np.testing.assert_array_equal(loaded.predict(form(X)), fitted.predict(X))
        with pytest.raises(ValueError, match="array of numbers"):
            loaded.predict(np.ones((2, 3)))

    def test_later_blocks(self, table):
        X, y = table
        models = [
            student().partial_fit(X, y).partial_fit(form(X), y)
            for form in (lambda X: X, FORMS["array of objects"], as_polars)
        ]
        for model in models[1:]:
            np.testing.assert_array_equal(model.predict(X), models[0].predict(X))
        with pytest.raises(ValueError, match="array of numbers"):
            models[0].partial_fit(np.ones((N, 3)), y)

    def test_a_frame_without_categories_is_an_array_with_names(self, table):
        X, y = table
        numbers = X[["a"]].assign(b=X["a"] ** 2)
        model = student().fit(numbers, y)
        with pytest.warns(UserWarning, match="does not have valid feature names"):
            rows = model.predict(numbers.to_numpy())
        np.testing.assert_array_equal(rows, model.predict(numbers))

    @pytest.mark.parametrize("names", [None, [30, 10, 20]], ids=["text", "numbers"])
    def test_another_order_of_the_columns_is_refused(self, table, names):
        X, y = table
        X = X if names is None else X.set_axis(names, axis=1)
        model = student().fit(X, y)
        with pytest.raises(ValueError, match=r"feature names should match|in fit they were called"):
            model.predict(X.iloc[:, ::-1])
        with pytest.raises(ValueError, match=r"feature names should match|in fit they were called"):
            student_rows(model, X.iloc[:, ::-1])


class TestMasks:
    @pytest.mark.slow
    @pytest.mark.parametrize("name", ESTIMATORS)
    def test_a_mask_means_its_columns(self, name):
        rng = np.random.default_rng(0)
        X = np.column_stack([rng.normal(size=N), rng.integers(0, 3, N), rng.integers(0, 2, N)])
        frame = pd.DataFrame(X, columns=["a", "k", "l"])
        predictions = [
            ESTIMATORS[name](categorical_features=chosen).fit(table, X[:, 0]).predict(table)
            for chosen, table in (
                ([1, 2], X),
                ([False, True, True], X),
                (np.array([False, True, True]), frame),
                (["l", "k"], frame),
            )
        ]
        for other in predictions[1:]:
            np.testing.assert_array_equal(other, predictions[0])

    @pytest.mark.parametrize("chosen", [[True, False], [-1], [0, 0, 1], ["k"], [3]])
    def test_what_is_no_choice_of_columns_is_refused(self, chosen):
        with pytest.raises(ValueError, match="categorical_features"):
            student(categorical_features=chosen).fit(np.ones((4, 3)), [1, 2, 3, 4])


class TestTeachers:
    def test_are_not_asked_about_arrays_of_a_frame_with_categories(self, table):
        X, y = table
        model = ESTIMATORS["distilled"]()
        rows = X.to_numpy(object)
        with pytest.raises(ValueError, match="X is a ndarray, but the teacher has learned from"):
            model.fit(X, y, X_unlabeled=rows[:9])
        model.fit(X, y, X_unlabeled=X[:9])
        assert rows_for_teacher(model, X) is not None
        with pytest.raises(ValueError, match="pass a data frame with the same columns here, too"):
            rows_for_teacher(model, rows)

    def test_synthetic_rows_are_not_made_of_codes(self, table):
        X, y = table
        codes = np.column_stack([X["a"], X["level"].astype(int)])
        for rows, chosen, name in ((X, "from_dtype", "'town'"), (codes, [1], "1")):
            model = DistilledRegressor(
                student=student(categorical_features=chosen), synthetic="neighbors", cv=2
            )
            with pytest.raises(
                ValueError, match=f"made of numbers, and .{name}.* are columns of ca"
            ):
                model.fit(rows, y)

    @pytest.mark.parametrize("dtype", ["str", "string", "string[pyarrow]"])
    def test_categories_with_gaps_of_all_kinds(self, table, dtype):
        X, y = table
        X = X.assign(town=X["town"].astype(object).astype(dtype).astype("category"))
        for teacher in (None, HistGradientBoostingRegressor(max_iter=5)):
            model = DistilledRegressor(teacher, student(), outliers=None, alpha=0.5, cv=2)
            assert np.isfinite(model.fit(X, y).predict(X)).all()


class TestNoInputLeft:
    """Of nothing that says anything the student learns the middle of the labels."""

    @pytest.mark.parametrize("name", ESTIMATORS)
    @pytest.mark.parametrize("transform", ["quantile", "standard"])
    def test_constants(self, name, transform):
        X, y = np.full((N, 2), [3.5, -1e30]), np.linspace(0, 1, N)
        model = ESTIMATORS[name](input_transform=transform).fit(X, y)
        rows = np.array([[3.5, -1e30], [0.0, 0.0], [-1e38, 1e38]])
        for dtype in (np.float32, np.float64):
            found = model.predict(rows.astype(dtype))
            assert np.ptp(found) == 0
            assert 0.2 < found[0] < 0.8

    @pytest.mark.parametrize("missing", ["error", "indicator"])
    @pytest.mark.parametrize("codes", [[-1.0], [-1.0, -7.0]])
    def test_categories_of_which_none_is_known(self, missing, codes):
        X, y = np.tile(codes, (N, 1)), np.linspace(0, 1, N)
        chosen = list(range(len(codes)))
        model = student(categorical_features=chosen, missing_values=missing).fit(X, y)
        found = model.predict(np.array([codes, [0.0] * len(codes), [5.0] * len(codes)]))
        assert np.ptp(found) == 0
        assert 0.2 < found[0] < 0.8

    def test_a_frame_of_missing_categories(self, tmp_path):
        X = pd.DataFrame({"k": pd.Categorical([None] * N, categories=["u"])})
        model = student().fit(X, np.linspace(0, 1, N))
        found = model.predict(pd.DataFrame({"k": ["u", None, "w"]}))
        assert np.ptp(found) == 0
        model.save(tmp_path / "model.regkd")
        again = load(tmp_path / "model.regkd").predict(X)
        np.testing.assert_array_equal(again, model.predict(X))

    def test_nothing_but_gaps(self):
        X, y = np.full((N, 2), np.nan), np.linspace(0, 1, N)
        model = student(missing_values="indicator").fit(X, y)
        assert 0.2 < model.predict(X[:1])[0] < 0.8
        with pytest.raises(ValueError, match=f"NaN, {2 * N} times in columns 0, 1"):
            student().fit(X, y)

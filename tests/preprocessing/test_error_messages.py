"""Errors about X and y say which column or row it is, and what to do."""

import datetime

import numpy as np
import pandas as pd
import polars
import pytest
from scipy.sparse import csr_array
from sklearn.linear_model import Ridge

from sklearn_regkd import DistilledRegressor, StudentRegressor


@pytest.fixture(scope="module")
def table():
    """40 rows of two numbers and a declared category."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(40, 2)), columns=["area", "age"])
    X["kind"] = pd.Categorical(rng.choice(["flat", "house"], 40))
    return X, X["area"] + (X["kind"] == "house")


def student(**params):
    return StudentRegressor((4,), max_epochs=2, weight_decay=0.1, random_state=0, **params)


def distilled():
    return DistilledRegressor(student=student(), outliers=None, alpha=0.5, cv=2, random_state=0)


@pytest.fixture(scope="module", params=[student, distilled], ids=["student", "distilled"])
def estimator(request):
    return request.param()


def message(error, call, *data, **more):
    with pytest.raises(error) as caught:
        call(*data, **more)
    return str(caught.value)


@pytest.mark.slow
def test_columns_of_text_are_named_with_the_way_out(estimator, table):
    X, y = table
    odd = X.assign(town="Ames", road="dirt")
    words = message(ValueError, estimator.fit, odd, y)
    assert "text in columns 'town', 'road', such as 'Ames'" in words
    assert "X.astype({'town': 'category', ...})" in words
    declared = odd.astype({"town": "category", "road": "category"})
    assert estimator.fit(declared, y).predict(odd).shape == y.shape  # the advice is good


def test_text_in_a_polars_frame_is_named(estimator, table):
    X, y = table
    frame = polars.DataFrame({"area": X["area"].to_numpy(), "town": ["Ames"] * len(X)})
    words = message(ValueError, estimator.fit, frame, y)
    assert "X.cast({'town': polars.Categorical})" in words
    declared = frame.cast({"town": polars.Categorical})
    assert estimator.fit(declared, y).predict(declared).shape == y.shape


def test_many_columns_are_counted(estimator, table):
    X, y = table
    words = message(ValueError, estimator.fit, X.assign(**dict.fromkeys("abcdefgh", "?")), y)
    assert "'a', 'b', 'c', 'd', 'e' and 3 more" in words


@pytest.mark.parametrize(
    "when",
    [
        pd.date_range("2020", periods=40),
        pd.date_range("2020", periods=40, tz="UTC"),
        pd.to_timedelta(np.arange(40), unit="D"),
        [datetime.date(2020, 1, 1)] * 40,
    ],
    ids=["dates", "with a zone", "durations", "objects"],
)
def test_dates_are_named(estimator, table, when):
    X, y = table
    words = message(ValueError, estimator.fit, X.assign(when=when), y)
    assert "dates in column 'when'" in words
    assert "days since" in words


def test_text_and_dates_are_named_at_once(table):
    X, y = table
    odd = X.assign(when=pd.date_range("2020", periods=40), town="Ames")
    words = message(ValueError, student().fit, odd, y)
    assert "'when'" in words
    assert "'town'" in words


def test_missing_numbers_are_counted_and_the_parameter_is_named(table):
    X, y = table
    X = X.assign(age=X["age"].where(X["age"] > 0))
    words = message(ValueError, student().fit, X, y)
    assert f"NaN, {X['age'].isna().sum()} times in column 'age'" in words
    assert "fit with missing_values='indicator'" in words
    words = message(ValueError, distilled().fit, X, y)
    assert "fit with student=StudentRegressor(missing_values='indicator')" in words


def test_the_parameter_is_not_named_where_it_does_not_help(table):
    from sklearn_regkd.networks.cnn import small_cnn

    _, y = table
    own = StudentRegressor(module=small_cnn)
    assert "missing_values" not in message(ValueError, own.fit, np.full((40, 3), np.nan), y)


def test_infinity_is_found(estimator, table):
    X, y = table
    words = message(ValueError, estimator.fit, X.assign(age=np.inf), y)
    assert "infinity in column 'age'" in words


@pytest.mark.parametrize("kind", [np.asarray, list, pd.Series])
def test_rows_without_label_are_counted(estimator, table, kind):
    X, y = table
    labels = [None if row in (3, 5) else value for row, value in enumerate(y)]
    words = message(ValueError, estimator.fit, X, kind(labels))
    assert "Input y contains NaN, in 2 of 40 rows (first: row 3)" in words
    assert "X_unlabeled" in words


@pytest.mark.parametrize("dtype", ["U", object, "category"])
def test_labels_of_text_are_not_taken_for_columns_of_text(estimator, table, dtype):
    X, y = table
    labels = pd.Series([f"{value:.1f} EUR" for value in y])
    labels = labels.astype(dtype) if dtype == "category" else labels.to_numpy(dtype)
    words = message(ValueError, estimator.fit, X, labels)
    assert words.startswith(f"y must hold numbers, got text such as '{y[0]:.1f} EUR'")


def test_labels_of_dates_are_refused_as_such(estimator, table):
    X, _ = table
    words = message(ValueError, estimator.fit, X, pd.date_range("2020", periods=40))
    assert "y must hold numbers, got dates" in words


def test_sparse_rows_are_refused_with_the_option_of_the_encoder(estimator, table):
    _, y = table
    words = message(TypeError, estimator.fit, csr_array(np.eye(40)), y)
    assert "OneHotEncoder(sparse_output=False)" in words
    assert "sparse_threshold=0" in words


class TestPredict:
    @pytest.fixture
    def fitted(self, estimator, table):
        return estimator.fit(*table)

    @pytest.mark.slow
    def test_rows_in_another_form_than_in_fit(self, fitted, table):
        X, _ = table
        odd = X.to_numpy()
        odd[3, 1] = "old"
        with pytest.warns(UserWarning, match="valid feature names"):
            words = message(ValueError, fitted.predict, odd)
        assert "text in column 1, such as 'old'" in words
        assert "a data frame if it got a data frame" in words

    def test_other_columns_are_what_is_wrong_first(self, fitted, table):
        X, _ = table
        words = message(ValueError, fitted.predict, X.assign(town="Ames"))
        assert "feature names" in words
        assert "- town" in words

    def test_missing_numbers(self, fitted, table):
        X, _ = table
        words = message(ValueError, fitted.predict, X.assign(age=np.nan))
        assert "NaN, 40 times in column 'age'" in words


def test_other_errors_stay_as_they_are(estimator, table):
    X, y = table
    assert "inconsistent" in message(ValueError, estimator.fit, X, y[:-1])
    odd = X[["area"]].assign(age=1 + 2j)
    assert "Complex" in message(ValueError, DistilledRegressor(Ridge()).fit, odd, y)

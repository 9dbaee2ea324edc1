"""The default teacher takes columns that hold no value in a fold."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingRegressor

from sklearn_regkd import DistilledRegressor, TORRegressor
from sklearn_regkd.teachers.boosting import BoostedTrees
from tests.helpers import small_student


@pytest.fixture
def gaps():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 3))
    y = X[:, 0] + 0.1 * rng.normal(size=120)
    X[:, 2] = np.nan
    X[7, 2] = 1.0
    return X, y


@pytest.mark.slow
@pytest.mark.parametrize(
    ("Distiller", "n_known", "kind"),
    [
        (TORRegressor, 0, np.asarray),
        (TORRegressor, 1, np.asarray),
        (TORRegressor, 1, pd.DataFrame),
        (TORRegressor, 1, lambda X: pl.DataFrame(X, schema=list("abc"))),
        (TORRegressor, 3, np.asarray),
        (DistilledRegressor, 0, np.asarray),
        (DistilledRegressor, 1, pd.DataFrame),
        (DistilledRegressor, 3, np.asarray),
    ],
)
def test_a_column_whose_values_lie_in_one_fold(gaps, Distiller, n_known, kind):
    X, y = gaps
    X[:, 2] = np.nan
    X[:n_known, 2] = 1.0
    rows = kind(X)
    if hasattr(rows, "columns") and not isinstance(rows.columns[0], str):
        rows.columns = list("abc")
    student = small_student(missing_values="indicator", embedding="periodic")
    model = Distiller(student=student, random_state=0).fit(rows, y)
    assert model.score(rows, y) > 0.8


def test_a_teacher_of_the_user_that_cannot_names_the_column(gaps):
    X, y = gaps
    X[:, 2] = np.nan
    student = small_student(missing_values="indicator")

    class Picky(HistGradientBoostingRegressor):
        def fit(self, X, y, sample_weight=None):
            raise ValueError("window shape cannot be larger than input array shape")

    model = TORRegressor(Picky(), student, random_state=0)
    with pytest.raises(RuntimeError, match="column 2 of the rows that it got hold no value"):
        model.fit(X, y)


def test_elsewhere_it_is_scikit_learns(gaps):
    X, y = gaps
    ours, theirs = BoostedTrees(max_iter=5), HistGradientBoostingRegressor(max_iter=5)
    expected = theirs.fit(X, y).predict(X)
    np.testing.assert_array_equal(clone(ours).fit(X, y).predict(X), expected)
    before = X.copy()
    X[:, 2] = before[:, 2] = np.nan
    assert np.isfinite(ours.fit(X, y).predict(X)).all()
    np.testing.assert_array_equal(X, before)

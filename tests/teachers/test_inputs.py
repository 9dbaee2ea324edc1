"""Teachers get what they may spoil; columns without values are found."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.ensemble import StackingRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from sklearn_regkd import DistilledRegressor, TORRegressor
from sklearn_regkd.teachers.inputs import columns_without_values, to_spoil
from tests.helpers import linear_table, small_student


class Rude(RegressorMixin, BaseEstimator):
    """Overwrites all that it gets."""

    def fit(self, X, y):
        self.mean_ = np.asarray(y).mean()
        self._spoil(X)
        y[:] = 0
        return self

    def predict(self, X):
        prediction = np.full(len(X), self.mean_)
        self._spoil(X)
        return prediction

    def _spoil(self, X):
        if hasattr(X, "iloc"):
            X.iloc[:, :] = 0.0
        else:
            X[:] = 0.0


class RudeModule(nn.Linear):
    def forward(self, X):
        prediction = super().forward(X)
        X.zero_()
        return prediction


@pytest.mark.parametrize(
    "teacher",
    [
        Rude(),
        make_pipeline(StandardScaler(copy=False), Ridge()),
        make_pipeline(Rude()),
        StackingRegressor([("rude", Rude())], Ridge(), cv=2),
        [Rude(), Ridge()],
        RudeModule(3, 1),
        RudeModule(3, 1).double(),
    ],
    ids=["class", "scaler", "pipeline", "stacking", "list", "module", "double module"],
)
@pytest.mark.parametrize("Distiller", [TORRegressor, DistilledRegressor])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.filterwarnings("ignore")
def test_arrays_of_the_user_stay_as_they_are(teacher, Distiller, dtype):
    X, y = linear_table(60)
    X, y = X.astype(dtype), y.astype(np.float64)
    before = X.copy(), y.copy()
    params = {} if Distiller is TORRegressor else {"outliers": None, "alpha": 0.5}
    model = Distiller(teacher, small_student(), cv=2, random_state=0, **params).fit(X, y)
    np.testing.assert_array_equal(X, before[0])
    np.testing.assert_array_equal(y, before[1])
    assert model.predict(X).std() > 0  # the student has learned from rows, not from zeros


def test_frames_stay_as_they_are():
    X, y = linear_table(60)
    frame = pd.DataFrame(X, columns=list("abc"))
    TORRegressor(Rude(), small_student(), cv=2, random_state=0).fit(frame, y)
    pd.testing.assert_frame_equal(frame, pd.DataFrame(X, columns=list("abc")))


def test_nothing_is_copied_for_teachers_that_leave_their_input_alone():
    X, _ = linear_table()
    for teacher in (Ridge(), make_pipeline(StandardScaler(), Ridge()), FrozenEstimator(Ridge())):
        assert to_spoil(teacher, X) is X
    assert not np.shares_memory(to_spoil(Rude(), X), X)
    assert not np.shares_memory(to_spoil(make_pipeline(StandardScaler(), Rude()), X), X)
    frame = pl.DataFrame({"a": [1.0]})
    assert to_spoil(Rude(), frame) is frame


@pytest.mark.parametrize(
    ("X", "expected"),
    [
        (np.array([[1.0, np.nan], [2.0, np.nan]]), [1]),
        (np.array([[1, 2], [3, 4]]), []),
        (pd.DataFrame({"a": [1.0, np.nan], "b": [None, None]}), ["b"]),
        (pd.DataFrame({"a": pd.array([None, None], "Int64")}), ["a"]),
        (pl.DataFrame({"a": [float("nan"), None], "b": [1.0, None], "c": ["x", None]}), ["a"]),
        (pd.DataFrame({"k": pd.Categorical([None, None], ["u"])}), ["k"]),
    ],
    ids=["array", "integers", "pandas", "nullable", "polars", "category"],
)
def test_columns_without_values(X, expected):
    assert columns_without_values(X) == expected

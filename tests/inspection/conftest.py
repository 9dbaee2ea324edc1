"""Quick fits that the tests of this folder share; nobody changes them."""

import matplotlib
import numpy as np
import pytest
from sklearn.ensemble import (
    GradientBoostingRegressor,
    HistGradientBoostingRegressor,
    RandomForestRegressor,
)

from sklearn_regkd import DistilledRegressor, StudentRegressor, TORRegressor
from tests.helpers import QUICK, smooth_table

matplotlib.use("agg")


@pytest.fixture(autouse=True)
def closed_figures():
    yield
    import matplotlib.pyplot as plt

    plt.close("all")


def quick_student(**params):
    return StudentRegressor((8,), **QUICK, **params)


@pytest.fixture(scope="session")
def spoiled():
    """120 rows of three features, of which every eighth has a label that is far off."""
    X, y = smooth_table()
    y[::8] += 40.0
    return X, y


@pytest.fixture(scope="session")
def tor(spoiled):
    return TORRegressor(RandomForestRegressor(5), quick_student(), random_state=0).fit(*spoiled)


@pytest.fixture(scope="session")
def mixture(spoiled):
    teacher = HistGradientBoostingRegressor(loss="absolute_error", max_iter=20)
    return DistilledRegressor(
        teacher, quick_student(), outliers="mixture", alpha=0.5, random_state=0
    ).fit(*spoiled)


@pytest.fixture(scope="session")
def routed(spoiled):
    return DistilledRegressor(
        GradientBoostingRegressor(n_estimators=6),
        quick_student(),
        outliers="mad",
        alpha=0.5,
        route=3,
        random_state=0,
    ).fit(*spoiled)


@pytest.fixture(scope="session")
def two_outputs(spoiled):
    X, y = spoiled
    return TORRegressor(RandomForestRegressor(5), quick_student(), random_state=0).fit(
        X, np.column_stack([y, 100 * X[:, 2]])
    )

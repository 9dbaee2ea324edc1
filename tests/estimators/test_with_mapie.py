"""MAPIE's intervals around the estimators, with wrong labels among those that it is given."""

import numpy as np
import pytest

from sklearn_regkd import DistilledRegressor, StudentRegressor

mapie = pytest.importorskip("mapie.regression")

COVERAGE = 0.8


def student(**params):
    return StudentRegressor((16,), max_epochs=40, weight_decay=0.3, random_state=0, **params)


def rows(n, seed):
    rng = np.random.default_rng(seed)
    X = rng.uniform(-1, 1, (n, 3))
    return X, X[:, 0] + X[:, 2] + (0.1 + 0.5 * (X[:, 1] > 0)) * rng.normal(size=n)


@pytest.fixture(scope="module")
def spoiled():
    X, y = rows(500, 0)
    y[::8] += 8
    wrong = np.zeros(500, bool)
    wrong[::8] = True
    model = DistilledRegressor(student=student(), random_state=0).fit(X[:250], y[:250])
    # One fit of all says which labels may be believed.
    kept = ~DistilledRegressor(student=student(), random_state=0).fit(X, y).outlier_mask_
    assert not kept[wrong].any()
    return X, y, kept, model


def judge(regressor):
    """Return the share of clean labels inside, and the widths."""
    X, y = rows(3000, 1)
    low, high = regressor.predict_interval(X)[1][..., 0].T
    return np.mean((low <= y) & (y <= high)), high - low


def test_split_around_a_fitted_recipe(spoiled):
    X, y, kept, model = spoiled
    more = np.arange(250, 500)
    given = mapie.SplitConformalRegressor(model, confidence_level=COVERAGE)
    kept_only = mapie.SplitConformalRegressor(model, confidence_level=COVERAGE)
    inside, width = judge(given.conformalize(X[more], y[more]))
    more = more[kept[more]]
    inside_kept, width_kept = judge(kept_only.conformalize(X[more], y[more]))
    assert inside_kept == pytest.approx(COVERAGE, abs=0.06)
    assert inside > inside_kept + 0.04  # wrong labels are taken for large errors
    assert width.mean() > 1.25 * width_kept.mean()


@pytest.mark.parametrize("build", [student, DistilledRegressor])
def test_split_fits_by_itself(spoiled, build):
    X, y, kept, _ = spoiled
    X, y = X[kept], y[kept]
    estimator = build() if build is student else build(student=student(), cv=3, random_state=0)
    regressor = mapie.SplitConformalRegressor(estimator, confidence_level=COVERAGE, prefit=False)
    inside, _ = judge(regressor.fit(X[::2], y[::2]).conformalize(X[1::2], y[1::2]))
    assert inside == pytest.approx(COVERAGE, abs=0.06)


def test_cross(spoiled):
    X, y, kept, _ = spoiled
    regressor = mapie.CrossConformalRegressor(student(), confidence_level=COVERAGE, cv=3)
    inside, _ = judge(regressor.fit_conformalize(X[kept], y[kept]))
    assert inside == pytest.approx(COVERAGE, abs=0.06)


def test_three_fitted_quantiles(spoiled):
    X, y, kept, _ = spoiled
    X, y = X[kept], y[kept]
    three = [
        student(loss="quantile", quantile=quantile).fit(X[::2], y[::2])
        for quantile in ((1 - COVERAGE) / 2, (1 + COVERAGE) / 2, 0.5)
    ]
    regressor = mapie.ConformalizedQuantileRegressor(three, COVERAGE, prefit=True)
    inside, width = judge(regressor.conformalize(X[1::2], y[1::2]))
    assert inside == pytest.approx(COVERAGE, abs=0.06)
    wild = rows(3000, 1)[0][:, 1] > 0
    assert width[wild].mean() > 1.5 * width[~wild].mean()

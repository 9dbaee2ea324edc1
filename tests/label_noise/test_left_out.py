"""Rows of weight 0 are as if they were not there, under every rule and method."""

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import Ridge
from sklearn.model_selection import KFold
from sklearn.neighbors import KNeighborsRegressor

from sklearn_regkd import DistilledRegressor, TORRegressor
from sklearn_regkd.label_noise.left_out import inlier_probability
from sklearn_regkd.label_noise.mixture import MixtureRule
from sklearn_regkd.label_noise.threshold import ThresholdRule
from tests.helpers import boosting, small_student

N = 90
WEIGHT = np.where(np.arange(N) % 3, 1.0, 0.0)
USED = WEIGHT > 0
METHODS = {
    "auto": {"outliers": "auto", "alpha": "auto"},
    "paper": {"outliers": "paper"},
    "mad": {"outliers": "mad"},
    "mixture": {"outliers": "mixture"},
    "alpha": {"alpha": "auto"},
    "revised labels": {"revision": "label"},
    "revised teacher": {"revision": "teacher"},
    "influence": {"selection": "influence"},
    "residual": {"selection": "residual"},
    "route": {"route": 3},
    "hints": {"hints": "leaves"},
    "synthetic": {"synthetic": "neighbors"},
}


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(N, 3))
    return X, 2 * X[:, 0] + np.sin(3 * X[:, 1]) + 0.1 * rng.normal(size=N)


def distilled(**params):
    defaults = {"outliers": None, "alpha": 0.5, "cv": 3, "random_state": 0}
    return DistilledRegressor(boosting(), small_student(), **{**defaults, **params})


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("params", METHODS.values(), ids=METHODS)
def test_neither_labels_nor_inputs_of_weight_0_change_anything(rows, params):
    X, y = rows
    model = distilled(**params)
    expected = model.fit(X[USED], y[USED]).predict(X)
    wild = np.where(USED, y, 1e6)
    far = np.where(USED[:, None], X, -1e3)
    found = model.fit(far, wild, sample_weight=WEIGHT).predict(X)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("Distiller", [TORRegressor, DistilledRegressor])
def test_a_teacher_that_knows_no_weights_does_not_see_them(rows, Distiller):
    class Blind(KNeighborsRegressor):
        def fit(self, X, y, sample_weight=None):
            return super().fit(X, y)

    X, y = rows
    model = Distiller(Blind(2), small_student(), cv=3, random_state=0)
    wild = np.where(USED, y, 1e6)
    model.fit(X, wild, sample_weight=WEIGHT)
    assert np.abs(model.teacher_.predict(X)).max() < 100


@pytest.mark.filterwarnings("ignore")
def test_attributes_have_a_value_for_every_row_and_the_rule_holds_for_all(rows):
    X, y = rows
    wild = y.copy()
    wild[[0, 3]] += 50.0  # of weight 0
    wild[[1, 4]] += 50.0
    model = distilled(outliers="mad").fit(X, wild, sample_weight=WEIGHT)
    assert model.teacher_prediction_.shape == model.inlier_probability_.shape == (N,)
    assert set(np.flatnonzero(model.outlier_mask_)) >= {0, 1, 3, 4}
    assert model.outlier_mask_.mean() < 0.3
    assert model.verdict_.inlier.shape == (N, 1)
    np.testing.assert_array_equal(
        model.teacher_prediction_[~USED], model.teacher_.predict(X[~USED])
    )


def test_given_predictions_are_kept_as_they_are(rows):
    X, y = rows
    prediction = y + 0.3
    model = TORRegressor(None, small_student(), cv=3, random_state=0)
    model.fit(X, y, sample_weight=WEIGHT, teacher_prediction=prediction)
    np.testing.assert_array_equal(model.teacher_prediction_, prediction)


@pytest.mark.parametrize("cv", [3, KFold(3), "list"])
def test_folds_are_those_of_the_other_rows(rows, cv):
    X, y = rows
    frame = pd.DataFrame(X, columns=list("abc"))
    place = np.flatnonzero(USED)
    if cv == "list":
        cv = list(KFold(3).split(X))
        inside = np.cumsum(USED) - 1
        alone = [tuple(inside[part[USED[part]]] for part in fold) for fold in cv]
    else:
        alone = cv
    params = {"random_state": 0}
    expected = TORRegressor(Ridge(), small_student(), cv=alone, **params).fit(
        frame.iloc[place], y[place]
    )
    found = TORRegressor(Ridge(), small_student(), cv=cv, **params).fit(
        frame, y, sample_weight=WEIGHT
    )
    np.testing.assert_array_equal(found.teacher_prediction_[USED], expected.teacher_prediction_)


def test_fewer_than_two_rows_are_refused(rows):
    X, y = rows
    weight = np.zeros(N)
    weight[7] = 1.0
    with pytest.raises(ValueError, match="sample_weight is positive in 1 of 90 rows"):
        TORRegressor(Ridge(), small_student()).fit(X, y, sample_weight=weight)


class TestCommonFactor:
    @pytest.mark.parametrize("factor", [1e-6, 1e6])
    @pytest.mark.parametrize("Distiller", [TORRegressor, DistilledRegressor])
    def test_changes_nothing(self, rows, Distiller, factor):
        X, y = rows
        weight = np.random.default_rng(0).choice([0.5, 1.0, 2.0], N)
        teacher = HistGradientBoostingRegressor(max_iter=20, random_state=0)
        model = Distiller(teacher, small_student(), cv=3, random_state=0)
        plain = model.fit(X, y, sample_weight=weight)
        expected = plain.predict(X), plain.teacher_prediction_
        scaled = model.fit(X, y, sample_weight=factor * weight)
        np.testing.assert_allclose(scaled.teacher_prediction_, expected[1], rtol=1e-6)
        np.testing.assert_allclose(scaled.predict(X), expected[0], rtol=1e-3, atol=1e-3)

    def test_teachers_get_weights_of_mean_1(self, rows):
        class Recording(Ridge):
            def fit(self, X, y, sample_weight=None):
                weights.append(sample_weight)
                return super().fit(X, y, sample_weight)

        X, y = rows
        weights = []
        TORRegressor(Recording(), small_student(), cv=3).fit(X, y, sample_weight=7.0 * WEIGHT)
        assert all(np.isclose(weight, 1.0).all() for weight in weights)
        assert {len(weight) for weight in weights} == {40, 60}


@pytest.mark.parametrize("rule", [ThresholdRule(3.0), MixtureRule()])
def test_new_errors_do_not_move_the_rule(rule):
    known = np.random.default_rng(0).normal(size=200)
    known[:40] += 12.0
    new = np.array([0.0, 12.0, 500.0])
    alone = [inlier_probability(rule, known, new[[i]], False)[0] for i in range(3)]
    np.testing.assert_array_equal(inlier_probability(rule, known, new, False), alone)
    assert alone[0] > 0.5 > alone[1]


def test_without_a_rule_all_are_trusted_unless_they_are_absurd():
    error = np.array([0.0, 900.0, 2000.0])
    assert inlier_probability(None, error, error, False).tolist() == [1.0, 1.0, 1.0]
    assert inlier_probability(None, error, error, True).tolist() == [1.0, 1.0, 0.0]

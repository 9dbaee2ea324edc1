"""Predictions of a teacher for rows that it has not seen."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.model_selection import KFold, ShuffleSplit, cross_val_predict

from sklearn_regkd.preprocessing.folds import make_folds
from sklearn_regkd.teachers.cross_fit import cross_fit_predict, predict_teacher

FOLDS = list(KFold(4).split(np.arange(120)))


def cross_fit(X, y, **params):
    defaults = {"params": {}, "folds": FOLDS, "refit": False, "n_jobs": None, "seed": 0}
    return cross_fit_predict(Ridge(), X, y[:, None], **{**defaults, **params})


def test_folds_by_number_are_shuffled_and_reproducible():
    state = np.random.RandomState
    first, again, other = (make_folds(3, 30, state(seed)) for seed in (0, 0, 1))
    tested = [test for _, test in first]
    assert sorted(np.concatenate(tested)) == list(range(30))
    assert all(np.array_equal(a[1], b[1]) for a, b in zip(first, again, strict=True))
    assert any(not np.array_equal(a[1], b[1]) for a, b in zip(first, other, strict=True))
    assert any(np.any(np.diff(np.sort(test)) != 1) for test in tested)


def test_splitters_that_do_not_test_each_row_once_are_refused():
    with pytest.raises(ValueError, match="must test each row once at most"):
        make_folds(ShuffleSplit(3, test_size=0.5, random_state=0), 30, np.random.RandomState(0))


def test_folds_of_a_larger_table_are_refused():
    halves = np.arange(40) < 20
    for folds in ([np.flatnonzero(halves), np.flatnonzero(~halves)], [halves, ~halves]):
        with pytest.raises(ValueError, match="rows beyond the 30 rows of X that are fitted"):
            make_folds([folds, folds[::-1]], 30, np.random.RandomState(0))


def test_predictions_are_those_of_cross_val_predict(table):
    X, y = table
    expected = cross_val_predict(Ridge(), X, y, cv=FOLDS)
    np.testing.assert_array_equal(cross_fit(X, y).prediction[:, 0], expected)


def test_refitted_on_all_rows_only_where_that_is_wanted(table):
    X, y = table
    refitted = cross_fit(X, y, refit=True)
    np.testing.assert_array_equal(refitted.teacher.coef_, Ridge().fit(X, y).coef_)
    np.testing.assert_array_equal(refitted.prediction, cross_fit(X, y).prediction)
    assert not hasattr(cross_fit(X, y).teacher, "coef_")


def test_learns_from_kept_rows_alone(table):
    X, y = table
    kept = np.arange(len(y)) % 3 > 0
    spoiled = np.where(kept, y, 1e6)
    prediction = cross_fit(X, spoiled, kept=kept).prediction
    np.testing.assert_array_equal(prediction, cross_fit(X, y, kept=kept).prediction)
    assert np.abs(prediction[:, 0] - y).max() < 10


def test_weights_are_sliced_like_rows(table):
    X, y = table
    weight = np.random.default_rng(0).uniform(0.1, 2, len(y))
    found = cross_fit(X, y, params={"sample_weight": weight}).prediction[:, 0]
    train, test = FOLDS[1]
    alone = Ridge().fit(X[train], y[train], weight[train])
    np.testing.assert_array_equal(found[test], alone.predict(X[test]))


def test_first_folds_predict_all_rows_where_wanted(table):
    X, y = table
    result = cross_fit(X, y, n_whole=2)
    assert result.by_fold.shape == (2, len(y), 1)
    for (train, test), whole in zip(FOLDS, result.by_fold, strict=False):
        np.testing.assert_array_equal(whole[:, 0], Ridge().fit(X[train], y[train]).predict(X))
        np.testing.assert_array_equal(result.prediction[test], whole[test])


def test_predictions_of_a_teacher_are_checked(table):
    X, y = table
    ridge = Ridge().fit(X, y)
    assert predict_teacher(ridge, X, 1).shape == (len(y), 1)
    with pytest.raises(
        ValueError, match=r"teacher Ridge .*has shape \(120,\), expected \(120, 2\)"
    ):
        predict_teacher(ridge, X, 2)
    with pytest.raises(RuntimeError, match="teacher Ridge failed to predict on fold 3: ValueError"):
        predict_teacher(ridge, X[:, :2], 1, "on fold 3")

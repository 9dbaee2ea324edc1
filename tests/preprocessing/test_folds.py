"""Folds of rows, groups and times."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import GroupKFold, StratifiedKFold, TimeSeriesSplit

from sklearn_regkd.preprocessing.folds import (
    check_groups,
    folds_among,
    hold_out_groups,
    learn_from_all_others,
    make_folds,
)


def state(seed=0):
    return np.random.RandomState(seed)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 6), min_size=4, max_size=40), st.integers(2, 4))
def test_groups_stay_together_and_each_row_is_tested_once(names, cv):
    groups = np.array(names)
    if len(np.unique(groups)) < cv:
        return
    for splitter in (cv, GroupKFold(cv)):
        folds = make_folds(splitter, len(groups), state(), groups=groups)
        tested = np.concatenate([test for _, test in folds])
        assert sorted(tested) == list(range(len(groups)))
        assert learn_from_all_others(folds, len(groups))
        for train, test in folds:
            assert not np.isin(groups[train], groups[test]).any()


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.integers(0, 8), min_size=2, max_size=40).filter(lambda g: len(set(g)) > 1),
    st.floats(0.05, 0.9),
    st.integers(0, 99),
)
def test_whole_groups_are_held_out(names, share, seed):
    groups = np.array(names)
    held_out = hold_out_groups(groups, share, seed)
    assert held_out.any()
    assert not held_out.all()
    assert not np.isin(groups[held_out], groups[~held_out]).any()


def test_rows_that_no_fold_tests_are_a_further_one():
    folds = make_folds(TimeSeriesSplit(3, gap=2), 40, state())
    tested = np.concatenate([test for _, test in folds])
    assert sorted(tested) == list(range(40))
    assert not learn_from_all_others(folds, 40)
    sizes = [len(train) for train, _ in folds[:-1]]
    assert sizes == sorted(sizes, reverse=True)
    train, test = folds[-1]
    assert train.min() > test.max()


def test_numbers_are_cut_into_classes_for_a_stratified_splitter():
    y = np.random.default_rng(0).normal(size=(100, 1))
    folds = make_folds(StratifiedKFold(5), 100, state(), y=y)
    for _, test in folds:
        assert abs(np.median(y[test]) - np.median(y)) < 0.3


def test_folds_of_some_rows():
    used = np.arange(10) % 3 > 0
    folds = folds_among([(np.arange(5), np.arange(5, 10)), (np.arange(5, 10), np.arange(5))], used)
    tested = np.concatenate([test for _, test in folds])
    assert sorted(tested) == list(range(used.sum()))


@pytest.mark.parametrize(
    "groups", [["b", "a", "b"], [2.5, 1.0, 2.5], np.array(["b", "a", "b"], object), [[1], [0], [1]]]
)
def test_names_become_numbers(groups):
    np.testing.assert_array_equal(check_groups(groups, 3), [1, 0, 1])

"""Parts that are left out in turn, and what is learned meanwhile."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import GroupKFold, KFold

from sklearn_regkd.supervision.validation_targets import MOST_PARTS, ValidationTargets, count_parts


def folds(n_samples, n_folds):
    return list(KFold(n_folds).split(np.zeros(n_samples)))


class TestValidationTargets:
    @given(st.integers(2, 10), st.integers(1, 3), st.integers(10, 40))
    def test_each_part_is_what_a_fold_tests(self, n_folds, n_parts, n):
        n_parts = min(n_parts, n_folds)
        splits = folds(n, n_folds)
        fold = ValidationTargets.by_folds(splits, np.zeros((n_parts, n, 1))).fold
        for number in range(n_parts):
            assert np.array_equal(np.flatnonzero(fold == number), splits[number][1])
        never = np.concatenate([np.empty(0, int), *(test for _, test in splits[n_parts:])])
        assert np.array_equal(np.flatnonzero(fold == n_parts), never)

    def test_of_some_rows(self):
        target = np.random.default_rng(0).normal(size=(3, 20, 2))
        targets = ValidationTargets.by_folds(folds(20, 4), target)
        mask = np.arange(20) % 3 == 0
        for rows in (mask, np.flatnonzero(mask)):
            some = targets.of(rows)
            assert np.array_equal(some.fold, targets.fold[mask])
            assert np.array_equal(some.target, target[:, mask])


class TestCountParts:
    @pytest.mark.parametrize(("n_folds", "expected"), [(2, 2), (3, 3), (5, 3), (10, 3), (20, 0)])
    def test_three_unless_they_are_small(self, n_folds, expected):
        assert MOST_PARTS == 3
        assert count_parts(folds(4000, n_folds), 4000) == expected

    def test_one_small_group_is_enough(self):
        groups = np.repeat([0, 1, 2], [2000, 1800, 200])
        splits = list(GroupKFold(3).split(np.zeros(4000), groups=groups))
        assert count_parts(splits, 4000) == 0

    def test_none_on_few_rows(self):
        assert count_parts(folds(299, 5), 299) == 0
        assert count_parts(folds(300, 5), 300) == 3

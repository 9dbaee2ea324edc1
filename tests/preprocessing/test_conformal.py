"""Quantiles of errors, by which a new one lies inside as often as promised."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sklearn_regkd.preprocessing.conformal import MOST_KEPT, Scores

coverages = st.floats(0.05, 0.95)


@given(st.lists(st.floats(-100, 100), min_size=1, max_size=50), coverages, coverages)
def test_bounds_are_errors_and_widen_with_the_coverage(errors, one, other):
    errors = np.array(errors)
    scores = Scores.of(errors, np.ones(len(errors)))
    narrow, wide = (scores.bounds(coverage) for coverage in sorted((one, other)))
    assert set(narrow + wide) <= set(errors)
    assert wide[0] <= narrow[0]
    assert narrow[1] <= wide[1]


@given(st.lists(st.floats(-100, 100), min_size=1, max_size=50), coverages)
def test_turns_with_the_sign(errors, coverage):
    errors = np.array(errors)
    low, high = Scores.of(errors, np.ones(len(errors))).bounds(coverage)
    assert Scores.of(-errors, np.ones(len(errors))).bounds(coverage) == (-high, -low)


@given(st.lists(st.floats(-100, 100), min_size=2, max_size=30), coverages)
def test_a_weight_of_0_is_no_row_and_a_common_factor_nothing(errors, coverage):
    errors = np.array(errors)
    weight = np.where(np.arange(len(errors)) < 1, 0.0, 3.0)
    expected = Scores.of(errors[1:], np.ones(len(errors) - 1)).bounds(coverage)
    assert Scores.of(errors, weight).bounds(coverage) == expected


@pytest.mark.parametrize("n", [20, 39, 200])
@pytest.mark.parametrize("coverage", [0.5, 0.8, 0.9])
def test_holds_for_the_next_of_so_many_rows(n, coverage):
    rng = np.random.default_rng(0)
    inside = []
    for _ in range(2000):
        errors = rng.exponential(size=n + 1)
        low, high = Scores.of(errors[:-1], np.ones(n)).bounds(coverage)
        inside.append(low <= errors[-1] <= high)
    assert np.mean(inside) > coverage - 0.025
    assert np.mean(inside) < coverage + 2 / n + 0.025


def test_many_errors_are_thinned_out():
    errors = np.random.default_rng(0).normal(size=50_000)
    scores = Scores.of(errors, np.ones(len(errors)))
    assert len(scores.value) <= MOST_KEPT
    np.testing.assert_allclose(scores.bounds(0.9), (-1.645, 1.645), atol=0.03)
    assert scores.bounds(0.99999) == (errors.min(), errors.max())

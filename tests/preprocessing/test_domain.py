"""Which rows a table can speak about: those of the table, and none far outside."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sklearn_regkd.preprocessing.domain import Domain, fit_domain, label_range

NUMBERS = st.floats(-1e6, 1e6, width=32) | st.sampled_from([0.0, 1.0, np.nan])
TABLES = arrays(np.float64, st.tuples(st.integers(1, 30), st.integers(1, 4)), elements=NUMBERS)


@given(TABLES, st.sampled_from([np.float32, np.float64]))
def test_rows_of_the_table_are_inside(X, dtype):
    assert fit_domain(X).contains(X.astype(dtype)).all()
    codes = np.round(X)  # as codes of categories: negative ones and NaN are missing
    assert fit_domain(codes, range(X.shape[1])).contains(codes.astype(dtype)).all()


@given(TABLES, st.data())
def test_a_number_far_out_is_outside(X, data):
    at = data.draw(st.integers(0, X.shape[1] - 1))
    sign = data.draw(st.sampled_from([-1, 1]))
    known = X[~np.isnan(X[:, at]), at]
    far = 1.0 if not len(known) else np.ptp(known) * 4.1 + 1e-3 * np.abs(known).max() + 1
    moved = X.copy()
    moved[:, at] = (known.max(initial=0) if sign > 0 else known.min(initial=0)) + sign * far
    assert not fit_domain(X).contains(moved).any()
    moved[:, at] = sign * np.inf
    assert not fit_domain(X).contains(moved).any()


@given(TABLES, st.randoms(use_true_random=False))
def test_the_order_of_rows_means_nothing(X, random):
    order = random.sample(range(len(X)), len(X))
    half = X[: (len(X) + 1) // 2]
    domain, shuffled = fit_domain(half), fit_domain(half[::-1])
    np.testing.assert_array_equal(domain.contains(X[order]), domain.contains(X)[order])
    np.testing.assert_array_equal(shuffled.contains(X), domain.contains(X))


@settings(max_examples=30)
@given(TABLES, st.integers(1, 3))
def test_widened_by_blocks_holds_them_all(X, n_blocks):
    domain, *others = [fit_domain(block) for block in np.array_split(X, n_blocks)]
    for one in others:
        domain = domain.widened(one)
    assert domain.contains(X).all()
    whole = fit_domain(X)
    assert domain.n_rows == whole.n_rows
    for name in ("low", "high", "missing", "few_valued"):
        np.testing.assert_array_equal(getattr(domain, name), getattr(whole, name))


def test_missing_values_only_where_there_were_some():
    domain = fit_domain(np.array([[1.0, np.nan], [2.0, 5.0], [3.0, 6.0]]))
    rows = np.array([[np.nan, 5.0], [1.0, np.nan], [np.nan, np.nan]])
    assert domain.contains(rows).tolist() == [False, True, False]


def test_categories_that_were_there():
    domain = fit_domain(np.array([[0.0, 7.0], [2.0, 7.0], [-1.0, 9.0]]), [0, 1])
    rows = np.array([[0, 9], [1, 7], [-1, 7], [np.nan, 7], [0, -1], [0.5, 7], [-np.inf, 7]])
    assert domain.contains(rows).tolist() == [True, False, True, True, False, False, False]


def test_further_blocks_add_no_categories():
    domain = fit_domain(np.array([[0.0, 5.0], [1.0, 6.0]]), [0])
    domain = domain.widened(fit_domain(np.array([[2.0, 50.0], [-1.0, 60.0]]), [0]))
    rows = np.array([[0.0, 50], [2, 50], [-1, 50]])
    assert domain.contains(rows).tolist() == [True, False, False]


def test_two_values_have_no_third_one_near():
    X = np.repeat([[0.0], [1.0]], [90, 10], axis=0)
    assert fit_domain(X).contains(np.array([[0.0], [1.0], [2.0], [1.2]])).tolist() == [
        True,
        True,
        False,
        False,
    ]


def test_a_constant_column_in_another_precision():
    X = np.full((5, 1), 0.1)
    assert fit_domain(X).contains(X.astype(np.float32)).all()
    assert fit_domain(X.astype(np.float32)).contains(X).all()


def test_bounds_beyond_single_precision_are_finite():
    domain = fit_domain(np.linspace(-3e38, 3e38, 9)[:, None])
    infinite = np.array([[np.inf], [-np.inf]], np.float32)
    assert not domain.contains(infinite).any()


def test_a_column_without_numbers_and_no_rows():
    domain = fit_domain(np.full((3, 1), np.nan))
    assert domain.contains(np.array([[np.nan], [0.0]])).tolist() == [True, False]
    assert (
        fit_domain(np.empty((0, 2)))
        .widened(fit_domain(np.ones((4, 2))))
        .contains(np.ones((1, 2)))
        .all()
    )


# What the constants of the module were chosen by: few false alarms, of few rows in many columns.
@pytest.mark.parametrize("n_columns", [10, 60])
@pytest.mark.parametrize("n_rows", [200, 500, 2000])
@pytest.mark.parametrize("shape", ["normal", "lognormal", "standard_t", "uniform", "poisson"])
def test_false_alarms(shape, n_rows, n_columns):
    rng = np.random.default_rng(0)
    more = {"standard_t": (3,), "poisson": (3,)}.get(shape, ())
    X = getattr(rng, shape)(*more, size=(n_rows + 3000, n_columns)).astype(np.float64)
    outside = 1 - fit_domain(X[:n_rows]).contains(X[n_rows:]).mean()
    assert outside <= 0.025


def test_many_rows_leave_little_room():
    X = np.random.default_rng(0).uniform(size=(20_000, 3))
    domain: Domain = fit_domain(X)
    assert domain.contains(np.array([[0.5, 0.5, 1.05]])).all()
    assert not domain.contains(np.array([[0.5, 0.5, 1.07], [-0.07, 0.5, 0.5]])).any()


def test_label_range_of_what_is_believed():
    label = np.array([[1.0, 5.0], [2.0, 6.0], [900.0, 7.0]])
    believed = np.array([[True, False], [True, False], [False, False]])
    low, high = label_range(label, believed)
    assert (low.tolist(), high.tolist()) == ([1.0, 5.0], [2.0, 7.0])

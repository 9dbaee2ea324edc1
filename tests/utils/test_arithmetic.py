"""Counts are rounded up."""

import math

from hypothesis import given
from hypothesis import strategies as st

from sklearn_regkd.utils.arithmetic import ceil_div


@given(st.integers(-(10**9), 10**9), st.integers(1, 10**4))
def test_is_the_quotient_rounded_up_also_of_large_numbers(n, by):
    assert ceil_div(n, by) == math.ceil(n / by)
    assert ceil_div(10**20 * by + 1, by) == 10**20 + 1

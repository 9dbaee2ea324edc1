"""The mixture of label and teacher stands for the mixture of their squared losses."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sklearn_regkd.supervision.mixing import mix

quick = settings(max_examples=50, deadline=None)
values = arrays(np.float64, (3, 4, 2), elements=st.floats(-100, 100))
alphas = st.floats(-2, 3)


def loss(student, label, teacher, alpha):
    return alpha * (student - teacher) ** 2 + (1 - alpha) * (student - label) ** 2


@quick
@given(values)
def test_limits(three):
    _, y, t = three
    assert np.array_equal(mix(y, t, 0), y)
    assert np.array_equal(mix(y, t, 1), t)
    np.testing.assert_allclose(mix(y, t, 0.5), (y + t) / 2, rtol=1e-14, atol=1e-14)


@quick
@given(values, alphas)
def test_same_gradient_as_the_mixed_loss(three, alpha):
    s, y, t = three
    mixed_loss = 2 * alpha * (s - t) + 2 * (1 - alpha) * (s - y)
    np.testing.assert_allclose(2 * (s - mix(y, t, alpha)), mixed_loss, rtol=0, atol=1e-11)


@quick
@given(values, alphas)
def test_same_loss_up_to_a_constant_of_the_student(three, alpha):
    s, y, t = three
    target = mix(y, t, alpha)

    def gap(student):
        return loss(student, y, t, alpha) - (student - target) ** 2

    np.testing.assert_allclose(gap(s), gap(np.zeros_like(s)), rtol=0, atol=1e-8)


@quick
@given(values, alphas, st.floats(0.1, 10))
def test_minimises_the_mixed_loss(three, alpha, step):
    _, y, t = three
    best = mix(y, t, alpha)
    lowest = loss(best, y, t, alpha)
    # the loss rises by exactly step^2 on either side, also for alpha outside [0, 1]
    for student in (best - step, best + step):
        np.testing.assert_allclose(loss(student, y, t, alpha) - lowest, step**2, rtol=0, atol=1e-8)


@pytest.mark.parametrize(("alpha", "expected"), [(-0.5, 0.0), (1.5, 4.0), (2.0, 5.0)])
def test_alpha_outside_the_unit_interval_extrapolates(alpha, expected):
    assert mix(np.array([[1.0]]), np.array([[3.0]]), alpha) == expected

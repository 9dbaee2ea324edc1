"""Mixtures of two predictions, and the share of the teacher that least squares finds."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sklearn_regkd.supervision.mixing import best_alpha, mix

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


# Labels of some rows, and what student and teacher predict for them.
triples = st.sampled_from([(3, 7), (3, 6, 2)]).flatmap(
    lambda shape: arrays(np.float64, shape, elements=st.floats(-100, 100))
)
limits = st.floats(0, 2)
UNLIMITED = 1e12


def cost(label, student, teacher, alpha):
    return ((mix(student, teacher, alpha) - label) ** 2).sum()


def apart(three):
    _, student, teacher = three
    return np.abs(teacher - student).max()


@quick
@given(triples)
def test_is_least_squares_of_what_the_student_misses(three):
    assume(apart(three) > 0.1)
    label, student, teacher = three
    column = (teacher - student).reshape(-1, 1)
    (alpha,), *_ = np.linalg.lstsq(column, (label - student).ravel(), rcond=None)
    assert best_alpha(*three, limit=UNLIMITED) == pytest.approx(alpha, rel=1e-9, abs=1e-9)


@quick
@given(triples, limits, st.floats(0, 1))
def test_no_other_alpha_within_the_limits_is_better(three, limit, place):
    other = -limit + place * (1 + 2 * limit)
    lowest = cost(*three, best_alpha(*three, limit=limit))
    assert lowest <= cost(*three, other) * (1 + 1e-12) + 1e-9


@quick
@given(triples, limits)
def test_limits_clip_and_do_nothing_else(three, limit):
    free = best_alpha(*three, limit=UNLIMITED)
    alpha = best_alpha(*three, limit=limit)
    assert isinstance(alpha, float)
    assert alpha == min(max(free, -limit), 1 + limit)


@pytest.mark.parametrize(("truth", "expected"), [(-3.0, -0.5), (0.3, 0.3), (1.4, 1.4), (9.0, 1.5)])
def test_half_an_interval_beyond_either_end_by_default(truth, expected):
    rng = np.random.default_rng(0)
    student, teacher = rng.normal(size=(2, 50))
    label = mix(student, teacher, truth)
    assert best_alpha(label, student, teacher) == pytest.approx(expected, rel=1e-12)
    clipped = min(max(truth, 0), 1)
    assert best_alpha(label, student, teacher, limit=0) == pytest.approx(clipped, rel=1e-12)


@quick
@given(triples)
def test_student_and_teacher_may_change_places(three):
    assume(apart(three) > 0.1)
    label, student, teacher = three
    alpha = best_alpha(*three, limit=UNLIMITED)
    swapped = best_alpha(label, teacher, student, limit=UNLIMITED)
    assert swapped == pytest.approx(1 - alpha, rel=1e-9, abs=1e-9)


@quick
@given(triples, st.integers(-40, 40), st.sampled_from([-1, 1]))
def test_does_not_depend_on_the_unit(three, power, sign):
    # Of tinier numbers the squares are subnormal.
    three[np.abs(three) < 1e-50] = 0
    assert best_alpha(*(three * sign * 2.0**power)) == best_alpha(*three)


@pytest.mark.parametrize("shape", [(5,), (5, 2), (0,)])
def test_the_teacher_has_no_share_where_both_predict_the_same(shape):
    rng = np.random.default_rng(0)
    prediction = rng.normal(size=shape)
    assert best_alpha(rng.normal(size=shape), prediction, prediction.copy()) == 0


def test_the_one_that_knows_the_label_gets_all_of_it():
    rng = np.random.default_rng(0)
    label, noise = rng.normal(size=(2, 50))
    assert best_alpha(label, label + noise, label) == pytest.approx(1)
    assert best_alpha(label, label, label + noise) == 0

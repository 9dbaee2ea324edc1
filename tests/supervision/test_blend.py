"""The blend of student and teacher: least squares on one number, and its limits."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sklearn_regkd.supervision.mixing import best_alpha, mix

quick = settings(max_examples=50, deadline=None)
opinions = st.sampled_from([(3, 7), (3, 6, 2)]).flatmap(
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
@given(opinions)
def test_is_least_squares_of_what_the_student_misses(three):
    assume(apart(three) > 0.1)
    label, student, teacher = three
    column = (teacher - student).reshape(-1, 1)
    (alpha,), *_ = np.linalg.lstsq(column, (label - student).ravel(), rcond=None)
    assert best_alpha(*three, limit=UNLIMITED) == pytest.approx(alpha, rel=1e-9, abs=1e-9)


@quick
@given(opinions, limits, st.floats(0, 1))
def test_no_other_alpha_within_the_limits_is_better(three, limit, place):
    other = -limit + place * (1 + 2 * limit)
    lowest = cost(*three, best_alpha(*three, limit=limit))
    assert lowest <= cost(*three, other) * (1 + 1e-12) + 1e-9


@quick
@given(opinions, limits)
def test_limits_clip_and_do_nothing_else(three, limit):
    free = best_alpha(*three, limit=UNLIMITED)
    alpha = best_alpha(*three, limit=limit)
    assert isinstance(alpha, float)
    assert alpha == min(max(free, -limit), 1 + limit)


@pytest.mark.parametrize(("truth", "expected"), [(-3.0, -0.5), (0.3, 0.3), (1.4, 1.4), (9.0, 1.5)])
def test_half_an_interval_beyond_either_end_unless_told(truth, expected):
    rng = np.random.default_rng(0)
    student, teacher = rng.normal(size=(2, 50))
    label = mix(student, teacher, truth)
    assert best_alpha(label, student, teacher) == pytest.approx(expected, rel=1e-12)
    clipped = min(max(truth, 0), 1)
    assert best_alpha(label, student, teacher, limit=0) == pytest.approx(clipped, rel=1e-12)


@quick
@given(opinions)
def test_student_and_teacher_may_change_places(three):
    assume(apart(three) > 0.1)
    label, student, teacher = three
    alpha = best_alpha(*three, limit=UNLIMITED)
    swapped = best_alpha(label, teacher, student, limit=UNLIMITED)
    assert swapped == pytest.approx(1 - alpha, rel=1e-9, abs=1e-9)


@quick
@given(opinions, st.integers(-40, 40), st.sampled_from([-1, 1]))
def test_does_not_depend_on_the_unit(three, power, sign):
    # Of tinier numbers the squares are subnormal.
    three[np.abs(three) < 1e-50] = 0
    assert best_alpha(*(three * sign * 2.0**power)) == best_alpha(*three)


@pytest.mark.parametrize("shape", [(5,), (5, 2), (0,)])
def test_the_teacher_has_no_share_where_both_say_the_same(shape):
    rng = np.random.default_rng(0)
    said = rng.normal(size=shape)
    assert best_alpha(rng.normal(size=shape), said, said.copy()) == 0


def test_who_knows_the_label_gets_all_of_it():
    rng = np.random.default_rng(0)
    label, noise = rng.normal(size=(2, 50))
    assert best_alpha(label, label + noise, label) == pytest.approx(1)
    assert best_alpha(label, label, label + noise) == 0

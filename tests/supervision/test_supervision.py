"""Supervision on its way through a training loop."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sklearn_regkd.supervision.route import RouteSchedule
from sklearn_regkd.supervision.supervision import Curriculum, Supervision, unpack, unpack_label
from sklearn_regkd.supervision.validation_targets import ValidationTargets

single = st.floats(allow_nan=False, allow_infinity=False, width=32)


@st.composite
def supervisions(draw):
    n, k = draw(st.integers(1, 8)), draw(st.integers(1, 4))
    return Supervision(
        label=draw(arrays(np.float64, (n, k), elements=single)),
        teacher=draw(arrays(np.float64, (n, k), elements=single)),
        inlier=draw(arrays(bool, (n, k))),
        weight=draw(arrays(np.float64, (n,), elements=st.floats(0, 2**20, width=32))),
    )


def plain(n=5, k=2, **parts):
    values = np.arange(n * k, dtype=float).reshape(n, k)
    inlier = np.ones((n, k), bool)
    defaults = {"label": values, "teacher": values + 0.5, "inlier": inlier, "weight": np.ones(n)}
    return Supervision(**{**defaults, **parts})


def full(n=5):
    """Every part of a supervision, with another value in each place."""
    numbers = np.random.default_rng(0).normal
    return plain(
        n,
        inlier=numbers(size=(n, 2)) > 0,
        weight=np.arange(n) * 1.0,
        clean_label=numbers(size=(n, 2)),
        hints=numbers(size=(n, 3)),
        validation_targets=ValidationTargets(
            np.arange(n) % 3, numbers(size=(2, n)) > 0, numbers(size=(2, n, 2))
        ),
        curriculum=Curriculum(numbers(size=(4, n, 2)), numbers(size=(4, n, 2)), RouteSchedule()),
        extra_rows=((numbers(size=(2, 3)), numbers(size=(2, 2))),),
    )


@settings(max_examples=40, deadline=None)
@given(supervisions())
def test_round_trip(supervision):
    n, k = supervision.label.shape
    packed = supervision.packed()
    assert packed.dtype == np.float32
    assert packed.shape == (n, 3 * k + 1)
    label, teacher, inlier, weight = unpack(torch.from_numpy(packed), k)
    assert inlier.dtype == torch.bool
    assert weight.shape == (n,)
    assert np.array_equal(label, supervision.label)
    assert np.array_equal(teacher, supervision.teacher)
    assert np.array_equal(inlier, supervision.inlier)
    assert np.array_equal(weight, supervision.weight)
    assert np.array_equal(unpack_label(torch.from_numpy(packed), k), supervision.label)


def test_rows_survive_a_split_and_a_shuffle():
    supervision = plain()
    rows = [3, 0, 0]
    label, teacher, _, _ = unpack(torch.from_numpy(supervision.packed()[rows]), 2)
    assert np.array_equal(label, supervision.label[rows])
    assert np.array_equal(teacher, supervision.teacher[rows])


@pytest.mark.parametrize("part", ["label", "teacher"])
@pytest.mark.parametrize("value", [1e39, -1e300, np.inf, np.nan])
def test_what_single_precision_cannot_hold_is_refused_by_row(part, value):
    supervision = plain()
    getattr(supervision, part)[3, 1] = value
    with pytest.raises(ValueError, match=r"of row 3 is too far from the rest"):
        supervision.packed()


def test_largest_number_of_single_precision_passes():
    supervision = plain()
    supervision.label[3, 1] = np.finfo(np.float32).max
    assert np.isfinite(supervision.packed()).all()


@pytest.mark.parametrize("shape", [(5, 6), (5, 9), (5, 4), (7,)])
def test_another_width_is_refused(shape):
    with pytest.raises(ValueError, match=r"expected supervision of shape \(n_samples, 7\)"):
        unpack(torch.zeros(shape), 2)


def test_each_label_may_have_a_weight_of_its_own():
    weight = np.arange(10.0).reshape(5, 2)
    packed = torch.from_numpy(plain(5, weight=weight).packed())
    np.testing.assert_array_equal(unpack(packed, 2)[3], weight)


def test_parts_are_given_by_name():
    with pytest.raises(TypeError, match="positional"):
        Supervision(*vars(plain()).values())


def test_by_labels_has_no_teacher_but_them():
    label, weight = np.arange(6.0).reshape(3, 2), np.array([1.0, 2.0, 0.0])
    supervision = Supervision.by_labels(label, weight)
    assert supervision.label is supervision.teacher is label
    assert supervision.weight is weight
    assert supervision.inlier.all()
    assert supervision.inlier.shape == label.shape
    assert supervision.n_labeled == 3
    assert supervision.extra_rows == ()


class TestJoined:
    X = np.arange(15.0).reshape(5, 3)

    def test_without_extra_rows_nothing_changes(self):
        supervision = plain()
        X, joined = supervision.joined(self.X)
        assert X is self.X
        assert joined is supervision

    def test_extra_rows_come_last_with_the_teacher_as_label(self):
        first = np.full((2, 3), 7.0), np.full((2, 2), -1.0)
        second = np.full((1, 3), 8.0), np.full((1, 2), -2.0)
        supervision = plain(extra_rows=(first, second), inlier=np.zeros((5, 2), bool))
        X, joined = supervision.joined(self.X)
        np.testing.assert_array_equal(X, np.concatenate([self.X, first[0], second[0]]))
        behind = np.concatenate([first[1], second[1]])
        np.testing.assert_array_equal(joined.label, np.concatenate([supervision.label, behind]))
        np.testing.assert_array_equal(joined.teacher, np.concatenate([supervision.teacher, behind]))
        np.testing.assert_array_equal(joined.inlier[:, 0], [False] * 5 + [True] * 3)
        np.testing.assert_array_equal(joined.weight, np.ones(8))
        assert joined.extra_rows == ()

    @pytest.mark.parametrize("clean", [None, np.full((5, 2), 3.0)])
    def test_only_the_first_rows_have_labels_of_their_own(self, clean):
        supervision = plain(clean_label=clean, extra_rows=((np.ones((4, 3)), np.ones((4, 2))),))
        _, joined = supervision.joined(self.X)
        assert supervision.n_labeled == joined.n_labeled == 5
        expected = supervision.label if clean is None else clean
        np.testing.assert_array_equal(joined.clean_label, expected)

    @pytest.mark.parametrize(
        ("dtype", "extra", "expected"),
        [
            (np.float32, np.float64, np.float32),
            (np.uint8, np.float64, np.float64),
            (np.uint8, np.uint8, np.uint8),
        ],
    )
    def test_single_precision_stays_so_but_fractions_become_no_bytes(self, dtype, extra, expected):
        rows = np.full((1, 3), 1.5).astype(extra)
        X, _ = plain(extra_rows=((rows, np.ones((1, 2))),)).joined(self.X.astype(dtype))
        assert X.dtype == expected
        np.testing.assert_array_equal(X[-1], rows[0])


@pytest.mark.parametrize(("schedule", "n_cycles"), [("one_stage", 1), ("full", 3)])
def test_a_full_route_is_one_training_for_each_anchor(schedule, n_cycles):
    stages = np.zeros((4, 5, 1), np.float32)
    route = RouteSchedule(n_anchors=3, schedule=schedule)
    assert Curriculum(stages, stages, route).n_cycles == n_cycles


def test_hints_are_packed_behind_the_weight():
    supervision = full()
    packed = supervision.packed()
    assert packed.shape == (5, 3 * 2 + 1 + 3)
    np.testing.assert_array_equal(packed[:, -3:], supervision.hints.astype(np.float32))
    np.testing.assert_array_equal(packed[:, 6], supervision.weight)

"""What the student is to learn, while the methods still change it."""

import numpy as np
import pytest

from sklearn_regkd.supervision.route import RouteSchedule
from sklearn_regkd.supervision.targets import Targets

numbers = np.random.default_rng(0).normal
WEIGHT = np.arange(6.0)


def targets(n_stages=1, **parts):
    defaults = {
        "label": numbers(size=(6, 2)),
        "teacher": numbers(size=(n_stages, 6, 2)),
        "oof_prediction": numbers(size=(6, 2)),
        "inlier": numbers(size=(6, 2)) > 0,
        "alpha": np.array([0.25, 1.0]),
    }
    return Targets(**{**defaults, **parts})


def test_the_mixture_has_a_weight_for_each_output():
    found = targets(n_stages=3)
    assert found.mixture.shape == (3, 6, 2)
    first = 0.75 * found.label[:, 0] + 0.25 * found.teacher[:, :, 0]
    np.testing.assert_allclose(found.mixture[:, :, 0], first, rtol=1e-14)
    np.testing.assert_array_equal(found.mixture[:, :, 1], found.teacher[:, :, 1])


def test_a_change_leaves_the_old_ones_alone():
    before = targets()
    after = before.change(label=before.label + 1)
    np.testing.assert_array_equal(after.label, before.label + 1)
    assert after.teacher is before.teacher
    with pytest.raises(AttributeError):
        before.label = after.label


def test_rows_are_added_one_after_the_other():
    found = targets()
    for number in range(2):
        found = found.with_rows(np.full((3, 4), number), np.full((3, 2), -number))
    assert [X[0, 0] for X, _ in found.extra_rows] == [0, 1]
    assert [teacher[0, 0] for _, teacher in found.extra_rows] == [0, -1]


class TestSupervision:
    def test_is_the_mixture_of_the_last_stage_and_the_clean_label(self):
        found = targets(n_stages=2, hints=numbers(size=(6, 5)))
        supervision = found.supervision(WEIGHT)
        np.testing.assert_array_equal(supervision.label, found.mixture[-1])
        np.testing.assert_array_equal(supervision.teacher, found.teacher[-1])
        assert supervision.clean_label is found.label
        assert supervision.inlier is found.inlier
        assert supervision.weight is WEIGHT
        assert supervision.hints is found.hints
        assert supervision.curriculum is None
        assert supervision.validation_targets is None

    def test_has_all_stages_where_there_is_a_schedule(self):
        schedule = RouteSchedule(n_anchors=3)
        found = targets(n_stages=3, schedule=schedule)
        curriculum = found.supervision(WEIGHT).curriculum
        assert curriculum.schedule is schedule
        assert curriculum.label.dtype == curriculum.teacher.dtype == np.float32
        np.testing.assert_array_equal(curriculum.label, found.mixture.astype(np.float32))
        np.testing.assert_array_equal(curriculum.teacher, found.teacher.astype(np.float32))

    def test_keeps_the_extra_rows(self):
        rows = np.ones((2, 4)), np.ones((2, 2))
        assert targets(extra_rows=(rows,)).supervision(WEIGHT).extra_rows == (rows,)

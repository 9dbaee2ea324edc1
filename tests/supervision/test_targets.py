"""The targets of a student: mixed of labels and teacher, stage by stage."""

from types import SimpleNamespace

import numpy as np
import pytest

from sklearn_regkd.supervision.targets import Targets

LABEL = np.array([[1.0], [2.0], [3.0]])
STAGES = np.array([[[0.0], [0.0], [0.0]], [[5.0], [6.0], [7.0]]])
WEIGHT = np.array([1.0, 0.5, 2.0])


@pytest.fixture
def targets():
    return Targets(
        label=LABEL,
        teacher=STAGES,
        oof_prediction=STAGES[-1],
        inlier=np.array([[True], [False], [True]]),
        alpha=np.array([0.25]),
    )


def test_each_stage_is_mixed_by_alpha(targets):
    np.testing.assert_array_equal(targets.mixture, 0.75 * LABEL + 0.25 * STAGES)


def test_the_student_learns_the_last_stage_and_is_tried_with_clean_labels(targets):
    supervision = targets.supervision(WEIGHT)
    np.testing.assert_array_equal(supervision.label, targets.mixture[-1])
    np.testing.assert_array_equal(supervision.teacher, STAGES[-1])
    np.testing.assert_array_equal(supervision.clean_label, LABEL)
    np.testing.assert_array_equal(supervision.weight, WEIGHT)
    assert supervision.curriculum is None


def test_a_schedule_brings_all_stages_along(targets):
    schedule = SimpleNamespace(schedule="full", n_anchors=2)
    curriculum = targets.change(schedule=schedule).supervision(WEIGHT).curriculum
    np.testing.assert_array_equal(curriculum.label, targets.mixture.astype(np.float32))
    np.testing.assert_array_equal(curriculum.teacher, STAGES)
    assert curriculum.n_cycles == 2


def test_further_rows_are_the_teachers_and_come_last(targets):
    X = np.arange(6.0).reshape(3, 2)
    first, second = np.full((1, 2), 7.0), np.full((2, 2), 8.0)
    more = targets.with_rows(first, np.array([[0.5]])).with_rows(second, np.array([[1.0], [2.0]]))
    assert targets.extra_rows == ()
    rows, supervision = more.supervision(WEIGHT).joined(X)
    np.testing.assert_array_equal(rows, np.concatenate([X, first, second]))
    np.testing.assert_array_equal(supervision.label[3:, 0], [0.5, 1, 2])
    np.testing.assert_array_equal(supervision.weight, [*WEIGHT, 1, 1, 1])
    assert supervision.inlier[3:].all()
    assert supervision.n_labeled == 3

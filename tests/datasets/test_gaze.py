"""Angles of gaze: signs, and errors that are never NaN."""

import numpy as np
import pytest

from sklearn_regkd.datasets import (
    angular_error,
    gaze_angles,
    gaze_directions,
    mean_angular_error,
)


def test_signs():
    into_camera, up, to_the_left = [0, 0, -1.0], [0, -0.5, -1.0], [-0.5, 0, -1.0]
    (p0, y0), (p1, y1), (p2, y2) = gaze_angles([into_camera, up, to_the_left])
    assert p0 == y0 == y1 == p2 == 0
    assert p1 > 0
    assert y2 > 0


def test_convention_of_unit_vectors():
    vectors = np.random.default_rng(0).normal(size=(100, 3))
    x, y, z = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).T
    expected = np.column_stack([np.arcsin(-y), np.arctan2(-x, -z)])
    np.testing.assert_allclose(gaze_angles(vectors), expected, atol=1e-12)
    np.testing.assert_allclose(gaze_directions(expected), np.column_stack([x, y, z]), atol=1e-12)


def test_error_of_equal_and_opposite_directions_is_a_number():
    rng = np.random.default_rng(0)
    for dtype in (np.float32, np.float64):
        angles = rng.uniform(-1.5, 1.5, (5000, 2)).astype(dtype)
        same = angular_error(angles, angles)
        assert np.isfinite(same).all()
        assert same.max() < 1e-6
        opposite = np.column_stack([-angles[:, 0], angles[:, 1] + np.pi])
        np.testing.assert_allclose(angular_error(angles, opposite), 180, atol=1e-4)


def test_small_errors_keep_their_digits():
    tiny = 1e-10
    error = angular_error([[0.3, 0.2]], [[0.3 + tiny, 0.2]])
    np.testing.assert_allclose(error, np.rad2deg(tiny), rtol=1e-5)


def test_yaw_counts_less_for_those_who_look_up():
    level, steep = angular_error([[0, 0.0], [1.2, 0.0]], [[0, 0.1], [1.2, 0.1]])
    assert steep < level / 2


def test_mean_and_weights():
    truth, said = [[0, 0.0], [0, 0]], [[0, 0.1], [0, 0.3]]
    assert mean_angular_error(truth, said) == pytest.approx(np.rad2deg(0.2))
    assert mean_angular_error(truth, said, [3, 1]) == pytest.approx(np.rad2deg(0.15))


@pytest.mark.parametrize(
    ("truth", "said", "message"),
    [
        ([[0, 0.0]], [[np.nan, 0]], "not finite"),
        ([[0, 0.0]], [[0, 0.0], [0, 0]], "1 rows, y_pred 2"),
        ([0, 0.0], [0, 0.0], r"\(n_samples, 2\)"),
    ],
)
def test_what_is_no_direction(truth, said, message):
    with pytest.raises(ValueError, match=message):
        angular_error(truth, said)


def test_refusals():
    with pytest.raises(ValueError, match="direction 1 is no direction"):
        gaze_angles([[0, 0, 1.0], [0, 0, 0]])
    with pytest.raises(ValueError, match="no rows"):
        mean_angular_error(np.empty((0, 2)), np.empty((0, 2)))
    with pytest.raises(ValueError, match="sample_weight"):
        mean_angular_error([[0, 0.0]], [[0, 0.0]], [0.0])

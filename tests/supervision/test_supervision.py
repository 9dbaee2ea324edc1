"""Supervision on its way through a training loop."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sklearn_regkd.supervision.supervision import Supervision, unpack, unpack_label

single = st.floats(allow_nan=False, allow_infinity=False, width=32)


@st.composite
def supervisions(draw):
    n, k = draw(st.integers(1, 8)), draw(st.integers(1, 4))
    return Supervision(
        draw(arrays(np.float64, (n, k), elements=single)),
        draw(arrays(np.float64, (n, k), elements=single)),
        draw(arrays(bool, (n, k))),
        draw(arrays(np.float64, (n,), elements=st.floats(0, 2**20, width=32))),
    )


def plain(n=5, k=2):
    values = np.arange(n * k, dtype=float).reshape(n, k)
    return Supervision(values, values + 0.5, np.ones((n, k), bool), np.ones(n))


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


@pytest.mark.parametrize("shape", [(5, 6), (5, 8), (5, 4), (7,)])
def test_another_width_is_refused(shape):
    with pytest.raises(ValueError, match=r"expected supervision of shape \(n_samples, 7\)"):
        unpack(torch.zeros(shape), 2)

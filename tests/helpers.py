"""Builders that tests of several rooms share: tables, teachers, students, and what losses take."""

import numpy as np
import torch
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

# Multiples of 1/64 have exact sums and differences: what should be equal is then equal to the
# last bit, and what differs does so by more than rounding.
GRID = 1 / 64
on_grid = st.integers(-4096, 4096).map(lambda i: i * GRID)
shapes = st.one_of(st.tuples(st.integers(1, 20)), st.tuples(st.integers(1, 9), st.integers(1, 3)))


@st.composite
def batches(draw, n, elements=on_grid):
    """Draw n tensors of one shape in double precision, such as student, label and teacher."""
    return tuple(torch.tensor(draw(arrays(np.float64, (n, *draw(shapes)), elements=elements))))


def gradient(loss, prediction, *targets, **kwargs):
    """Return the gradient of the summed loss with respect to the prediction."""
    leaf = prediction.clone().requires_grad_()
    loss(leaf, *targets, **kwargs, reduction="sum").backward()
    return leaf.grad

"""Builders that tests of several rooms share: tables, teachers, students, and what losses take."""

import numpy as np
import torch
from hypothesis import assume
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import HuberRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler
from torch import nn

from sklearn_regkd import DistilledRegressor, StudentRegressor
from sklearn_regkd.preprocessing.robust_stats import robust_sigma

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


def gaussian_errors(n=400, k=1, seed=0, scale=1.0):
    """Return errors (n, k) of a good teacher, drawn from a normal distribution."""
    return scale * np.random.default_rng(seed).standard_normal((n, k))


def one_sided_errors(seed=0, n=400, share=0.3, distance=12.0):
    """Return errors of which the last share is moved to one side."""
    error = gaussian_errors(n, seed=seed)[:, 0]
    error[n - round(share * n) :] += distance
    return error


@st.composite
def errors(draw, min_rows=5, max_rows=30):
    """Draw errors of a teacher (n_samples, n_outputs) with a positive MAD."""
    n, k = draw(st.integers(min_rows, max_rows)), draw(st.integers(1, 3))
    free = draw(arrays(np.float64, (n, k), elements=st.floats(-100, 100)))
    # hypothesis likes to repeat numbers: the ramp keeps half of them from being equal
    error = free + np.linspace(-1, 1, n)[:, None]
    assume((robust_sigma(error) > 1e-3).all())
    return error


def columns(*values):
    """Return sequences of numbers as the columns of an array."""
    return np.column_stack([np.asarray(v, float) for v in values])


def linear_table(n_rows=95):
    """Return three features in single precision, and twice the first of them as y."""
    X = np.random.default_rng(0).standard_normal((n_rows, 3)).astype(np.float32)
    return X, X[:, 0] * 2.0


def in_blocks(X, y, size=20):
    """Return a table as blocks of so many rows; the last one may be shorter."""
    return [(X[i : i + size], y[i : i + size]) for i in range(0, len(X), size)]


def interleaved_folds(n=60, n_folds=3):
    """Return pairs of training and test rows, of which each row is tested once."""
    fold = np.arange(n) % n_folds
    return [(np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in range(n_folds)]


def boosting(**params):
    """Return a teacher with stages and leaves, which is fitted in some hundredths of a second."""
    return HistGradientBoostingRegressor(**{"max_iter": 20, "random_state": 0, **params})


def tanh_network():
    """Return a network of ten features, the same each time, with the layers "0", "1" and "2"."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(10, 48), nn.Tanh(), nn.Linear(48, 1))


def robust_teacher():
    """Return a teacher of smooth functions that wrong labels do not mislead."""
    return make_pipeline(PolynomialFeatures(3), StandardScaler(), HuberRegressor(max_iter=1000))


def small_student(**params):
    """Return a student that learns a smooth table roughly, in a tenth of a second."""
    defaults = {"max_epochs": 12, "weight_decay": 0.1, "embedding": None, "random_state": 0}
    return StudentRegressor((16,), **{**defaults, **params})


def good_student(**params):
    """Return a student that learns the fixture ``table`` well, in half a second."""
    defaults = {"hidden_layer_sizes": (32,), "lr": 0.05, "batch_size": 32, "max_epochs": 100}
    return StudentRegressor(**{**defaults, **params})


def build(Distiller, teacher=None, **params):
    """Return an estimator with a good student and, where none is given, a robust teacher."""
    teacher = robust_teacher() if teacher is None else teacher
    return Distiller(teacher, **{"student": good_student(), "random_state": 0, **params})


def pure_distillation(teacher=None, student=None, **params):
    """Return an estimator whose student learns what the teacher predicts, and nothing else."""
    defaults = {"outliers": None, "alpha": 1.0, "cv": 3, "random_state": 0}
    return DistilledRegressor(
        boosting() if teacher is None else teacher,
        small_student() if student is None else student,
        **{**defaults, **params},
    )

"""Builders that tests of several rooms share: tables, teachers, students, and what losses take."""

import re

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
from sklearn_regkd.preprocessing.scaling import fit_target_scaling
from sklearn_regkd.teachers.fit_data import FitData
from sklearn_regkd.teachers.hints import hint_features
from sklearn_regkd.utils.cache import open_memory

# Parameters of a student that is trained in some hundredths of a second, and learns little.
QUICK = {"max_epochs": 3, "weight_decay": 0.1, "random_state": 0}

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


def refused(name, value):
    """Return a pattern for the error message about a parameter that must not have that value."""
    return rf"\b{name}\b.*[Gg]ot {re.escape(repr(value))}"


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


def smooth_table(n=120, noise=0.0):
    """Return three features, and a smooth function of two of them that is seldom near 0."""
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (n, 3))
    return X, 3 * X[:, 0] + np.sin(3 * X[:, 1]) + 10 + noise * rng.normal(size=n)


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


class TwoLayers(nn.Module):
    """A module of a user's, with a name of its own for each layer."""

    def __init__(self, n_features, n_outputs, width=16, dropout=0.0):
        super().__init__()
        self.body = nn.Linear(n_features, width)
        self.dropout = nn.Dropout(dropout)
        self.last = nn.Linear(width, n_outputs)

    def forward(self, X):
        return self.last(self.dropout(torch.relu(self.body(X))))


def tanh_network():
    """Return a network of ten features, the same each time, with the layers "0", "1" and "2"."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(10, 48), nn.Tanh(), nn.Linear(48, 1))


def boosting(**params):
    """Return a teacher with stages and leaves, which is fitted in some hundredths of a second."""
    return HistGradientBoostingRegressor(**{"max_iter": 20, "random_state": 0, **params})


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


def hints_of(teacher, X, layer="leaves", n_components=32, seed=0):
    """Return the hints of a fitted teacher."""
    return hint_features(teacher, X, layer, n_components, np.random.RandomState(seed))


def fit_data(X, y, **changes):
    """Return the data of a fit on some rows, as an estimator collects them."""
    y = np.asarray(y, np.float64).reshape(len(y), -1)
    weight = changes.setdefault("weight", np.ones(len(y)))
    student = changes.setdefault("student", small_student())
    defaults = {
        "X": np.asarray(student._encode_categories(X)),
        "y": y,
        "scaling": fit_target_scaling(y[weight > 0], weight[weight > 0]),
        "teacher": None,
        "teacher_X": X,
        "teacher_params": {},
        "is_default_teacher": False,
        "teacher_prediction": None,
        "teacher_route": None,
        "folds": interleaved_folds(len(y)),
        "random_state": np.random.RandomState(0),
        "cache": open_memory(None),
        "n_jobs": None,
    }
    return FitData(**{**defaults, **changes})

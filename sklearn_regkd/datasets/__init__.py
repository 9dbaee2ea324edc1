"""Data for experiments: corrupted labels, a toy problem, and the data sets of the papers."""

from sklearn_regkd.datasets.gaze import (
    angular_error,
    gaze_angles,
    gaze_directions,
    mean_angular_error,
)
from sklearn_regkd.datasets.label_noise import corrupt_labels
from sklearn_regkd.datasets.mpiigaze import load_mpiigaze
from sklearn_regkd.datasets.multipie import load_multipie
from sklearn_regkd.datasets.sinusoid import make_sinusoid

__all__ = [
    "angular_error",
    "corrupt_labels",
    "gaze_angles",
    "gaze_directions",
    "load_mpiigaze",
    "load_multipie",
    "make_sinusoid",
    "mean_angular_error",
]

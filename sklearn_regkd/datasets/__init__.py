"""What distillation is tried on: labels spoiled on purpose, and a toy problem."""

from sklearn_regkd.datasets.label_noise import corrupt_labels
from sklearn_regkd.datasets.sinusoid import make_sinusoid

__all__ = ["corrupt_labels", "make_sinusoid"]

"""Scalings of inputs and targets: learned in NumPy, carried by the network.

Inputs get mean 0 and variance 1 in a hook of the module, so that the module
takes raw numbers while its parameters keep the names that its author gave them.
Targets are centred and scaled robustly: a few wild labels must not decide the
units in which all others are learned.
"""

import warnings
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.preprocessing import StandardScaler
from sklearn.utils import gen_batches
from torch import Tensor, nn

from sklearn_regkd.supervision.outliers import MAD_TO_SIGMA

# Enough for good throughput, little against the memory of any X worth mentioning.
BLOCK_ELEMENTS = 2**20
P90_TO_SIGMA = 1 / 3.29
MEAN_DEVIATION_TO_SIGMA = 1.2533
SHARE_TOLERANCE = 1e-9
# A label that far away is as absurd as one a million times farther, which
# would not fit into single precision.
MOST_SIGMA = 1e3


@dataclass(frozen=True)
class Scaling:
    """An affine map per column: ``standard = (raw - center) / scale``.

    Parameters
    ----------
    center, scale : ndarray of shape (n_columns,), float64
        Both in raw units; `scale` is positive.
    constant : ndarray of bool of shape (n_columns,)
        Columns that hold one value only.
    """

    center: np.ndarray
    scale: np.ndarray
    constant: np.ndarray

    def standardize(self, values: np.ndarray) -> np.ndarray:
        """Return raw values (n_samples, n_columns) in standard units."""
        return (values - self.center) / self.scale

    def restore(self, values: np.ndarray) -> np.ndarray:
        """Return standard values (n_samples, n_columns) in raw units."""
        return values * self.scale + self.center


def weighted_quantile(values: np.ndarray, q: float, weight: np.ndarray) -> np.ndarray:
    """Return a quantile of each column, in which weight 2 counts like two rows.

    The midpoint where two values fit, so that the quantile q of -y is minus
    the quantile 1 - q of y. Shares are compared with a tolerance: weights of
    0.1 in all rows must give what weights of 1 give.
    """
    order = np.argsort(values, axis=0, kind="stable")
    share = np.cumsum(weight[order], axis=0)
    share /= share[-1]
    last = len(values) - 1
    low = np.minimum((share < q - SHARE_TOLERANCE).sum(axis=0), last)
    high = np.minimum((share < q + SHARE_TOLERANCE).sum(axis=0), last)
    ranked = np.take_along_axis(values, order, axis=0)
    column = np.arange(values.shape[1])
    return ranked[low, column] / 2 + ranked[high, column] / 2


def fit_target_scaling(y: np.ndarray, weight: np.ndarray) -> Scaling:
    """Learn median and spread of each target.

    The spread is the median absolute deviation, which nearly half of the
    labels may leave without moving it far; where half of them are equal, that
    of their middle 90 %, and where nearly all of them are, their mean absolute
    deviation. Each as the standard deviation that a Gaussian would have.

    Parameters
    ----------
    y : ndarray of shape (n_samples, n_outputs)
        Labels in raw units.
    weight : ndarray of shape (n_samples,)
        Positive weights.

    Warns
    -----
    UserWarning
        If a target is the same in all rows; it will be predicted exactly.

    Returns
    -------
    Scaling
        Equivariant: a y + b has the centre a c + b and the scale |a| s.
    """
    center = weighted_quantile(y, 0.5, weight)
    deviation = np.abs(y - center)
    scale = MAD_TO_SIGMA * weighted_quantile(deviation, 0.5, weight)
    spread = weighted_quantile(y, 0.95, weight) - weighted_quantile(y, 0.05, weight)
    scale = np.where(scale > 0, scale, P90_TO_SIGMA * spread)
    mean = MEAN_DEVIATION_TO_SIGMA * np.average(deviation, axis=0, weights=weight)
    scale = np.where(scale > 0, scale, mean)
    constant = y.min(axis=0) == y.max(axis=0)
    for output in np.flatnonzero(constant):
        warnings.warn(
            f"output {output} of y is {y[0, output]:g} in every row: the student will predict just "
            "that",
            stacklevel=2,
        )
    return Scaling(center, np.where(scale > 0, scale, 1.0), constant)


def fit_input_scaling(X: np.ndarray, weight: np.ndarray) -> Scaling:
    """Learn mean and standard deviation of each feature, block by block.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features), (n_samples, height, width) or \
            (n_samples, channels, height, width)
        Inputs, also uint8. Images are scaled by channel, those without channels as a whole.
    weight : ndarray of shape (n_samples,)
        Weights, not negative and not all 0.

    Returns
    -------
    Scaling
        Of shape (n_features,), (height,) with equal entries, or (channels,).

    Raises
    ------
    ValueError
        If the variance of a feature overflows.
    """
    if X.ndim == 3:
        # The rows of a picture are no features: the margin of one may be the middle of another.
        whole = fit_input_scaling(X[:, None], weight)
        return Scaling(*(values.repeat(X.shape[1]) for values in vars(whole).values()))
    scaler = StandardScaler()
    per_row = int(np.prod(X.shape[1:]))
    inner = per_row // X.shape[1]
    with np.errstate(over="ignore", invalid="ignore"):
        for rows in gen_batches(len(X), max(1, BLOCK_ELEMENTS // per_row)):
            if not weight[rows].any():
                continue
            block = np.moveaxis(X[rows], 1, -1).reshape(-1, X.shape[1])
            scaler.partial_fit(block, sample_weight=np.repeat(weight[rows], inner))
    unbounded = np.flatnonzero(~np.isfinite(scaler.scale_))
    if len(unbounded):
        raise ValueError(
            f"the values of feature {unbounded[0]} of X are so large that their variance is not a "
            "finite number; take their logarithm, or another unit"
        )
    return Scaling(scaler.mean_, scaler.scale_, scaler.var_ == 0)


def _standardize_input(module: nn.Module, args: tuple) -> tuple:
    """Scale the module's input in its own precision, then cast it to the weights'."""
    X, *rest = args
    center, scale = module.input_center, module.input_scale
    dtype = next((p.dtype for p in module.parameters()), torch.get_default_dtype())
    X = X if X.is_floating_point() else X.to(dtype)
    # A float64 column with a large offset (a time stamp) is centred before it
    # is cast: single precision would round it away.
    return (((X - center.to(X.dtype)) / scale.to(X.dtype)).to(dtype), *rest)


def attach_input_scaling(module: nn.Module, scaling: Scaling, n_dims: int) -> None:
    """Make a module take raw inputs from now on.

    The numbers become buffers (`input_center`, `input_scale`), so that they
    follow the module to its device and into its state dict; a hook applies
    them. The module's own parameters keep their names, which parameter groups
    and freezing callbacks refer to.

    Parameters
    ----------
    module : nn.Module
        Changed in place.
    scaling : Scaling
        Of shape (n_features,).
    n_dims : int
        Dimensions of the inputs, samples included.
    """
    shape = (-1, *[1] * (n_dims - 2))
    device = next((p.device for p in module.parameters()), None)
    for name, values in (("input_center", scaling.center), ("input_scale", scaling.scale)):
        module.register_buffer(name, torch.tensor(values, device=device).reshape(shape))
    module.register_forward_pre_hook(_standardize_input)


class OutputScaling(nn.Module):
    """From the student's standardised columns to one head in raw units.

    Parameters
    ----------
    scaling : Scaling
        Of the targets.
    n_heads : {1, 2}
        Heads of the student, side by side.
    """

    def __init__(self, scaling: Scaling, n_heads: int = 1):
        super().__init__()
        self.n_outputs = len(scaling.center)
        self.n_heads = n_heads
        # A constant target is predicted exactly, whatever the network says.
        scale = np.where(scaling.constant, 0.0, scaling.scale)
        # Single precision unless it would swallow the target's own spread
        # (a time stamp); float64 buffers make the output float64.
        resolved = np.all(np.abs(scaling.center) < 1e4 * scaling.scale)
        dtype = torch.float32 if resolved and _fits_single(scaling) else torch.float64
        self.center: Tensor
        self.scale: Tensor
        self.register_buffer("center", torch.tensor(scaling.center, dtype=dtype))
        self.register_buffer("scale", torch.tensor(scale, dtype=dtype))

    def forward(self, standard: Tensor, head: str = "label") -> Tensor:
        """Return predictions (n_samples, n_outputs) of a head: "label", "teacher" or "mean"."""
        # Not len(): traced for ONNX that would be the number of rows for ever.
        standard = standard.reshape(standard.shape[0], -1)
        k = self.n_outputs
        if head == "label":
            chosen = standard[:, :k]
        elif self.n_heads == 1:
            raise ValueError(f"predict_head={head!r}, but the student has one head")
        elif head == "teacher":
            chosen = standard[:, k:]
        elif head == "mean":
            chosen = (standard[:, :k] + standard[:, k:]) / 2
        else:
            raise ValueError(f"predict_head={head!r} is unknown; known: label, teacher, mean")
        return chosen * self.scale + self.center


def _fits_single(scaling: Scaling) -> bool:
    limits = np.finfo(np.float32)
    # Room for predictions some way beyond the labels.
    largest = np.max(np.abs(scaling.center) + 1e4 * scaling.scale)
    return bool(largest < limits.max and np.min(scaling.scale) > 1e4 * limits.tiny)

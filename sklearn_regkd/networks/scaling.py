"""Scalings of inputs and targets as parts of a network, which then takes and returns raw units."""

from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from sklearn_regkd.preprocessing.scaling import Scaling

# So many standard deviations from the mean an input is as absurd as at any greater distance,
# of which the sine is noise and the products with weights overflow.
FARTHEST = 1e3
# A network that predicts logarithms ends there, 1e13 times the mean label: far from all rows its
# last digits would be infinite.
LARGEST_LOG = 30.0


def standardize_inputs(
    X: Tensor, center: Tensor, scale: Tensor, dtype: torch.dtype, double: bool = False
) -> Tensor:
    """Return inputs of mean 0 and variance 1, scaled in their own precision and then cast.

    Inputs farther than 1,000 standard deviations from the mean are cut to that.

    A float64 column with a large offset (a time stamp) is centred before it is cast:
    single precision would round it away.

    Parameters
    ----------
    X : Tensor of shape (n_samples, ...)
        Raw inputs; integers are cast first.
    center, scale : Tensor
        Mean and standard deviation, of a shape that broadcasts.
    dtype : torch.dtype
        Type of what is returned.
    double : bool, default=False
        Whether to scale in double precision, see :attr:`Scaling.needs_double`.
    """
    X = X if X.is_floating_point() else X.to(dtype)
    X = X.double() if double else X
    standard = (X - center.to(X.dtype)) / scale.to(X.dtype)
    return standard.clamp(-FARTHEST, FARTHEST).to(dtype)


def _standardize_input(module: Any, args: tuple, double: bool = False) -> tuple:
    """Scale the module's input in its own precision, then cast it to the weights'."""
    X, *rest = args
    dtype = next((p.dtype for p in module.parameters()), torch.get_default_dtype())
    center, scale = module.input_center, module.input_scale
    return (standardize_inputs(X, center, scale, dtype, double), *rest)


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
        Mean and standard deviation of each feature, (n_features,).
    n_dims : int
        Dimensions of the inputs, samples included.
    """
    shape = (-1, *[1] * (n_dims - 2))
    device = next((p.device for p in module.parameters()), None)
    for name, values in (("input_center", scaling.center), ("input_scale", scaling.divisor)):
        module.register_buffer(name, torch.tensor(values, device=device).reshape(shape))
    hook = partial(_standardize_input, double=scaling.needs_double)
    module.register_forward_pre_hook(hook)


class OutputScaling(nn.Module):
    """From the student's standardised columns to one head in raw units.

    Parameters
    ----------
    scaling : Scaling
        Scaling of the targets.
    n_heads : {1, 2}
        Heads of the student, side by side.
    label_range : tuple of two ndarray of shape (n_outputs,), default=None
        Least and largest prediction in raw units; None sets no limits.
    """

    def __init__(
        self,
        scaling: Scaling,
        n_heads: int = 1,
        label_range: tuple[np.ndarray, np.ndarray] | None = None,
    ):
        super().__init__()
        self.n_outputs = len(scaling.center)
        self.n_heads = n_heads
        # A constant target is predicted exactly, whatever the network returns.
        scale = np.where(scaling.constant, 0.0, scaling.scale)
        center = scaling.center
        self.log = scaling.log
        if self.log:
            center = np.where(scaling.constant, scaling.scale, center)
        # Single precision unless it would swallow the target's own spread
        # (a time stamp); float64 buffers make the output float64.
        resolved = np.all(np.abs(scaling.center) < 1e4 * scaling.scale)
        dtype = torch.float32 if resolved and _fits_single(scaling) else torch.float64
        self.center: Tensor
        self.scale: Tensor
        self.register_buffer("center", torch.tensor(center, dtype=dtype))
        self.register_buffer("scale", torch.tensor(scale, dtype=dtype))
        self.low: Tensor | None
        self.high: Tensor | None
        self.register_buffer("low", None)
        self.register_buffer("high", None)
        if label_range is not None:
            self.clip_to(*label_range)

    def __setstate__(self, state):
        super().__setstate__(state)
        for name in ("low", "high"):  # a pickle of an earlier version has none
            self._buffers.setdefault(name, None)
        self.__dict__.setdefault("log", False)

    def clip_to(self, low: np.ndarray, high: np.ndarray) -> None:
        """Clip predictions to a range from now on, (n_outputs,) in raw units."""
        # Double precision: rounded, the largest label would not be the largest prediction.
        self.low = torch.tensor(low, dtype=torch.float64, device=self.center.device)
        self.high = torch.tensor(high, dtype=torch.float64, device=self.center.device)

    def forward(self, standard: Tensor, head: str = "label") -> Tensor:
        """Return predictions (n_samples, n_outputs) of a head: "label", "teacher" or "mean".

        The mean is that of what the network predicts: of logarithms, if these are logarithms.
        """
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
        if self.log:
            chosen = chosen.clamp(max=LARGEST_LOG).exp()
        return self.clip(chosen * self.scale + self.center)

    def clip(self, raw: Tensor) -> Tensor:
        """Return predictions (n_samples, n_outputs) in raw units within the range, if any."""
        if self.low is None or self.high is None:
            return raw
        return raw.clamp(self.low.to(raw.dtype), self.high.to(raw.dtype))


def _fits_single(scaling: Scaling) -> bool:
    limits = np.finfo(np.float32)
    # Room for predictions some way beyond the labels.
    largest = np.max(np.abs(scaling.center) + 1e4 * scaling.scale)
    return bool(largest < limits.max and np.min(scaling.scale) > 1e4 * limits.tiny)

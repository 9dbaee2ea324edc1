"""How raw numbers enter a network: standardised, or as normal scores."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from sklearn_regkd._tensor import as_tensor
from sklearn_regkd.networks.quantile import (
    TABLES,
    Quantiles,
    attach_input_quantiles,
    enter,
    fit_quantiles,
)
from sklearn_regkd.networks.scaling import Scaling, attach_input_scaling, fit_input_scaling

TRANSFORMS = ("quantile", "standard")


def fit_inputs(
    X: np.ndarray, weight: np.ndarray, transform: str, categorical: Sequence[int] = ()
) -> Quantiles | Scaling:
    """Learn the map of the inputs: ``"quantile"`` (tables only) or ``"standard"``."""
    if transform == "quantile":
        return fit_quantiles(X, weight, categorical)
    return fit_input_scaling(X, weight)


def attach_inputs(module: nn.Module, inputs: Quantiles | Scaling, n_dims: int) -> None:
    """Make a module take raw inputs of that many dimensions from now on."""
    if isinstance(inputs, Quantiles):
        attach_input_quantiles(module, inputs)
    else:
        attach_input_scaling(module, inputs, n_dims)


def count_inputs(inputs: Quantiles | Scaling) -> tuple[int, int]:
    """Return how many numbers the network sees, and how many marks that are 0 or 1."""
    if isinstance(inputs, Quantiles):
        return len(inputs.numeric), inputs.n_plain
    return len(inputs.center), 0


def map_inputs(inputs: Quantiles | Scaling, X: np.ndarray) -> Tensor:
    """Return what the network sees of a table, float32 (n_samples, n_inputs)."""
    if isinstance(inputs, Scaling):
        return torch.from_numpy(inputs.standardize(X).astype(np.float32))
    tables = {name: torch.from_numpy(getattr(inputs, name)) for name in TABLES}
    return enter(as_tensor(np.ascontiguousarray(X)), tables).float()

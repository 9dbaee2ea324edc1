"""How raw numbers enter a network: standardised, or as normal scores."""

import numpy as np
import torch
from torch import Tensor, nn

from sklearn_regkd.networks.quantile import (
    Quantiles,
    attach_input_quantiles,
    fit_quantiles,
    normal_scores,
)
from sklearn_regkd.networks.scaling import Scaling, attach_input_scaling, fit_input_scaling

TRANSFORMS = ("quantile", "standard")


def fit_inputs(X: np.ndarray, weight: np.ndarray, transform: str) -> Quantiles | Scaling:
    """Learn the map of the inputs: ``"quantile"`` (tables only) or ``"standard"``."""
    return fit_quantiles(X, weight) if transform == "quantile" else fit_input_scaling(X, weight)


def attach_inputs(module: nn.Module, inputs: Quantiles | Scaling, n_dims: int) -> None:
    """Make a module take raw inputs of that many dimensions from now on."""
    if isinstance(inputs, Quantiles):
        attach_input_quantiles(module, inputs)
    else:
        attach_input_scaling(module, inputs, n_dims)


def count_inputs(inputs: Quantiles | Scaling) -> int:
    """Return how many inputs the network sees: features, and marks of missing values."""
    if isinstance(inputs, Quantiles):
        return len(inputs.knots) + int(inputs.has_missing.sum())
    return len(inputs.center)


def map_inputs(inputs: Quantiles | Scaling, X: np.ndarray) -> Tensor:
    """Return what the network sees of a table, float32 (n_samples, n_inputs)."""
    if isinstance(inputs, Scaling):
        return torch.from_numpy(inputs.standardize(X).astype(np.float32))
    raw = torch.from_numpy(np.ascontiguousarray(X))
    knots, scores = (torch.from_numpy(v).to(raw.dtype) for v in (inputs.knots, inputs.scores))
    mapped = normal_scores(raw, knots, scores)
    if inputs.has_missing.any():
        absent = raw[:, torch.from_numpy(inputs.has_missing)].isnan()
        mapped = torch.cat([mapped, absent.to(mapped.dtype)], dim=1)
    return mapped.float()

"""How raw numbers enter a network: standardised, or as normal scores."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from sklearn.utils import gen_batches
from torch import Tensor, nn

from sklearn_regkd.networks.quantile import attach_input_quantiles, enter
from sklearn_regkd.networks.scaling import attach_input_scaling, standardize
from sklearn_regkd.preprocessing.quantile import TABLES, Quantiles, fit_quantiles
from sklearn_regkd.preprocessing.scaling import Scaling, fit_input_scaling
from sklearn_regkd.utils.tensor import as_tensor

TRANSFORMS = ("quantile", "standard")
# 64 MiB: 100,000 rows of the widest embedding.
MOST_BYTES_KEPT = 2**26
ENTERED_AT_A_TIME = 4096


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


def attached_inputs(module: nn.Module) -> Quantiles | Scaling:
    """Return the map that was attached to a module."""
    if hasattr(module, "input_center"):
        center, scale = (
            module.get_buffer(f"input_{name}").cpu().numpy().reshape(-1)
            for name in ("center", "scale")
        )
        return Scaling(center, scale, np.zeros(len(center), bool))
    tables = {name: module.get_buffer(f"input_{name}").cpu().numpy() for name in TABLES}
    return Quantiles(**tables)


def count_inputs(inputs: Quantiles | Scaling) -> tuple[int, int]:
    """Return how many numbers the network sees, and how many marks that are 0 or 1."""
    if isinstance(inputs, Quantiles):
        return len(inputs.numeric) - len(inputs.two_valued), inputs.n_plain
    return len(inputs.center), 0


def transform_inputs(inputs: Quantiles | Scaling, X: Tensor) -> Tensor:
    """Return what the network sees of rows of a table, float32 (n_samples, n_inputs)."""
    if isinstance(inputs, Scaling):
        center, divisor = torch.from_numpy(inputs.center), torch.from_numpy(inputs.divisor)
        X = X.double() if inputs.needs_double else X
        return standardize(X, center, divisor).float()
    tables = {name: torch.from_numpy(getattr(inputs, name)) for name in TABLES}
    return enter(X, tables, inputs.needs_double).float()


def transform_table(inputs: Quantiles | Scaling, X: np.ndarray) -> Tensor:
    """Return what the network sees of a table, float32 (n_samples, n_inputs)."""
    return transform_inputs(inputs, as_tensor(np.ascontiguousarray(X)))


class TransformedRows:
    """Rows as the first layer of a network takes them, computed once where memory allows.

    Parameters
    ----------
    X : Tensor of shape (n_samples, n_features)
        Raw inputs.
    enter : callable
        From raw rows to the layer's inputs (n_rows, width), row by row.
    width : int
        Numbers that the layer takes.
    """

    def __init__(self, X: Tensor, enter: Callable[[Tensor], Tensor], width: int):
        self.X, self.enter = X, enter
        self.kept: Tensor | None = None
        if len(X) * width * 4 <= MOST_BYTES_KEPT:
            self.kept = torch.empty(len(X), width)
            for rows in gen_batches(len(X), ENTERED_AT_A_TIME):
                self.kept[rows] = enter(X[rows])

    def __getitem__(self, rows: Tensor) -> Tensor:
        if self.kept is not None:
            return self.kept.index_select(0, rows)
        return self.enter(self.X.index_select(0, rows))

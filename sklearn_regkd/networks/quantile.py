"""Normal scores of raw inputs as a part of a network, looked up in the table of each feature."""

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from sklearn_regkd.preprocessing.quantile import TABLES, Quantiles


def normal_scores(X: Tensor, knots: Tensor, scores: Tensor) -> Tensor:
    """Look up values in the table of their feature.

    Parameters
    ----------
    X : Tensor of shape (n_samples, n_features)
        Raw inputs.
    knots, scores : Tensor of shape (n_features, n_knots)
        See :class:`~sklearn_regkd.preprocessing.quantile.Quantiles`.

    Returns
    -------
    Tensor of shape (n_samples, n_features)
        Normal scores; 0, the score of the median, for NaN.
    """
    columns = X.T.contiguous()
    right = torch.searchsorted(knots, columns, right=True).clamp_(1, knots.shape[1] - 1)
    low, high = knots.gather(1, right - 1), knots.gather(1, right)
    share = ((columns - low) / (high - low)).clamp(0, 1)
    found = torch.lerp(scores.gather(1, right - 1), scores.gather(1, right), share)
    return torch.where(columns.isnan(), 0.0, found).T


def quantile_inputs(X: Tensor, tables: dict[str, Tensor], double: bool = False) -> Tensor:
    """Return what a network sees of raw rows.

    Parameters
    ----------
    X : Tensor of shape (n_samples, n_features)
        Raw inputs.
    tables : dict of Tensor
        The fields of :class:`~sklearn_regkd.preprocessing.quantile.Quantiles`.
    double : bool, default=False
        Whether to look up in double precision, see its ``needs_double``.

    Returns
    -------
    Tensor of shape (n_samples, n_inputs)
        Normal scores of the numbers, the 0 and 1 of those of two values last; then 1
        where a number that was missing in fit is missing; then 1 for the category of
        the row. A category that was not seen in fit, or is missing, has 0 in all of these.
    """
    dtype = torch.float64 if double else X.dtype
    knots, scores = tables["knots"].to(dtype), tables["scores"].to(dtype)
    whole = len(knots) == X.shape[1] and not len(tables["two_valued"])
    numbers = (X if whole else X[:, tables["numeric"]]).to(dtype)
    parts = [normal_scores(numbers, knots, scores).to(X.dtype)]
    if len(tables["missing"]):
        parts.append(X[:, tables["missing"]].isnan().to(X.dtype))
    if len(tables["category_value"]):
        codes = X[:, tables["category_feature"]]
        parts.append((codes == tables["category_value"].to(X.dtype)).to(X.dtype))
    return parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)


def _transform_input(module: Any, args: tuple, double: bool = False) -> tuple:
    """Turn the module's raw inputs into what it was trained on, in its own precision."""
    X, *rest = args
    dtype = next(p.dtype for p in module.parameters())
    tables = {name: getattr(module, f"input_{name}") for name in TABLES}
    return (quantile_inputs(X, tables, double).to(dtype), *rest)


def attach_input_quantiles(module: nn.Module, quantiles: Quantiles) -> None:
    """Make a module take raw inputs from now on, through the quantiles of each feature.

    The tables become buffers (`input_knots` and so on) and follow the module to
    its device and into its state dict.

    Parameters
    ----------
    module : nn.Module
        Changed in place. What it sees is described in :func:`quantile_inputs`.
    quantiles : Quantiles
        The map.
    """
    device = next(p.device for p in module.parameters())
    for name in TABLES:
        values = torch.tensor(getattr(quantiles, name), device=device)
        module.register_buffer(f"input_{name}", values)
    module.register_forward_pre_hook(partial(_transform_input, double=quantiles.needs_double))

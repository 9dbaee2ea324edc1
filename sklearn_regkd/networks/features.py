"""Features of rows: the inputs or outputs of one layer of a network."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

ROWS_AT_A_TIME = 4096


def last_linear(module: nn.Module) -> nn.Linear:
    """Return the last linear layer of a module.

    Raises
    ------
    ValueError
        If it has none.
    """
    layers = [layer for layer in module.modules() if isinstance(layer, nn.Linear)]
    if not layers:
        raise ValueError(
            f"module {type(module).__name__} has no linear layer to take features from"
        )
    return layers[-1]


def named_layer(module: nn.Module, name: str) -> nn.Module:
    """Return a layer by its name.

    Raises
    ------
    ValueError
        If there is none of that name; the message lists those that there are.
    """
    layers = {key: layer for key, layer in module.named_modules() if key}
    if name not in layers:
        raise ValueError(
            f"{type(module).__name__} has no layer {name!r} to take hints from; it has: "
            f"{', '.join(layers) or 'none'}"
        )
    return layers[name]


def watch(
    module: nn.Module,
    layer: nn.Module,
    X: np.ndarray,
    *,
    before: bool = False,
    shrink: Callable[[Tensor], Tensor] | None = None,
) -> np.ndarray:
    """Return what comes out of a layer, or goes into it, for each row.

    Parameters
    ----------
    module : nn.Module
        In evaluation mode.
    layer : nn.Module
        Some layer of it.
    X : ndarray of shape (n_samples, ...)
        Rows.
    before : bool, default=False
        Whether to take what goes in.
    shrink : callable, default=None
        Applied to each chunk (n_rows, n_values), so that wide layers need not
        be kept whole.

    Returns
    -------
    ndarray of shape (n_samples, n_values), float64
        Flattened.

    Raises
    ------
    ValueError
        If the layer is not run once for each row, or returns no tensor.
    """
    seen: list[Tensor] = []

    def look(_layer, args, output=None):
        seen.append(args[0] if before else output)

    hook = layer.register_forward_pre_hook(look) if before else layer.register_forward_hook(look)
    parameter = next(module.parameters(), None)
    like = torch.empty(0) if parameter is None else parameter
    values = []
    try:
        with torch.inference_mode():
            for start in range(0, len(X), ROWS_AT_A_TIME):
                rows = torch.tensor(
                    X[start : start + ROWS_AT_A_TIME]
                )  # a copy: the module may write
                seen.clear()
                module(rows.to(like.device, like.dtype))
                if len(seen) != 1 or not isinstance(seen[0], Tensor) or len(seen[0]) != len(rows):
                    raise ValueError(
                        f"layer {type(layer).__name__} of {type(module).__name__} cannot be "
                        "watched: it must be run once and return one tensor with a row for each "
                        "input row"
                    )
                chunk = seen[0].flatten(1).double().cpu()
                values.append(chunk if shrink is None else shrink(chunk))
    finally:
        hook.remove()
    return torch.cat(values).numpy()


def last_features(module: nn.Module, X: np.ndarray) -> np.ndarray:
    """Return what the last linear layer sees of each row, and a 1 for its bias.

    Parameters
    ----------
    module : nn.Module
        In evaluation mode, taking raw rows.
    X : ndarray of shape (n_samples, ...)
        Rows.

    Returns
    -------
    ndarray of shape (n_samples, n_features + 1), float64
        Features.

    Examples
    --------
    >>> import numpy as np
    >>> from torch import nn
    >>> from sklearn_regkd.networks.features import last_features
    >>> last_features(nn.Linear(2, 1), np.array([[3.0, 4.0]], np.float32))
    array([[3., 4., 1.]])
    """
    features = watch(module, last_linear(module), X, before=True)
    return np.column_stack([features, np.ones(len(features))])

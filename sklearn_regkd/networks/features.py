"""What a network's last layer sees, and any other layer says."""

import numpy as np
import torch
from torch import Tensor, nn

from sklearn_regkd._tensor import as_tensor

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
    seen: list[Tensor] = []
    layer = last_linear(module)
    hook = layer.register_forward_pre_hook(lambda _, args: seen.append(args[0].double().cpu()))
    weight = layer.weight
    try:
        with torch.inference_mode():
            for start in range(0, len(X), ROWS_AT_A_TIME):
                rows = as_tensor(np.ascontiguousarray(X[start : start + ROWS_AT_A_TIME]))
                module(rows.to(weight.device, weight.dtype))
    finally:
        hook.remove()
    features = torch.cat(seen).flatten(1).numpy()
    return np.column_stack([features, np.ones(len(features))])

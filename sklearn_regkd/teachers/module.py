"""Predictions of a torch module that came fitted."""

import numpy as np
import torch
from torch import nn

from sklearn_regkd.training.device import device_of
from sklearn_regkd.training.train import CHUNK_ELEMENTS


def forward_teacher(module: nn.Module, X: np.ndarray) -> np.ndarray:
    """Run a teacher over rows in chunks, without gradients and in its own precision.

    Parameters
    ----------
    module : nn.Module
        The teacher, in evaluation mode. What it writes into its input stays in a copy.
    X : ndarray of shape (n_samples, ...)
        Inputs.

    Returns
    -------
    ndarray
        Its outputs; those of less than single precision in single precision.

    Raises
    ------
    TypeError
        If it returns no tensor.
    """
    device = device_of(module)
    dtype = next((p.dtype for p in module.parameters()), None)
    size = max(1, CHUNK_ELEMENTS // max(1, int(np.prod(X.shape[1:]))))
    outputs = []
    kind = device.type
    with torch.inference_mode(), torch.autocast(kind, enabled=False):
        for start in range(0, len(X), size):
            rows = torch.tensor(X[start : start + size], dtype=dtype, device=device)
            output = module(rows)
            if not isinstance(output, torch.Tensor):
                raise TypeError(
                    f"its forward returned a {type(output).__name__}, expected a tensor of shape "
                    "(n_samples, n_outputs): wrap the module in one that returns the prediction "
                    "alone"
                )
            outputs.append(output if output.dtype.itemsize >= 4 else output.float())
    return torch.cat(outputs).cpu().numpy()

"""Arrays as tensors, and modules whose tensors take no memory."""

import warnings

import numpy as np
import torch
from skorch import NeuralNet
from torch import Tensor, nn


def as_tensor(array: np.ndarray) -> Tensor:
    """Return a tensor on the memory of a NumPy array, which must not be written to."""
    if array.flags.writeable:
        return torch.from_numpy(array)
    with warnings.catch_warnings():
        # torch warns about read-only memory (a memmap, an array shared with
        # worker processes); nothing here ever writes to it.
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(array)


def module_without_numbers(net: NeuralNet) -> nn.Module | None:
    """Return the module of a skorch net with shapes and names only, built on the meta device.

    Parameters
    ----------
    net : skorch.NeuralNet
        The net, which is not changed; it need not be initialised.

    Returns
    -------
    nn.Module or None
        None if the module cannot be built in this way: it wants numbers, or parameters that it
        gets during the fit.

    Examples
    --------
    >>> from skorch import NeuralNet
    >>> from torch import nn
    >>> from sklearn_regkd.utils.tensor import module_without_numbers
    >>> net = NeuralNet(nn.Linear, nn.MSELoss, module__in_features=10**9, module__out_features=9)
    >>> module_without_numbers(net)
    Linear(in_features=1000000000, out_features=9, bias=True)
    """
    try:
        with torch.device("meta"):
            return net.initialized_instance(net.module, net.get_params_for("module"))
    except Exception:
        return None

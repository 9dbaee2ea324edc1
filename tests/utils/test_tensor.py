"""Tensors on the memory of arrays."""

import warnings

import numpy as np
import pytest
import torch

from sklearn_regkd.utils.tensor import as_tensor


def test_memory_is_shared_and_nothing_is_said_of_arrays_that_may_not_be_written():
    array = np.arange(6.0).reshape(2, 3)
    array.flags.writeable = False
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tensor = as_tensor(array)
    assert tensor.data_ptr() == array.ctypes.data
    assert torch.equal(tensor, torch.arange(6.0, dtype=torch.float64).reshape(2, 3))


def test_what_torch_cannot_hold_is_its_error():
    with pytest.raises(TypeError):
        as_tensor(np.array(["a"]))

"""Where to compute: names of devices, and the number of threads."""

import pytest
import torch

from sklearn_regkd.training.device import device_of, one_thread, resolve_device


def test_auto_is_cuda_where_there_is_one():
    assert resolve_device("auto") == ("cuda" if torch.cuda.is_available() else "cpu")
    assert resolve_device(torch.device("cpu")) == "cpu"


def test_unknown_devices_are_named():
    with pytest.raises(ValueError, match="device='gpu' is unknown; use 'auto', 'cpu' or 'cuda'"):
        resolve_device("gpu")


def test_cuda_that_is_not_there_is_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ValueError, match="PyTorch sees no CUDA device"):
        resolve_device("cuda")


def test_a_module_without_parameters_is_on_the_cpu():
    assert device_of(torch.nn.Tanh()).type == "cpu"
    assert device_of(torch.nn.Linear(1, 1, device="meta")).type == "meta"


def test_one_thread_inside_and_as_many_as_before_afterwards():
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        with one_thread():
            inside = torch.get_num_threads()
        after = torch.get_num_threads()
    finally:
        torch.set_num_threads(before)
    assert (inside, after) == (1, 3)

"""Where to compute: names of devices, and the number of threads."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from sklearn_regkd.training.device import (
    choose_device,
    device_of,
    one_thread,
    resolve_device,
    use_usual_threads,
)


def test_auto_is_cuda_where_there_is_one():
    assert resolve_device("auto") == ("cuda" if torch.cuda.is_available() else "cpu")
    assert resolve_device(torch.device("cpu")) == "cpu"


@pytest.mark.parametrize(
    ("widths", "n_rows", "expected"),
    [
        ([150, 64, 64, 1], 128, "cuda"),  # the default network on ten features
        ([10, 64, 64, 1], 128, "cpu"),
        ([10, 64, 64, 1], 1024, "cuda"),
        ([150, 64, 64, 1], 32, "cpu"),  # few rows, or small batches
        ([10, 512, 512, 1], 128, "cuda"),
    ],
)
def test_auto_leaves_small_steps_on_the_cpu(monkeypatch, widths, n_rows, expected):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert choose_device("auto", widths, n_rows) == expected
    for asked in ("cpu", "cuda"):
        assert choose_device(asked, widths, n_rows) == asked


def test_auto_is_the_cpu_where_there_is_nothing_else(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device("auto", [512, 512, 1], 1024) == "cpu"


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


def test_no_thread_is_left_with_the_number_of_another():
    before, barrier = torch.get_num_threads(), threading.Barrier(3)

    def nested():
        with one_thread():
            barrier.wait(60)
            with one_thread():
                inner = torch.get_num_threads()
            return inner, torch.get_num_threads()

    torch.set_num_threads(3)
    try:
        with ThreadPoolExecutor(3) as pool:  # each begins while others are inside
            inside = [future.result(60) for future in [pool.submit(nested) for _ in range(3)]]
            idle = [future.result(60) for future in [pool.submit(torch.get_num_threads)] * 3]
        with ThreadPoolExecutor(1) as pool:
            fresh = pool.submit(torch.get_num_threads).result(60)
        here = torch.get_num_threads()
    finally:
        torch.set_num_threads(before)
    assert inside == [(1, 1)] * 3
    assert (*idle, fresh, here) == (3,) * 5


def test_a_thread_that_begins_meanwhile_gets_as_many_threads_as_there_were():
    before = torch.get_num_threads()

    def usual():
        first = torch.get_num_threads()
        use_usual_threads()
        return first, torch.get_num_threads()

    torch.set_num_threads(3)
    try:
        with one_thread(), ThreadPoolExecutor(1) as pool:
            assert pool.submit(usual).result(60) == (1, 3)
            use_usual_threads()
            assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)

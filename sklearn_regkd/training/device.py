"""The device and the threads that a network computes with."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise

import torch

from sklearn_regkd.utils.process import ForkSafeLock


def resolve_device(device: str | torch.device) -> str:
    """Return the device's name; ``"auto"`` is CUDA where there is one, else the CPU.

    Raises
    ------
    ValueError
        If the device's name is unknown, or CUDA is asked for and not there.

    Examples
    --------
    >>> from sklearn_regkd.training.device import resolve_device
    >>> resolve_device("cpu")
    'cpu'
    """
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        resolved = torch.device(device)
    except (RuntimeError, TypeError) as error:
        raise ValueError(f"device={device!r} is unknown; use 'auto', 'cpu' or 'cuda'") from error
    if resolved.type == "cuda" and not torch.cuda.is_available():
        raise ValueError(
            f"device={device!r}, but PyTorch sees no CUDA device; use device='auto' or 'cpu'"
        )
    return str(resolved)


# Multiply-adds of a step forward. A smaller step is over on the CPU before CUDA has begun: the
# default network on ten features, 1.8 million in batches of 128, takes .84 s on an H200 where one
# core takes 1.35 s.
FEWEST_ON_CUDA = 2**20


def choose_device(device: str | torch.device, widths: Sequence[int], n_rows: int) -> str:
    """Return where to train a network of fully connected layers.

    ``"auto"`` is CUDA, where there is one, if a step has a million multiply-adds forward: the
    rows of a batch times the weights of the network.

    Parameters
    ----------
    device : str or torch.device
        What the user asks for.
    widths : sequence of int
        Inputs of the first layer, and outputs of each layer.
    n_rows : int
        Rows of a batch.

    Raises
    ------
    ValueError
        See :func:`resolve_device`.

    Examples
    --------
    >>> from sklearn_regkd.training.device import choose_device
    >>> choose_device("auto", [10, 8, 1], n_rows=32)
    'cpu'
    """
    n_weights = sum(n_in * n_out for n_in, n_out in pairwise(widths))
    is_small = n_rows * n_weights < FEWEST_ON_CUDA
    return resolve_device("cpu" if device == "auto" and is_small else device)


def device_of(module: torch.nn.Module) -> torch.device:
    """Return the device of a module's parameters; the CPU if it has none."""
    return next((p.device for p in module.parameters()), torch.device("cpu"))


# torch keeps a number of threads for each thread of Python, which begins with the number that
# was set last, wherever that was. While some threads are inside of `one_thread`, others would
# begin with 1, and the last one that leaves would leave a 1 behind.
_LOCK = ForkSafeLock()
_INSIDE = 0
_USUAL = 1
_NESTED = threading.local()


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch compute with one thread inside.

    A layer of 64 units is done before a second thread has woken up. With other
    work on the machine, threads that wait for each other cost many times more
    than they bring.
    """
    global _INSIDE, _USUAL
    depth = getattr(_NESTED, "depth", 0)
    with _LOCK:
        before = torch.get_num_threads()
        if not _INSIDE:
            _USUAL = before
        elif not depth:
            before = max(before, _USUAL)
        _INSIDE += 1
        _NESTED.depth = depth + 1
        torch.set_num_threads(1)
    try:
        yield
    finally:
        with _LOCK:
            _INSIDE -= 1
            _NESTED.depth = depth
            torch.set_num_threads(before)


def use_usual_threads() -> None:
    """Let torch use in this thread as many threads as it does outside of :func:`one_thread`."""
    with _LOCK:
        if _INSIDE and not getattr(_NESTED, "depth", 0) and torch.get_num_threads() < _USUAL:
            torch.set_num_threads(_USUAL)

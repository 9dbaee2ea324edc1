"""The device and the threads that a network computes with."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


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


def device_of(module: torch.nn.Module) -> torch.device:
    """Return the device of a module's parameters; the CPU if it has none."""
    return next((p.device for p in module.parameters()), torch.device("cpu"))


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch compute with one thread inside.

    A layer of 64 units is done before a second thread has woken up. With other
    work on the machine, threads that wait for each other cost many times more
    than they bring.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)

"""torch's random numbers: seeded for one training run, the global generators left alone."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def torch_seeded(seed: int, device: str | None = None) -> Iterator[None]:
    """Seed torch's global generators inside, and put their states back afterwards.

    For modules of users, whose initial weights and dropout draw from the
    global generator. The built-in network has a generator of its own and does
    not come here. Not safe across threads that train users' modules at once.
    """
    devices = [] if device is None or torch.device(device).type != "cuda" else [device]
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        yield

"""Random numbers that depend on `random_state` alone and leave the global generators alone."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from sklearn.utils import check_random_state

MAX_SEED = np.iinfo(np.int32).max


def own_random_state(random_state: int | np.random.RandomState | None) -> np.random.RandomState:
    """Return a generator for one fit; None means fresh entropy, not NumPy's global generator."""
    if random_state is None:
        return np.random.RandomState()
    return check_random_state(random_state)


def draw_seed(random_state: np.random.RandomState) -> int:
    """Return a seed for something that takes an integer."""
    return int(random_state.randint(MAX_SEED))


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

"""torch's random numbers: seeded for one training run, the global generators left alone."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from sklearn_regkd.training.device import use_usual_threads
from sklearn_regkd.utils.process import ForkSafeLock

# There is one global generator for all threads of a process.
_GENERATOR_LOCK = ForkSafeLock()


@contextmanager
def torch_seeded(seed: int, device: str | None = None) -> Iterator[None]:
    """Seed torch's global generators inside, and put their states back afterwards.

    For modules and teachers of users, whose initial weights and dropout draw from the global
    generators. Threads take turns: one that comes while another is inside waits until it has
    left. The built-in network has a generator of its own, does not come here and never waits.

    Parameters
    ----------
    seed : int
        The seed.
    device : str, default=None
        Device on which random numbers will be drawn as well.
    """
    with _GENERATOR_LOCK:
        kind = "cpu" if device is None else torch.device(device).type
        if kind == "cuda":
            torch.cuda.init()
        # Before CUDA is in use its generators cannot be saved, and are not to be seeded either.
        in_use = torch.cuda.is_initialized()
        with torch.random.fork_rng(devices=range(torch.cuda.device_count()) if in_use else ()):
            if kind == "cpu" and not in_use:
                torch.default_generator.manual_seed(seed)
            else:
                torch.manual_seed(seed)
            use_usual_threads()
            yield

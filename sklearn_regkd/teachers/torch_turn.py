"""Teachers that compute with torch: one after the other, with the same random numbers each time."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, TypeVar

from skorch import NeuralNet

from sklearn_regkd.teachers.kinds import is_torch
from sklearn_regkd.training.device import device_of
from sklearn_regkd.training.randomness import torch_seeded
from sklearn_regkd.training.torch_state import plain_torch
from sklearn_regkd.utils.unwrap import layers

Result = TypeVar("Result")


@contextmanager
def torch_turn(teacher: Any, seed: int) -> Iterator[None]:
    """Let a teacher that computes with torch do so alone, by a seed, in any state of torch."""
    with plain_torch(), torch_seeded(seed, _device_of(teacher)):
        yield


def in_turn(function: Callable[..., Result]) -> Callable[..., Result]:
    """Let a function of a fitted teacher leave torch's global generators alone; a decorator.

    A skorch net draws a number from them for each pass over rows, and a module may keep its
    dropout. The random numbers are the same each time.

    Parameters
    ----------
    function : callable
        Its first argument, called ``teacher``, is the fitted teacher.
    """

    @wraps(function)
    def call(teacher, *args, **kwargs):
        if not is_torch(teacher):
            return function(teacher, *args, **kwargs)
        with torch_turn(teacher, seed=0):
            return function(teacher, *args, **kwargs)

    return call


def _device_of(teacher: Any) -> str | None:
    """Return the device of a teacher; None if a net leaves it open."""
    inner = layers(teacher)[-1]
    device = inner.device if isinstance(inner, NeuralNet) else device_of(inner)
    return None if device is None else str(device)

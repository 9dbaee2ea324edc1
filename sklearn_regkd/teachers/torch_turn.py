"""Teachers that compute with torch: one after the other, with the same random numbers each time."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from skorch import NeuralNet

from sklearn_regkd.teachers.kinds import is_torch
from sklearn_regkd.training.device import device_of
from sklearn_regkd.training.randomness import torch_seeded
from sklearn_regkd.utils.unwrap import layers

Result = TypeVar("Result")


def device_of_teacher(teacher: Any) -> str | None:
    """Return the device of a teacher that computes with torch; None if a net leaves it open."""
    inner = layers(teacher)[-1]
    device = inner.device if isinstance(inner, NeuralNet) else device_of(inner)
    return None if device is None else str(device)


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
        with torch_seeded(0, device_of_teacher(teacher)):
            return function(teacher, *args, **kwargs)

    return call

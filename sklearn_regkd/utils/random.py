"""Random numbers that depend on `random_state` alone, without NumPy's global generator."""

from typing import Any

import numpy as np
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


def fill_random_states(estimator: Any, random_state: np.random.RandomState) -> Any:
    """Set every `random_state` of an estimator that is None, nested ones too; return it.

    Seeds that a user has set are left as they are.
    """
    params = estimator.get_params(deep=True)
    unset = {
        name: draw_seed(random_state)
        for name in sorted(params)
        if (name == "random_state" or name.endswith("__random_state")) and params[name] is None
    }
    return estimator.set_params(**unset)

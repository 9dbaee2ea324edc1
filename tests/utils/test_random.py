"""Seeds and generators: all that is random hangs on `random_state`."""

import numpy as np
import pytest
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline

from sklearn_regkd.utils.random import draw_seed, fill_random_states, own_random_state


def test_without_a_seed_numpys_generator_is_neither_read_nor_moved():
    np.random.seed(0)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    first, second = (own_random_state(None).randint(2**31, size=4) for _ in range(2))
    assert (first != second).any()
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_a_seed_decides_and_a_generator_is_taken_as_it_is():
    assert draw_seed(own_random_state(3)) == draw_seed(own_random_state(3))
    assert draw_seed(own_random_state(3)) != draw_seed(own_random_state(4))
    state = np.random.RandomState(0)
    assert own_random_state(state) is state


def test_seeds_are_integers_that_everybody_takes():
    seed = draw_seed(np.random.RandomState(0))
    assert type(seed) is int
    assert 0 <= seed < 2**31


@pytest.mark.parametrize("seed", [0, 1])
def test_unset_seeds_are_filled_at_any_depth(seed):
    def filled():
        model = make_pipeline(Ridge(random_state=5), RandomForestRegressor())
        return fill_random_states(model, np.random.RandomState(seed)).get_params()

    params = filled()
    assert params["ridge__random_state"] == 5
    assert type(params["randomforestregressor__random_state"]) is int
    expected = filled()["randomforestregressor__random_state"]
    assert params["randomforestregressor__random_state"] == expected

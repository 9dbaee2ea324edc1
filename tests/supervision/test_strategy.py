"""A method of the papers as one argument: short names, and what is refused."""

from numbers import Real
from typing import ClassVar

import pytest

from sklearn_regkd.supervision.strategy import Strategy
from sklearn_regkd.utils.sklearn_compat import Interval, StrOptions


class Echo(Strategy):
    """A method that changes nothing."""

    argument = "echo"
    short_names = ("loud", "low")
    constraints: ClassVar = {
        "mode": [StrOptions({"loud", "low"})],
        "delay": [Interval(Real, 0, None, closed="neither")],
    }

    def __init__(self, mode="loud", delay=1.0):
        self.mode = mode
        self.delay = delay

    def apply(self, targets, data, teacher):
        return targets


def test_none_and_valid_strategies_stay_as_they_are():
    given = Echo(delay=3.0)
    assert Echo.resolve(given) is given
    assert Echo.resolve(None) is None


def test_a_short_name_is_the_first_parameter():
    assert Echo.resolve("low").get_params() == {"mode": "low", "delay": 1.0}


@pytest.mark.parametrize("given", ["louder", 3, Echo, {"mode": "low"}])
def test_others_learn_what_there_is(given):
    with pytest.raises(ValueError, match=r"is unknown; known: None, 'loud', 'low' or a Echo"):
        Echo.resolve(given)


@pytest.mark.parametrize("given", [Echo("louder"), Echo(delay=0), Echo(delay=True)])
def test_parameters_of_a_strategy_are_checked(given):
    with pytest.raises(ValueError, match=r"mode|delay"):
        Echo.resolve(given)

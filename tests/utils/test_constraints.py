"""Parameters that a class states as data: what is refused, and in which words."""

from numbers import Real
from typing import ClassVar

import pytest

from sklearn_regkd.utils.constraints import ConstrainedParams
from sklearn_regkd.utils.sklearn_compat import Interval, StrOptions


class Heater(ConstrainedParams):
    constraints: ClassVar = {
        "degrees": [Interval(Real, 0, 100, closed="both")],
        "mode": [StrOptions({"slow", "fast"})],
        "on": ["boolean"],
    }

    def __init__(self, degrees=20.0, mode="slow", on=True):
        self.degrees = degrees
        self.mode = mode
        self.on = on


@pytest.mark.parametrize("params", [{}, {"degrees": 100}, {"mode": "fast"}, {"on": False}])
def test_values_within_the_constraints_pass(params):
    Heater(**params).validate()


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"degrees": 101}, r"'degrees' parameter of Heater must be a float in the range \[0"),
        ({"mode": "rapid"}, "'mode' parameter of Heater must be a str among.*Got 'rapid'"),
        ({"degrees": True}, "degrees of Heater must not be a bool, got True: pass a number"),
    ],
)
def test_others_are_refused_with_what_was_expected(params, message):
    with pytest.raises(ValueError, match=message):
        Heater(**params).validate()

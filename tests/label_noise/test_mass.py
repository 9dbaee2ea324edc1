"""Whether many labels are one value."""

import numpy as np
import pytest

from sklearn_regkd.label_noise.mass import have_mass, one_value_stands_out


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        (np.r_[np.zeros(30), np.arange(70)], True),
        (np.resize([5, 5, 6, 6, 6, 7], 100), False),  # ratings
        (np.arange(100), False),
        (np.ones(100), True),
    ],
)
def test_whether_one_value_stands_out(label, expected):
    assert one_value_stands_out(label * 1.0) is expected


def test_a_tenth_is_a_mass():
    label = np.arange(100.0)
    assert not have_mass(label)
    label[:10] = 0
    assert not have_mass(label)
    label[:11] = 0
    assert have_mass(label)

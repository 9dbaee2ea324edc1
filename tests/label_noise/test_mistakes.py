"""What wrong labels have in common, in words."""

import numpy as np
import pytest

from sklearn_regkd.label_noise.mistakes import describe_mistakes

RNG = np.random.default_rng(0)
RIGHT = RNG.uniform(2, 9, 200)
# What a model says of right labels: off by some per cent.
SUGGESTED = RIGHT * RNG.uniform(0.9, 1.1, 200)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (10 * RIGHT, "mostly ten times too large"),
        (RIGHT / 1000, "mostly a thousand times too small"),
        (-RIGHT, "mostly of the wrong sign"),
        (RIGHT * np.resize([0.1, 10, 1000], 200), "mostly wrong by a power of ten"),
        (RIGHT + 6, "nearly all too large"),
        (RIGHT - 20, "nearly all too small"),
        (RIGHT + RNG.normal(0, 20, 200), ""),
        (RNG.permutation(RIGHT), ""),
    ],
)
def test_what_most_have_in_common(given, words):
    assert describe_mistakes(given, SUGGESTED) == words


def test_a_few_others_do_not_matter():
    given = 10 * RIGHT
    given[::5] = 0
    assert describe_mistakes(given, SUGGESTED) == "mostly ten times too large"


@pytest.mark.parametrize("n", range(5))
def test_of_few_nothing_is_said(n):
    assert describe_mistakes(10 * RIGHT[:n], SUGGESTED[:n]) == ""


def test_predictions_of_zero_have_no_ratio():
    assert describe_mistakes(RIGHT, 0 * RIGHT) == "nearly all too large"

"""The report shows the intervals of held-out rows, where the estimator has any."""

import copy

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy.stats import binom

from sklearn_regkd.inspection import distillation_report
from sklearn_regkd.inspection.interval_band import IntervalBand


@pytest.fixture(scope="module")
def held_out():
    X = np.random.default_rng(1).uniform(-1, 1, (40, 3))
    return X, 3 * X[:, 0] + np.sin(3 * X[:, 1]) + 10


def test_the_report_says_how_many_held_out_labels_lie_inside(tor, held_out):
    X, y = held_out
    report = distillation_report(tor, X, y, unit="MPa")
    low, high = tor.predict_interval(X, 0.9).T
    inside = ((low <= y) & (y <= high)).mean()
    ends = binom(40, 0.9).ppf([0.025, 0.975]) / 40
    said = f"{inside:.0%} of the held-out labels lie inside their 90% interval; of 40 labels chance"
    assert f"{said} allows {ends[0]:.0%} to {ends[1]:.0%}" in report.summary
    (band,) = [p for p in report.pictures if type(p.display).__name__ == "IntervalBand"]
    assert band.options == {"output": 0, "unit": "MPa"}
    assert_allclose(band.display.bounds[:, 0], np.column_stack([low, high]))
    center, lower, upper = band.display.edges(0)
    first = np.argsort(tor.predict(X), kind="stable")[: 40 // len(center)]
    assert center[0] == pytest.approx(tor.predict(X)[first].mean())
    assert lower[0] == pytest.approx(np.median(low[first]))
    assert upper[0] == pytest.approx(np.median(high[first]))


def test_each_output_has_its_own_band(two_outputs, spoiled, held_out):
    X, y = held_out
    Y = pd.DataFrame({"near": y, "far": 1e9 + y})
    report = distillation_report(two_outputs, X, Y)
    assert "of the held-out labels of near lie inside" in report.summary
    assert "0% of the held-out labels of far lie inside" in report.summary
    bands = [p for p in report.pictures if type(p.display).__name__ == "IntervalBand"]
    assert [band.options["output"] for band in bands] == [0, 1]


def test_without_intervals_the_report_is_what_it_was(tor, held_out):
    """So it is with an estimator from a file of an earlier version."""
    old = copy.copy(tor)
    old._intervals = None
    report = distillation_report(old, *held_out)
    assert "interval" not in report.summary
    assert "IntervalBand" not in [type(picture.display).__name__ for picture in report.pictures]


def test_labels_inside_and_outside_are_drawn_apart():
    prediction = np.arange(4.0)[:, None]
    bounds = np.stack([prediction - 1, prediction + 1], axis=-1)
    label = prediction + np.array([[0.5], [-1.0], [3.0], [0.0]])
    ax = IntervalBand(label, prediction, bounds).plot(unit="kg").ax_
    _, inside, outside = ax.collections
    assert_allclose(inside.get_offsets(), [[0, 0.5], [1, 0], [3, 3]])
    assert_allclose(outside.get_offsets(), [[2, 5]])
    assert [ax.get_xlabel(), ax.get_ylabel()] == ["prediction (kg)", "label (kg)"]

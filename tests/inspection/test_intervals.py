"""The picture of intervals shows what `predict_interval` returns."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import binom
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_regkd import TORRegressor
from sklearn_regkd.inspection import IntervalDisplay
from sklearn_regkd.inspection.intervals import MANY, share_by_chance


@pytest.fixture(scope="module")
def display(tor, spoiled):
    return IntervalDisplay.from_estimator(tor, *spoiled, coverage=0.8, coverages=[0.9, 0.5])


def by_hand(bounds=((0, 2), (0, 4), (0, 1), (0, 0), (0, 0)), label=(1, 6, 2, 0, 1)):
    """Return a display of five labels of which the second, third and fifth are outside."""
    return IntervalDisplay(
        np.array(label, float)[:, None],
        np.zeros((5, 1)),
        np.array(bounds, float)[:, None, :],
        0.9,
        np.array([0.9]),
        np.array([[0.4]]),
    )


def test_the_numbers_are_those_of_predict_interval(display, tor, spoiled):
    X, y = spoiled
    assert_array_equal(display.nominal, [0.5, 0.9])
    for level, share in zip([0.5, 0.9], display.share_inside[:, 0], strict=True):
        low, high = tor.predict_interval(X, level).T
        assert share == np.mean((low <= y) & (y <= high))
    low, high = tor.predict_interval(X, 0.8).T
    assert_allclose(display.width[:, 0], high - low)
    assert_array_equal(display.prediction[:, 0], tor.predict(X))
    missed = np.where(y < low, low - y, np.where(y > high, y - high, 0)) / (high - low)
    rows = display.worst()
    assert set(rows) == set(np.flatnonzero(missed))
    assert rows[0] == missed.argmax()
    assert (np.diff(missed[rows]) <= 0).all()


def test_the_farthest_outside_in_widths_comes_first_and_without_a_width_before_all():
    display = by_hand()
    assert_array_equal(display.outside[:, 0], [0, 0.5, 1, 0, np.inf])
    assert display.worst().tolist() == [4, 2, 1]


def test_chance_is_binomial_coverage_by_coverage():
    low, high = share_by_chance([0.3, 0.9], 50)
    for level, ends in zip([0.3, 0.9], np.transpose([low, high]), strict=True):
        of = binom(50, level)
        assert of.cdf(50 * ends[0] - 1) < 0.025 <= of.cdf(50 * ends[0])
        assert of.cdf(50 * ends[1] - 1) < 0.975 <= of.cdf(50 * ends[1])


def test_the_panels_hold_these_numbers(display):
    display.plot(unit="MPa", n_worst=3)
    coverage, width, worst = display.axes_
    band, line = coverage.collections[0], coverage.lines[-1]
    assert_array_equal(line.get_xydata(), np.column_stack([display.nominal, display.share_inside]))
    # The band is as wide at .5 as the binomial distribution of as many labels.
    at_half = band.get_paths()[0].vertices
    at_half = at_half[np.isclose(at_half[:, 0], 0.5), 1]
    assert (at_half.min(), at_half.max()) == share_by_chance(0.5, len(display.label))
    dots = width.collections[0].get_offsets()
    assert_allclose(dots, np.column_stack([display.prediction, display.width]))
    assert [width.get_xlabel(), width.get_ylabel()] == [
        "prediction (MPa)",
        "width of the interval (MPa)",
    ]
    first = display.worst()[:3]
    assert [text.get_text() for text in worst.get_yticklabels()] == [str(row) for row in first]
    (labels,) = [line for line in worst.lines if line.get_label() == "label"]
    assert_array_equal(labels.get_xdata(), display.label[first, 0])
    bars = worst.containers[0].lines[2][0].get_segments()
    assert_allclose([bar[:, 0] for bar in bars], display.bounds[first, 0])


def test_many_rows_are_counted_in_cells():
    x = np.random.default_rng(0).normal(size=(MANY + 1, 1))
    bounds = np.stack([x - 1, x + np.exp(x)], axis=-1)
    display = IntervalDisplay(x, x, bounds, 0.9, np.array([0.9]), np.ones((1, 1))).plot()
    assert display.axes_[1].collections[0].get_array().sum() == MANY + 1
    assert display.worst().tolist() == []


def test_outputs_are_drawn_one_by_one(two_outputs, spoiled):
    X, y = spoiled
    labels = np.column_stack([y, 100 * X[:, 2]])
    display = IntervalDisplay.from_estimator(two_outputs, X, labels, output=1, coverages=[0.6])
    bounds = two_outputs.predict_interval(X, 0.9)
    assert_array_equal(display.bounds, bounds)
    dots = display.axes_[1].collections[0].get_offsets()
    assert_allclose(dots[:, 1], bounds[:, 1, 1] - bounds[:, 1, 0])
    assert display.worst(1).tolist() != display.worst(0).tolist()
    with pytest.raises(ValueError, match=r"output=2, but y has outputs 0 to 1"):
        display.plot(output=2)


def test_axes_may_be_given(display):
    import matplotlib.pyplot as plt

    figure, three = plt.subplots(1, 3)
    assert list(display.plot(three).axes_) == list(three)
    figure, (left, right) = plt.subplots(1, 2)
    display.plot(right)
    assert display.figure_ is figure
    assert len(display.axes_) == 3
    place = right.get_position()
    assert all(ax.get_position().x0 >= place.x0 - 1e-9 for ax in display.axes_)
    with pytest.raises(ValueError, match="holds 2 axes, expected 3"):
        display.plot([left, right])
    with pytest.raises(ValueError, match="is not a subplot"):
        display.plot(figure.add_axes((0, 0, 1, 1)))


def test_titles_and_labels_do_not_overlap(display):
    axes = Figure(figsize=(12.6, 4.4), layout="constrained").subplots(1, 3)
    display.plot(axes, unit="mmol/l")
    display.figure_.draw_without_rendering()
    boxes = [ax.get_tightbbox() for ax in axes]
    assert all(a.x1 <= b.x0 for a, b in pairwise(boxes))
    assert boxes[0].x0 >= 0
    assert boxes[-1].x1 <= display.figure_.bbox.x1


def test_a_pipeline_takes_its_own_rows(tor, spoiled):
    X, y = spoiled
    scaler = StandardScaler(with_mean=False).fit(X)
    inner = make_pipeline(scaler, tor)  # both are fitted, the second one on other rows
    rows = pd.DataFrame(X * scaler.scale_)
    seen = IntervalDisplay.from_estimator(inner, rows.to_numpy(), y)
    assert_allclose(seen.bounds[:, 0], tor.predict_interval(X), rtol=1e-5)


def test_bad_input_is_refused(tor, spoiled):
    X, y = spoiled
    with pytest.raises(ValueError, match=r"coverages=1\.0 must be a number between 0 and 1"):
        IntervalDisplay.from_estimator(tor, X, y, coverages=[0.5, 1.0])
    with pytest.raises(ValueError, match=r"coverage=90 must be"):
        IntervalDisplay.from_estimator(tor, X, y, coverage=90)
    with pytest.raises(ValueError, match="y"):
        IntervalDisplay.from_estimator(tor, X, y[:7])
    with pytest.raises(NotFittedError):
        IntervalDisplay.from_estimator(TORRegressor(), X, y)
    with pytest.raises(TypeError, match=r"IntervalDisplay takes a fitted .*got str"):
        IntervalDisplay.from_estimator("ridge", X, y)

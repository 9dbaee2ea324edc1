"""The pictures show what the fit knows."""

import copy
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.figure import Figure
from numpy.testing import assert_allclose, assert_array_equal
from scipy.integrate import trapezoid
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV

from sklearn_regkd import StudentRegressor, TORRegressor, load
from sklearn_regkd.inspection import (
    LabelNoiseDisplay,
    RouteDisplay,
    TeacherAgreementDisplay,
    TrainingDisplay,
)
from sklearn_regkd.inspection.page import INCHES
from sklearn_regkd.label_noise.mixture import Mixture

DISPLAYS = [LabelNoiseDisplay, RouteDisplay, TeacherAgreementDisplay, TrainingDisplay]


@pytest.mark.parametrize("display", DISPLAYS)
def test_all_displays_are_called_alike(display, routed, spoiled):
    import matplotlib.pyplot as plt

    drawn = display.from_estimator(routed, *spoiled)
    assert drawn.figure_ is drawn.ax_.figure
    assert drawn.ax_.get_xlabel()
    assert drawn.ax_.get_ylabel()
    first, (_, ax) = drawn.ax_, plt.subplots()
    assert drawn.plot(ax) is drawn
    assert drawn.ax_ is ax is not first
    assert ax.get_xlabel() == first.get_xlabel()
    assert len(ax.get_children()) == len(first.get_children())


@pytest.mark.parametrize("display", DISPLAYS)
def test_the_axes_may_be_given(display, routed, spoiled):
    import matplotlib.pyplot as plt

    figure, ax = plt.subplots()
    drawn = display.from_estimator(routed, *spoiled, ax=ax)
    assert drawn.ax_ is ax
    assert drawn.figure_ is figure
    assert plt.get_fignums() == [figure.number]


@pytest.mark.parametrize(
    ("display", "known"),
    [
        (TeacherAgreementDisplay, {"student_prediction": [[1.0, 7.0], [2.0, 8.0]]}),
        (LabelNoiseDisplay, {"probability": [[0.1, 0.2], [0.9, 0.7]]}),
    ],
)
def test_predictions_from_elsewhere_are_drawn(display, known):
    import matplotlib.pyplot as plt

    figure, ax = plt.subplots()
    teacher_prediction = [[1.0, 7.0], [2.0, 9.0]]
    drawn = display.from_predictions(
        [[1.5, 7.0], [2.0, 8.0]],
        teacher_prediction=teacher_prediction,
        **known,
        output=1,
        unit="kg",
        ax=ax,
    )
    assert drawn.ax_ is ax
    assert plt.get_fignums() == [figure.number]
    assert ax.get_xlabel().endswith("(kg)")
    assert (
        display.from_predictions(
            [1.5, 2.0], teacher_prediction=[1.0, 2.0], **{name: [0.2, 0.7] for name in known}
        ).figure_.number
        in plt.get_fignums()
    )


@pytest.mark.parametrize("display", DISPLAYS)
def test_the_constructor_draws_nothing(display, routed, spoiled):
    import matplotlib.pyplot as plt

    drawn = display.from_estimator(routed, *spoiled)
    plt.close("all")
    arrays = {name: value for name, value in vars(drawn).items() if not name.endswith("_")}
    again = display(**arrays)
    assert not hasattr(again, "ax_")
    assert not plt.get_fignums()
    assert again.plot().ax_.get_ylabel() == drawn.ax_.get_ylabel()


@pytest.mark.parametrize("display", DISPLAYS)
def test_unfitted_and_foreign_estimators_are_refused(display, spoiled):
    with pytest.raises(NotFittedError):
        display.from_estimator(TORRegressor(), *spoiled)
    with pytest.raises(NotFittedError):
        display.from_estimator(GridSearchCV(TORRegressor(), {"cv": [2]}), *spoiled)
    with pytest.raises(TypeError, match=r"takes a fitted .*got str"):
        display.from_estimator("ridge", *spoiled)


@pytest.mark.parametrize("display", [LabelNoiseDisplay, TeacherAgreementDisplay])
def test_rows_that_cannot_be_those_of_fit_are_refused(display, tor, spoiled):
    X, y = spoiled
    with pytest.raises(ValueError, match=r"90 rows, but TORRegressor was fitted with 120"):
        display.from_estimator(tor, X[:90], y[:90])


def test_missing_matplotlib_is_named(tor, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r"sklearn-regkd\[plots\]"):
        TrainingDisplay.from_estimator(tor)


def test_agreement_marks_the_flagged_rows(tor, spoiled):
    X, y = spoiled
    display = TeacherAgreementDisplay.from_estimator(tor, X, y, unit="MPa")
    assert_array_equal(display.flagged[:, 0], tor.outlier_mask_)
    assert_allclose(display.student_prediction[:, 0], tor.predict(X))
    assert_array_equal(display.teacher_prediction[:, 0], tor.teacher_prediction_)
    kept, rings = display.ax_.collections
    assert len(kept.get_offsets()) == np.sum(~tor.outlier_mask_)
    assert len(rings.get_offsets()) == np.sum(tor.outlier_mask_) > 0
    assert "MPa" in display.ax_.get_xlabel()


def test_predictions_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"student_prediction has shape \(3, 1\), expected \(2"):
        TeacherAgreementDisplay.from_predictions(
            [1, 2], teacher_prediction=[1, 2], student_prediction=[1, 2, 3]
        )
    with pytest.raises(ValueError, match=r"probability has shape \(1, 1\), expected \(2, 1\)"):
        LabelNoiseDisplay.from_predictions([1, 2], teacher_prediction=[1, 2], probability=[1])


def with_verdict(distiller, **verdict):
    """Return a fitted estimator that holds another verdict."""
    other = copy.copy(distiller)
    other.verdict_ = SimpleNamespace(**verdict)
    return other


def legend_of(display):
    return [text.get_text() for text in display.ax_.get_legend().get_texts()]


def dashed_lines_of(display):
    """Return where the vertical dashed lines are."""
    lines = [line for line in display.ax_.lines if line.get_linestyle() == "--"]
    return [x[0] for x in (line.get_xdata() for line in lines) if len(x) == 2 and x[0] == x[1]]


def test_the_threshold_of_the_verdict_is_drawn(tor, spoiled):
    known = with_verdict(tor, threshold=np.array([12.5]), mixtures=[None])
    display = LabelNoiseDisplay.from_estimator(known, *spoiled)
    assert dashed_lines_of(display) == [-12.5, 12.5]
    assert legend_of(display).count("threshold") == 1
    assert f"flagged: {tor.outlier_mask_.sum()}" in legend_of(display)


@pytest.mark.parametrize("threshold", [np.nan, np.inf])
def test_a_threshold_that_did_not_decide_is_not_drawn(tor, spoiled, threshold):
    known = with_verdict(tor, threshold=np.array([threshold]), mixtures=[None])
    display = LabelNoiseDisplay.from_estimator(known, *spoiled)
    assert dashed_lines_of(display) == []
    assert "threshold" not in legend_of(display)
    low, high = np.quantile(display.residual, [0.002, 0.998])
    assert display.ax_.get_xlim() == pytest.approx(
        (low - 0.02 * (high - low), high + 0.02 * (high - low))
    )


def test_the_mixture_of_the_verdict_is_drawn_over_the_bars(tor, spoiled):
    mixture = Mixture(0.125, 0.0, 0.5, 40.0, 2.0)
    known = with_verdict(tor, threshold=np.array([np.nan]), mixtures=[mixture])
    display = LabelNoiseDisplay.from_estimator(known, *spoiled)
    assert {"good labels, fitted", "wrong labels, fitted"} < set(legend_of(display))
    assert dashed_lines_of(display) == []
    good, wrong = [line for line in display.ax_.lines if line.get_label().endswith("fitted")]
    assert abs(good.get_xdata()[good.get_ydata().argmax()]) < 0.5
    assert abs(wrong.get_xdata()[wrong.get_ydata().argmax()] - 40) < 0.5
    bars = sum(bar.get_height() for bars in display.ax_.containers for bar in bars)
    width = display.ax_.containers[0][0].get_width()
    drawn = sum(trapezoid(line.get_ydata(), line.get_xdata()) for line in (good, wrong))
    assert bars == len(spoiled[1])
    assert drawn == pytest.approx(bars * width, rel=0.15)


def test_each_output_has_its_own_threshold(two_outputs, spoiled):
    X, y = spoiled
    known = with_verdict(two_outputs, threshold=np.array([15.0, np.inf]), mixtures=[None, None])
    labels = np.column_stack([y, 100 * X[:, 2]])
    assert dashed_lines_of(LabelNoiseDisplay.from_estimator(known, X, labels)) == [-15, 15]
    assert dashed_lines_of(LabelNoiseDisplay.from_estimator(known, X, labels, output=1)) == []


def test_without_a_verdict_neither_threshold_nor_mixture_is_drawn(mixture, spoiled):
    """So it is with an estimator from a file of an earlier version."""
    old = copy.copy(mixture)
    vars(old).pop("verdict_", None)
    display = LabelNoiseDisplay.from_estimator(old, *spoiled)
    assert display.threshold is display.mixtures is None
    assert not {"threshold", "good labels, fitted"} & set(legend_of(display))


def test_threshold_is_the_one_that_decided(tor, spoiled):
    display = LabelNoiseDisplay.from_estimator(tor, *spoiled)
    error = np.abs(display.residual[:, 0])
    flagged = tor.outlier_mask_
    assert error[~flagged].max() <= display.threshold[0] <= error[flagged].min()
    assert dashed_lines_of(display) == [-display.threshold[0], display.threshold[0]]


def test_mixture_is_shown_in_units_of_y(mixture, spoiled):
    display = LabelNoiseDisplay.from_estimator(mixture, *spoiled)
    assert display.mixtures[0].outlier_location == pytest.approx(40, abs=4)
    assert not np.isfinite(display.threshold[0])
    assert "wrong labels, fitted" in legend_of(display)


def test_certain_labels_are_ranked_by_distance():
    display = LabelNoiseDisplay.from_predictions(
        [1.0, 5.0, -9.0, 0.0], teacher_prediction=np.zeros(4), probability=[0.2, 1.0, 1.0, 0.3]
    )
    assert display.suspicious().tolist() == [2, 1, 3, 0]


@pytest.mark.parametrize("display", DISPLAYS)
def test_legend_and_labels_are_inside_the_picture_of_a_page(display, routed, spoiled):
    ax = Figure(figsize=INCHES, layout="constrained").subplots()
    inside_its_picture(display.from_estimator(routed, *spoiled, ax=ax))


@pytest.mark.slow
def test_rows_of_many_digits_fit_into_the_legend():
    label = np.random.default_rng(0).normal(size=1_000_000)
    label[-5:] += 30
    ax = Figure(figsize=INCHES, layout="constrained").subplots()
    display = LabelNoiseDisplay.from_predictions(
        label,
        teacher_prediction=np.zeros(len(label)),
        probability=(label > 20).astype(float),
        unit="mmol/l",
        ax=ax,
    )
    inside_its_picture(display)
    names = ax.get_legend().get_texts()[-1].get_text()
    assert all(str(row) in names for row in range(999_995, 1_000_000))


def inside_its_picture(display):
    display.figure_.draw_without_rendering()
    picture = display.figure_.bbox
    for part in (display.ax_.get_legend(), display.ax_.xaxis.label, display.ax_.yaxis.label):
        box = part.get_window_extent()
        assert picture.x0 <= box.x0 <= box.x1 <= picture.x1
        assert picture.y0 <= box.y0 <= box.y1 <= picture.y1


def test_outputs_are_shown_one_by_one(two_outputs, spoiled):
    X, y = spoiled
    labels = np.column_stack([y, 100 * X[:, 2]])
    display = LabelNoiseDisplay.from_estimator(two_outputs, X, labels)
    wrong = set(range(0, 120, 8))
    found = [len(wrong & set(display.suspicious(output)[:15].tolist())) for output in (0, 1)]
    assert found[0] >= 12 > 6 > found[1]
    second = LabelNoiseDisplay.from_estimator(two_outputs, X, labels, output=1, n_marked=2)
    first_two = ", ".join(map(str, display.suspicious(1)[:2]))
    assert legend_of(second)[-1].replace("\n", " ") == f"most suspicious: rows {first_two}"
    with pytest.raises(ValueError, match=r"output=2, but y has outputs 0 to 1"):
        display.plot(output=2)


def test_route_is_kept_epoch_by_epoch(routed, tmp_path):
    display = RouteDisplay.from_estimator(routed)
    assert_array_equal(display.stage, [0, 1, 2])
    assert display.distance.shape == (3, 3)
    assert (display.distance > 0).all()
    routed.save(tmp_path / "model")
    again = RouteDisplay.from_estimator(load(tmp_path / "model"))
    assert_array_equal(again.distance, display.distance)
    assert_array_equal(again.stage, display.stage)


def test_the_last_distance_is_that_of_the_student(routed, spoiled):
    X, _ = spoiled
    student, teacher = routed.predict(X), routed.teacher_.predict(X)
    expected = np.mean((student - teacher) ** 2) / teacher.var()
    # The route is mixed with other predictions where labels are suspicious: not to the digit.
    assert RouteDisplay.from_estimator(routed).distance[-1, -1] == pytest.approx(expected, rel=1e-3)


def test_an_estimator_without_a_route_is_refused(tor):
    with pytest.raises(ValueError, match=r"without a route.*route=4"):
        RouteDisplay.from_estimator(tor)


def test_best_epoch_is_that_of_the_held_out_rows(spoiled):
    student = StudentRegressor(
        (8,), max_epochs=6, weight_decay=0.1, early_stopping=True, random_state=0
    ).fit(*spoiled)
    display = TrainingDisplay.from_estimator(student)
    assert display.best_epoch_ == np.argmin(student.history_[:, "valid_loss"]) + 1
    assert display.ax_.get_yscale() == "log"


def test_without_held_out_rows_the_last_epoch_is_kept(tor):
    display = TrainingDisplay.from_estimator(tor)
    assert display.valid_loss is None
    assert display.best_epoch_ == tor.n_iter_ == len(display.train_loss)


def test_losses_may_be_negative():
    assert TrainingDisplay(np.array([1.0, -1.0])).plot().ax_.get_yscale() == "linear"

"""The report says what is known, and what is missing."""

import copy
import csv
import io
import os
import sys
from html.parser import HTMLParser

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from sklearn.compose import TransformedTargetRegressor, make_column_transformer
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.metrics import r2_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from sklearn_regkd import StudentRegressor, TORRegressor, load
from sklearn_regkd.inspection import (
    DistillationReport,
    LabelNoiseDisplay,
    TeacherAgreementDisplay,
    TrainingDisplay,
    apply_corrections,
    distillation_report,
)
from sklearn_regkd.inspection.measures import size_of
from sklearn_regkd.inspection.tables import Table


@pytest.fixture(scope="module")
def held_out():
    X = np.random.default_rng(1).uniform(-1, 1, (40, 3))
    return X, 3 * X[:, 0] + np.sin(3 * X[:, 1]) + 10


@pytest.fixture(scope="module")
def report(tor, spoiled, held_out):
    X, y = spoiled
    alone = LinearRegression().fit(X, y)
    return distillation_report(tor, *held_out, X_train=X, y_train=y, alone=alone, unit="MPa")


class Strict(HTMLParser):
    """Collect tags, and check that they are closed in order."""

    VOID = frozenset({"meta", "link", "img", "br"})

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.words = [], [], []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("style", "script"):
            self.words.append(data)


def test_quality_is_that_of_the_predictions(report, tor, held_out):
    X, y = held_out
    assert report.quality["student"][0].r2 == pytest.approx(r2_score(y, tor.predict(X)))
    assert report.quality["teacher"][0].r2 == pytest.approx(r2_score(y, tor.teacher_.predict(X)))
    fidelity = r2_score(tor.teacher_.predict(X), tor.predict(X))
    assert report.quality["fidelity"][0].r2 == pytest.approx(fidelity)


def test_cost_counts_and_takes_the_time(report, tor):
    nodes = sum(tree.tree_.node_count for tree in tor.teacher_.estimators_)
    assert report.cost["teacher"].size == nodes
    assert report.cost["student"].size == tor.student_.n_parameters_
    assert report.cost["student alone"].size == 4
    assert all(cost.one_row > cost.per_row > 0 for cost in report.cost.values())


def test_suspicious_labels_are_the_rejected_labels_first(report, tor, spoiled):
    X, y = spoiled
    columns = report.suspicious_labels.columns
    rows = columns["row"]
    assert set(np.flatnonzero(tor.outlier_mask_)) <= set(rows.tolist())
    assert (np.diff(columns["probability"]) <= 0).all()
    assert_allclose(columns["label"], y[rows])
    assert_allclose(columns["teacher"], tor.teacher_prediction_[rows])
    assert_allclose(columns["student"], tor.predict(X)[rows], rtol=1e-6)
    assert columns["rejected"].sum() == tor.outlier_mask_.sum()


def test_text_holds_it_all_within_a_terminal(report):
    text = str(report)
    for words in ("Quality on 40 held-out rows", "(MPa)", "student alone", "What was decided"):
        assert words in text
    assert max(map(len, text.splitlines())) <= 100
    assert "Not in this report" not in text


@pytest.mark.slow
def test_without_training_rows_it_says_what_is_missing(tor, held_out):
    report = distillation_report(tor, *held_out)
    assert "label" not in report.suspicious_labels.columns
    assert "student" not in report.suspicious_labels.columns
    assert [what.split("=")[0].split()[-1] for what in report.missing] == [
        "alone",
        "y_train",
        "X_train",
    ]
    assert "alone=" in str(report)
    Strict(report._repr_html_())


def test_a_loaded_student_has_no_teacher_and_may_know_no_rows(tor, held_out, tmp_path):
    tor.save(tmp_path / "model", training_rows=False)
    report = distillation_report(load(tmp_path / "model"), *held_out)
    assert "teacher" not in report.quality
    assert len(report.suspicious_labels) == 0
    assert "training_rows=False" in " ".join(report.missing)
    Strict(report._repr_html_())
    assert "What was decided" in str(report)


@pytest.mark.slow
def test_page_is_accessible_and_needs_nothing_else(report, tmp_path):
    path = tmp_path / "report.html"
    report.to_html(path)
    text = path.read_text("utf-8")
    assert len(text) < 2_000_000
    page = Strict(text)
    names = [tag for tag, _ in page.tags]
    assert dict(page.tags)["html"] == {"lang": "en"}
    assert names.count("h1") == 1
    assert names.count("table") == 4
    assert all("scope" in attrs for tag, attrs in page.tags if tag == "th")
    images = [attrs for tag, attrs in page.tags if tag == "img"]
    assert len(images) == 4
    assert all(image["alt"] and image["src"].startswith("data:") for image in images)
    assert "://" not in text
    assert not {"src", "href"} & {
        key for tag, attrs in page.tags if tag not in ("img", "link") for key in attrs
    }


@pytest.mark.slow
def test_nothing_is_drawn_outside_the_page(tor, spoiled, held_out, tmp_path):
    """A notebook would show what is drawn by pyplot, and then the report once more."""
    X, y = spoiled
    report = distillation_report(tor, *held_out, X_train=X, y_train=y)
    assert not any(hasattr(picture.display, "ax_") for picture in report.pictures)
    assert "<img" in report._repr_html_()
    report.to_html(tmp_path / "report.html")
    assert not plt.get_fignums()


@pytest.mark.slow
@pytest.mark.parametrize("write", [DistillationReport.to_html, DistillationReport.to_csv])
def test_a_file_is_replaced_only_by_a_complete_one(report, tmp_path, monkeypatch, write):
    path = tmp_path / "file"
    path.write_text("good")
    path.chmod(0o640)
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", raise_full_disk)
        with pytest.raises(OSError, match="No space left"):
            write(report, path)
    assert path.read_text() == "good"
    assert list(tmp_path.iterdir()) == [path]
    write(report, str(path))
    assert len(path.read_text("utf-8")) > 1000
    assert path.stat().st_mode & 0o777 == 0o640
    with pytest.raises(TypeError, match="name of a file"):
        write(report, io.BytesIO())


def raise_full_disk(*names):
    raise OSError(28, "No space left on device")


def test_csv_holds_all_digits(report, tmp_path):
    report.to_csv(tmp_path / "labels.csv")
    with open(tmp_path / "labels.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["row"]) for row in rows] == report.suspicious_labels.columns["row"].tolist()
    assert [float(row["label"]) for row in rows] == report.suspicious_labels.columns[
        "label"
    ].tolist()


def test_the_page_says_how_corrections_come_back(report, spoiled, tmp_path):
    """What it says is done here, word by word."""
    words = " ".join("".join(Strict(report._repr_html_()).words).split())
    assert words.count("write the right values into a new column 'corrected'") == 1
    assert "sklearn_regkd.inspection.apply_corrections(y, file)" in words
    assert "report.to_csv" in words
    _, y = spoiled
    report.to_csv(tmp_path / "labels.csv")
    table = pd.read_csv(tmp_path / "labels.csv")
    table["corrected"] = table["teacher"].where(table["rejected"])
    table.to_csv(tmp_path / "labels.csv", index=False)
    corrected, trusted = apply_corrections(y, tmp_path / "labels.csv")
    rows = table["row"][table["rejected"]]
    assert set(np.flatnonzero(trusted)) == set(rows)
    assert_allclose(corrected[rows], table["teacher"][table["rejected"]])


def test_several_outputs_of_a_report_come_back(two_outputs, spoiled, tmp_path):
    X, y = spoiled
    Y = np.column_stack([y, 100 * X[:, 2]])
    distillation_report(two_outputs, X, Y, y_train=Y).to_csv(tmp_path / "labels.csv")
    table = pd.read_csv(tmp_path / "labels.csv").assign(corrected=7.0)
    table.to_csv(tmp_path / "labels.csv", index=False)
    corrected, trusted = apply_corrections(Y, tmp_path / "labels.csv")
    assert trusted.sum() == len(table)
    assert (corrected[trusted] == 7).all()


@pytest.mark.slow
def test_names_of_the_user_cannot_break_the_page(spoiled, held_out):
    evil = "<script>alert('&\"')</script>"
    X, y = (pd.DataFrame(part) for part in spoiled)
    X.columns = [f"{evil}{i}" for i in range(3)]
    X.index = y.index = [f"{evil}{row}" for row in range(len(y))]
    Y = pd.concat([y, X.iloc[:, 0]], axis=1, keys=[evil, "<b>"])
    Y.columns = [evil, "<b>"]
    student = StudentRegressor((8,), max_epochs=2, weight_decay=0.1)
    teacher = make_pipeline(StandardScaler(), Ridge())
    tor = TORRegressor(teacher, student, random_state=0).fit(X, Y)
    X_test = pd.DataFrame(held_out[0], columns=X.columns)
    y_test = pd.DataFrame(np.column_stack([held_out[1], held_out[0][:, 0]]), columns=Y.columns)
    report = distillation_report(tor, X_test, y_test, X_train=X, y_train=Y, unit=evil)
    html = report._repr_html_()
    page = Strict(html)
    assert "alert" in "".join(page.words)
    assert html.count("<script>") == 1
    assert "b" not in [tag for tag, _ in page.tags]
    assert set(report.suspicious_labels.columns["output"]) <= {evil, "<b>"}
    assert report.suspicious_labels.columns["index"][0].startswith("<script>")


def test_the_index_is_taken_over_where_it_says_something(tor, spoiled, held_out):
    _, y = spoiled
    named = pd.Series(y, index=[f"sample {row}" for row in range(len(y))])
    columns = distillation_report(tor, *held_out, y_train=named).suspicious_labels.columns
    assert columns["index"][0] == f"sample {columns['row'][0]}"
    counted = distillation_report(tor, *held_out, y_train=pd.Series(y))
    assert "index" not in counted.suspicious_labels.columns


class TestPipeline:
    """A Pipeline is taken apart, and the user's rows go through its first steps."""

    @pytest.fixture
    def frame(self, spoiled):
        X, y = spoiled
        frame = pd.DataFrame(X, columns=["a", "b", "c"], index=np.arange(len(y)) + 1000)
        frame["kind"] = np.where(X[:, 2] > 0, "old", "new")
        return frame, pd.Series(y, index=frame.index)

    @pytest.fixture
    def pipeline(self, frame):
        encoder = make_column_transformer((OneHotEncoder(), ["kind"]), remainder="passthrough")
        student = StudentRegressor((8,), max_epochs=3, weight_decay=0.1, random_state=0)
        tor = TORRegressor(RandomForestRegressor(5), student, random_state=0)
        return make_pipeline(encoder, tor).fit(*frame)

    def test_the_report_is_that_of_its_last_step(self, pipeline, frame):
        X, y = frame
        report = distillation_report(pipeline, X, y, X_train=X, y_train=y, alone=pipeline)
        Z = pipeline[:-1].transform(X)
        by_hand = distillation_report(pipeline[-1], Z, y, X_train=Z, y_train=y)
        assert report.quality["student"] == by_hand.quality["student"]
        assert report.quality["student alone"] == by_hand.quality["student"]
        assert report.quality["teacher"] == by_hand.quality["teacher"]
        columns = report.suspicious_labels.columns
        assert columns["index"].tolist() == (1000 + columns["row"]).tolist()
        for row, student in zip(columns["index"][:3], columns["student"][:3], strict=True):
            assert student == pytest.approx(pipeline.predict(X.loc[[row]])[0])

    def test_also_inside_a_search(self, pipeline, frame):
        search = GridSearchCV(pipeline, {"torregressor__student__lr": [0.02]}, cv=2).fit(*frame)
        report = distillation_report(search, *frame)
        assert report.quality["student"][0].r2 == pytest.approx(search.score(*frame))

    def test_displays_take_it_too(self, pipeline, frame):
        X, y = frame
        display = TeacherAgreementDisplay.from_estimator(pipeline, X, y)
        assert_allclose(display.student_prediction[:, 0], pipeline.predict(X))
        noise = LabelNoiseDisplay.from_estimator(pipeline, X, y)
        assert_allclose(noise.residual[:, 0], y - pipeline[-1].teacher_prediction_)
        assert len(TrainingDisplay.from_estimator(pipeline).train_loss) == 3

    def test_other_wrappers_are_refused_in_one_line(self, pipeline, frame):
        whole = TransformedTargetRegressor(pipeline).fit(*frame)
        with pytest.raises(TypeError, match=r"got TransformedTargetRegressor; .*regressor_"):
            distillation_report(whole, *frame)
        with pytest.raises(TypeError, match=r"got Ridge$"):
            TrainingDisplay.from_estimator(Ridge())


def test_rows_that_are_not_those_of_fit_are_refused(tor, spoiled, held_out):
    X, y = spoiled
    with pytest.raises(ValueError, match=r"X_train has 60 rows, but TORRegressor .* with 120"):
        distillation_report(tor, *held_out, X_train=X[:60])
    with pytest.raises(ValueError, match=r"y has 60 rows, but TORRegressor"):
        distillation_report(tor, *held_out, y_train=y[:60])


def test_without_matplotlib_the_page_has_no_pictures(report, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    html = report._repr_html_()
    assert "<img" not in html
    assert "sklearn-regkd[plots]" in html


def test_a_route_is_part_of_the_report(routed, held_out):
    report = distillation_report(routed, *held_out)
    assert [type(picture.display).__name__ for picture in report.pictures] == [
        "TeacherAgreementDisplay",
        "IntervalBand",
        "TrainingDisplay",
        "RouteDisplay",
    ]
    head, reasons = report.decisions[0]
    assert "ThresholdRule" in head
    assert reasons == ("the rule was given",)


def test_decisions_are_told_in_plain_words(routed, held_out):
    head, reasons = distillation_report(routed, *held_out).decisions[0]
    assert head == routed.decisions_[0].summary
    assert reasons == routed.decisions_[0].reasons


def test_an_estimator_without_a_verdict_has_decisions_all_the_same(routed, held_out):
    """So it is with an estimator from a file of an earlier version."""
    old = copy.copy(routed)
    vars(old).pop("verdict_", None)
    assert distillation_report(old, *held_out).decisions[0][0] == routed.decisions_[0].summary


def test_sizes_of_teachers(spoiled):
    X, y = spoiled
    forest = RandomForestRegressor(2, max_depth=1, random_state=0)
    assert size_of(make_pipeline(StandardScaler(), forest).fit(X, y)) == (6, "nodes of trees")
    search = GridSearchCV(forest, {"max_depth": [1]}, cv=2).fit(X, y)
    assert size_of(search) == (6, "nodes of trees")
    assert size_of(object()) == (None, "")


def test_columns_of_numbers_are_right_aligned():
    table = Table("T", ["name", "a number of many words"], [["x", "1.00"], ["yy", "-12.00"]])
    first, second = str(table).splitlines()[-3:-1]
    assert first == "x" + " " * 12 + "1.00"
    assert second == "yy" + " " * 9 + "-12.00"

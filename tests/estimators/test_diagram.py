"""What a notebook shows of a distillation estimator: teacher, student, and what was decided."""

import re
from dataclasses import replace
from html import unescape

import numpy as np
import pytest
import torch
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_regkd import DistilledRegressor, StudentRegressor, TORRegressor, load


def diagram(estimator):
    """Return the diagram without its style sheet and scripts."""
    html = estimator._repr_html_()
    return re.sub(r"<(style|script)>.*?</\1>", "", html, flags=re.S)


@pytest.mark.parametrize("kind", [TORRegressor, DistilledRegressor])
def test_defaults_are_shown(kind):
    html = diagram(kind())
    assert "teacher: BoostedTrees, the default" in html
    assert "student: StudentRegressor, the default" in html
    assert 'class="sk-estimator  sk-toggleable"' in html


def test_given_parts_are_shown_nested():
    teacher = make_pipeline(StandardScaler(), Ridge(alpha=3.25))
    html = diagram(DistilledRegressor(teacher, StudentRegressor((7,))))
    assert html.index("teacher: Pipeline") < html.index(">Ridge<") < html.index("student: ")
    assert "3.25" in html
    assert "Regressor, the default" not in html


def test_fitted_parts_are_shown_as_fitted(table):
    student = StudentRegressor((8,), max_epochs=2, weight_decay=0.1)
    html = diagram(TORRegressor(RandomForestRegressor(5), student).fit(*table))
    assert "teacher: RandomForestRegressor" in html
    assert re.search(r'class="sk-estimator fitted sk-toggleable"', html)


def test_given_predictions_are_named(table):
    X, y = table
    student = StudentRegressor((8,), max_epochs=2, weight_decay=0.1)
    fitted = TORRegressor(student=student).fit(X, y, teacher_prediction=np.round(y))
    assert "predictions that were given to fit" in diagram(fitted)


def test_several_teachers_and_modules_are_shown():
    html = diagram(DistilledRegressor([RandomForestRegressor(), torch.nn.Linear(2, 1)]))
    assert "teacher: TeacherEnsemble" in html
    assert "RandomForestRegressor" in html
    assert "Linear" in html


class TestWhatWasDecided:
    def test_a_sentence_opens_to_its_reasons(self, table):
        X, y = table
        y = np.array(y)
        y[::10] += 50
        student = StudentRegressor((8,), max_epochs=5, weight_decay=1.0)
        model = DistilledRegressor(Ridge(), student, outliers=4.0, cv=3, random_state=0)
        assert "<details><summary>" not in diagram(model)
        html = diagram(model.fit(X, y))
        decision = model.decisions_[0]
        summary = re.search(r"<details><summary>(.*?)</summary>(.*)</details>", html, re.S)
        assert unescape(summary[1]) == decision.summary
        assert "look wrong" in summary[1]
        found = re.findall("<li>(.*?)</li>", summary[2], re.S)
        assert tuple(map(unescape, found)) == decision.reasons
        # IPython asks for a bundle; it shows the same. Numbers of diagrams differ.
        bundle = model._repr_mimebundle_()["text/html"]
        assert bundle.endswith(html[html.index("<details><summary>") :])

    def test_tor_counts_for_each_output(self, table):
        X, y = table
        Y = np.column_stack([y, y])
        Y[::10, 1] += 50
        student = StudentRegressor((8,), max_epochs=2, weight_decay=1.0)
        model = TORRegressor(Ridge(), student, cv=3, random_state=0).fit(X, Y)
        first, second = model.outlier_mask_.sum(axis=0)
        html = diagram(model)
        assert f"<p>Output 0: {first} of {len(y)} labels were rejected.</p>" in html
        assert f"<p>Output 1: {second} of {len(y)} labels were rejected.</p>" in html
        assert second >= len(y) // 10

    def test_nothing_is_said_of_rows_that_were_not_saved(self, table, tmp_path):
        student = StudentRegressor((8,), max_epochs=2, weight_decay=1.0)
        TORRegressor(Ridge(), student, cv=3).fit(*table).save(tmp_path / "a", training_rows=False)
        assert "rejected." not in diagram(load(tmp_path / "a"))

    def test_text_stays_text(self, table):
        student = StudentRegressor((8,), max_epochs=2, weight_decay=1.0)
        model = DistilledRegressor(Ridge(), student, outliers=4.0, cv=3).fit(*table)
        model.decisions_ = [replace(model.decisions_[0], reasons=("a < b & <b>c</b>",))]
        assert "<li>a &lt; b &amp; &lt;b&gt;c&lt;/b&gt;</li>" in diagram(model)

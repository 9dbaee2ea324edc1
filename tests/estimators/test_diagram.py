"""scikit-learn's diagram of a distillation estimator shows teacher and student."""

import re

import numpy as np
import pytest
import torch
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_regkd import DistilledRegressor, StudentRegressor, TORRegressor


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

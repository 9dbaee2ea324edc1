"""One way through Pipelines, searches and frozen estimators."""

from functools import partial

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_regkd import DistilledSearchCV, StudentRegressor
from sklearn_regkd.export.wrapped import unwrap_student
from sklearn_regkd.teachers.kinds import innermost, is_torch
from sklearn_regkd.teachers.route import has_route, staged_predictions
from sklearn_regkd.utils.unwrap import layers, unwrap


@pytest.fixture(scope="module")
def table():
    X = np.random.default_rng(0).normal(3, 2, (40, 2))
    return X, X[:, 0] - X[:, 1]


def test_what_is_not_wrapped_is_itself(table):
    X, _ = table
    for estimator in (Ridge(), None, "ridge", object()):
        assert layers(estimator) == [estimator]
        assert unwrap(estimator, X) == (estimator, X)


def test_rows_go_through_all_steps_on_the_way(table):
    X, y = table
    inner = make_pipeline(StandardScaler(), Ridge())
    search = GridSearchCV(inner, {"ridge__alpha": [0.1]}, cv=2)
    whole = FrozenEstimator(make_pipeline(StandardScaler(with_std=False), search).fit(X, y))
    ridge, rows = unwrap(whole, X)
    assert isinstance(ridge, Ridge)
    assert_allclose(ridge.predict(rows), whole.predict(X))
    assert_allclose(rows, StandardScaler().fit_transform(X))
    assert unwrap(whole) == (ridge, None)
    kinds = ["FrozenEstimator", "Pipeline", "GridSearchCV", "Pipeline", "Ridge"]
    assert [type(layer).__name__ for layer in layers(whole)] == kinds


def test_a_pipeline_of_one_step_leaves_rows_alone(table):
    X, y = table
    assert unwrap(make_pipeline(Ridge()).fit(X, y), X)[1] is X


@pytest.mark.parametrize(
    "search", [GridSearchCV, partial(RandomizedSearchCV, n_iter=1), DistilledSearchCV]
)
def test_of_a_search_the_best_one_is_taken_and_its_template_before_fit(search, table):
    template = StudentRegressor((4,), max_epochs=1, weight_decay=0.1)
    unfitted = search(template, {"lr": [0.01]}, cv=2)
    assert layers(unfitted) == [unfitted, template]
    fitted = unfitted.fit(*table)
    assert layers(fitted) == [fitted, fitted.best_estimator_]
    assert unwrap_student(fitted).student is fitted.best_estimator_


def test_what_a_teacher_is_does_not_change_when_it_is_fitted(table):
    """Seen through only after `fit`, a wrapper would get other rows in `predict` than in `fit`."""
    boosting = GridSearchCV(GradientBoostingRegressor(n_estimators=4), {"max_depth": [1]}, cv=2)
    students = GridSearchCV(StudentRegressor((4,), max_epochs=1), {"lr": [0.01]}, cv=2)
    for teacher in (boosting, students):
        before = type(innermost(teacher)), is_torch(teacher), has_route(teacher)
        teacher.fit(*table)
        assert (type(innermost(teacher)), is_torch(teacher), has_route(teacher)) == before
    assert has_route(boosting)
    stages = staged_predictions(boosting, table[0], 1, 2)
    assert_allclose(stages[-1][:, 0], boosting.predict(table[0]))
    assert not np.allclose(stages[0], stages[-1])


def test_the_student_of_a_pipeline_is_not_exported_alone(table):
    student = StudentRegressor((4,), max_epochs=1, weight_decay=0.1)
    pipeline = make_pipeline(StandardScaler(), student).fit(*table)
    for whole in (pipeline, FrozenEstimator(pipeline)):
        assert unwrap_student(whole).steps
    alone = unwrap_student(FrozenEstimator(pipeline[-1]))
    assert alone.student is pipeline[-1]
    assert not alone.steps

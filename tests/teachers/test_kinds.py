"""Kinds of teachers: which are fitted here, how many outputs they take, and their weights."""

import numpy as np
import pytest
import torch
from sklearn.ensemble import (
    GradientBoostingRegressor,
    HistGradientBoostingRegressor,
    StackingRegressor,
)
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import Ridge
from sklearn.multioutput import MultiOutputRegressor
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch import NeuralNetRegressor

from sklearn_regkd import DistilledRegressor, StudentRegressor
from sklearn_regkd.teachers.kinds import (
    default_teacher,
    is_fitted_teacher,
    is_torch,
    own_teacher,
    quick_teacher,
    weight_params,
)
from sklearn_regkd.teachers.multioutput import name_of
from tests.helpers import pure_distillation

WEIGHT = np.ones(3)


def own(teacher, n_outputs=1, seed=0):
    return own_teacher(teacher, n_outputs, np.random.RandomState(seed))


def test_many_rows_get_more_trees():
    few, many = default_teacher(100), default_teacher(10_000)
    assert few.loss == many.loss == "absolute_error"
    assert few.max_iter < many.max_iter
    assert many.early_stopping
    assert default_teacher(1_999).max_leaf_nodes < default_teacher(2_000).max_leaf_nodes


@pytest.mark.parametrize(("n_samples", "like"), [(100, 100), (3_000, 3_000), (10**6, 7_999)])
def test_the_quick_teacher_has_no_more_trees_than_one_of_some_rows(n_samples, like):
    assert quick_teacher(n_samples).get_params() == default_teacher(like).get_params()


def test_the_own_teacher_is_a_copy_with_a_seed():
    given = GradientBoostingRegressor()
    copy, again, other = own(given), own(given), own(given, seed=1)
    assert copy is not given
    assert given.random_state is None
    assert copy.random_state == again.random_state != other.random_state
    assert own(GradientBoostingRegressor(random_state=7)).random_state == 7


def test_teachers_of_one_output_are_repeated_for_more():
    assert isinstance(own(HistGradientBoostingRegressor(), 2), MultiOutputRegressor)
    assert isinstance(own(HistGradientBoostingRegressor(), 1), HistGradientBoostingRegressor)
    assert isinstance(own(Ridge(), 2), Ridge)


@pytest.mark.parametrize("around", [lambda stack: stack, lambda stack: make_pipeline(stack)])
def test_teachers_that_predict_once_they_are_fitted_are_repeated(around):
    X = np.random.default_rng(0).normal(size=(60, 3))
    y = np.column_stack([X[:, 0], X[:, 1] - X[:, 2]])
    stack = around(StackingRegressor([("ridge", Ridge()), ("near", KNeighborsRegressor())], cv=3))
    assert not hasattr(stack, "predict")
    student = StudentRegressor((4,), max_epochs=2, weight_decay=0.1)
    distilled = DistilledRegressor(stack, student, outliers=None, cv=2, random_state=0)
    fitted = distilled.fit(X, y)
    assert np.abs(fitted.teacher_prediction_ - y).mean() < 0.1
    assert fitted.predict(X).shape == y.shape


def test_messages_name_the_class_that_the_user_knows(table):
    X, y = table
    stacking = StackingRegressor([("ridge", Ridge())])
    own = own_teacher(stacking, 2, np.random.RandomState(0))
    assert name_of(own) == "StackingRegressor"
    assert name_of(MultiOutputRegressor(Ridge())) == "MultiOutputRegressor"
    with pytest.raises(TypeError, match="teacher StackingRegressor has no route"):
        pure_distillation(stacking, route=2).fit(X, np.column_stack([y, y]))


def test_a_module_is_copied_into_evaluation_mode():
    module = torch.nn.Linear(2, 1)
    copy = own(module)
    assert copy is not module
    assert not copy.training
    assert module.training
    frozen = FrozenEstimator(Ridge())
    assert own(frozen) is frozen


def test_which_are_used_as_they_are():
    assert is_fitted_teacher(torch.nn.Linear(2, 1))
    assert is_fitted_teacher(FrozenEstimator(Ridge()))
    assert not is_fitted_teacher(Ridge())


def test_which_compute_with_torch():
    net = NeuralNetRegressor(torch.nn.Linear(2, 1))
    for teacher in (net, make_pipeline(StandardScaler(), net), FrozenEstimator(net)):
        assert is_torch(teacher)
    assert not is_torch(make_pipeline(StandardScaler(), Ridge()))


@pytest.mark.parametrize(
    ("teacher", "name"),
    [
        (Ridge(), "sample_weight"),
        (MultiOutputRegressor(Ridge()), "sample_weight"),
        (make_pipeline(StandardScaler(), Ridge()), "ridge__sample_weight"),
        (make_pipeline(make_pipeline(Ridge())), "pipeline__ridge__sample_weight"),
    ],
)
def test_weights_have_the_name_that_the_teacher_takes(teacher, name):
    assert list(weight_params(teacher, WEIGHT)) == [name]
    assert weight_params(teacher, WEIGHT)[name] is WEIGHT
    assert weight_params(teacher, None) == {}


def test_no_weights_for_teachers_that_take_none():
    assert weight_params(FrozenEstimator(KNeighborsRegressor()), WEIGHT) == {}
    for teacher in (KNeighborsRegressor(), NeuralNetRegressor(torch.nn.Linear(2, 1))):
        with pytest.raises(ValueError, match=r"teacher \w+ does not take sample_weight"):
            weight_params(teacher, WEIGHT)

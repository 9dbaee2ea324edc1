"""Parameters of the default student and teacher."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV

from sklearn_regkd import DistilledRegressor, StudentRegressor, TORRegressor

QUICK = {"max_epochs": 2, "hidden_layer_sizes": (4,), "weight_decay": 0.1}


@pytest.fixture(scope="module")
def table():
    X = np.random.default_rng(0).normal(size=(40, 2))
    return X, X[:, 0] + 1


@pytest.mark.parametrize("Distiller", [TORRegressor, DistilledRegressor])
class TestNestedNames:
    def test_reach_the_student_that_was_not_given(self, Distiller, table):
        nested = {f"student__{name}": value for name, value in QUICK.items()}
        by_name = Distiller(Ridge(), cv=2, random_state=0).set_params(**nested)
        given = Distiller(Ridge(), StudentRegressor(**QUICK), cv=2, random_state=0)
        assert repr(by_name) == repr(given)
        assert (by_name.fit(*table).predict(table[0]) == given.fit(*table).predict(table[0])).all()

    def test_leave_a_given_student_its_other_parameters(self, Distiller):
        student = StudentRegressor(lr=0.5)
        named = Distiller(student=student).set_params(student__max_epochs=3)
        assert named.student is student
        assert student.lr == 0.5

    def test_work_together_with_the_student_itself(self, Distiller):
        student = StudentRegressor(lr=0.5)
        both = Distiller().set_params(student__max_epochs=3, student=student)
        assert both.student is student
        assert student.max_epochs == 3

    def test_keep_what_the_default_student_would_print(self, Distiller):
        loud = Distiller(verbose=1).set_params(student__lr=0.1)
        assert loud.student.verbose == 1

    def test_of_the_default_teacher_are_refused(self, Distiller):
        with pytest.raises(ValueError, match=r"teacher__max_iter.*teacher=HistGradientBoosting"):
            Distiller().set_params(teacher__max_iter=10)
        given = Distiller().set_params(teacher=Ridge(), teacher__alpha=3.0)
        assert given.teacher.alpha == 3.0

    def test_unknown_ones_are_named(self, Distiller):
        with pytest.raises(ValueError, match="Invalid parameter 'epochs' for estimator Student"):
            Distiller().set_params(student__epochs=3)


def test_a_grid_over_the_default_student_is_searched(table):
    model = DistilledRegressor(Ridge(), outliers=None, alpha=0.5, cv=2, random_state=0)
    grid = {f"student__{name}": [value] for name, value in QUICK.items()}
    search = GridSearchCV(model, grid | {"student__lr": [1e-9, 0.05]}, cv=2).fit(*table)
    assert search.best_params_["student__lr"] == 0.05
    assert model.student is None  # clones were changed

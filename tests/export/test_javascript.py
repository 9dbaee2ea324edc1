"""What the JavaScript module predicts in Node is what predict does."""

import json
import shutil
import subprocess

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from sklearn_regkd import DistilledRegressor, StudentRegressor, TORRegressor
from sklearn_regkd.export import to_javascript
from sklearn_regkd.networks.mlp import ACTIVATIONS
from tests.export.c_programs import NO_NUMBERS, extreme_rows
from tests.helpers import QUICK, TwoLayers

pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="there is no Node")

RUN = """
import * as student from "./student.mjs";
import fs from "node:fs";
const odd = { nan: NaN, inf: Infinity, "-inf": -Infinity };
const number = (x) => (typeof x === "string" && x in odd ? odd[x] : x);
const call = (name, row) => {
  try {
    return student[name](row);
  } catch (error) {
    return `${error.name}: ${error.message}`;
  }
};
const rows = JSON.parse(fs.readFileSync(0)).map((row) =>
  Array.isArray(row) ? row.map(number) : row,
);
const names = process.argv.slice(2);
const found = Object.fromEntries(names.map((name) => [name, rows.map((row) => call(name, row))]));
const known = { featureNames: student.featureNames, categories: student.categories };
console.log(JSON.stringify({ ...found, ...known }));
"""


def run(source, rows, folder, *names):
    """Return what functions of a module return for rows; null stands for NaN."""
    (folder / "student.mjs").write_text(source)
    (folder / "run.mjs").write_text(RUN)
    if isinstance(rows, np.ndarray):
        rows = [[x if np.isfinite(x) else str(x) for x in row] for row in rows.tolist()]
    command = ["node", str(folder / "run.mjs"), *(names or ["predict"])]
    done = subprocess.run(
        command, input=json.dumps(rows), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def assert_same(found, expected, tolerance=1e-6):
    found, expected = np.array(found, float), np.asarray(expected, float)
    assert found.shape == expected.shape
    assert np.array_equal(np.isnan(found), np.isnan(expected))
    largest = np.nanmax(np.abs(expected), axis=0)
    assert (np.nanmax(np.abs(found - expected), axis=0) <= tolerance * largest).all()


@pytest.fixture(scope="module")
def mixed():
    rng = np.random.default_rng(1)
    X = rng.normal(size=(150, 4)).astype(np.float32)
    X[:, 1] = np.round(X[:, 1])
    X[:, 2] = rng.integers(5, size=150)
    X[::6, 3] = np.nan
    return X, 20 + 3 * X[:, 0] + X[:, 2] ** 2


@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
@pytest.mark.parametrize("embedding", ["periodic", None])
@pytest.mark.parametrize("input_transform", ["quantile", "standard"])
def test_networks(activation, embedding, input_transform, mixed, tmp_path):
    X, y = mixed[0][:, :3].copy(), mixed[1]
    X[:, 2] = 7  # constant
    student = StudentRegressor(
        (8, 6),
        activation=activation,
        embedding=embedding,
        input_transform=input_transform,
        **QUICK,
    ).fit(X, y)
    rows = np.concatenate([X, extreme_rows(3, X[0])])
    found = run(to_javascript(student), rows, tmp_path)["predict"]
    known = np.isfinite(rows).all(axis=1)
    expected = np.full(len(rows), np.nan)
    expected[known] = student.predict(rows[known])
    assert_same(found, expected)


def test_categories_and_gaps(mixed, tmp_path):
    student = StudentRegressor(
        (8,), categorical_features=[2], missing_values="indicator", **QUICK
    ).fit(*mixed)
    X = mixed[0][:40].copy()
    X[:4, 2] = [-1, 9, np.nan, 2.5]
    X[5, 0] = np.inf
    source = to_javascript(student, in_domain=True)
    found = run(source, X, tmp_path, "predict", "inDomain")
    known = ~np.isinf(X).any(axis=1)
    expected = np.full(40, np.nan)
    expected[known] = student.predict(X[known])
    assert_same(found["predict"], expected)
    assert np.array_equal(np.array(found["inDomain"])[known], student.in_domain(X[known]))
    assert found["categories"][0]["index"] == 2


def test_a_column_without_a_number_knows_none(mixed, tmp_path):
    X = mixed[0][:, :2].copy()
    X[:, 1] = np.nan
    student = StudentRegressor((4,), missing_values="indicator", **QUICK).fit(X, mixed[1])
    rows = np.float32([[0, np.nan], [0, 5], [0, -5]])
    found = run(to_javascript(student, in_domain=True), rows, tmp_path, "inDomain")["inDomain"]
    assert found == student.in_domain(rows).tolist() == [True, False, False]


def test_names_objects_and_what_is_no_row(mixed, tmp_path):
    X = pd.DataFrame({"</a b": mixed[0][:, 0], "kind": pd.Categorical(list("xyz") * 50)})
    student = StudentRegressor((8,), **QUICK).fit(X, mixed[1])
    rows = [{"kind": 1, "</a b": 0.5}, [0.5, 1], {"kind": 1}, [0.5], ["0.5", 1], [None, 1]]
    found = run(to_javascript(student), rows, tmp_path)
    first, second, *errors = found["predict"]
    assert first == second == pytest.approx(student.predict([[0.5, "y"]])[0], rel=1e-5)
    assert "</a b" not in to_javascript(student)  # which could end the script of a page
    assert found["featureNames"] == ["</a b", "kind"]
    assert [error.split(":")[0] for error in errors] == ["TypeError", "RangeError"] + [
        "TypeError"
    ] * 2
    assert 'lacks "</a b"' in errors[0]


@pytest.mark.parametrize("n_outputs", [1, 2])
@pytest.mark.parametrize("head", ["label", "mean"])
def test_heads_targets_and_intervals(n_outputs, head, mixed, tmp_path):
    X, y = mixed[0][:, :2], mixed[1]
    Y = y if n_outputs == 1 else np.column_stack([y, np.maximum(X[:, 0], 0)])
    student = StudentRegressor((8, 6), clip_predictions=True, **QUICK)
    model = TORRegressor(LinearRegression(), student, predict_head=head, random_state=0).fit(X, Y)
    found = run(to_javascript(model, intervals=0.8), X, tmp_path, "predict", "interval")
    assert_same(found["predict"], model.predict(X))
    bounds = model.predict_interval(X, 0.8)
    for position, name in enumerate(("lower", "upper")):
        assert_same([one[name] for one in found["interval"]], bounds[..., position], 1e-5)
    nothing = run(
        to_javascript(model, intervals=0.8), np.full((1, 2), np.nan), tmp_path, "interval"
    )
    assert np.isnan(np.array(nothing["interval"][0]["lower"], float)).all()


def test_logarithms_and_scalers_around(mixed, tmp_path):
    X, y = mixed[0][:, :2], mixed[1]
    counts = StudentRegressor((8,), loss="poisson", **QUICK)
    pipeline = make_pipeline(StandardScaler(), counts).fit(X, np.abs(np.round(y)))
    found = run(to_javascript(pipeline), X, tmp_path)["predict"]
    assert_same(found, pipeline.predict(X))


def test_large_offsets_in_double_precision(mixed, tmp_path):
    X = mixed[0][:, :2].astype(np.float64)
    X[:, 0] = 1.7e9 + 50 + 1000 * X[:, 0]
    student = StudentRegressor((8,), input_transform="standard", **QUICK).fit(X, mixed[1])
    with pytest.warns(UserWarning, match="module takes floats"):
        source = to_javascript(student)
    found = run(source, X, tmp_path)["predict"]
    assert_same(found, student.predict(X.astype(np.float32)))


def test_a_file_and_what_cannot_be_written(mixed, tmp_path):
    X, y = mixed[0][:, :2], mixed[1]
    model = DistilledRegressor(Ridge(), StudentRegressor((8,), **QUICK), outliers=None).fit(X, y)
    source = to_javascript(model, tmp_path / "one.js")
    assert (tmp_path / "one.js").read_text() == source
    assert "interval(" not in source
    with pytest.raises(ValueError, match="PolynomialFeatures"):
        to_javascript(make_pipeline(PolynomialFeatures(), StudentRegressor(**QUICK)).fit(X, y))
    with pytest.raises(ValueError, match="module"):
        to_javascript(StudentRegressor(module=TwoLayers, **QUICK).fit(X, y))
    with pytest.raises(TypeError, match="fitted"):
        to_javascript(Ridge().fit(X, y))


def test_infinite_rows_are_refused(mixed, tmp_path):
    X, y = mixed[0][:, :2], mixed[1]
    student = StudentRegressor((8,), **QUICK).fit(X, y)
    rows = np.array([[value, 0.0] for value in NO_NUMBERS])
    assert run(to_javascript(student), rows, tmp_path)["predict"] == [None] * 3

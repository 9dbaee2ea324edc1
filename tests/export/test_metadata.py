"""What a model says of itself."""

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import TransformedTargetRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_regkd import StudentRegressor, __version__
from sklearn_regkd.export import to_int8_onnx, to_onnx
from tests.export.sessions import run, session

QUICK = {"max_epochs": 2, "weight_decay": 0.1, "random_state": 0}


@pytest.fixture(scope="module")
def frame():
    rng = np.random.default_rng(0)
    kind = pd.Categorical([["big", "small", None][i % 3] for i in range(60)])
    year = pd.Categorical([[2020, 2021][i % 2] for i in range(60)])
    return pd.DataFrame({"width": rng.normal(size=60), "kind": kind, "year": year})


def properties(model):
    return session(model).get_modelmeta().custom_metadata_map


@pytest.mark.parametrize("int8", [False, True])
def test_features_categories_and_versions(frame, int8):
    student = StudentRegressor((8,), **QUICK).fit(frame, frame["width"])
    unit = {"unit": "mm"}
    model = to_int8_onnx(student, frame, metadata=unit) if int8 else to_onnx(student, metadata=unit)
    found = properties(model)
    assert found["estimator"] == "StudentRegressor"
    assert found["sklearn_regkd_version"] == __version__
    assert found["missing_values"] == "error"
    assert found["unit"] == "mm"
    assert json.loads(found["feature_names"]) == ["width", "kind", "year"]
    assert json.loads(found["categories"]) == [
        {"feature": "kind", "index": 1, "codes": [["big", 0], ["small", 1]], "unknown": -1},
        {"feature": "year", "index": 2, "codes": [[2020, 0], [2021, 1]], "unknown": -1},
    ]
    assert (model.producer_name, model.producer_version) == ("sklearn_regkd", __version__)


def test_inputs_can_be_made_by_the_metadata_alone(frame):
    student = StudentRegressor((8,), **QUICK).fit(frame, frame["width"])
    model = to_onnx(student)
    found = properties(model)
    inputs = frame[json.loads(found["feature_names"])].copy()
    for one in json.loads(found["categories"]):
        codes = dict(one["codes"])
        column = inputs[one["feature"]].astype(object)
        inputs[one["feature"]] = [codes.get(value, one["unknown"]) for value in column]
    np.testing.assert_allclose(
        run(model, inputs.to_numpy(np.float32)), student.predict(frame), rtol=1e-4, atol=1e-5
    )


def test_codes_of_an_array():
    X = np.random.default_rng(0).integers(0, 3, size=(60, 2)).astype(np.float32)
    student = StudentRegressor((8,), categorical_features=[1], **QUICK).fit(X, X[:, 0])
    found = properties(to_onnx(student))
    assert "feature_names" not in found
    assert json.loads(found["categories"]) == [
        {"feature": 1, "index": 1, "codes": [[0, 0], [1, 1], [2, 2]], "unknown": -1}
    ]


def test_a_pipeline_names_the_columns_before_its_steps(frame):
    X = frame[["width"]].assign(height=1.0)
    pipeline = make_pipeline(StandardScaler(), StudentRegressor((8,), **QUICK))
    whole = TransformedTargetRegressor(pipeline).fit(X, X["width"])
    found = properties(to_onnx(whole, X=X))
    assert json.loads(found["feature_names"]) == ["width", "height"]
    assert found["estimator"] == "StudentRegressor"


def test_what_is_no_text_is_refused(frame):
    student = StudentRegressor((8,), **QUICK).fit(frame, frame["width"])
    for wrong in ({"unit": 1}, {1: "mm"}, "mm", ["mm"]):
        with pytest.raises(TypeError, match="metadata must map names to text"):
            to_onnx(student, metadata=wrong)

"""Whole Pipelines as ONNX models, by skl2onnx itself and by our function."""

import numpy as np
import onnx
import pandas as pd
import polars as pl
import pytest
import skl2onnx
from sklearn.compose import TransformedTargetRegressor, make_column_transformer
from sklearn.decomposition import PCA
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    KBinsDiscretizer,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    StandardScaler,
)
from torch import nn

from sklearn_regkd import DistilledRegressor, DistilledSearchCV, StudentRegressor, TORRegressor
from sklearn_regkd.export import onnx_report, register_converters, to_int8_onnx, to_onnx
from sklearn_regkd.export.graph import newest_opset
from tests.export.sessions import run, run_frame

TEXT, NUMBERS = ["kind", "place"], ["a", "b"]
LOG = {"func": np.log, "inverse_func": np.exp}


@pytest.fixture(scope="module")
def frame():
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "a": rng.normal(size=150).astype(np.float32),
            "b": rng.normal(size=150).astype(np.float32),
            "count": rng.integers(0, 6, 150),
            "flag": rng.random(150) > 0.5,
            "kind": rng.choice(list("xyz"), 150),
            "place": rng.choice(list("uv"), 150),
        }
    )


@pytest.fixture(scope="module")
def y(frame):
    return (6 + frame["a"] + 2 * (frame["kind"] == "x") + frame["count"] / 10).to_numpy(float)


def student(**params):
    return StudentRegressor((8,), max_epochs=3, weight_decay=0.1, random_state=0, **params)


def distilled():
    return DistilledRegressor(Ridge(), student(), random_state=0)


def one_hot(**params):
    return OneHotEncoder(handle_unknown="ignore", sparse_output=False, **params)


def ordinary(last, numbers=NUMBERS):
    """Return the Pipeline of most tables, around its last step."""
    scaled = make_pipeline(SimpleImputer(), StandardScaler())
    return make_pipeline(make_column_transformer((one_hot(), TEXT), (scaled, numbers)), last)


def assert_close(found, expected):
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())


def by_skl2onnx(estimator, rows, **params):
    register_converters()
    return skl2onnx.to_onnx(estimator, rows[:1], **params)


def main_opset(model):
    return {one.domain: one.version for one in model.opset_import}[""]


@pytest.mark.parametrize("wrap", [lambda one: one, lambda one: make_pipeline(one)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
def test_a_student_alone_has_an_opset_that_runs(frame, y, wrap, dtype):
    X = (10 * frame[NUMBERS]).to_numpy(dtype)
    estimator = wrap(student()).fit(X, y)
    model = by_skl2onnx(estimator, X)
    assert main_opset(model) == 13
    assert_close(run(model, X)[:, 0], estimator.predict(X))


def test_a_student_alone_on_a_frame(frame, y):
    X = frame[[*NUMBERS, "count"]]
    estimator = student().fit(X, y)
    assert_close(run_frame(by_skl2onnx(estimator, X), X)[:, 0], estimator.predict(X))


@pytest.mark.slow
@pytest.mark.parametrize(
    "last",
    [
        student(),
        TORRegressor(Ridge(), student(), heads=2, predict_head="mean", random_state=0),
        distilled(),
        GridSearchCV(student(), {"lr": [0.01]}, cv=2),
        DistilledSearchCV(student(), {"lr": [0.01]}, cv=2),
        TransformedTargetRegressor(distilled(), **LOG),
        TransformedTargetRegressor(student(), transformer=StandardScaler()),
    ],
    ids=["student", "tor", "distilled", "search", "our search", "log", "scaled target"],
)
def test_the_ordinary_pipeline(frame, y, last):
    pipeline = ordinary(last).fit(frame, y)
    columns = frame[[*NUMBERS, *TEXT]]
    model = by_skl2onnx(ordinary(last).fit(columns, y), columns)
    assert_close(run_frame(model, columns)[:, 0], pipeline.predict(frame))
    model = to_onnx(pipeline, X=frame)
    assert [value.name for value in model.graph.output] == ["y"]
    assert_close(run_frame(model, frame), pipeline.predict(frame))
    report = onnx_report(model, pipeline, frame, y)
    assert report.agreement > 0.99999
    assert report.label == pytest.approx(pipeline.score(frame, y), abs=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize(
    "wrap",
    [
        lambda one: TransformedTargetRegressor(one, **LOG),
        lambda one: GridSearchCV(one, {"studentregressor__lr": [0.01]}, cv=2),
        lambda one: DistilledSearchCV(one, {"studentregressor__lr": [0.01]}, cv=2),
        lambda one: TransformedTargetRegressor(
            GridSearchCV(one, {"studentregressor__lr": [0.01]}, cv=2), **LOG
        ),
    ],
    ids=["log", "search", "our search", "log of a search"],
)
def test_around_a_pipeline(frame, y, wrap):
    estimator = wrap(ordinary(student())).fit(frame, y)
    assert_close(run_frame(to_onnx(estimator, X=frame), frame), estimator.predict(frame))
    frozen = FrozenEstimator(estimator)
    assert_close(run_frame(to_onnx(frozen, X=frame), frame), estimator.predict(frame))


@pytest.mark.parametrize(
    "steps",
    [
        lambda: [make_column_transformer((one_hot(), [*TEXT, "count", "flag"]))],
        lambda: [make_column_transformer((one_hot(), TEXT), remainder="passthrough")],
        lambda: [
            make_column_transformer(
                (OneHotEncoder(drop="first", sparse_output=False), [4, 5]),
                (MinMaxScaler(), [0, 1, 2, 3]),
            )
        ],
        lambda: [
            make_column_transformer(
                (OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), TEXT),
                remainder="passthrough",
            ),
            FrozenEstimator(StandardScaler()),
        ],
        lambda: [make_column_transformer((one_hot(), TEXT), (StandardScaler(), NUMBERS)), PCA(3)],
    ],
    ids=["integers and bools", "passthrough", "drop", "ordinal", "PCA"],
)
def test_other_steps(frame, y, steps):
    steps = steps()
    if isinstance(steps[-1], FrozenEstimator):
        steps[-1] = FrozenEstimator(StandardScaler().fit(steps[0].fit_transform(frame)))
    pipeline = make_pipeline(*steps, student()).fit(frame, y)
    model = to_onnx(pipeline, X=frame)
    assert_close(run_frame(model, frame), pipeline.predict(frame))
    assert run_frame(model, frame[:1]).shape == (1,)
    assert run_frame(model, frame[:0]).shape == (0,)


def test_frames_of_polars(frame, y):
    X = pl.from_pandas(frame)
    pipeline = ordinary(student()).fit(X, y)
    assert_close(run_frame(to_onnx(pipeline, X=X), X), pipeline.predict(X))


@pytest.mark.parametrize("shape", ["column", "two outputs", "large offset"])
def test_shapes_and_digits_of_y(frame, y, shape):
    y = {"column": y[:, None], "two outputs": np.column_stack([y, -y]), "large offset": y + 1.7e9}[
        shape
    ]
    pipeline = ordinary(student()).fit(frame, y)
    expected = pipeline.predict(frame)
    found = run_frame(to_onnx(pipeline, X=frame), frame)
    assert found.shape == expected.shape
    assert found.dtype == (np.float64 if shape == "large offset" else np.float32)
    np.testing.assert_allclose(
        found, expected, rtol=0 if shape == "large offset" else 1e-5, atol=1e-5
    )
    columns = frame[[*NUMBERS, *TEXT]]
    found = run_frame(by_skl2onnx(ordinary(student()).fit(columns, y), columns), columns)
    assert found.dtype == (np.float64 if shape == "large offset" else np.float32)


@pytest.mark.slow
def test_arrays_need_no_rows(frame, y):
    X = frame[[*NUMBERS, "count"]].to_numpy(np.float64)
    pipeline = make_pipeline(StandardScaler(), distilled()).fit(X, y)
    assert_close(run(to_onnx(pipeline), X.astype(np.float32)), pipeline.predict(X))
    X[:, 0] += 1.7e9
    pipeline.fit(X, y)
    assert_close(run(to_onnx(pipeline, dtype="float64"), X), pipeline.predict(X))


def test_frames_need_rows_for_the_types_of_their_columns(frame, y):
    pipeline = ordinary(student()).fit(frame, y)
    with pytest.raises(ValueError, match=r"fitted on a data frame.*pass some rows as X"):
        to_onnx(pipeline)


def test_names_of_columns_are_names_of_inputs(frame, y):
    names = ["y", "a b", "a_b", "1st", "X", "variable"]
    named = frame.set_axis(names, axis=1)
    text, rest = make_column_transformer((one_hot(), [4, 5])), (StandardScaler(), [0, 1, 2, 3])
    text.transformers.append(("rest", *rest))
    pipeline = make_pipeline(text, student()).fit(named, y)
    model = to_onnx(pipeline, X=named)
    assert [value.name for value in model.graph.input] == names
    assert [value.name for value in model.graph.output] == ["prediction"]  # y is a column
    assert_close(run_frame(model, named), pipeline.predict(named))
    for wrong in ([*names[1:], ""], [*names[1:], "X"]):
        other = frame.set_axis(wrong, axis=1)
        with pytest.raises(ValueError, match="all need names and no two the same one"):
            to_onnx(pipeline, X=other)


def test_integers_beside_floats_without_a_column_transformer(frame, y, monkeypatch):
    X = frame[["count", "a", "flag"]]
    pipeline = make_pipeline(StandardScaler(), student()).fit(X, y)
    model = to_onnx(pipeline, X=X)
    assert [value.type.tensor_type.elem_type for value in model.graph.input] == [7, 1, 7]
    assert_close(run_frame(model, X), pipeline.predict(X))
    # By itself skl2onnx makes integers of the floats beside them; that is not let pass.
    monkeypatch.setattr("sklearn_regkd.export.pipeline._begins_with_columns", lambda one: True)
    with pytest.raises(ValueError, match=r"predicts .* where the Pipeline predicts .* a step is"):
        to_onnx(pipeline, X=X)


def test_rows_must_be_such_that_the_pipeline_predicts(frame, y):
    pipeline = make_pipeline(StandardScaler(), student()).fit(frame[NUMBERS], y)
    with pytest.raises(ValueError, match="contains NaN"):
        to_onnx(pipeline, X=frame[NUMBERS].assign(a=np.nan))


@pytest.mark.slow
@pytest.mark.parametrize("opset", [13, 14, 15, 18, 20, 22])
def test_opsets(frame, y, opset):
    if opset > newest_opset():
        pytest.skip("what is installed does not write and run it")
    columns = frame[[*NUMBERS, *TEXT]]
    pipeline = ordinary(TransformedTargetRegressor(student(), **LOG)).fit(columns, y)
    expected = pipeline.predict(columns)
    for target in (opset, {"": opset, "ai.onnx.ml": 3}):
        model = by_skl2onnx(pipeline, columns, target_opset=target)
        assert main_opset(model) == opset
        assert_close(run_frame(model, columns)[:, 0], expected)
    model = to_onnx(pipeline, X=columns, target_opset=opset)
    assert main_opset(model) == opset
    assert_close(run_frame(model, columns), expected)


@pytest.mark.parametrize("opset", [9, 12, 28])
@pytest.mark.parametrize("inside", [lambda one: one, lambda one: TransformedTargetRegressor(one)])
def test_other_opsets_are_refused_by_naming_the_least(frame, y, opset, inside):
    if opset > onnx.defs.onnx_opset_version():
        pytest.skip("skl2onnx refuses by itself what onnx does not know")
    columns = frame[[*NUMBERS, *TEXT]]
    pipeline = ordinary(inside(student())).fit(columns, y)
    least = rf"target_opset={opset}, but the graph needs at least 13.*take one of 13 to \d+"
    with pytest.raises(ValueError, match=least):
        by_skl2onnx(pipeline, columns, target_opset=opset)
    with pytest.raises(ValueError, match=least):
        to_onnx(pipeline, X=columns, target_opset=opset)


def changed(frame, column, value):
    row = frame[:1].copy()
    row[column] = pd.Series([value], dtype=frame[column].dtype)
    return row


@pytest.mark.slow
@pytest.mark.parametrize("int8", [False, True])
def test_rows_that_predict_refuses(frame, y, int8):
    """Clipping and binning make ordinary numbers of NaN and infinity; `predict` refuses them."""
    for scaler in (
        StandardScaler(),
        MinMaxScaler(clip=True),
        KBinsDiscretizer(3, encode="onehot-dense"),
    ):
        pipeline = make_pipeline(
            make_column_transformer((one_hot(), TEXT), (SimpleImputer(), ["a"]), (scaler, ["b"])),
            student(),
        ).fit(frame, y)
        model = to_int8_onnx(pipeline, frame) if int8 else to_onnx(pipeline, X=frame)
        assert np.isfinite(run_frame(model, frame)).all()
        imputed = changed(frame, "a", np.nan)
        np.testing.assert_allclose(
            run_frame(model, imputed), pipeline.predict(imputed), rtol=0.05 if int8 else 1e-5
        )
        for column, value in (("a", np.inf), ("b", np.nan), ("b", np.inf), ("b", -np.inf)):
            row = changed(frame, column, value)
            with pytest.raises(ValueError):
                pipeline.predict(row)
            assert np.isnan(run_frame(model, row)).all()


def test_gaps_by_skl2onnx(frame, y):
    X = frame[NUMBERS].to_numpy()
    pipeline = make_pipeline(StandardScaler(), student()).fit(X, y)
    X = X[:3].copy()
    X[0, 0], X[2, 1] = np.nan, np.inf
    found = run(by_skl2onnx(pipeline, X), X)[:, 0]
    assert np.isnan(found).tolist() == [True, False, True]


def test_unknown_categories(frame, y):
    pipeline = ordinary(student()).fit(frame, y)
    row = changed(frame, "kind", "new")
    assert_close(run_frame(to_onnx(pipeline, X=frame), row), pipeline.predict(row))
    strict = make_pipeline(
        make_column_transformer((OrdinalEncoder(), TEXT), (StandardScaler(), NUMBERS)), student()
    ).fit(frame, y)
    with pytest.warns(UserWarning, match=r"OrdinalEncoder with handle_unknown='error'"):
        to_onnx(strict, X=frame)


@pytest.mark.slow
def test_eight_bits(frame, y):
    pipeline = ordinary(distilled()).fit(frame, y)
    model = to_int8_onnx(pipeline, frame)
    kinds = {one.data_type for one in model.graph.initializer}
    assert 3 in kinds  # int8
    report = onnx_report(model, pipeline, frame, y)
    assert 0.99 < report.agreement < 1
    assert report.teacher is not None


@pytest.mark.slow
def test_the_teacher_is_asked_about_what_it_has_learned_from(frame, y):
    pipeline = ordinary(distilled()).fit(frame, y)
    of_teacher = pipeline[-1].teacher_.predict(pipeline[:-1].transform(frame))
    report = onnx_report(to_onnx(pipeline, X=frame), pipeline, frame)
    assert report.teacher == pytest.approx(pipeline.score(frame, of_teacher), abs=1e-4)


class Linear(nn.Linear):
    def __init__(self, n_features, n_outputs):
        super().__init__(n_features, n_outputs)


def test_what_cannot_be_written_is_said(frame, y):
    X = frame[NUMBERS]
    module = StudentRegressor(module=Linear, max_epochs=1, random_state=0)
    with pytest.raises(TypeError, match="a module of your own cannot be part of a Pipeline"):
        to_onnx(make_pipeline(StandardScaler(), module).fit(X, y), X=X)
    passed = make_pipeline("passthrough", StandardScaler(), student()).fit(X, y)
    with pytest.raises(ValueError, match=r"a step 'passthrough'.*leave it away"):
        to_onnx(passed, X=X)
    doubles = frame.astype({"a": float, "b": float})
    with pytest.raises(ValueError, match=r"does not run: .*Try dtype='float32'"):
        to_onnx(ordinary(student()).fit(doubles, y), X=doubles, dtype="float64")
    lists = frame.assign(kind=[["u"]] * 150)
    pipeline = make_pipeline(make_column_transformer((StandardScaler(), NUMBERS)), student())
    with pytest.raises(ValueError, match="column 'kind' holds object"):
        to_onnx(pipeline.fit(lists, y), X=lists)
    alone = student().fit(X, y)
    with pytest.raises(TypeError, match="text reaches the student"):
        by_skl2onnx(alone, frame[["a", "kind"]])

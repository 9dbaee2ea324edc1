"""Transformed targets: models answer in the units of the whole estimator."""

import numpy as np
import pytest
from scipy import special
from sklearn.compose import TransformedTargetRegressor
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)

from sklearn_regkd import DistilledRegressor, StudentRegressor, TORRegressor
from sklearn_regkd.export import onnx_report, to_int8_onnx, to_onnx
from sklearn_regkd.export.target import FUNCTIONS
from tests.export.sessions import assert_agree, run

# A function whose inverse is the one that is to be written, for labels from 0.5 to 1.5.
FORWARD = {
    np.exp: np.log,
    np.exp2: np.log2,
    np.expm1: np.log1p,
    np.log: np.exp,
    np.log2: np.exp2,
    np.log10: special.exp10,
    np.log1p: np.expm1,
    np.square: np.sqrt,
    np.sqrt: np.square,
    np.cbrt: lambda y: y**3,
    np.sinh: np.arcsinh,
    np.arcsinh: np.sinh,
    np.negative: np.negative,
    np.positive: np.positive,
    np.reciprocal: np.reciprocal,
    np.abs: np.negative,
    np.tanh: lambda y: np.arctanh(y - 1),
    special.exp2: np.log2,
    special.exp10: np.log10,
    special.expm1: np.log1p,
    special.log1p: np.expm1,
    special.cbrt: lambda y: y**3,
    special.expit: lambda y: special.logit(y / 2),
    special.logit: special.expit,
}


@pytest.fixture(scope="module")
def table():
    X = np.random.default_rng(0).normal(size=(80, 2)).astype(np.float32)
    return X, 1 + np.tanh(X[:, 0]) / 2


def student(**params):
    return StudentRegressor((8,), max_epochs=20, weight_decay=0.1, random_state=0, **params)


def test_every_function_is_tried():
    assert FORWARD.keys() == FUNCTIONS.keys()


@pytest.mark.parametrize("inverse", FORWARD, ids=lambda one: one.__name__)
def test_functions(table, inverse):
    X, y = table
    regressor = TransformedTargetRegressor(
        student(), func=FORWARD[inverse], inverse_func=inverse, check_inverse=False
    ).fit(X, y)
    assert np.ptp(regressor.predict(X)) > 0.3  # or there would be nothing to compare
    assert_agree(regressor, X)
    gap = X[:3].copy()
    gap[1, 0], gap[2, 1] = np.nan, np.inf
    for model in (to_onnx(regressor), to_int8_onnx(regressor, X)):
        assert np.isnan(run(model, gap)).tolist() == [False, True, True]


TRANSFORMERS = [
    StandardScaler(),
    StandardScaler(copy=False),
    MinMaxScaler((2, 5)),
    MaxAbsScaler(),
    RobustScaler(),
    PowerTransformer(),
    PowerTransformer("box-cox"),
    PowerTransformer(standardize=False),
    FunctionTransformer(np.log, np.exp),
    FunctionTransformer(),
    make_pipeline(FunctionTransformer(np.log, np.exp), StandardScaler(), "passthrough"),
]


@pytest.mark.parametrize("transformer", TRANSFORMERS, ids=str)
@pytest.mark.parametrize("shape", ["vector", "column", "two outputs"])
def test_transformers(table, transformer, shape):
    X, y = table
    y = y.copy()  # with copy=False scikit-learn writes into it
    y = {"vector": y, "column": y[:, None], "two outputs": np.column_stack([y, 100 * y**2])}[shape]
    regressor = TransformedTargetRegressor(student(), transformer=transformer).fit(X, y)
    assert_agree(regressor, X)


def test_negative_labels_of_a_power():
    X = np.random.default_rng(0).normal(size=(80, 2)).astype(np.float32)
    regressor = TransformedTargetRegressor(student(), transformer=PowerTransformer())
    regressor.fit(X, 5 * X[:, 0] - 1)
    assert np.ptp(np.sign(regressor.predict(X))) == 2
    assert_agree(regressor, X)
    X[0, 0] = np.nan
    assert np.isnan(run(to_onnx(regressor), X)).nonzero()[0].tolist() == [0]


LOG = {"func": np.log, "inverse_func": np.exp}


@pytest.mark.slow
@pytest.mark.parametrize(
    "estimator",
    [
        TransformedTargetRegressor(DistilledRegressor(Ridge(), student(), random_state=0), **LOG),
        TransformedTargetRegressor(
            TORRegressor(Ridge(), student(), heads=2, predict_head="mean", random_state=0), **LOG
        ),
        TransformedTargetRegressor(
            TransformedTargetRegressor(student(), transformer=StandardScaler()), **LOG
        ),
        TransformedTargetRegressor(GridSearchCV(student(), {"lr": [0.01]}, cv=2), **LOG),
        GridSearchCV(TransformedTargetRegressor(student(), **LOG), {"regressor__lr": [0.01]}, cv=2),
    ],
    ids=["distilled", "heads", "twice", "search inside", "search outside"],
)
def test_around_and_inside(table, estimator):
    X, y = table
    estimator.fit(X, y)
    assert_agree(estimator, X)
    report = onnx_report(to_onnx(estimator), estimator, X, y)
    assert report.agreement > 0.99999
    assert report.label == pytest.approx(estimator.score(X, y), abs=1e-5)


@pytest.mark.slow
def test_the_teacher_is_compared_in_the_units_of_the_estimator(table):
    X, y = table
    distilled = DistilledRegressor(Ridge(), student(), random_state=0)
    regressor = TransformedTargetRegressor(distilled, **LOG).fit(X, y)
    teacher = np.exp(regressor.regressor_.teacher_.predict(X))
    of_teacher = regressor.score(X, teacher)
    report = onnx_report(to_onnx(regressor), regressor, X)
    assert report.teacher == pytest.approx(of_teacher, abs=1e-4)


def test_digits_of_a_large_offset(table):
    X, y = table
    regressor = TransformedTargetRegressor(student(), transformer=StandardScaler())
    regressor.fit(X.astype(np.float64), y + 1.7e9)
    assert_agree(regressor, X.astype(np.float64), to_onnx(regressor, dtype="float64"))


def doubled(y):
    return 2 * y


@pytest.mark.parametrize(
    ("params", "name"),
    [
        ({"func": np.log, "inverse_func": lambda y: np.exp(y)}, "<lambda>"),
        ({"func": lambda y: y / 2, "inverse_func": doubled}, "doubled"),
        ({"transformer": QuantileTransformer(n_quantiles=10)}, "QuantileTransformer"),
        (
            {"transformer": FunctionTransformer(np.log, np.exp, inv_kw_args={"dtype": "f4"})},
            "exp with {'dtype': 'f4'}",
        ),
        ({"transformer": make_pipeline(StandardScaler(), QuantileTransformer(n_quantiles=9))}, "Q"),
    ],
)
def test_what_cannot_be_written_is_named(table, params, name):
    regressor = TransformedTargetRegressor(student(), **params).fit(*table)
    for export in (to_onnx, lambda one: to_int8_onnx(one, table[0])):
        with pytest.raises(TypeError, match="cannot be written in ONNX") as error:
            export(regressor)
        assert name in str(error.value)

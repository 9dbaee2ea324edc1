"""Rows outside the table, and predictions that stay within the range of the labels."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from scipy.sparse import csr_array
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge
from skorch import NeuralNetRegressor

from sklearn_regkd import DistilledRegressor, StudentRegressor, TORRegressor
from sklearn_regkd.out_of_core import distill_blocks
from tests.helpers import QUICK, boosting, robust_teacher


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 3))
    return X, 50 + 10 * X[:, 0]


@pytest.fixture(scope="module")
def fitted(table):
    student = StudentRegressor((4,), **QUICK)
    return [
        StudentRegressor((4,), **QUICK).fit(*table),
        TORRegressor(Ridge(), student, random_state=0).fit(*table),
        DistilledRegressor(Ridge(), student, outliers=None, random_state=0).fit(*table),
    ]


def test_all_estimators(table, fitted):
    X, _ = table
    far = X.copy()
    far[np.arange(len(X)), np.arange(len(X)) % 3] = 1e3
    for estimator in fitted:
        inside = estimator.in_domain(X)
        assert inside.dtype == bool
        assert inside.shape == (len(X),)
        assert inside.all()
        assert not estimator.in_domain(far).any()
        odd = np.array([[np.nan, 0, 0], [0, np.inf, 0], [0, 0, 1e300], [0, 0, 0]])
        assert estimator.in_domain(odd).tolist() == [False, False, False, True]
        assert pickle.loads(pickle.dumps(estimator)).in_domain(X).all()


def test_what_predict_refuses(table, fitted):
    X, _ = table
    refused = [
        X[:, :2],
        np.column_stack([X, X]),
        X[0],
        X.astype(str).astype(object) + "x",
        csr_array(X),
        X.astype("datetime64[s]"),
        X[:0],
    ]
    for estimator in fitted:
        for rows in refused:
            with pytest.raises((ValueError, TypeError)) as of_predict:
                estimator.predict(rows)
            with pytest.raises(of_predict.type) as error:
                estimator.in_domain(rows)
            assert str(error.value) == str(of_predict.value)


def test_not_fitted():
    with pytest.raises(NotFittedError):
        StudentRegressor().in_domain([[0.0]])
    with pytest.raises(NotFittedError):
        DistilledRegressor().in_domain([[0.0]])


def test_frames(table):
    X, y = table
    kind = np.where(X[:, 1] > 0, "x", "y").astype(object)
    gap = kind.copy()
    gap[0] = None
    frame = pd.DataFrame({"a": X[:, 0], "kind": pd.Categorical(kind), "gap": pd.Categorical(gap)})
    student = StudentRegressor((4,), **QUICK).fit(frame, y)
    assert student.in_domain(frame).all()
    rows = {"a": [0.0] * 4, "kind": ["x", "z", None, "x"], "gap": ["x", "x", "y", None]}
    some = pd.DataFrame(rows).astype({"kind": "category", "gap": "category"})
    assert student.in_domain(some).tolist() == [True, False, False, True]
    polars = pl.DataFrame(rows, schema_overrides={"kind": pl.Categorical, "gap": pl.Categorical})
    assert student.in_domain(polars).tolist() == [True, False, False, True]
    unknown = some.assign(gap=pd.Categorical(["new", "x", "x", "x"]))
    assert student.in_domain(unknown).tolist() == [False, False, False, True]
    with pytest.warns(UserWarning, match="valid feature names"):
        objects = student.in_domain(np.array([[0.0, "z", "x"], [0.0, "x", None]], dtype=object))
    assert objects.tolist() == [False, True]
    with pytest.raises(ValueError, match="feature names"):
        student.in_domain(frame[["kind", "a", "gap"]])


def test_rows_without_weight_are_not_of_the_table(table):
    X, y = table
    X, weight = X.copy(), np.ones(len(X))
    X[0], weight[0] = 1e3, 0
    for estimator in (
        StudentRegressor((4,), **QUICK),
        DistilledRegressor(Ridge(), StudentRegressor((4,), **QUICK), outliers=None),
    ):
        inside = estimator.fit(X, y, sample_weight=weight).in_domain(X)
        assert not inside[0]
        assert inside[1:].all()


def test_unlabelled_rows_are_not_of_the_table(table):
    X, y = table
    distilled = DistilledRegressor(Ridge(), StudentRegressor((4,), **QUICK), outliers=None)
    distilled.fit(X, y, X_unlabeled=X + 100)
    assert not distilled.in_domain(X + 100).any()


def test_missing_values(table):
    X, y = table
    X = X.copy()
    X[::9, 1] = np.nan
    student = StudentRegressor((4,), missing_values="indicator", **QUICK).fit(X, y)
    assert student.in_domain(X).all()
    assert student.in_domain([[np.nan, 0, 0], [0, np.nan, 0]]).tolist() == [False, True]


def test_a_module_or_net_on_a_table(table):
    X, y = table

    def linear(n_features, n_outputs):
        return torch.nn.Linear(n_features, n_outputs)

    net = NeuralNetRegressor(torch.nn.Linear, module__in_features=3, module__out_features=1)
    for module in (linear, net.set_params(max_epochs=1, verbose=0)):
        student = StudentRegressor(module=module, max_epochs=1, random_state=0).fit(X, y)
        assert student.in_domain(X).all()
        assert not student.in_domain(X + 1e3).any()


def test_images_are_refused():
    X = np.random.default_rng(0).normal(size=(20, 4, 5)).astype(np.float32)

    def flat(input_shape, n_outputs):
        return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(20, n_outputs))

    student = StudentRegressor(module=flat, max_epochs=1, random_state=0).fit(X, X[:, 0, 0])
    with pytest.raises(ValueError, match=r"takes tables, but .* rows of shape \(4, 5\)"):
        student.in_domain(X)


def test_partial_fit_widens(table):
    X, y = table
    student = StudentRegressor((4,), clip_predictions=True, random_state=0).partial_fit(X, y)
    assert not student.in_domain(X + 20).any()
    high = student.predict(X * 100).max()
    student.partial_fit(X + 20, y + 1000)
    assert student.in_domain(np.concatenate([X, X + 20, X + 10])).all()
    assert student.predict(X + 20).max() > high
    assert student.predict(X * 100).max() <= y.max() + 1000
    # A pass that fails leaves all as it was.
    with pytest.raises(ValueError, match="NaN"):
        student.partial_fit(X + 500, np.full(len(y), np.nan))
    assert not student.in_domain(X + 500).any()


def test_a_student_of_an_earlier_version(table, fitted):
    old = pickle.loads(pickle.dumps(fitted[0]))
    del old._domain
    with pytest.raises(ValueError, match="Fit it again, and save it anew"):
        old.in_domain(table[0])
    old.partial_fit(*table)  # goes on all the same


@pytest.mark.parametrize("kind", [StudentRegressor, DistilledRegressor])
def test_all_blocks_are_known(table, tmp_path, kind):
    X, y = table
    student = StudentRegressor((4,), clip_predictions=True, **QUICK)
    estimator = student
    if kind is DistilledRegressor:
        estimator = kind(boosting(), student, outliers=None, random_state=0)
    far = X.copy()
    far[0] = 1000
    blocks = [(X, y), (X, y + 1), (far, y)]
    fitted = distill_blocks(estimator, blocks, folder=tmp_path, sample_rows=150, buffer_rows=100)
    assert fitted.in_domain(np.concatenate([X, far])).all()
    assert not fitted.in_domain(X + 10_000).any()
    assert fitted.predict(X * 50).max() <= y.max() + 1


# Predictions within the range of the labels.


def steep(table, **params):
    """Return a linear student that would leave the range, and labels of which one is wrong."""
    X, y = table
    y = y.copy()
    y[0] = 5000
    student = StudentRegressor(
        (), embedding=None, input_transform="standard", weight_decay=0, random_state=0, **params
    )
    return student, X, y


def test_clipped_to_the_labels(table):
    student, X, _ = steep(table, max_epochs=30, clip_predictions=True)
    y = table[1]
    two = np.column_stack([y, -3 * y])
    for dtype in (np.float32, np.float64):
        student.fit(X, two)
        prediction = student.predict((X * 50).astype(dtype))
        assert prediction.dtype == dtype
        np.testing.assert_array_equal(prediction.max(axis=0), two.max(axis=0).astype(dtype))
        np.testing.assert_array_equal(prediction.min(axis=0), two.min(axis=0).astype(dtype))
        by_net = student.net_.predict((X * 50).astype(np.float32))
        np.testing.assert_allclose(by_net, prediction, rtol=1e-5)


def test_not_clipped_by_default(table):
    student, X, _ = steep(table, max_epochs=30)
    y = table[1]
    student.fit(X, y)
    assert student.predict(X * 50).max() > 2 * y.max()
    clipped = student.predict(X * 50).clip(y.min(), y.max())
    student.set_params(clip_predictions=True).fit(X, y)
    np.testing.assert_array_equal(student.predict(X * 50), clipped)


def test_wrong_labels_do_not_widen_the_range(table):
    student, X, y = steep(table, max_epochs=30, clip_predictions=True)
    distilled = DistilledRegressor(robust_teacher(), student, outliers=5.0, random_state=0)
    distilled.fit(X, y)
    assert distilled.outlier_mask_[0]
    assert distilled.predict(X * 50).max() == y[~distilled.outlier_mask_].max()

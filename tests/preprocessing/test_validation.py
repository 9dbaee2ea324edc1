"""X, y, weights and predictions on their way in: shapes, types, and what is refused."""

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.base import BaseEstimator

from sklearn_regkd.preprocessing.validation import (
    as_columns,
    check_fit_data,
    check_predict_data,
    check_weight,
    like_y,
)


class Plain(BaseEstimator):
    """An estimator that remembers what its inputs were like."""


X = np.arange(12.0).reshape(4, 3)
Y = np.arange(4)


class TestFitData:
    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    def test_floats_are_not_copied(self, dtype):
        given = X.astype(dtype)
        checked, _, _ = check_fit_data(Plain(), given, Y)
        assert checked.dtype == dtype
        assert np.shares_memory(checked, given)

    def test_bytes_stay_bytes_in_images_alone(self):
        images = np.zeros((4, 2, 2), np.uint8)
        assert check_fit_data(Plain(), images, Y, allow_nd=True)[0].dtype == np.uint8
        assert check_fit_data(Plain(), images[:, 0], Y)[0].dtype == np.float64

    @pytest.mark.parametrize("shape", [(4,), (4, 1), (4, 2)])
    def test_labels_are_columns_and_their_dimensions_are_known(self, shape):
        y = np.arange(np.prod(shape)).reshape(shape)
        _, label, ndim = check_fit_data(Plain(), X, y)
        assert label.dtype == np.float64
        assert ndim == len(shape)
        np.testing.assert_array_equal(like_y(label, ndim), y)

    def test_sparse_is_refused(self):
        with pytest.raises(ValueError, match=r"sparse y is not supported: pass y\.toarray"):
            check_fit_data(Plain(), X, csr_array(Y[:, None]))
        with pytest.raises(TypeError, match=r"X is sparse.* pass X\.toarray"):
            check_fit_data(Plain(), csr_array(X), Y)

    def test_none_in_a_list_of_labels_is_found(self):
        with pytest.raises(ValueError, match="y"):
            check_fit_data(Plain(), X, [1.0, None, 2.0, 3.0])

    def test_one_row_is_enough_for_what_was_fitted(self):
        estimator = Plain()
        check_fit_data(estimator, X, Y)
        assert check_fit_data(estimator, X[:1], Y[:1], reset=False)[1].shape == (1, 1)
        with pytest.raises(ValueError, match="minimum of 2"):
            check_fit_data(estimator, X[:1], Y[:1])


class TestPredictData:
    def test_rows_of_another_shape_are_named(self):
        estimator = Plain()
        check_fit_data(estimator, np.zeros((4, 3, 2)), Y, allow_nd=True)
        with pytest.raises(ValueError, match=r"rows of shape \(3, 5\), .* rows of shape \(3, 2\)"):
            check_predict_data(estimator, np.zeros((4, 3, 5)), (3, 2))

    @pytest.mark.parametrize("value", [np.nan, np.inf])
    def test_what_is_not_finite_is_refused_as_in_fit(self, value):
        estimator, wrong = Plain(), X.copy()
        check_fit_data(estimator, X, Y)
        assert check_predict_data(estimator, X, (3,)) is X
        wrong[2, 1] = value
        with pytest.raises(ValueError, match="X"):
            check_predict_data(estimator, wrong, (3,))


class TestWeight:
    def test_none_stays_none(self):
        assert check_weight(None, X) is None

    @pytest.mark.parametrize(
        ("weight", "message"),
        [
            ([1.0, 2.0, -0.5, -1.0], "must not be negative, got -0.5 in row 2"),
            ([0.0, 0.0, 0.0, 0.0], "at least one non-zero"),
            ([1.0, np.nan, 1.0, 1.0], "NaN"),
            ([1.0, 1.0], "shape"),
        ],
    )
    def test_what_is_refused(self, weight, message):
        with pytest.raises(ValueError, match=message):
            check_weight(weight, X)


class TestPredictions:
    @pytest.mark.parametrize("shape", [(4,), (4, 1)])
    def test_become_columns(self, shape):
        assert as_columns(np.ones(shape, np.float32), 4, 1, "it").dtype == np.float64
        assert as_columns(np.ones(shape), 4, 1, "it").shape == (4, 1)

    @pytest.mark.parametrize(
        ("values", "n_outputs", "message"),
        [
            (np.ones((4, 2)), 1, r"it has shape \(4, 2\), expected \(4, 1\) or \(4,\)"),
            (np.ones(4), 2, r"it has shape \(4,\), expected \(4, 2\)"),
            (np.array(["a"] * 4), 1, "it must hold numbers"),
            (np.array([0, np.inf, 1, np.nan]), 1, r"in 2 of 4 rows \(first: row 1\)"),
        ],
    )
    def test_what_is_refused(self, values, n_outputs, message):
        with pytest.raises(ValueError, match=message):
            as_columns(values, 4, n_outputs, "it")

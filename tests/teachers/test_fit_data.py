"""The data of a fit: labels in standard units, bounded, and rows as the network sees them."""

import numpy as np
import pytest

from sklearn_regkd.preprocessing.scaling import Scaling
from sklearn_regkd.teachers.fit_data import FitData
from tests.helpers import fit_data, small_student


@pytest.fixture
def counted(monkeypatch):
    """How often each method of a scaling was called."""
    counts = {}

    def spy(name, method):
        def call(self, values):
            counts[name] = counts.get(name, 0) + 1
            return method(self, values)

        return call

    for name in ("standardize", "restore"):
        monkeypatch.setattr(Scaling, name, spy(name, getattr(Scaling, name)))
    return counts


def test_labels_are_standardised_and_restored_once(table, counted):
    data = fit_data(*table)
    assert counted == {}
    for _ in range(3):
        assert data.label is data.label
        assert data.bounded_label is data.bounded_label
        assert data.bounded_y is data.bounded_y
    assert counted == {"standardize": 1, "restore": 1}


def test_labels_have_the_median_zero_and_the_robust_deviation_one(two_outputs):
    data = fit_data(*two_outputs)
    assert data.n_outputs == 2
    np.testing.assert_allclose(np.median(data.label, axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(1.4826 * np.median(np.abs(data.label), axis=0), 1, rtol=1e-4)
    np.testing.assert_allclose(data.scaling.restore(data.label), data.y, rtol=1e-12)


@pytest.mark.parametrize("absurd", [1e30, -1e30, 1e300, -1e300])
def test_absurd_labels_are_bounded_to_a_thousand_standard_deviations(two_outputs, absurd):
    X, y = two_outputs
    y = y.copy()
    y[3, 0] = absurd
    data = fit_data(X, y)
    bound = np.sign(absurd) * 1e3
    assert data.bounded_label[3, 0] == bound
    expected = data.scaling.center[0] + bound * data.scaling.scale[0]
    assert data.bounded_y[3, 0] == pytest.approx(expected)
    others = np.arange(len(y)) != 3
    np.testing.assert_array_equal(data.bounded_label[others], data.label[others])
    np.testing.assert_allclose(data.bounded_y[others], y[others], rtol=1e-12)
    assert data.y[3, 0] == absurd  # a teacher of the user's gets what the user gave


class TestNetworkRows:
    def test_are_transformed_once(self, table):
        data = fit_data(*table)
        assert data.network_rows is data.network_rows
        assert len(data.network_rows) == len(data.y)

    def test_have_the_students_transform(self, table):
        X, y = table
        quantile, standard = (
            fit_data(X, y, student=small_student(input_transform=kind)).network_rows
            for kind in ("quantile", "standard")
        )
        assert not np.allclose(quantile[:], standard[:], atol=0.1)
        np.testing.assert_allclose(standard[:].mean(axis=0), 0, atol=1e-5)


def test_parts_are_given_by_name_and_never_changed(table):
    data = fit_data(*table)
    with pytest.raises(TypeError, match="positional"):
        FitData(data.X, data.y)
    with pytest.raises(AttributeError):
        data.y = data.y + 1

"""Counts and amounts on a scale of even errors, and back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sklearn_regkd import DistilledRegressor, StudentRegressor
from sklearn_regkd.label_noise.stable_scale import restore, stabilize

LOSSES = ("poisson", "gamma")


@given(st.lists(st.floats(1e-3, 1e6), min_size=1, max_size=20))
def test_there_and_back(values):
    y = np.array(values)
    for loss in LOSSES:
        stable = stabilize(y, loss)
        np.testing.assert_allclose(restore(stable, loss), y, rtol=1e-6, atol=1e-9)
        assert (np.diff(stable[np.argsort(y)]) >= 0).all()


def test_errors_of_counts_are_of_one_size():
    rng = np.random.default_rng(0)
    spread = [stabilize(rng.poisson(m, 20_000), "poisson").std() for m in (2, 20, 200)]
    np.testing.assert_allclose(spread, 1, atol=0.1)


@pytest.mark.parametrize("loss", LOSSES)
def test_right_labels_are_trusted_and_wrong_ones_found(loss):
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (500, 3))
    mean = np.exp(2 + X[:, 0] + X[:, 1])
    y = rng.poisson(mean) + 0.0 if loss == "poisson" else mean * rng.gamma(9, 1 / 9, len(mean))
    student = StudentRegressor(loss=loss, weight_decay=1.0)
    assert not DistilledRegressor(student=student, random_state=0).fit(X, y).outlier_mask_.any()
    wrong = rng.random(len(y)) < 0.1
    y[wrong] = 300 * rng.uniform(1, 3, wrong.sum())
    distilled = DistilledRegressor(student=student, random_state=0).fit(X, y)
    flagged = distilled.outlier_mask_
    assert (flagged & wrong).sum() >= 0.9 * wrong.sum()
    assert (flagged & wrong).sum() >= 0.8 * flagged.sum()
    error = np.log(distilled.repaired_labels_[wrong] / mean[wrong])
    assert abs(np.median(error)) < 0.15
    assert np.isnan(distilled.verdict_.sigma).all()
    assert np.mean(np.abs(np.log(distilled.predict(X) / mean))) < 0.2

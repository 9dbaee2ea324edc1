"""TORRegressor: its thresholds, its two outputs, and a net of the user's as its student."""

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.neighbors import KNeighborsRegressor
from skorch import NeuralNetRegressor
from torch import nn

from sklearn_regkd import StudentRegressor, TORRegressor
from sklearn_regkd.label_noise.threshold import paper_threshold
from sklearn_regkd.preprocessing.robust_stats import robust_sigma
from tests.helpers import build, good_student, robust_teacher, small_student


def test_paper_threshold_decides_on_standardised_errors(wrong_labels):
    """The verdict follows from the formula and the public attributes alone."""
    X, y, _ = wrong_labels
    fitted = build(TORRegressor).fit(X, y)
    scale = 1.4826 * np.median(np.abs(y - np.median(y)))
    error = (y - fitted.teacher_prediction_) / scale
    threshold = paper_threshold(float(robust_sigma(error)), len(y))
    np.testing.assert_array_equal(fitted.outlier_mask_, np.abs(error) >= threshold)


@pytest.mark.parametrize("threshold", ["paper", "chauvenet", 4.0])
def test_thresholds_of_tor(wrong_labels, threshold):
    X, y, mask = wrong_labels
    fitted = build(TORRegressor, threshold=threshold, student=good_student(max_epochs=2)).fit(X, y)
    assert fitted.outlier_mask_[mask].all()
    assert fitted.outlier_mask_[~mask].mean() < 0.05


@pytest.mark.slow
def test_two_heads_learn_label_and_teacher(table):
    """A trusted teacher that is shifted: one output follows it, the other does not."""
    X, y = table
    fitted = TORRegressor(student=good_student(), threshold=30.0, random_state=0).fit(
        X, y, teacher_prediction=y + np.random.default_rng(0).normal(2, 0.5, len(y))
    )
    label = fitted.predict(X)
    teacher = fitted.set_params(predict_head="teacher").predict(X)
    mean = fitted.set_params(predict_head="mean").predict(X)
    assert abs(np.mean(label - y)) < 0.1
    assert abs(np.mean(teacher - y) - 2) < 0.15
    np.testing.assert_allclose(mean, (label + teacher) / 2)


def test_out_of_fold_teacher_sees_noise_that_it_would_learn_by_heart(wrong_labels):
    X, y, mask = wrong_labels
    memory = KNeighborsRegressor(1)
    out_of_fold = TORRegressor(memory, good_student(max_epochs=1), threshold=6.0).fit(X, y)
    frozen = FrozenEstimator(clone(memory).fit(X, y))
    in_sample = TORRegressor(frozen, good_student(max_epochs=1), threshold=6.0).fit(X, y)
    assert out_of_fold.outlier_mask_[mask].mean() > 0.6
    assert not in_sample.outlier_mask_.any()


def test_own_skorch_net_as_student(table):
    net = NeuralNetRegressor(
        nn.Sequential(nn.Linear(3, 16), nn.ReLU(), nn.Linear(16, 2)),
        lr=0.05,
        max_epochs=40,
        batch_size=16,
        optimizer=torch.optim.Adam,
    )
    fitted = TORRegressor(robust_teacher(), net, random_state=0).fit(*table)
    assert type(fitted.student_.net_) is NeuralNetRegressor
    assert fitted.score(*table) > 0.9
    with pytest.raises(ValueError, match=r"expected \(2, 1\)"):
        TORRegressor(robust_teacher(), net, heads=1).fit(*table)


@pytest.mark.parametrize("n_outputs", [1, 2])
@pytest.mark.parametrize("absurd", [1e300, -1e12])
def test_a_rejected_label_never_enters_the_loss(two_outputs, n_outputs, absurd, monkeypatch):
    X, y = two_outputs
    truth = y[:, :n_outputs]
    labels = truth + np.random.default_rng(0).normal(0, 0.1, truth.shape)
    labels[::10, 0] = absurd
    given = []
    learn = StudentRegressor._learn_from_teacher

    def spy(self, distiller, X, supervision, *rest):
        given.append(supervision)
        return learn(self, distiller, X, supervision, *rest)

    monkeypatch.setattr(StudentRegressor, "_learn_from_teacher", spy)
    fitted = TORRegressor(student=good_student(max_epochs=2), random_state=0).fit(
        X, labels, teacher_prediction=truth
    )
    (supervision,) = given
    inlier = fitted.verdict_.inlier
    assert not inlier[::10, 0].any()
    assert inlier.mean() > 0.85
    np.testing.assert_array_equal(supervision.inlier, inlier)
    # What stands in its place, unused by the loss, is the teacher.
    np.testing.assert_array_equal(supervision.label[~inlier], supervision.teacher[~inlier])
    for output, trusted in enumerate(inlier.T):
        learned, given_ = supervision.label[trusted, output], labels[trusted, output]
        line = np.polyval(np.polyfit(given_, learned, 1), given_)
        np.testing.assert_allclose(learned, line, atol=1e-9)
    assert np.isfinite(fitted.predict(X)).all()


@pytest.mark.parametrize(
    ("name", "value"), [("expected_outliers", 0.0), ("expected_outliers", "2"), ("threshold", -1.0)]
)
def test_bad_values_are_refused_under_their_own_names(table, name, value):
    with pytest.raises(ValueError, match=rf"'{name}' parameter of TORRegressor.*Got {value!r}"):
        TORRegressor(student=small_student(), **{name: value}).fit(*table)

"""Targets that were measured in different rows: what is decided on each of them, put together."""

import numpy as np
from sklearn.linear_model import LinearRegression

from sklearn_regkd.label_noise.by_target import cross_fit_by_target, detect_known
from sklearn_regkd.label_noise.threshold import ThresholdRule
from sklearn_regkd.teachers.cross_fit import CrossFitResult
from tests.helpers import fit_data

N = 60


def test_a_rule_sees_the_errors_of_known_labels_alone():
    rng = np.random.default_rng(0)
    error = rng.normal(size=(N, 2))
    error[:3] = 50
    known = rng.random((N, 2)) < 0.7
    known[0] = [True, False]
    rule = ThresholdRule(6.0)
    verdict = detect_known(rule, error, known)
    for output in range(2):
        rows = known[:, output]
        alone = rule.detect(error[rows][:, [output]])
        np.testing.assert_array_equal(verdict.inlier[rows, output], alone.inlier[:, 0])
        assert verdict.sigma[output] == alone.sigma[0]
        assert verdict.inlier[~rows, output].all()
        assert (verdict.inlier_probability[~rows, output] == 1).all()
    assert not verdict.inlier[0, 0]
    np.testing.assert_array_equal(detect_known(rule, error, None).inlier, rule.detect(error).inlier)


def test_each_teacher_learns_one_target_from_the_rows_that_have_it():
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (N, 2))
    y = np.column_stack([3 * X[:, 0], 5 + X[:, 1]])
    known = (
        np.column_stack([np.arange(N) % 2 == 0, np.arange(N) % 3 > 0]) | (np.arange(N) < 6)[:, None]
    )
    data = fit_data(X, np.where(known, y, 1e6), known=known)
    seen = []

    def cross_fit(own):
        seen.append(own)
        teacher = LinearRegression().fit(own.X, own.y[:, 0])
        return CrossFitResult(np.full(own.y.shape, -1.0), teacher)

    result = cross_fit_by_target(data, cross_fit)
    for output, own in enumerate(seen):
        rows = known[:, output]
        np.testing.assert_array_equal(own.X, X[rows])
        np.testing.assert_allclose(own.y[:, 0], y[rows, output])
        assert sorted(np.concatenate([test for _, test in own.folds])) == list(range(rows.sum()))
        assert (result.prediction[rows, output] == -1).all()
        np.testing.assert_allclose(result.prediction[~rows, output], y[~rows, output])
    np.testing.assert_allclose(result.teacher.predict(X), y)

"""A verdict on labels: what it keeps, and the one that trusts them all."""

import numpy as np

from sklearn_regkd.label_noise.verdict import Verdict, trust_all


def test_keep():
    label, teacher = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[5.0, 6.0], [7.0, 8.0]])
    inlier = np.array([[True, False], [False, True]])
    verdict = Verdict(inlier, inlier * 1.0, np.ones(2), np.ones(2))
    assert verdict.keep(label, teacher).tolist() == [[1, 6], [7, 4]]


def test_trust_all():
    label = np.random.default_rng(0).normal(size=(9, 2))
    verdict = trust_all(label.shape)
    assert np.array_equal(verdict.keep(label, label + 1e9), label)
    assert (verdict.inlier_probability == 1).all()
    assert np.isinf(verdict.threshold).all()

"""The default teacher follows the loss of the student."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.linear_model import LinearRegression

from sklearn_regkd import DistilledRegressor, StudentRegressor
from sklearn_regkd.label_noise.given_loss import follows_loss
from sklearn_regkd.losses.quantile import QuantileLoss
from sklearn_regkd.teachers.kinds import innermost

SHORT = {"max_epochs": 10, "weight_decay": 1.0}


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (300, 3))
    return X, np.exp(X[:, 0]) * rng.gamma(4, 0.25, 300)


def test_which_losses():
    assert follows_loss("poisson")
    assert follows_loss("gamma")
    assert follows_loss(QuantileLoss(0.5))
    assert not follows_loss("squared_error")
    assert not follows_loss(lambda s, y: (s - y) ** 2)


@pytest.mark.parametrize("loss", ["poisson", "gamma", "quantile"])
def test_default_teacher_has_the_loss(table, loss):
    X, y = table
    student = StudentRegressor(loss=loss, quantile=0.9, **SHORT)
    distilled = DistilledRegressor(student=student, random_state=0).fit(X, y)
    teacher = innermost(distilled.teacher_)
    assert teacher.loss == loss
    assert teacher.quantile == (0.9 if loss == "quantile" else None)
    assert distilled.alpha_[0] in (0, 0.25, 0.5, 0.75, 1)
    assert distilled.decisions_[0].alpha == distilled.alpha_[0]
    share_below = np.mean(y <= distilled.teacher_prediction_)
    assert share_below > 0.75 if loss == "quantile" else share_below < 0.75


def test_a_teacher_that_cannot_serve_the_loss_is_not_followed(table):
    X, y = table
    student = StudentRegressor(loss="quantile", quantile=0.95, **SHORT)
    distilled = DistilledRegressor(LinearRegression(), student, random_state=0).fit(X, y)
    assert distilled.alpha_[0] <= 0.25  # it predicts the mean
    known = DistilledRegressor(student=StudentRegressor(loss="gamma", **SHORT), random_state=0)
    known.fit(X, y, teacher_prediction=np.exp(X[:, 0]))
    assert known.alpha_[0] >= 0.75


class Negative(RegressorMixin, BaseEstimator):
    """Predicts what no label may be, and counts its fits."""

    fits = 0

    def fit(self, X, y):
        assert y.min() > 0
        Negative.fits += 1
        return self

    def predict(self, X):
        return np.full(len(X), -1.0)


@pytest.mark.filterwarnings("ignore:the teacher predicts:UserWarning")
def test_a_teacher_of_the_users_is_cross_fitted_once_and_raised(table):
    X, y = table
    Negative.fits = 0
    student = StudentRegressor(loss="gamma", **SHORT)
    distilled = DistilledRegressor(Negative(), student, cv=3, random_state=0).fit(X, y)
    assert Negative.fits == 4
    assert distilled.teacher_prediction_.min() == y.min()
    assert distilled.predict(X).min() > 0

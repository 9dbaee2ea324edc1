"""Every loss by name, and the user's own, in the estimators."""

import pickle

import numpy as np
import pytest
import torch
from sklearn.linear_model import LinearRegression

from sklearn_regkd import DistilledRegressor, StudentRegressor
from sklearn_regkd.losses.modules import LOG_LOSSES, LOSSES, STUDENT_LOSSES
from sklearn_regkd.supervision.revision import LabelRevision


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 3))
    y = np.column_stack([X[:, 0] + np.abs(X[:, 1]), X[:, 2] - X[:, 0]])
    return X, y


def labels_for(loss, y):
    """Return labels that a loss can take."""
    return y - y.min() + 0.5 if loss in LOG_LOSSES else y


def small(**params):
    defaults = {"max_epochs": 40, "weight_decay": 0.1, "embedding": None, "random_state": 0}
    return StudentRegressor((16,), **{**defaults, **params})


def distilled(**params):
    return DistilledRegressor(
        LinearRegression(), small(), **{"outliers": 3.0, "cv": 3, "random_state": 0, **params}
    )


def cubic(prediction, label):
    return (prediction - label).abs() ** 3


def halfway(prediction, label, teacher, inlier):
    return (prediction - (label + teacher) / 2) ** 2


class Scaled(torch.nn.Module):
    """A loss with a parameter of its own."""

    def __init__(self):
        super().__init__()
        self.log_scale = torch.nn.Parameter(torch.zeros(()))

    def forward(self, prediction, label):
        return (prediction - label) ** 2 / self.log_scale.exp() + self.log_scale


@pytest.mark.slow
@pytest.mark.parametrize("loss", sorted(STUDENT_LOSSES))
def test_a_student_learns_with_every_loss(table, loss):
    X, y = table
    y = labels_for(loss, y)
    assert small(loss=loss).fit(X, y).score(X, y) > 0.9


@pytest.mark.slow
@pytest.mark.parametrize("outliers", [None, 3.0])
@pytest.mark.parametrize("loss", ["absolute_error", cubic])
def test_the_loss_of_the_student_is_kept(table, loss, outliers):
    X, y = table
    teacher = LinearRegression()
    params = {"outliers": outliers, "cv": 3, "random_state": 0}
    kept = DistilledRegressor(teacher, small(loss=loss), **params).fit(X, y)
    auto = DistilledRegressor(teacher, small(), **params).fit(X, y)
    assert not np.array_equal(kept.predict(X), auto.predict(X))
    if isinstance(loss, str):  # a function that is named here does not get the mixture
        named = DistilledRegressor(teacher, small(), loss=loss, **params).fit(X, y)
        np.testing.assert_array_equal(kept.predict(X), named.predict(X))
    other = DistilledRegressor(teacher, small(loss=loss), loss="tukey", **params).fit(X, y)
    same = DistilledRegressor(teacher, small(), loss="tukey", **params).fit(X, y)
    np.testing.assert_array_equal(other.predict(X), same.predict(X))


@pytest.mark.slow
@pytest.mark.parametrize("loss", ["auto", *sorted(LOSSES)])
def test_a_taught_student_learns_with_every_loss(table, loss):
    X, y = table
    y = labels_for(loss, y)
    fitted = distilled(loss=loss, alpha=0.3).fit(X, y)
    again = pickle.loads(pickle.dumps(fitted))
    assert fitted.score(X, y) > 0.8
    np.testing.assert_array_equal(again.predict(X), fitted.predict(X))


@pytest.mark.parametrize("loss", [cubic, Scaled()])
def test_own_loss_of_the_label(table, loss):
    X, y = table
    assert small(loss=loss).fit(X, y).score(X, y) > 0.9
    assert distilled(loss=loss).fit(X, y).score(X, y) > 0.9


def test_own_module_is_copied_and_its_parameters_are_trained(table):
    X, y = table
    loss = Scaled()
    fitted = small(loss=loss).fit(X, y)
    assert loss.log_scale.item() == 0
    assert fitted.net_.criterion_.loss.loss.log_scale.item() != 0


def test_own_loss_of_label_and_teacher_sees_both_apart(table):
    X, y = table
    fitted = distilled(loss=halfway, outliers=None).fit(X, y)
    teacher = LinearRegression().fit(X, y).predict(X)
    middle = np.mean(np.abs(fitted.predict(X) - (y + teacher) / 2))
    assert middle < 0.5 * np.mean(np.abs(fitted.predict(X) - y))


def test_a_loss_that_is_already_a_mean_is_refused(table):
    def mean(prediction, label):
        return ((prediction - label) ** 2).mean()

    with pytest.raises(ValueError, match="reduction='none'"):
        small(loss=mean).fit(*table)


def test_attentive_weighs_the_teacher_by_alpha(table):
    X, y = table
    teacher = LinearRegression().fit(X, y).predict(X)
    far = [
        np.mean(np.abs(distilled(loss="attentive", alpha=alpha).fit(X, y).predict(X) - teacher))
        for alpha in (0.0, 0.9)
    ]
    assert far[1] < 0.8 * far[0]


@pytest.mark.slow
def test_bounded_leaves_a_student_alone_that_is_as_good_as_its_teacher(table):
    X, y = table
    poor = np.zeros_like(y)  # from which nearly any answer is an improvement
    taught, alone = (
        DistilledRegressor(None, small(), outliers=None, loss=loss, alpha=0.0, random_state=0)
        .fit(X, y, teacher_prediction=poor)
        .score(X, y)
        for loss in ("bounded", "squared_error")
    )
    assert taught < alone - 0.1


@pytest.mark.slow
class TestRevision:
    @pytest.fixture
    def wrong(self, table):
        X, y = table
        teacher = y.copy()
        label = y.copy()
        label[:30, 0] += 30
        return X, y, label, teacher

    def test_of_the_label(self, wrong):
        X, y, label, teacher = wrong
        teacher = teacher + np.random.default_rng(0).normal(0, 0.1, y.shape)
        plain, revised = (
            distilled(outliers=None, alpha=0.0, revision=revision)
            .set_params(teacher=None)
            .fit(X, label, teacher_prediction=teacher)
            .score(X, y)
            for revision in (None, "label")
        )
        assert revised > plain + 0.1

    def test_of_the_teacher(self, wrong):
        X, y, teacher, label = wrong  # now it is the teacher who is wrong
        teacher = teacher + np.random.default_rng(0).normal(0, 0.1, y.shape)
        plain, revised = (
            distilled(outliers=None, alpha=1.0, revision=revision)
            .set_params(teacher=None)
            .fit(X, label, teacher_prediction=teacher)
            .score(X, y)
            for revision in (None, "teacher")
        )
        assert revised > plain + 0.1

    def test_nested_parameters(self, table):
        model = distilled(revision=LabelRevision("label"))
        model.set_params(revision__eta=0.5)
        assert model.fit(*table).revision.eta == 0.5

    def test_unknown_name(self, table):
        with pytest.raises(ValueError, match="revision='both' is unknown"):
            distilled(revision="both").fit(*table)

"""Teachers that know no more than the median, or that hold the labels of fit."""

import warnings

import numpy as np
import pytest
from sklearn.ensemble import RandomForestRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression
from sklearn.neighbors import KNeighborsRegressor

from sklearn_regkd import DistilledRegressor, TORRegressor
from sklearn_regkd.datasets import corrupt_labels
from tests.helpers import small_student

STUDENT = {"max_epochs": 40, "embedding": "periodic"}
MODELS = {
    "tor": lambda: TORRegressor(None, small_student(), random_state=0),
    "auto": lambda: DistilledRegressor(None, small_student(), random_state=0),
    "mad": lambda: DistilledRegressor(None, small_student(), outliers="mad", random_state=0),
    "alpha": lambda: DistilledRegressor(None, small_student(), alpha=1.0, random_state=0),
    "no rule": lambda: DistilledRegressor(
        None, small_student(), outliers=None, alpha=0.5, random_state=0
    ),
}
MISTAKES = {
    "a thousand times": lambda t: 1000 * t,
    "a thousandth": lambda t: t / 1000,
    "reversed": lambda t: t[::-1],
    "shifted": lambda t: t + 100,
    "of the other sign": lambda t: -t,
    "of the neighbour": lambda t: np.roll(t, 1),
    "constant": lambda t: np.full_like(t, t.mean()),
}


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (100, 4))
    return X, 2 * X[:, 0] + np.sin(3 * X[:, 1]) + 0.1 * rng.normal(size=100)


def messages(model, X, y, **params):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(X, y, **params)
    return [str(one.message) for one in caught]


@pytest.mark.slow
@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES)
@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
def test_predictions_no_better_than_the_median_are_warned_about(rows, make, mistake):
    X, y = rows
    found = messages(make(), X, y, teacher_prediction=mistake(y))
    assert any("no better than its median" in one for one in found)


@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
def test_a_useful_teacher_is_not(rows, make):
    X, y = rows
    useful = y + np.random.default_rng(1).normal(size=len(y))
    assert not any("median" in one for one in messages(make(), X, y, teacher_prediction=useful))


def test_each_output_is_named(rows):
    X, y = rows
    Y, prediction = np.column_stack([y, X[:, 2]]), np.column_stack([y, -X[:, 2]])
    found = messages(MODELS["tor"](), X, Y, teacher_prediction=prediction)
    assert sum("median" in one for one in found) == 1
    assert any("predicts output 1 no better" in one for one in found)


def test_a_model_of_the_mean_of_many_zeros_is_none(rows):
    X, _ = rows
    y = np.maximum(0.0, X[:, 0] - 0.6) + (X[:, 0] > 0.6) * 0.0
    assert np.median(y) == 0
    mean = y + 0.05  # worse than the median in absolute error, far better in squared error
    assert np.abs(y - mean).mean() > 0.8 * np.abs(y).mean()
    found = messages(MODELS["no rule"](), X, y, teacher_prediction=mean)
    assert not any("median" in one for one in found)


@pytest.fixture(scope="module")
def wrong():
    """Return rows, the truth, wrong labels of the first 300 of them, and which are wrong."""
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (1000, 3))
    truth = 2 * X[:, 0] + np.sin(4 * X[:, 1])
    y = truth + 0.1 * rng.normal(size=1000)
    labels, mask = corrupt_labels(y[:300], "gross", 0.2, random_state=0)
    return X, truth, labels, mask


@pytest.mark.slow
class TestMemory:
    def holds_rows(self, kind, X, y):
        model = KNeighborsRegressor(1) if kind == "neighbour" else RandomForestRegressor(30)
        return model.set_params(**({} if kind == "neighbour" else {"random_state": 0})).fit(X, y)

    # What a model holds and how it is given have nothing to do with each other.
    @pytest.mark.parametrize(
        ("kind", "given"), [("neighbour", "frozen"), ("forest", "predictions")]
    )
    def test_is_no_evidence(self, wrong, kind, given):
        X, truth, y, mask = wrong
        teacher = self.holds_rows(kind, X[:300], y)
        model = DistilledRegressor(student=small_student(**STUDENT), random_state=0)
        params = {}
        if given == "frozen":
            model.set_params(teacher=FrozenEstimator(teacher))
        else:
            params = {"teacher_prediction": teacher.predict(X[:300])}
        found = messages(model, X[:300], y, **params)
        assert any("has probably been fitted on these rows" in one for one in found)
        assert model.alpha_.tolist() == [0.0]
        assert model.outlier_mask_[mask].mean() > 0.7
        assert model.score(X[300:], truth[300:]) > 0.9
        np.testing.assert_array_equal(model.teacher_prediction_, teacher.predict(X[:300]))

    def test_an_alpha_of_the_user_is_kept(self, wrong):
        X, _, y, _ = wrong
        frozen = FrozenEstimator(self.holds_rows("neighbour", X[:300], y))
        model = DistilledRegressor(frozen, small_student(), alpha=0.7, random_state=0)
        assert any("fitted on these rows" in one for one in messages(model, X[:300], y))
        assert model.alpha_.tolist() == [0.7]

    def test_tor_warns_as_well(self, wrong):
        X, _, y, _ = wrong
        frozen = FrozenEstimator(self.holds_rows("neighbour", X[:300], y))
        model = TORRegressor(frozen, small_student(), random_state=0)
        assert any("fitted on these rows" in one for one in messages(model, X[:300], y))

    def test_a_frozen_teacher_of_other_rows_is_evidence(self, wrong):
        X, truth, y, mask = wrong
        teacher = RandomForestRegressor(50, random_state=0).fit(X[300:], truth[300:])
        model = DistilledRegressor(FrozenEstimator(teacher), small_student(), random_state=0)
        found = messages(model, X[:300], y)
        assert not any("fitted on these rows" in one for one in found)
        assert model.outlier_mask_[mask].mean() > 0.7

    def test_a_perfect_teacher_of_wrong_labels_is_evidence(self, wrong):
        X, truth, y, _ = wrong
        model = MODELS["auto"]()
        found = messages(model, X[:300], y, teacher_prediction=truth[:300])
        assert not any("fitted on these rows" in one for one in found)
        assert model.alpha_[0] >= 0.5

    def test_an_unfitted_teacher_is_never_suspected(self, rows):
        X, _ = rows
        exact = DistilledRegressor(LinearRegression(), small_student(), random_state=0)
        assert not any("fitted on these rows" in one for one in messages(exact, X, 3 * X[:, 0]))

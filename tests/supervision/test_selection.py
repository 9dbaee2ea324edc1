"""Data selection: influence in closed form, planted bad rows, and what is refused."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LinearRegression

from sklearn_regkd import DistilledRegressor, StudentRegressor
from sklearn_regkd.supervision.selection import DataSelection, influence
from sklearn_regkd.supervision.targets import Targets
from tests.helpers import fit_data, refused

quick = settings(max_examples=25, deadline=None)


def ridge_fit(features, target, ridge):
    second = features.T @ features / len(features)
    size = np.trace(second) / len(second)
    return np.linalg.solve(
        second + ridge * size * np.eye(len(second)), features.T @ target / len(features)
    )


class TestInfluence:
    @quick
    @given(st.integers(0, 1000), st.integers(1, 3))
    def test_is_the_derivative_of_the_validation_loss(self, seed, n_outputs):
        rng = np.random.default_rng(seed)
        phi, held = rng.normal(size=(40, 4)), rng.normal(size=(15, 4))
        y, t = rng.normal(size=(2, 40, n_outputs))
        truth = rng.normal(size=(15, n_outputs))
        weights = ridge_fit(phi, y, 0.01)
        gradient = held.T @ (held @ weights - truth) / len(held)
        score = influence(phi, gradient, y - t, 0.01)

        def loss(target):
            return 0.5 * np.mean(((held @ ridge_fit(phi, target, 0.01) - truth) ** 2), axis=0)

        # The loss is a parabola in the step: the central difference is its slope.
        row, step = 7, 0.5
        towards = np.zeros_like(y)
        towards[row] = step * (t[row] - y[row])
        slope = (loss(y + towards) - loss(y - towards)) / (2 * step)
        np.testing.assert_allclose(slope, score[row], rtol=1e-9, atol=1e-12)

    def test_no_disagreement_no_influence(self):
        rng = np.random.default_rng(0)
        score = influence(rng.normal(size=(9, 2)), rng.normal(size=(2, 1)), np.zeros((9, 1)))
        assert (score == 0).all()

    def test_features_that_are_all_zero(self):
        assert np.isfinite(influence(np.zeros((5, 2)), np.ones((2, 1)), np.ones((5, 1)))).all()


@pytest.fixture(scope="module")
def planted():
    """A linear problem with a teacher that is right in some rows and far off in others."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 3))
    truth = X @ [[1.0], [-1.0], [0.5]]
    label = truth + rng.normal(0, 0.5, truth.shape)
    bad = np.arange(400) % 4 == 0
    teacher = np.where(bad[:, None], truth + 4.0, truth)
    return X, truth, label, teacher, bad


def small(**params):
    return StudentRegressor((8,), max_epochs=20, weight_decay=0.1, embedding=None, **params)


def select(strategy, planted, trusted=None, seed=0):
    X, _, label, teacher, _ = planted
    trusted = np.ones(len(X), bool) if trusted is None else trusted
    rng = np.random.RandomState(seed)
    return strategy.select(small(), X, label, teacher, trusted, np.ones(len(X)), rng)


class TestDataSelection:
    def test_residual_avoids_the_bad_rows(self, planted):
        chosen = select(DataSelection("residual"), planted)[:, 0]
        assert chosen.mean() == 0.5
        assert not chosen[planted[-1]].any()

    @pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
    def test_share(self, planted, share):
        chosen = select(DataSelection("residual", share=share), planted)
        assert chosen.mean() == pytest.approx(share, abs=0.01)

    def test_validation_rows_are_never_taught(self, planted):
        trusted = np.arange(400) < 200
        chosen = select(DataSelection("influence", share=1.0), planted, trusted)[:, 0]
        assert (~chosen).sum() == 40
        assert chosen[200:].all()

    def test_influence_finds_a_biased_teacher(self, planted):
        # The bad rows lift the student: they are taken where it is too low only.
        X, _, label, teacher, bad = planted
        low = label - 1.0  # labels under the truth, but not in the validation rows
        trusted = np.arange(400) < 200
        low[:200] = label[:200]
        chosen = DataSelection("influence").select(
            small(), X, low, teacher, trusted, np.ones(400), np.random.RandomState(0)
        )[:, 0]
        assert chosen[200:][~bad[200:]].mean() > 0.6

    def test_seed(self, planted):
        first, same, other = (
            select(DataSelection("influence"), planted, seed=seed) for seed in (0, 0, 1)
        )
        assert np.array_equal(first, same)
        assert not np.array_equal(first, other)

    def test_nothing_to_validate_with(self, planted):
        with pytest.raises(ValueError, match="there are only 3 of them: use selection='residual'"):
            select(DataSelection("influence"), planted, np.arange(400) < 3)

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("by", "chance"),
            ("share", 1.2),
            ("share", True),
            ("validation_fraction", 0.0),
            ("validation_fraction", 1.0),
            ("ridge", 0.0),
        ],
    )
    def test_bad_parameters(self, planted, name, value):
        with pytest.raises(ValueError, match=refused(name, value)):
            select(DataSelection(**{name: value}), planted)


def test_as_a_hook_labels_take_the_place_of_the_teacher(planted):
    X, _, label, teacher, _ = planted
    data = fit_data(X, label)
    targets = Targets(
        label=label,
        teacher=np.stack([teacher / 2, teacher]),
        oof_prediction=teacher,
        inlier=np.ones(label.shape, bool),
        alpha=np.ones(1),
    )
    after = DataSelection("residual").apply(targets, data, None)
    chosen = DataSelection("residual").closest(label - teacher)
    assert 0 < chosen.mean() < 1
    for stage, before in zip(after.teacher, targets.teacher, strict=True):
        np.testing.assert_array_equal(stage, np.where(chosen, before, label))
    assert after.label is label


class TestInTheEstimator:
    @pytest.mark.slow
    @pytest.mark.parametrize("selection", ["influence", "residual"])
    def test_an_unreliable_teacher_does_less_harm(self, planted, selection):
        X, truth, label, teacher, _ = planted
        plain, selected = (
            DistilledRegressor(
                None, small(), outliers=None, alpha=1.0, selection=chosen, random_state=0
            )
            .fit(X, label, teacher_prediction=teacher)
            .score(X, truth)
            for chosen in (None, selection)
        )
        assert selected > plain + 0.03

    def test_two_outputs_and_nested_parameters(self, planted):
        X, _, label, _, _ = planted
        model = DistilledRegressor(
            LinearRegression(), small(), selection=DataSelection("residual"), cv=3, random_state=0
        )
        model.set_params(selection__share=0.2, outliers=None)
        y = np.column_stack([label, -label])
        assert model.fit(X, y).predict(X).shape == y.shape

    def test_unknown_name(self, planted):
        X, _, label, _, _ = planted
        with pytest.raises(ValueError, match="selection='best' is unknown"):
            DistilledRegressor(selection="best").fit(X, label)


def test_names():
    assert DataSelection.resolve(None) is None
    assert DataSelection.resolve("residual").by == "residual"
    own = DataSelection()
    assert DataSelection.resolve(own) is own

"""Hints: what a teacher sees, an adapter that comes and goes, and what is refused."""

import numpy as np
import pytest
import torch
from lightgbm import LGBMRegressor
from sklearn.datasets import make_friedman1
from sklearn.ensemble import (
    GradientBoostingRegressor,
    HistGradientBoostingRegressor,
    RandomForestRegressor,
)
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression
from sklearn.metrics.pairwise import euclidean_distances
from sklearn.model_selection import GridSearchCV
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeRegressor
from skorch import NeuralNetRegressor
from skorch.callbacks import EarlyStopping
from torch import nn

from sklearn_regkd import DistilledRegressor, StudentRegressor
from sklearn_regkd.losses.criterion import SupervisionCriterion
from sklearn_regkd.networks.features import last_linear, named_layer, watch
from sklearn_regkd.networks.hints import ADAPTER, HintAdapter
from sklearn_regkd.supervision.hints import Hints
from sklearn_regkd.teachers.hints import hint_features


@pytest.fixture(scope="module")
def table():
    return make_friedman1(200, noise=0.3, random_state=0)


def small(**params):
    defaults = {"max_epochs": 12, "weight_decay": 0.1, "embedding": None, "random_state": 0}
    return StudentRegressor((16,), **{**defaults, **params})


def distilled(teacher=None, student=None, **params):
    teacher = (
        GradientBoostingRegressor(n_estimators=20, random_state=0) if teacher is None else teacher
    )
    defaults = {"outliers": None, "alpha": 1.0, "cv": 3, "random_state": 0}
    return DistilledRegressor(teacher, student or small(), **{**defaults, **params})


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(10, 48), nn.Tanh(), nn.Linear(48, 1))


def see(teacher, X, layer="leaves", n_components=32, seed=0):
    hints = Hints(layer, n_components=n_components)
    return hint_features(teacher, X, hints, np.random.RandomState(seed))


class TestLeaves:
    @pytest.mark.parametrize(
        "teacher",
        [
            DecisionTreeRegressor(max_depth=4, random_state=0),
            RandomForestRegressor(10, max_depth=4, random_state=0),
            GradientBoostingRegressor(n_estimators=10, random_state=0),
            HistGradientBoostingRegressor(max_iter=10),
            LGBMRegressor(n_estimators=10, verbose=-1),
            make_pipeline(StandardScaler(), RandomForestRegressor(10, random_state=0)),
            FrozenEstimator(RandomForestRegressor(10, random_state=0)),
            MultiOutputRegressor(GradientBoostingRegressor(n_estimators=10, random_state=0)),
            MultiOutputRegressor(
                make_pipeline(StandardScaler(), GradientBoostingRegressor(n_estimators=10))
            ),
        ],
        ids=lambda teacher: type(teacher).__name__,
    )
    def test_every_kind_of_trees(self, table, teacher):
        X, y = table
        frozen = isinstance(teacher, FrozenEstimator)
        target = np.column_stack([y, -y]) if isinstance(teacher, MultiOutputRegressor) else y
        (teacher.estimator if frozen else teacher).fit(X, target)
        seen = see(teacher, X)
        assert seen.shape == (len(X), 32)
        np.testing.assert_allclose(seen.mean(axis=0), 0, atol=1e-5)
        np.testing.assert_allclose(seen.std(axis=0), 1, rtol=1e-5)

    def test_rows_of_the_same_leaves_get_the_same_hint(self, table):
        X, y = table
        tree = DecisionTreeRegressor(max_leaf_nodes=5, random_state=0).fit(X, y)
        leaf, seen = tree.apply(X), see(tree, X)
        assert len(np.unique(seen, axis=0)) == len(np.unique(leaf)) == 5
        for one in np.unique(leaf):
            assert np.ptp(seen[leaf == one], axis=0).max() == 0

    def test_steps_of_a_histogram_boosting_are_its_leaves(self, table):
        X, y = table
        boosting = HistGradientBoostingRegressor(max_iter=1, max_leaf_nodes=6, learning_rate=1.0)
        said = boosting.fit(X, y).predict(X)
        seen = see(boosting, X)
        assert len(np.unique(seen, axis=0)) == len(np.unique(said)) == 6

    def test_distance_grows_with_the_trees_that_differ(self, table):
        X, y = table
        forest = RandomForestRegressor(100, max_leaf_nodes=8, random_state=0).fit(X, y)
        leaves = forest.apply(X)
        differ = (leaves[:, None] != leaves[None]).mean(axis=2)
        apart = euclidean_distances(see(forest, X, n_components=400), squared=True)
        pairs = np.triu_indices(len(X), 1)
        assert np.corrcoef(differ[pairs], apart[pairs])[0, 1] > 0.9


class TestLayers:
    def test_value_of_a_named_layer(self, table):
        X = table[0].astype(np.float32)
        net = network().eval()
        seen = watch(net, named_layer(net, "1"), X)
        with torch.no_grad():
            np.testing.assert_allclose(seen, net[:2](torch.from_numpy(X)).numpy(), rtol=1e-6)
        assert see(net, X, "1", n_components=100).shape == (len(X), 48)
        assert see(net, X, "1", n_components=20).shape == (len(X), 20)

    def test_more_rows_than_a_chunk(self):
        net = network().eval()
        X = np.random.default_rng(0).normal(size=(9001, 10)).astype(np.float32)
        seen = see(net, X, "1", n_components=5)
        assert seen.shape == (9001, 5)
        assert np.array_equal(seen, see(net, X, "1", n_components=5))

    def test_skorch_teacher(self, table):
        X, y = table
        teacher = NeuralNetRegressor(network, max_epochs=3, lr=0.01, train_split=None, verbose=0)
        model = distilled(teacher, hints="1").fit(X, y)
        assert np.isfinite(model.predict(X)).all()

    def test_nothing_to_see(self, table):
        net = nn.Sequential(nn.Linear(10, 3), nn.Threshold(1e9, 0.0), nn.Linear(3, 1))
        with pytest.raises(ValueError, match="say nothing: they are the same for all rows"):
            see(net, table[0], "1")


class TestAdapter:
    def adapted(self):
        module, criterion = network(), SupervisionCriterion("squared_error", 1, hint_weight=1.0)
        return module, criterion, HintAdapter(module, criterion, torch.zeros(2, 10), 5, seed=0)

    def test_output_is_wider_in_training_only(self):
        module, criterion, _ = self.adapted()
        rows = torch.randn(7, 10)
        plain = network().eval()(rows)
        assert torch.equal(module.eval()(rows), plain)
        said = module.train()(rows)
        assert said.shape == (7, 6)
        hidden = module[:2](rows)
        torch.testing.assert_close(said[:, 1:], getattr(criterion, ADAPTER)(hidden))

    def test_dropped_without_a_trace(self):
        module, criterion, adapter = self.adapted()
        adapter.drop()
        assert not list(criterion.parameters())
        assert torch.equal(module.train()(torch.ones(7, 10)), network()(torch.ones(7, 10)))

    def test_loss_by_hand(self):
        criterion = self.adapted()[1]
        rng = np.random.default_rng(0)
        said, packed = torch.tensor(rng.normal(size=(8, 6))), torch.tensor(rng.normal(size=(8, 9)))
        packed[:, 2], packed[:, 3] = 1.0, torch.tensor(rng.uniform(0.5, 2, 8))
        plain = (packed[:, 3] * (said[:, 0] - packed[:, 0]) ** 2).mean()
        missed = ((said[:, 1:] - packed[:, 4:]) ** 2).mean(dim=1)
        hinted = plain + (packed[:, 3] * missed).mean()
        torch.testing.assert_close(criterion.train()(said, packed), hinted)
        # In evaluation mode there is no adapter, and nothing that it could miss.
        torch.testing.assert_close(criterion.eval()(said[:, :1], packed), plain)

    def test_attentive_hints_leave_out_what_the_teacher_gets_wrong(self):
        criterion = SupervisionCriterion("squared_error", 1, hint_weight=1.0, attentive_hints=True)
        packed = torch.zeros(9, 9)
        packed[:, 1] = torch.tensor([0.1, -0.1] * 4 + [100.0])  # teachers: the last is far off
        packed[:, 2:4] = 1.0
        said = torch.zeros(9, 6)
        said[-1, 1:] = 7.0
        assert float(criterion.train()(said, packed)) == 0.0
        said[0, 1:] = 7.0
        assert float(criterion(said, packed)) > 1.0

    def test_of_a_fit_nothing_is_left(self, table):
        X, y = table
        model = distilled(hints="leaves").fit(X, y)
        net = model.student_.net_
        assert not list(net.criterion_.parameters())
        assert not last_linear(net.module_)._forward_pre_hooks
        known = {id(p) for p in net.module_.parameters()}
        kept = {id(p) for group in net.optimizer_.param_groups for p in group["params"]}
        assert kept == known
        assert {id(p) for p in net.optimizer_.state} <= known
        assert model.student_.n_parameters_ == distilled().fit(X, y).student_.n_parameters_
        # What is left is a plain network that says the same.
        again = net.predict(X.astype(np.float32)).ravel()
        np.testing.assert_allclose(model.predict(X), again, rtol=1e-4)


class TestFit:
    def test_hidden_layer_knows_more_of_the_leaves(self, table):
        X, y = table
        seen = None
        errors = {}
        for name, hints in {"without": None, "with": Hints(weight=3.0)}.items():
            model = distilled(student=small(max_epochs=60), hints=hints).fit(X, y)
            seen = see(model.teacher_, X) if seen is None else seen
            module = model.student_.net_.module_
            hidden = watch(module, last_linear(module), X, before=True)
            errors[name] = 1 - LinearRegression().fit(hidden, seen).score(hidden, seen)
        assert errors["with"] < 0.9 * errors["without"]

    def test_weight_zero_changes_nothing(self, table):
        X, y = table
        student = small(random_state=0)
        with_adapter = distilled(student=student, hints=Hints(weight=0.0)).fit(X, y)
        without = distilled(student=student).fit(X, y)
        np.testing.assert_allclose(with_adapter.predict(X), without.predict(X), rtol=1e-5)

    @pytest.mark.parametrize("params", [{"heads": 2}, {"route": 3}, {"revision": "label"}])
    def test_together_with(self, table, params):
        X, y = table
        model = distilled(hints=Hints(attentive=True), **params).fit(X, y)
        assert np.isfinite(model.predict(X)).all()

    def test_early_stopping_is_decided_without_the_hints(self, table):
        X, y = table
        student = small(early_stopping=True, net_params={"callbacks": [EarlyStopping()]})
        model = distilled(student=student, hints="leaves").fit(X, y)
        assert np.isfinite(model.predict(X)).all()

    def test_two_outputs_images_and_weights(self, table):
        X, y = table
        Y = np.column_stack([y, X[:, 0]])
        weight = np.where(np.arange(len(X)) % 3, 1.0, 0.0)
        model = distilled(RandomForestRegressor(10), hints="leaves").fit(X, Y, sample_weight=weight)
        assert model.predict(X).shape == Y.shape

    def test_reproducible(self, table):
        X, y = table
        first, second = (distilled(hints="leaves").fit(X, y).predict(X) for _ in range(2))
        assert np.array_equal(first, second)

    def test_grid_over_nested_names(self, table):
        X, y = table
        grid = {"hints__weight": [0.0, 0.3], "hints__n_components": [4]}
        search = GridSearchCV(distilled(hints=Hints()), grid, cv=2).fit(X, y)
        assert search.best_estimator_.hints.n_components == 4


class TestRefusals:
    @pytest.mark.parametrize(
        ("teacher", "hints", "error", "message"),
        [
            (LinearRegression(), "leaves", TypeError, "LinearRegression has no leaves; these have"),
            (network(), "leaves", TypeError, "of a network name a layer instead"),
            (
                RandomForestRegressor(5),
                "0",
                TypeError,
                "is not a network; of trees take 'leaves'",
            ),
            (network(), "tail", ValueError, "Sequential has no layer 'tail'; it has: 0, 1, 2"),
        ],
    )
    def test_teachers_without(self, table, teacher, hints, error, message):
        with pytest.raises(error, match=message):
            distilled(teacher, hints=hints).fit(*table)

    def test_layer_of_a_net_that_is_fitted_here(self, table):
        teacher = NeuralNetRegressor(network, max_epochs=1, train_split=None, verbose=0)
        X, y = table
        with pytest.raises(ValueError, match="has no layer 'tail'; it has: 0, 1, 2"):
            distilled(teacher, hints="tail").fit(X, y)

    def test_predictions_have_no_inside(self, table):
        X, y = table
        model = DistilledRegressor(student=small(), hints="leaves")
        with pytest.raises(TypeError, match="predictions alone have no inside"):
            model.fit(X, y, teacher_prediction=y)

    def test_student_without_a_hidden_layer(self, table):
        student = small().set_params(hidden_layer_sizes=())
        with pytest.raises(ValueError, match="MLP has none before its last linear layer"):
            distilled(student=student, hints="leaves").fit(*table)

    def test_further_rows(self, table):
        X, y = table
        with pytest.raises(ValueError, match="hints and synthetic exclude each other"):
            distilled(hints="leaves", synthetic="spunge").fit(X, y)
        with pytest.raises(ValueError, match="hints and X_unlabeled exclude each other"):
            distilled(hints="leaves").fit(X, y, X_unlabeled=X)

    @pytest.mark.parametrize(
        "hints",
        [3, Hints(layer=3), Hints(weight=-1), Hints(n_components=0), Hints(attentive="yes"), ""],
    )
    def test_bad_parameters(self, table, hints):
        with pytest.raises(ValueError, match=r"unknown; known: None|must be"):
            distilled(hints=hints).fit(*table)

    def test_layer_that_is_run_twice(self):
        class Twice(nn.Module):
            def __init__(self):
                super().__init__()
                self.inner = nn.Linear(10, 10)

            def forward(self, X):
                return self.inner(self.inner(X))

        with pytest.raises(ValueError, match="it must be run once"):
            see(Twice(), np.zeros((4, 10), np.float32), "inner")

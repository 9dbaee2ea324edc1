"""What happens inside a teacher: the leaves of its trees, or a layer of its network."""

import numpy as np
import pytest
import torch
from lightgbm import LGBMRegressor
from sklearn.ensemble import (
    GradientBoostingRegressor,
    HistGradientBoostingRegressor,
    RandomForestRegressor,
)
from sklearn.frozen import FrozenEstimator
from sklearn.metrics.pairwise import euclidean_distances
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeRegressor
from skorch import NeuralNetRegressor
from torch import nn

from sklearn_regkd.networks.features import named_layer, watch
from tests.helpers import hints_of, pure_distillation, tanh_network


class TestLeaves:
    @pytest.mark.slow
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
    def test_every_kind_of_trees(self, friedman, teacher):
        X, y = friedman
        frozen = isinstance(teacher, FrozenEstimator)
        target = np.column_stack([y, -y]) if isinstance(teacher, MultiOutputRegressor) else y
        (teacher.estimator if frozen else teacher).fit(X, target)
        values = hints_of(teacher, X)
        assert values.shape == (len(X), 32)
        np.testing.assert_allclose(values.mean(axis=0), 0, atol=1e-5)
        np.testing.assert_allclose(values.std(axis=0), 1, rtol=1e-5)

    def test_rows_of_the_same_leaves_get_the_same_hint(self, friedman):
        X, y = friedman
        tree = DecisionTreeRegressor(max_leaf_nodes=5, random_state=0).fit(X, y)
        leaf, values = tree.apply(X), hints_of(tree, X)
        assert len(np.unique(values, axis=0)) == len(np.unique(leaf)) == 5
        for one in np.unique(leaf):
            assert np.ptp(values[leaf == one], axis=0).max() == 0

    def test_steps_of_a_histogram_boosting_are_its_leaves(self, friedman):
        X, y = friedman
        boosting = HistGradientBoostingRegressor(max_iter=1, max_leaf_nodes=6, learning_rate=1.0)
        prediction = boosting.fit(X, y).predict(X)
        values = hints_of(boosting, X)
        assert len(np.unique(values, axis=0)) == len(np.unique(prediction)) == 6

    def test_distance_grows_with_the_trees_that_differ(self, friedman):
        X, y = friedman
        forest = RandomForestRegressor(100, max_leaf_nodes=8, random_state=0).fit(X, y)
        leaves = forest.apply(X)
        differ = (leaves[:, None] != leaves[None]).mean(axis=2)
        apart = euclidean_distances(hints_of(forest, X, n_components=400), squared=True)
        pairs = np.triu_indices(len(X), 1)
        assert np.corrcoef(differ[pairs], apart[pairs])[0, 1] > 0.9


class TestLayers:
    def test_value_of_a_named_layer(self, friedman):
        X = friedman[0].astype(np.float32)
        net = tanh_network().eval()
        values = watch(net, named_layer(net, "1"), X)
        with torch.no_grad():
            np.testing.assert_allclose(values, net[:2](torch.from_numpy(X)).numpy(), rtol=1e-6)
        assert hints_of(net, X, "1", n_components=100).shape == (len(X), 48)
        assert hints_of(net, X, "1", n_components=20).shape == (len(X), 20)

    def test_more_rows_than_a_chunk(self):
        net = tanh_network().eval()
        X = np.random.default_rng(0).normal(size=(9001, 10)).astype(np.float32)
        values = hints_of(net, X, "1", n_components=5)
        assert values.shape == (9001, 5)
        assert np.array_equal(values, hints_of(net, X, "1", n_components=5))

    def test_skorch_teacher(self, friedman):
        X, y = friedman
        teacher = NeuralNetRegressor(
            tanh_network, max_epochs=3, lr=0.01, train_split=None, verbose=0
        )
        model = pure_distillation(teacher, hints="1").fit(X, y)
        assert np.isfinite(model.predict(X)).all()

    def test_a_layer_that_is_the_same_for_all_rows(self, friedman):
        net = nn.Sequential(nn.Linear(10, 3), nn.Threshold(1e9, 0.0), nn.Linear(3, 1))
        with pytest.raises(ValueError, match="are the same for all rows, or not finite"):
            hints_of(net, friedman[0], "1")

    def test_layer_that_is_run_twice(self):
        class Twice(nn.Module):
            def __init__(self):
                super().__init__()
                self.inner = nn.Linear(10, 10)

            def forward(self, X):
                return self.inner(self.inner(X))

        with pytest.raises(ValueError, match="it must be run once"):
            hints_of(Twice(), np.zeros((4, 10), np.float32), "inner")

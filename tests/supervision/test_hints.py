"""Hints in a fit: what they teach the student, and what is refused."""

import numpy as np
import pytest
import torch
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch import NeuralNetRegressor
from skorch.callbacks import EarlyStopping
from torch import nn

from sklearn_regkd import DistilledRegressor
from sklearn_regkd.networks.features import last_linear, watch
from sklearn_regkd.supervision.hints import Hints
from tests.helpers import hints_of, pure_distillation, refused, small_student, tanh_network


class TestFit:
    @pytest.mark.slow
    def test_hidden_layer_knows_more_of_the_leaves(self, friedman):
        X, y = friedman
        values = None
        errors = {}
        for name, hints in {"without": None, "with": Hints(weight=3.0)}.items():
            model = pure_distillation(student=small_student(max_epochs=60), hints=hints).fit(X, y)
            values = hints_of(model.teacher_, X) if values is None else values
            module = model.student_.net_.module_
            hidden = watch(module, last_linear(module), X, before=True)
            errors[name] = 1 - LinearRegression().fit(hidden, values).score(hidden, values)
        assert errors["with"] < 0.9 * errors["without"]

    def test_weight_zero_changes_nothing(self, friedman):
        X, y = friedman
        student = small_student(random_state=0)
        with_adapter = pure_distillation(student=student, hints=Hints(weight=0.0)).fit(X, y)
        without = pure_distillation(student=student).fit(X, y)
        np.testing.assert_allclose(with_adapter.predict(X), without.predict(X), rtol=1e-5)

    @pytest.mark.slow
    @pytest.mark.parametrize("params", [{"heads": 2}, {"route": 3}, {"revision": "label"}])
    def test_together_with(self, friedman, params):
        X, y = friedman
        model = pure_distillation(hints=Hints(attentive=True), **params).fit(X, y)
        assert np.isfinite(model.predict(X)).all()

    def test_early_stopping_is_decided_without_the_hints(self, friedman):
        X, y = friedman
        student = small_student(early_stopping=True, net_params={"callbacks": [EarlyStopping()]})
        model = pure_distillation(student=student, hints="leaves").fit(X, y)
        assert np.isfinite(model.predict(X)).all()

    def test_two_outputs_images_and_weights(self, friedman):
        X, y = friedman
        Y = np.column_stack([y, X[:, 0]])
        weight = np.where(np.arange(len(X)) % 3, 1.0, 0.0)
        model = pure_distillation(RandomForestRegressor(10), hints="leaves").fit(
            X, Y, sample_weight=weight
        )
        assert model.predict(X).shape == Y.shape

    @pytest.mark.slow
    def test_reproducible(self, friedman):
        X, y = friedman
        first, second = (pure_distillation(hints="leaves").fit(X, y).predict(X) for _ in range(2))
        assert np.array_equal(first, second)

    @pytest.mark.slow
    def test_grid_over_nested_names(self, friedman):
        X, y = friedman
        grid = {"hints__weight": [0.0, 0.3], "hints__n_components": [4]}
        search = GridSearchCV(pure_distillation(hints=Hints()), grid, cv=2).fit(X, y)
        assert search.best_estimator_.hints.n_components == 4


class TestRefusals:
    @pytest.mark.parametrize(
        ("teacher", "hints", "error", "message"),
        [
            (LinearRegression(), "leaves", TypeError, "LinearRegression has no leaves; these have"),
            (tanh_network(), "leaves", TypeError, "of a network name a layer instead"),
            (
                RandomForestRegressor(5),
                "0",
                TypeError,
                "is not a network; of trees take 'leaves'",
            ),
            (
                tanh_network(),
                "tail",
                ValueError,
                "no layer 'tail' to take hints from; it has: 0, 1, 2",
            ),
        ],
    )
    def test_teachers_without(self, friedman, teacher, hints, error, message):
        with pytest.raises(error, match=message):
            pure_distillation(teacher, hints=hints).fit(*friedman)

    def test_layer_of_a_net_that_is_fitted_here(self, friedman):
        teacher = NeuralNetRegressor(tanh_network, max_epochs=1, train_split=None, verbose=0)
        X, y = friedman
        with pytest.raises(
            ValueError, match="has no layer 'tail' to take hints from; it has: 0, 1, 2"
        ):
            pure_distillation(teacher, hints="tail").fit(X, y)

    @pytest.mark.parametrize("wrapped", [False, True])
    def test_it_is_looked_for_before_anything_is_fitted(self, friedman, wrapped, monkeypatch):
        def refuse(*args, **kwargs):
            raise AssertionError("the teacher was fitted")

        monkeypatch.setattr(NeuralNetRegressor, "fit", refuse)
        teacher = NeuralNetRegressor(tanh_network, max_epochs=1, train_split=None, verbose=0)
        teacher = make_pipeline(StandardScaler(), teacher) if wrapped else teacher
        before = torch.get_rng_state()
        with pytest.raises(ValueError, match="has no layer 'tail' to take hints from"):
            pure_distillation(teacher, hints="tail").fit(*friedman)
        assert torch.equal(before, torch.get_rng_state())

    def test_a_module_that_its_fit_completes_is_asked_after_it(self, friedman):
        def waits(n_features):
            return nn.Sequential(nn.Linear(n_features, 48), nn.Tanh(), nn.Linear(48, 1))

        class WaitingNet(NeuralNetRegressor):
            def fit(self, X, y, **params):
                self.set_params(module__n_features=X.shape[1])
                return super().fit(X, y, **params)

        teacher = WaitingNet(waits, max_epochs=1, train_split=None, verbose=0)
        X, y = friedman
        assert np.isfinite(pure_distillation(teacher, hints="1").fit(X, y).predict(X)).all()
        with pytest.raises(ValueError, match="has no layer 'tail' to take hints from"):
            pure_distillation(teacher, hints="tail").fit(X, y)

    def test_predictions_have_no_inside(self, friedman):
        X, y = friedman
        model = DistilledRegressor(student=small_student(), hints="leaves")
        with pytest.raises(TypeError, match="predictions alone have no inside"):
            model.fit(X, y, teacher_prediction=y)

    def test_student_without_a_hidden_layer(self, friedman):
        student = small_student().set_params(hidden_layer_sizes=())
        with pytest.raises(ValueError, match="MLP has none before its last linear layer"):
            pure_distillation(student=student, hints="leaves").fit(*friedman)

    def test_further_rows(self, friedman):
        X, y = friedman
        with pytest.raises(ValueError, match="hints and synthetic exclude each other"):
            pure_distillation(hints="leaves", synthetic="spunge").fit(X, y)
        with pytest.raises(ValueError, match="hints and X_unlabeled exclude each other"):
            pure_distillation(hints="leaves").fit(X, y, X_unlabeled=X)

    @pytest.mark.parametrize(
        ("hints", "message"),
        [
            (3, "hints=3 is unknown; known: None"),
            ("", refused("layer", "")),
            (Hints(layer=3), refused("layer", 3)),
            (Hints(weight=-1), refused("weight", -1)),
            (Hints(weight=True), refused("weight", True)),
            (Hints(n_components=0), refused("n_components", 0)),
            (Hints(attentive="yes"), refused("attentive", "yes")),
        ],
    )
    def test_bad_parameters(self, friedman, hints, message):
        with pytest.raises(ValueError, match=message):
            pure_distillation(hints=hints).fit(*friedman)

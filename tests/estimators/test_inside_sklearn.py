"""The estimators as parts of scikit-learn's larger machines."""

import pickle
import subprocess
import sys
import textwrap

import numpy as np
import pytest
import sklearn
import torch
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import GradientBoostingRegressor, StackingRegressor
from sklearn.exceptions import UnsetMetadataPassedError
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_validate
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_regkd import DistilledRegressor, StudentRegressor, TORRegressor
from tests.helpers import TwoLayers


def student(**params):
    quick = {"hidden_layer_sizes": (16,), "lr": 0.05, "batch_size": 32, "max_epochs": 30}
    return StudentRegressor(**{**quick, "random_state": 0, **params})


def tor(**params):
    return TORRegressor(Ridge(), student(), cv=3, random_state=0, **params)


def distilled(**params):
    return DistilledRegressor(Ridge(), student(), cv=3, random_state=0, **params)


ALL = [student, tor, distilled]


@pytest.mark.parametrize("build", ALL)
def test_pipeline(table, build):
    X, y = table
    piped = make_pipeline(StandardScaler(), build()).fit(X, y)
    assert piped.score(X, y) > 0.8


@pytest.mark.slow
def test_grid_search_over_nested_names_beside_a_baseline(table):
    X, y = table
    grid = GridSearchCV(
        Pipeline([("model", LinearRegression())]),
        [
            {"model": [Ridge()], "model__alpha": [0.1, 1.0]},
            {
                "model": [tor()],
                "model__student__lr": [1e-4, 0.05],
                "model__teacher__alpha": [0.1],
                "model__threshold": ["paper", 3.0],
            },
            {"model": [distilled()], "model__outliers": [3.0], "model__loss": ["tor"]},
        ],
        cv=2,
        error_score="raise",
    ).fit(X, y)
    results = grid.cv_results_
    assert len(results["params"]) == 7
    rates = np.array([p.get("model__student__lr", np.nan) for p in results["params"]])
    # A learning rate of 1e-4 learns nothing in 30 epochs: the nested name arrived.
    slow, fast = (results["mean_test_score"][rates == rate].max() for rate in (1e-4, 0.05))
    assert slow < 0.5 < fast


@pytest.mark.slow
@pytest.mark.parametrize("build", ALL)
def test_cross_val_predict(table, build):
    X, y = table
    prediction = cross_val_predict(build(), X, y, cv=3)
    assert np.corrcoef(prediction, y)[0, 1] > 0.9


@pytest.mark.slow
def test_stacking_and_transformed_target(table):
    X, y = table
    stack = StackingRegressor([("tor", tor()), ("ridge", Ridge())], Ridge(), cv=2).fit(X, y)
    assert stack.score(X, y) > 0.8
    logged = TransformedTargetRegressor(distilled(), func=np.log, inverse_func=np.exp).fit(X, y)
    assert logged.score(X, y) > 0.8


@pytest.mark.slow
@pytest.mark.parametrize("build", ALL)
def test_clone_of_fitted_and_unfitted(table, build):
    X, y = table
    estimator = build()
    first = estimator.fit(X, y).predict(X)
    copy = clone(estimator)
    assert not hasattr(copy, "n_iter_")
    assert repr(copy) == repr(clone(build()))
    np.testing.assert_array_equal(copy.fit(X, y).predict(X), first)


@pytest.mark.slow
@pytest.mark.parametrize("build", ALL)
def test_nothing_of_the_user_is_changed(table, build):
    X, y = table
    X_before, y_before = X.copy(), y.copy()
    X.flags.writeable = y.flags.writeable = False
    estimator = build()
    before = repr(estimator.get_params())
    estimator.fit(X, y, sample_weight=np.ones(len(y))).predict(X)
    np.testing.assert_array_equal(X, X_before)
    np.testing.assert_array_equal(y, y_before)
    assert repr(estimator.get_params()) == before
    for part in ("teacher", "student"):
        if hasattr(estimator, part):
            assert not [name for name in vars(getattr(estimator, part)) if name.endswith("_")]


# --- metadata routing -----------------------------------------------------------------


@pytest.mark.slow
def test_teacher_prediction_is_sliced_by_cross_validation(table):
    """Each fold gets the predictions of its own rows, or this would score badly."""
    X, y = table
    noisy = y + np.where(np.arange(len(y)) % 3 == 0, 50.0, 0.0)
    model = TORRegressor(student=student(max_epochs=100), threshold=3.0, random_state=0)
    teacher = y + np.random.default_rng(0).normal(0, 0.1, len(y))
    scores = cross_validate(
        model, X, noisy, cv=3, params={"teacher_prediction": teacher}, return_estimator=True
    )
    for fitted in scores["estimator"]:
        assert fitted.score(X, y) > 0.9


@pytest.fixture
def routing():
    with sklearn.config_context(enable_metadata_routing=True):
        yield


@pytest.mark.slow
@pytest.mark.usefixtures("routing")
@pytest.mark.parametrize("build", [tor, distilled])
def test_routed_weights_reach_student_and_teacher(table, build):
    X, y = table
    weight = np.where(X[:, 0] > 0, 1.0, 1e-6)
    model = build().set_fit_request(sample_weight=True, teacher_prediction=True)
    model.set_params(teacher=Ridge().set_fit_request(sample_weight=True))
    scaler = StandardScaler().set_fit_request(sample_weight=False)
    piped = make_pipeline(scaler, model).fit(X, y, sample_weight=weight)
    share = weight / weight.mean()
    expected = Ridge().fit(StandardScaler().fit_transform(X), y, sample_weight=share)
    if build is tor:  # the other one refits on repaired labels
        np.testing.assert_allclose(piped[-1].teacher_.coef_, expected.coef_, rtol=1e-6)
    plain = Ridge().fit(StandardScaler().fit_transform(X), y)
    assert not np.allclose(piped[-1].teacher_.coef_, plain.coef_, rtol=1e-3)


@pytest.mark.usefixtures("routing")
def test_routed_weights_that_nobody_asked_for_are_an_error(table):
    X, y = table
    with pytest.raises(UnsetMetadataPassedError, match="sample_weight"):
        tor().fit(X, y, sample_weight=np.ones(len(y)))


@pytest.mark.slow
@pytest.mark.usefixtures("routing")
def test_routed_teacher_prediction_in_a_grid(table):
    X, y = table
    model = TORRegressor(student=student()).set_fit_request(
        sample_weight=False, teacher_prediction=True
    )
    grid = GridSearchCV(model, {"heads": [1, 2]}, cv=2, error_score="raise")
    grid.fit(X, y, teacher_prediction=y + 0.1 * X[:, 2])
    assert grid.best_score_ > 0.8


@pytest.mark.slow
@pytest.mark.usefixtures("routing")
def test_default_teacher_takes_routed_weights(table):
    X, y = table
    TORRegressor(student=student(max_epochs=1)).fit(X, y, sample_weight=np.ones(len(y)))
    two = np.column_stack([y, y])
    TORRegressor(student=student(max_epochs=1)).fit(X, two, sample_weight=np.ones(len(y)))


# --- seeds and processes --------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("build", ALL)
def test_random_state_decides_everything(table, build):
    X, y = table
    first = build().set_params(random_state=3).fit(X, y)
    second = build().set_params(random_state=3).fit(X, y)
    np.testing.assert_array_equal(first.predict(X), second.predict(X))


@pytest.mark.slow
@pytest.mark.parametrize("Distiller", [TORRegressor, DistilledRegressor])
def test_random_state_reaches_folds_teacher_and_student(table, Distiller):
    X, y = table
    teacher = GradientBoostingRegressor(n_estimators=5, subsample=0.5)

    def fit(seed):
        shy = student(random_state=None, max_epochs=3)
        return Distiller(teacher, shy, random_state=seed).fit(X, y)

    first, again, other = fit(0), fit(0), fit(1)
    np.testing.assert_array_equal(first.teacher_prediction_, again.teacher_prediction_)
    np.testing.assert_array_equal(first.predict(X), again.predict(X))
    assert not np.array_equal(first.teacher_prediction_, other.teacher_prediction_)
    assert not np.array_equal(first.predict(X), other.predict(X))


@pytest.mark.slow
@pytest.mark.parametrize("random_state", [0, None])
@pytest.mark.parametrize("build", ALL)
def test_global_generators_are_untouched(table, build, random_state):
    import torch

    X, y = table
    estimator = build().set_params(random_state=random_state)
    before = np.random.get_state(), torch.get_rng_state()  # noqa: NPY002
    estimator.fit(X, y).predict(X)
    after = np.random.get_state(), torch.get_rng_state()  # noqa: NPY002
    assert all(np.array_equal(a, b) for a, b in zip(before[0], after[0], strict=True))
    assert torch.equal(before[1], after[1])


def test_dropout_of_a_users_module_is_seeded_and_leaves_the_generator_alone(table):
    X, y = table
    shaky = student(module=TwoLayers, module_params={"dropout": 0.5}, max_epochs=5)
    before = torch.get_rng_state()
    first = shaky.fit(X, y).predict(X)
    assert torch.equal(before, torch.get_rng_state())
    torch.rand(7)
    np.testing.assert_array_equal(clone(shaky).fit(X, y).predict(X), first)


SCRIPT = """
    import pickle, sys
    import numpy as np
    from sklearn.linear_model import Ridge
    from sklearn_regkd import DistilledRegressor, StudentRegressor, TORRegressor

    class OnlyHere:  # what a user's script defines and another process lacks
        pass

    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (60, 2))
    y = X[:, 0] + X[:, 1] ** 2
    quick = StudentRegressor((8,), max_epochs=5)
    models = [
        StudentRegressor((8,), max_epochs=5, random_state=0),
        TORRegressor(Ridge(), quick, random_state=0),
        DistilledRegressor(Ridge(), quick, random_state=0),
    ]
    fitted = [m.fit(X, y) for m in models]
    pickle.dump((X, y, fitted, [m.predict(X) for m in fitted]), sys.stdout.buffer)
"""


@pytest.mark.slow
def test_same_in_another_process_and_loaded_where_main_is_another(tmp_path):
    script = tmp_path / "train.py"
    script.write_text(textwrap.dedent(SCRIPT))
    # Old packages warn of newer ones.
    command = [sys.executable, "-W", "ignore::FutureWarning", "-W", "ignore::DeprecationWarning"]
    done = subprocess.run([*command, script], capture_output=True, check=True)
    assert done.stderr == b""
    X, y, fitted, predictions = pickle.loads(done.stdout)
    for model, expected in zip(fitted, predictions, strict=True):
        np.testing.assert_array_equal(model.predict(X), expected)
        np.testing.assert_array_equal(clone(model).fit(X, y).predict(X), expected)


def test_import_does_not_load_torch():
    code = "import sys, sklearn_regkd; print('torch' in sys.modules, sklearn_regkd.__version__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("False ")

"""torch's global generator: seeded inside, one thread at a time, and afterwards as it was."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from joblib import Parallel, delayed
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch import NeuralNetRegressor
from torch import nn

from sklearn_regkd import DistilledRegressor, StudentRegressor, TORRegressor, load
from sklearn_regkd.training.randomness import torch_seeded
from tests.helpers import pure_distillation, small_student

SECONDS = 60


def draw(seed, shape=3):
    with torch_seeded(seed):
        return torch.rand(shape)


def with_dropout(n_features, n_outputs):
    """A module whose first weights and training draw from the global generator."""
    return nn.Sequential(nn.Linear(n_features, 8), nn.Dropout(0.3), nn.Linear(8, n_outputs))


class SkorchRegressor(NeuralNetRegressor):
    """A skorch net as a teacher; its width is that of the fixture ``table``."""

    def __init__(self, module=nn.Linear, **params):
        super().__init__(module, **{"max_epochs": 2, "train_split": None, "verbose": 0, **params})


def skorch_net():
    return SkorchRegressor(
        with_dropout, module__n_features=3, module__n_outputs=1, iterator_train__shuffle=True
    )


def fits(estimator, X, y):
    return clone(estimator).fit(X, y).predict(X)


def test_the_seed_decides_what_is_drawn():
    assert torch.equal(draw(1), draw(1))
    assert not torch.equal(draw(1), draw(2))


def test_the_generator_is_put_back_also_after_an_error():
    before = torch.get_rng_state()
    draw(1)
    with pytest.raises(RuntimeError, match="negative dimension"):
        draw(1, shape=-1)
    assert torch.equal(torch.get_rng_state(), before)


def test_threads_take_turns():
    alone, before = [draw(seed, 1000) for seed in range(8)], torch.get_rng_state()

    def draw_slowly(seed):
        with torch_seeded(seed):
            return torch.cat([torch.rand(1) for _ in range(1000)])

    with ThreadPoolExecutor(4) as pool:
        drawn = list(pool.map(draw_slowly, range(8)))
    for seed in range(8):
        with torch_seeded(seed):
            expected = torch.cat([torch.rand(1) for _ in range(1000)])
        assert torch.equal(drawn[seed], expected)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(torch.stack(alone), torch.stack([draw(seed, 1000) for seed in range(8)]))


def test_one_thread_may_enter_twice():
    with torch_seeded(1):
        outer = torch.rand(1)
        assert torch.equal(draw(1, 1), outer)
        second = torch.rand(1)
    assert torch.equal(draw(1, 2)[1:], second)


def in_thread(function):
    """Return what a function returns in another thread, or fail if it takes too long."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(function).result(SECONDS)


def test_the_built_in_network_waits_for_nobody(table, tmp_path):
    X, y = table
    student = small_student()
    expected = student.fit(X, y).predict(X)
    student.save(tmp_path / "student")
    distilled = pure_distillation(Ridge(), cv=2)
    by_teacher = fits(distilled, X, y)
    with torch_seeded(0):
        np.testing.assert_array_equal(in_thread(lambda: fits(student, X, y)), expected)
        again = in_thread(lambda: load(tmp_path / "student"))
        np.testing.assert_array_equal(in_thread(lambda: again.predict(X)), expected)
        np.testing.assert_array_equal(in_thread(lambda: fits(distilled, X, y)), by_teacher)
        block = in_thread(lambda: clone(student).partial_fit(X, y).predict(X))
    np.testing.assert_array_equal(block, clone(student).partial_fit(X, y).predict(X))


@pytest.mark.slow
def test_a_module_waits_for_its_turn(table):
    X, y = table
    student = StudentRegressor(module=with_dropout, max_epochs=1, random_state=0)
    fitted = threading.Event()

    def fit():
        student.fit(X, y)
        fitted.set()

    with torch_seeded(0):
        thread = threading.Thread(target=fit)
        thread.start()
        assert not fitted.wait(1)
    thread.join(SECONDS)
    assert fitted.is_set()


ESTIMATORS = {
    "module": StudentRegressor(module=with_dropout, max_epochs=5, random_state=0),
    "skorch net": StudentRegressor(module=skorch_net(), random_state=0),
    "teacher net": pure_distillation(skorch_net(), cv=2),
    "teacher net in a Pipeline": TORRegressor(
        make_pipeline(StandardScaler(), skorch_net()), small_student(), cv=2, random_state=0
    ),
    "teachers": pure_distillation([skorch_net(), Ridge()], cv=2),
    "teacher student": pure_distillation(
        StudentRegressor(module=with_dropout, max_epochs=2, random_state=0), cv=2
    ),
    "selection": pure_distillation(
        Ridge(),
        StudentRegressor(module=with_dropout, max_epochs=2),
        selection="influence",
        cv=2,
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", ESTIMATORS)
@pytest.mark.parametrize("parallel", ["ThreadPoolExecutor", "joblib"])
def test_fits_in_threads_are_those_of_one_thread(table, name, parallel):
    X, y = (part.astype(np.float32) for part in table)
    if "net" in name or name == "teachers":
        y = y[:, None]
    estimator = ESTIMATORS[name]
    alone, before = fits(estimator, X, y), torch.get_rng_state()
    if parallel == "joblib":
        calls = [delayed(fits)(estimator, X, y) for _ in range(4)]
        predictions = Parallel(n_jobs=4, backend="threading")(calls)
    else:
        with ThreadPoolExecutor(4) as pool:
            futures = [pool.submit(fits, estimator, X, y) for _ in range(4)]
            predictions = [future.result(SECONDS) for future in futures]
    for prediction in predictions:
        np.testing.assert_array_equal(prediction, alone)
    assert torch.equal(torch.get_rng_state(), before)


class AlwaysDropout(nn.Module):
    """A teacher that keeps its dropout in evaluation mode."""

    def forward(self, X):
        return nn.functional.dropout(X[:, :1] * 3 + 10, 0.2)


def test_a_module_as_teacher_leaves_the_generator_alone(table):
    X, y = table
    before = torch.get_rng_state()
    distilled = DistilledRegressor(AlwaysDropout(), small_student(), random_state=0, outliers=None)
    np.testing.assert_array_equal(fits(distilled, X, y), fits(distilled, X, y))
    assert torch.equal(torch.get_rng_state(), before)

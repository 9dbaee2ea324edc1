"""The state of torch around a fit, a load and a prediction: none of them depends on it."""

import os
import threading
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from torch import nn

from sklearn_regkd import DistilledRegressor, StudentRegressor, TORRegressor, load
from sklearn_regkd.training.torch_state import in_plain_torch, plain_arithmetic, plain_torch
from tests.forks import in_process
from tests.helpers import QUICK


@contextmanager
def default_dtype(dtype):
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


STATES = {
    "no_grad": torch.no_grad,
    "inference_mode": torch.inference_mode,
    "autocast": lambda: torch.autocast("cpu", torch.bfloat16),
    "float64": lambda: default_dtype(torch.float64),
    "device": lambda: torch.device("meta"),
}


def small(**params):
    return StudentRegressor(hidden_layer_sizes=(8,), **QUICK, **params)


def net(n_features, n_outputs):
    return nn.Sequential(nn.Linear(n_features, 8), nn.ReLU(), nn.Linear(8, n_outputs))


ESTIMATORS = {
    "student": small,
    "module": lambda: small(module=net),
    "learned loss": lambda: small(loss="barron_learned"),
    "tor": lambda: TORRegressor(student=small(), cv=2, random_state=0),
    "heads": lambda: DistilledRegressor(
        student=small(), outliers=None, heads=2, hints="leaves", cv=2, random_state=0
    ),
    "torch teacher": lambda: DistilledRegressor(
        small(module=net), student=small(), outliers=None, cv=2, random_state=0
    ),
}


@pytest.fixture(scope="module")
def table():
    X = np.random.default_rng(0).normal(size=(60, 3))
    return X, X[:, 0] + X[:, 1] ** 2


@pytest.fixture(scope="module", params=[*ESTIMATORS])
def estimator(request):
    return ESTIMATORS[request.param]


@pytest.fixture(scope="module")
def expected(estimator, table):
    return estimator().fit(*table).predict(table[0])


@pytest.mark.slow
@pytest.mark.parametrize("state", [*STATES])
@pytest.mark.filterwarnings("ignore:the teacher predicts output:UserWarning")
def test_fit_save_load_and_predict_depend_on_no_state(state, estimator, table, expected, tmp_path):
    inside = STATES[state]
    with inside():
        fitted = estimator().fit(*table)
        np.testing.assert_array_equal(fitted.predict(table[0]), expected)
    np.testing.assert_array_equal(fitted.predict(table[0]), expected)
    student = getattr(fitted, "student_", fitted)
    if student.module is None and not hasattr(fitted, "teacher_"):
        with inside():
            fitted.save(tmp_path / "model")
            again = load(tmp_path / "model")
            np.testing.assert_array_equal(again.predict(table[0]), expected)


@pytest.mark.parametrize("state", [*STATES])
def test_partial_fit_depends_on_no_state(state, table):
    expected = small().partial_fit(*table).partial_fit(*table).predict(table[0])
    with STATES[state]():
        student = small().partial_fit(*table).partial_fit(*table)
    np.testing.assert_array_equal(student.predict(table[0]), expected)


class TestPlainTorch:
    @pytest.mark.parametrize("state", [*STATES])
    def test_inside_all_is_as_in_a_new_process_and_outside_as_before(self, state):
        def look():
            new = torch.empty(0)
            return (
                torch.is_grad_enabled(),
                torch.is_inference_mode_enabled(),
                torch.is_autocast_enabled("cpu"),
                new.dtype,
                new.device.type,
            )

        with STATES[state]():
            before = look()
            with plain_torch():
                assert look() == (True, False, False, torch.float32, "cpu")
                with plain_torch():
                    assert look() == (True, False, False, torch.float32, "cpu")
            assert look() == before
        assert look() == (True, False, False, torch.float32, "cpu")

    def test_an_error_puts_the_state_back(self):
        @in_plain_torch
        def fail():
            raise ValueError("no")

        with default_dtype(torch.float64), torch.no_grad():
            with pytest.raises(ValueError, match="no"):
                fail()
            assert torch.get_default_dtype() is torch.float64
            assert not torch.is_grad_enabled()

    def test_arithmetic_is_outside_of_autocast(self):
        one = torch.ones(2, 2)
        with torch.autocast("cpu", torch.bfloat16):
            assert (one @ one).dtype is torch.bfloat16
            with plain_arithmetic():
                assert (one @ one).dtype is torch.float32

    def test_threads_that_overlap_put_the_default_type_back_once(self):
        inside, leave = threading.Event(), threading.Event()

        def stay():
            with plain_torch():
                inside.set()
                leave.wait(60)

        with default_dtype(torch.float64):
            thread = threading.Thread(target=stay)
            thread.start()
            inside.wait(60)
            with plain_torch():
                assert torch.get_default_dtype() is torch.float32
            leave.set()
            thread.join(60)
            assert torch.get_default_dtype() is torch.float64


FITTED = """
    import pickle, tempfile
    from multiprocessing import get_context
    from sklearn.linear_model import Ridge
    from torch import nn
    from sklearn_regkd import *
    X = np.random.default_rng(0).normal(size=(1000, 3)); y = X[:, 0]
    quick = dict(hidden_layer_sizes=(16,), max_epochs=2, weight_decay=0.1, random_state=0)
    student = StudentRegressor(**quick)
    def net(n_features, n_outputs):
        return nn.Sequential(nn.Linear(n_features, 8), nn.ReLU(), nn.Linear(8, n_outputs))
    def serve(model):
        for n in (1, 8, 1000):
            print(child(lambda: np.isfinite(model.predict(X[:n])).all()))
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
class TestForkedChildren:
    def test_predict_in_a_child_of_a_process_that_has_predicted(self):
        script = f"""{FITTED}
    for estimator in (
        student,
        StudentRegressor(module=net, **quick),
        TORRegressor(Ridge(), student=student, cv=2),
        DistilledRegressor(Ridge(), student=student, outliers=None, cv=2),
    ):
        model = estimator.fit(X, y)
        model.predict(X)
        serve(model)
        if estimator is student:
            serve(pickle.loads(pickle.dumps(model)))"""
        assert in_process(script) == ["0"] * 15

    def test_predict_in_a_child_of_a_process_that_has_loaded(self, tmp_path, table):
        small().fit(*table).save(tmp_path / "model")
        script = f"{FITTED}\n    serve(load({str(tmp_path / 'model')!r}))"
        assert in_process(script) == ["0"] * 3

    def test_fit_and_a_pool_in_forked_children(self):
        script = f"""{FITTED}
    model = student.fit(X, y)
    expected = model.predict(X)
    print(child(lambda: StudentRegressor(**quick).fit(X, y).score(X, y) == model.score(X, y)))
    print(child(lambda: StudentRegressor(module=net, **quick).fit(X, y)))
    with get_context("fork").Pool(2) as pool:
        for n in (1, 8, 1000):
            found = pool.map_async(model.predict, [X[:n]] * 4).get(60)
            print(all(np.allclose(one, expected[:n], rtol=1e-5) for one in found))"""
        assert in_process(script) == ["0", "0", "True", "True", "True"]

"""A fit, a load and a prediction do not depend on the state of torch around them."""

import copy
import os
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.linear_model import Ridge
from skorch import NeuralNetRegressor
from torch import nn

from sklearn_regkd import (
    DistilledRegressor,
    DistilledSearchCV,
    StudentRegressor,
    TORRegressor,
    load,
)
from sklearn_regkd.out_of_core import distill_blocks
from sklearn_regkd.training.torch_state import in_plain_torch, plain_arithmetic, plain_torch
from tests.forks import in_process
from tests.helpers import in_blocks, small_student


@contextmanager
def default_dtype():
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


@contextmanager
def default_device():
    torch.set_default_device("meta")
    try:
        yield
    finally:
        torch.set_default_device(None)


@contextmanager
def deterministic():
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(False)


@contextmanager
def all_at_once():
    with ExitStack() as stack:
        for state in list(STATES.values())[:-1]:
            stack.enter_context(state())
        yield


STATES = {
    "no_grad": torch.no_grad,
    "inference_mode": torch.inference_mode,
    "autocast": lambda: torch.autocast("cpu", dtype=torch.bfloat16),
    "default dtype": default_dtype,
    "default device": default_device,
    "device context": lambda: torch.device("meta"),
    "deterministic": deterministic,
    "all": all_at_once,
}


def state_of_torch():
    """What must be as before, whatever was done in between."""
    return (
        torch.is_grad_enabled(),
        torch.is_inference_mode_enabled(),
        torch.is_autocast_enabled("cpu"),
        torch.get_default_dtype(),
        torch.empty(0).device,
        torch.are_deterministic_algorithms_enabled(),
        torch.get_num_threads(),
    )


class Recurrent(nn.Module):
    """A module whose first weights, dropout and forward pass make tensors of the default type."""

    def __init__(self, n_features, n_outputs):
        super().__init__()
        self.cell, self.last = nn.GRUCell(1, 4), nn.Linear(4, n_outputs)
        self.register_buffer("shrink", torch.arange(1, 5) / 10)

    def forward(self, X):
        hidden = torch.zeros(len(X), 4, device=X.device)
        for column in X.T:
            hidden = self.cell(column[:, None], hidden)
        return self.last(nn.functional.dropout(hidden * self.shrink, 0.1, self.training))


def absolute(prediction, label):
    """A loss of the user's, with a tensor of its own."""
    return (prediction - label).abs() * torch.ones(())


def net():
    params = {"module__in_features": 3, "module__out_features": 1, "verbose": 0, "max_epochs": 3}
    return NeuralNetRegressor(nn.Linear, train_split=None, **params)


def distilled(teacher, **params):
    student = params.pop("student", small_student())
    settings = {"outliers": None, "cv": 2, "random_state": 0, **params}
    return DistilledRegressor(teacher, student, **settings)


ESTIMATORS = {
    "student": lambda: small_student(weight_decay="auto", embedding="periodic"),
    "own loss": lambda: small_student(loss=absolute),
    "learned loss": lambda: small_student(loss="barron_learned"),
    "early stopping": lambda: small_student(early_stopping=True, optimizer="sgd", lr=0.01),
    "module": lambda: StudentRegressor(module=Recurrent, max_epochs=3, random_state=0),
    "TOR": lambda: TORRegressor(Ridge(), small_student(), cv=2, random_state=0),
    "by evidence": lambda: distilled(Ridge(), outliers="auto"),
    "hints": lambda: distilled(ExtraTreesRegressor(3), hints="leaves", heads=2),
    "selection": lambda: distilled(Ridge(), selection="influence", synthetic="mixup"),
    "teacher net": lambda: distilled(net()),
    "module teacher": lambda: distilled(Recurrent(3, 1)),
    "search": lambda: DistilledSearchCV(small_student(), {"lr": [0.01, 0.02]}, cv=2),
}


@pytest.fixture
def rows(table):
    X, y = table
    return X.astype(np.float32), y[:, None]


@pytest.mark.parametrize("name", ESTIMATORS)
def test_a_fit_is_the_same_in_all_states(rows, name):
    X, y = rows
    torch.manual_seed(0)
    estimator = ESTIMATORS[name]()
    expected = clone(estimator).fit(X, y).predict(X)
    states = STATES if name in ("student", "module") else ["inference_mode", "all"]
    for state in states:
        with STATES[state]():
            before = state_of_torch()
            fitted = clone(estimator).fit(X, y)
            inside = fitted.predict(X)
            assert state_of_torch() == before
        np.testing.assert_array_equal(inside, expected, err_msg=state)
        np.testing.assert_array_equal(fitted.predict(X), expected, err_msg=state)


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("name", ["student", "module"])
def test_predict_load_and_copies_are_the_same_in_all_states(rows, tmp_path, name, state):
    X, y = rows
    student = ESTIMATORS[name]().fit(X, y)
    expected = [student.predict(part) for part in (X, X[:1])]
    student.save(tmp_path / "file")
    content = pickle.dumps(student)
    with STATES[state]():
        before = state_of_torch()
        again = [
            student,
            load(tmp_path / "file", student.module),
            pickle.loads(content),
            copy.deepcopy(student),
        ]
        predictions = [[each.predict(part) for part in (X, X[:1])] for each in again]
        student.save(tmp_path / "inside")
        assert state_of_torch() == before
    for each, inside in zip(again, predictions, strict=True):
        for part, prediction, wanted in zip((X, X[:1]), inside, expected, strict=True):
            np.testing.assert_array_equal(prediction, wanted)
            np.testing.assert_array_equal(each.predict(part), wanted)
    assert (tmp_path / "inside").read_bytes() == (tmp_path / "file").read_bytes()


@pytest.mark.parametrize("name", ["student", "module"])
def test_passes_over_blocks_are_the_same_in_all_states(rows, tmp_path, name):
    X, y = rows

    def learn():
        student = ESTIMATORS[name]().partial_fit(X[:60], y[:60])
        return student.partial_fit(X[60:], y[60:]).predict(X)

    expected = learn()
    for state, switched in STATES.items():
        with switched():
            np.testing.assert_array_equal(learn(), expected, err_msg=state)


def test_blocks_are_distilled_the_same_in_all_states(rows, tmp_path):
    X, y = rows
    student = small_student(max_epochs=2)

    def learn(folder):
        blocks = in_blocks(X, y[:, 0], 40)
        return distill_blocks(student, blocks, folder=folder, buffer_rows=40).predict(X)

    expected = learn(tmp_path / "plain")
    with STATES["all"]():
        np.testing.assert_array_equal(learn(tmp_path / "odd"), expected)


def test_a_teacher_that_was_made_in_inference_mode(rows):
    X, y = rows
    with torch.inference_mode():
        torch.manual_seed(0)
        teacher = Recurrent(3, 1)
    torch.manual_seed(0)
    expected = distilled(Recurrent(3, 1)).fit(X, y).predict(X)
    np.testing.assert_array_equal(distilled(teacher).fit(X, y).predict(X), expected)


def test_what_is_switched_on_inside_and_put_back_after_an_error():
    with STATES["all"]():
        before = state_of_torch()
        with plain_torch():
            assert state_of_torch()[:3] == (True, False, False)
            assert torch.ones(1, requires_grad=True).mul(2).requires_grad
            assert torch.ones(1).dtype == torch.float32
            assert torch.ones(1).device.type == "cpu"
        with pytest.raises(RuntimeError, match="negative dimension"), plain_torch():
            torch.ones(-1)
        assert state_of_torch() == before


def test_where_all_is_as_usual_nothing_is_entered():
    assert plain_torch() is plain_torch()
    assert plain_arithmetic() is plain_torch()
    with torch.inference_mode():
        assert plain_torch(gradients=False) is plain_arithmetic()
        assert plain_torch() is not plain_arithmetic()


def test_a_decorated_function_keeps_its_name():
    @in_plain_torch
    def double(value):
        """Return twice a value."""
        return 2 * value, torch.is_grad_enabled()

    with torch.no_grad():
        assert double(3) == (6, True)
    assert (double.__name__, double.__doc__) == ("double", "Return twice a value.")


def test_the_default_type_is_put_back_by_the_last_of_several_threads():
    entered, leave = threading.Barrier(3), threading.Event()

    def stay(leaves_first):
        with plain_torch():
            entered.wait(60)
            seen = [torch.get_default_dtype()]
            if not leaves_first:
                leave.wait(60)
                seen.append(torch.get_default_dtype())
        if leaves_first:
            leave.set()
        return seen

    with default_dtype(), ThreadPoolExecutor(3) as pool:
        stays = [pool.submit(stay, leaves_first) for leaves_first in (True, False, False)]
        seen = [stayed.result(60) for stayed in stays]
        assert torch.get_default_dtype() == torch.float64
    assert {dtype for dtypes in seen for dtype in dtypes} == {torch.float32}


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_has_the_default_type_of_its_thread():
    script = """
    from sklearn_regkd.training.torch_state import plain_torch
    torch.set_default_dtype(torch.float64)
    inside, leave = threading.Event(), threading.Event()
    def stay():
        with plain_torch():
            inside.set()
            leave.wait()
    thread = threading.Thread(target=stay)
    thread.start()
    inside.wait()
    def dtypes():
        before = torch.get_default_dtype()
        with plain_torch():
            within = torch.get_default_dtype(), torch.get_num_threads()
        after = torch.get_default_dtype()
        return (before, *within, after) == (torch.float64, torch.float32, 1, torch.float64)
    print(child(dtypes))
    with plain_torch():
        print(child(lambda: torch.get_default_dtype() == torch.float32))
    leave.set()
    thread.join()
    print(torch.get_default_dtype(), child(dtypes))
    """
    assert in_process(script) == ["0", "0", "torch.float64", "0"]

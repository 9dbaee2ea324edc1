"""Every fit on a device that is not the CPU: where it ends, and what it costs there.

On a machine without an accelerator the device is a simulated one; CUDA is tested where it is.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from sklearn_regkd import DistilledRegressor, DistilledSearchCV
from sklearn_regkd.label_noise import student_folds
from sklearn_regkd.losses.modules import TEACHER_LOSSES
from sklearn_regkd.networks import inputs
from sklearn_regkd.training import placed_rows, weight_decay
from sklearn_regkd.training.batched_mlp import MLPConfig, train_batched
from tests.device_cases import CASES, WRONG, X, student, taught
from tests.helpers import TwoLayers
from tests.simulated_device import IS_THERE, NAME, SimulatedDevice

DEVICES = [
    name for name, is_there in ((NAME, IS_THERE), ("cuda", torch.cuda.is_available())) if is_there
]
# Of the spread of what the CPU predicts: the simulated device rounds as the CPU does, CUDA in its
# own way, of which these trainings make a hundredth. With wing's loss it is more: its slope jumps
# at 0 from -5 to 5, so that a last digit decides about the direction of a step. On an H100 one of
# 150 rows was a fifth of the spread away, most of them a twentieth.
TOLERANCE = {NAME: 1e-5, "cuda": 0.05}
WING_ON_CUDA = 0.1


def on(device):
    """Return a context for a device, in which CUDA does not round convolutions to 10 bits."""
    if device == NAME:
        return SimulatedDevice()
    return torch.backends.cudnn.flags(enabled=True, allow_tf32=False)


def test_there_is_a_device_with_the_version_that_is_pinned():
    """Without one all tests of this file are skipped, and nothing would be said."""
    pinned = (Path(__file__).parent.parent / "constraints.txt").read_text().splitlines()
    version = torch.__version__.split("+")[0]
    assert DEVICES or f"torch=={version}" not in pinned


@pytest.fixture
def simulated():
    if not IS_THERE:
        pytest.skip("no simulated device beside CUDA, or in so old a version of PyTorch")
    with SimulatedDevice() as device:
        yield device


def cost(simulated, call, *args, **kwargs):
    """Return what a call costs on the simulated device."""
    before = simulated.counts
    call(*args, **kwargs)
    return simulated.counts - before


def cost_of_fit(simulated, estimator, table=(X, WRONG)):
    return cost(simulated, estimator.fit, *table)


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("device", DEVICES)
def test_a_fit_ends_where_the_cpu_ends(device, name):
    expected = CASES[name]("cpu")
    with on(device):
        found = CASES[name](device)
    assert expected.std() > 0
    away = np.abs(found - expected) / expected.std()
    if device == "cuda" and "wing" in name:
        assert np.median(away) <= WING_ON_CUDA
    else:
        assert away.max() <= TOLERANCE[device]


# --- what it costs ---------------------------------------------------------------------

# Copies do not depend on how long the training is, or on how many batches there are.
LONGER = {
    "default": {},
    "huber": {"loss": "huber"},
    "wing": {"loss": "wing"},
    "barron": {"loss": "barron_learned"},
    "stochastic gradient": {"optimizer": "sgd"},
    "module": {"module": TwoLayers},
    "early stopping": {"early_stopping": True, "n_iter_no_change": 50, "loss": "huber"},
    "trials": {"weight_decay": "auto"},
}


@pytest.mark.slow
@pytest.mark.parametrize("params", LONGER.values(), ids=LONGER)
def test_a_longer_training_copies_no_more(simulated, params):
    short, long, small_batches = (
        cost_of_fit(simulated, student(NAME, **{**params, **length}))
        for length in ({"max_epochs": 4}, {"max_epochs": 8}, {"max_epochs": 8, "batch_size": 16})
    )
    assert short.to_device > 0
    assert short.to_device == long.to_device == small_batches.to_device
    assert short.to_host == long.to_host == small_batches.to_host
    # The loss of an epoch, and that of held-out rows.
    n_read = 2 if "early_stopping" in params else 1
    assert long.read_back - short.read_back == 4 * n_read
    assert small_batches.read_back == long.read_back


@pytest.mark.slow
@pytest.mark.parametrize(
    "params",
    [
        *({"loss": loss} for loss in TEACHER_LOSSES),
        {"heads": 2},
        {"route": 2},
        {"hints": "leaves"},
    ],
    ids=str,
)
def test_what_a_teacher_adds_is_copied_once(simulated, params):
    few, many = (
        cost_of_fit(simulated, taught(NAME, learner={"max_epochs": n}, **params)) for n in (4, 8)
    )
    n_records = 4 * ("route" in params)  # after each epoch the student is compared with all stages
    assert many.to_device - few.to_device == n_records
    assert many.to_host - few.to_host == n_records
    assert many.read_back - few.read_back == 4


@pytest.mark.slow
@pytest.mark.parametrize("grid", [{"lr": [0.01, 0.03]}, {"random_state": [0, 1]}], ids=str)
def test_a_search_copies_no_more_for_longer_trainings(simulated, grid):
    few, many = (
        cost_of_fit(simulated, DistilledSearchCV(student(NAME, max_epochs=n), grid, cv=2))
        for n in (4, 8)
    )
    assert (many.to_device, many.to_host) == (few.to_device, few.to_host)
    assert many.read_back - few.read_back == 4 * 3  # two folds, and the best on all rows


MOST_LAUNCHES = {
    "plain": (24, {"embedding": None}),
    "default": (24, {}),
    "absolute": (27, {"loss": "absolute_error"}),
    "huber": (41, {"loss": "huber"}),
}


@pytest.mark.parametrize(("most", "params"), MOST_LAUNCHES.values(), ids=MOST_LAUNCHES)
def test_launches_of_a_step(simulated, most, params):
    """Two hidden layers; an epoch of one batch, and one of five, take the same to begin and end."""
    whole, parts = (
        cost_of_fit(simulated, student(NAME, batch_size=size, max_epochs=1, **params))
        for size in (150, 30)
    )
    assert (parts.launches - whole.launches) / 4 <= most


def stacked(n_nets, loss, n_steps=20, device=NAME, **config):
    """Train so many networks side by side on the same rows."""
    shape = MLPConfig((12, 8), "silu", 2, 0, 0.02, 32, n_steps, device)
    rows = torch.from_numpy(X).float()
    target = torch.from_numpy(WRONG).float().expand(n_nets, -1).unsqueeze(2)
    decay = torch.linspace(0.1, 1.0, n_nets)
    losses = [loss] * n_nets
    return train_batched(
        replace(shape, **config), rows, target / 10, torch.ones_like(target), losses, decay, 0
    )


def launches_of_a_step(simulated, n_nets, loss):
    few, many = (cost(simulated, stacked, n_nets, loss, n_steps) for n_steps in (20, 40))
    assert (few.to_device, few.to_host) == (many.to_device, many.to_host)
    assert few.read_back == many.read_back == 0
    return (many.launches - few.launches) / 20


@pytest.mark.parametrize(("loss", "most"), [("squared_error", 22), ("huber", 34), ("wing", 43)])
def test_sixteen_networks_need_the_launches_of_one(simulated, loss, most):
    one, sixteen = (launches_of_a_step(simulated, n, loss) for n in (1, 16))
    assert one == sixteen <= most


@pytest.mark.parametrize("kept", ["all", "orders of one pass", "nothing"])
def test_parts_of_a_table_that_does_not_fit(simulated, monkeypatch, kept):
    expected = student("cpu").fit(X, WRONG).predict(X)
    if kept == "nothing":
        monkeypatch.setattr(inputs, "MOST_BYTES_KEPT", 0)
        monkeypatch.setattr(inputs, "MOST_BYTES_PLACED", 0)
        monkeypatch.setattr(placed_rows, "MOST_BYTES_PLACED", 0)
    if kept != "all":
        monkeypatch.setattr(placed_rows, "MOST_BYTES_AHEAD", 8 * len(X))
    found = student(NAME).fit(X, WRONG).predict(X)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.slow
def test_trials_and_cross_fitted_students_are_where_the_student_is(simulated, monkeypatch):
    places = []

    def spy(config, *args):
        networks = train_batched(config, *args)
        places.append({str(part.device.type) for part in networks.adamw.flat})
        return networks

    monkeypatch.setattr(weight_decay, "train_batched", spy)
    monkeypatch.setattr(student_folds, "train_batched", spy)
    learner = student(NAME, weight_decay="auto", max_epochs=2)
    fitted = DistilledRegressor(student=learner, cv=3, random_state=0).fit(X, WRONG)
    assert len(places) >= 3  # copies' trials, copies, the student's trials
    assert all(place == {NAME} for place in places)
    assert {p.device.type for p in fitted.student_.net_.module_.parameters()} == {NAME}

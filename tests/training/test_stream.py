"""Training on a stream: every row once an epoch, and from any position on as if never stopped."""

import copy
import errno

import numpy as np
import pytest

from sklearn_regkd import StudentRegressor
from sklearn_regkd.estimators.partial_fit import start_student
from sklearn_regkd.networks.inputs import fit_input_transform
from sklearn_regkd.preprocessing.scaling import fit_target_scaling
from sklearn_regkd.supervision.supervision import Supervision
from sklearn_regkd.training import checkpoint
from sklearn_regkd.training.checkpoint import CheckpointFile
from sklearn_regkd.training.stream import Plan, Position, train_on_stream

SIZES = [40, 30, 50, 20, 60]
X = np.random.default_rng(0).uniform(-1, 1, (sum(SIZES), 2))
Y = X[:, :1] * 3
SCALING = fit_target_scaling(Y, np.ones(len(Y)))
BLOCKS = np.split(np.arange(len(X)), np.cumsum(SIZES)[:-1])


def read(order):
    for index in order:
        label = SCALING.standardize(Y[BLOCKS[index]])
        yield X[BLOCKS[index]], Supervision.by_labels(label, np.ones(len(label))).packed()


@pytest.fixture
def student():
    student = StudentRegressor((8,), batch_size=16, random_state=0)
    student._encode_categories(X)
    inputs = fit_input_transform(X, np.ones(len(X)), "quantile")
    loss = {"loss": "squared_error"}
    start_student(student, X, inputs, SCALING, loss, np.random.RandomState(0))
    return student


def weights(net):
    return np.concatenate([p.detach().numpy().ravel() for p in net.module_.parameters()])


@pytest.fixture
def eager(monkeypatch):
    """Every window ends with a file."""
    monkeypatch.setattr(checkpoint, "LEAST_SECONDS", 0.0)
    monkeypatch.setattr(checkpoint, "MOST_SHARE", 1e9)


class TestPlan:
    def test_each_block_once_an_epoch_in_a_new_order(self):
        plan = Plan(SIZES, n_epochs=3, buffer_rows=80, seed=0)
        orders = [[i for w in plan.windows(epoch) for i in w] for epoch in range(3)]
        for order in orders:
            assert sorted(order) == list(range(5))
        assert len({tuple(order) for order in orders}) > 1
        for window in plan.windows(0)[:-1]:
            assert 80 <= sum(SIZES[index] for index in window) < 80 + max(SIZES)

    def test_progress_from_0_to_1(self):
        plan = Plan(SIZES, n_epochs=2, buffer_rows=80, seed=0)
        position, seen = Position(), []
        while position.epoch < 2:
            seen.append(plan.progress(position))
            position = plan.after(position)
        assert seen[0] == 0
        assert seen == sorted(seen)
        assert len({plan.order_seed(Position(e, w)) for e in range(2) for w in range(2)}) == 4
        assert plan.progress(Position(1, len(plan.windows(1)) - 1), 1.0) == 1


class TestTraining:
    def test_one_record_a_window(self, student):
        plan = Plan(SIZES, n_epochs=2, buffer_rows=80, seed=0)
        train_on_stream(student.net_, read, plan)
        n_windows = sum(len(plan.windows(epoch)) for epoch in range(2))
        assert len(student.net_.history_) == n_windows
        assert student.net_.history_[-1, "train_loss"] < student.net_.history_[0, "train_loss"]

    @pytest.mark.parametrize("stopped_at", [Position(0, 1), Position(1, 0), Position(1, 1)])
    def test_goes_on_from_its_file_as_if_never_stopped(self, student, tmp_path, eager, stopped_at):
        plan = Plan(SIZES, n_epochs=2, buffer_rows=80, seed=0)
        places, net = [], student.net_

        class Stop(Exception):
            pass

        class Stopping(CheckpointFile):
            def write_if_due(self, net, own=None):
                super().write_if_due(net, own)
                places.append(Position(*own))
                if places[-1] == stopped_at:
                    raise Stop

        others = copy.deepcopy(net), copy.deepcopy(net)
        train_on_stream(others[0], read, plan)
        with pytest.raises(Stop):
            train_on_stream(net, read, plan, Stopping(tmp_path / "file", "this"))
        assert places == sorted(places)
        reads = []

        def counted(order):
            reads.extend(order)
            return read(order)

        train_on_stream(others[1], counted, plan, CheckpointFile(tmp_path / "file", "this"))
        np.testing.assert_array_equal(weights(others[1]), weights(others[0]))
        assert len(reads) < 2 * len(SIZES)
        assert others[1].history_[:, "train_loss"] == others[0].history_[:, "train_loss"]
        assert not (tmp_path / "file").exists()

    def test_a_file_of_another_training_is_not_used(self, student, tmp_path, eager):
        plan = Plan(SIZES, n_epochs=1, buffer_rows=80, seed=0)
        other = copy.deepcopy(student.net_)
        CheckpointFile(tmp_path / "file", "that").write_if_due(student.net_, [0, 1])
        with pytest.warns(UserWarning, match="other parameters, data or seed"):
            train_on_stream(student.net_, read, plan, CheckpointFile(tmp_path / "file", "this"))
        train_on_stream(other, read, plan)
        np.testing.assert_array_equal(weights(student.net_), weights(other))

    def test_a_full_disk_does_not_end_it(self, student, tmp_path, eager, monkeypatch):
        plan = Plan(SIZES, n_epochs=4, buffer_rows=80, seed=0)
        n_windows = sum(len(plan.windows(epoch)) for epoch in range(4))
        write, tried, found = checkpoint.write_file, [], []

        def full(path, *args):
            found.append(path.exists())
            tried.append(path)
            if len(tried) < 3:
                raise OSError(errno.ENOSPC, "No space left on device")
            write(path, *args)

        monkeypatch.setattr(checkpoint, "write_file", full)
        other = copy.deepcopy(student.net_)
        with pytest.warns(UserWarning, match="could not be written: .*No space left"):
            train_on_stream(student.net_, read, plan, CheckpointFile(tmp_path / "file", "this"))
        assert len(student.net_.history_) == n_windows
        assert (
            len(tried) == n_windows - 1 > 3
        )  # after the last window there is nothing to go on with
        assert found == [False, False, False] + [True] * (n_windows - 4)
        assert not (tmp_path / "file").exists()
        train_on_stream(other, read, plan)
        np.testing.assert_array_equal(weights(student.net_), weights(other))

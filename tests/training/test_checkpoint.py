"""A training that was killed goes on from its file and ends where it would have ended."""

import errno
import itertools
import json
import os
import signal
import subprocess
import sys
import time
import traceback
import warnings
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.linear_model import Ridge
from skorch import NeuralNet
from skorch.callbacks import Callback, EpochScoring, LRScheduler
from torch import nn
from torch.optim.lr_scheduler import ExponentialLR

from sklearn_regkd import DistilledRegressor, DistilledSearchCV, StudentRegressor, TORRegressor
from sklearn_regkd.teachers import cross_fit
from sklearn_regkd.training import checkpoint
from sklearn_regkd.training.callbacks import ReportProgress
from sklearn_regkd.training.checkpoint import capture, read_checkpoint, restore, write_checkpoint
from sklearn_regkd.training.net import StudentNet
from sklearn_regkd.utils.files import FileError, write_file
from tests.helpers import smooth_table

KILLED = 5  # epochs that are over when the process is killed


class Restless(nn.Module):
    """A user's module that draws random numbers and keeps statistics."""

    def __init__(self, n_features, n_outputs):
        super().__init__()
        self.body = nn.Linear(n_features, 16)
        self.norm = nn.BatchNorm1d(16)
        self.dropout = nn.Dropout(0.3)
        self.last = nn.Linear(16, n_outputs)

    def forward(self, X):
        return self.last(self.dropout(torch.relu(self.norm(self.body(X)))))


class Counter(Callback):
    """A user's callback with a memory."""

    def on_train_begin(self, net, **kwargs):
        self.losses_ = np.zeros(0)
        self.seen_ = {0: (None, "nothing")}

    def on_epoch_end(self, net, **kwargs):
        self.losses_ = np.append(self.losses_, net.history[-1, "train_loss"])
        self.seen_[len(self.losses_)] = len(self.losses_), "epochs"


def table(n=120):
    return smooth_table(n, noise=0.3)


def student(**params):
    quick = {"hidden_layer_sizes": (16,), "lr": 0.03, "batch_size": 32, "max_epochs": 9}
    return StudentRegressor(**{**quick, "weight_decay": 0.1, "random_state": 0, **params})


def own_net():
    return NeuralNet(
        Restless,
        criterion=nn.MSELoss,
        module__n_features=3,
        module__n_outputs=1,
        max_epochs=9,
        batch_size=32,
        iterator_train__shuffle=True,
        train_split=None,
        callbacks=[
            ("fall", LRScheduler(ExponentialLR, gamma=0.8)),
            ("count", Counter()),
            ("mse", EpochScoring("neg_mean_squared_error", on_train=True)),
        ],
    )


def distilled(kind, path, memory=None, **params):
    return kind(
        GradientBoostingRegressor(n_estimators=8),
        student(random_state=None, checkpoint=path),
        memory=memory,
        random_state=0,
        **params,
    )


# Each makes an unfitted estimator with a checkpoint at that path.
CASES = {
    "plain": lambda path: student(checkpoint=path),
    "tuned": lambda path: student(checkpoint=path, weight_decay="auto"),
    "sgd": lambda path: student(
        checkpoint=path, optimizer="sgd", net_params={"optimizer__momentum": 0.9}
    ),
    "huber": lambda path: student(checkpoint=path, loss="huber"),
    "tukey": lambda path: student(checkpoint=path, loss="tukey"),
    "barron_learned": lambda path: student(checkpoint=path, loss="barron_learned"),
    "stopped": lambda path: student(
        checkpoint=path, early_stopping=True, n_iter_no_change=5, lr=0.05, max_epochs=50
    ),
    "module": lambda path: student(checkpoint=path, module=Restless),
    "net": lambda path: student(checkpoint=path, module=own_net()),
    "route": lambda path: distilled(DistilledRegressor, path, outliers=None, route=3),
    "hints": lambda path: distilled(DistilledRegressor, path, outliers=None, hints="leaves"),
    "tor": lambda path: distilled(TORRegressor, path, str(path.parent / "memory")),
    "distilled": lambda path: distilled(DistilledRegressor, path, str(path.parent / "memory")),
}


def write_always():
    """Let every epoch end with a file."""
    checkpoint.LEAST_SECONDS, checkpoint.MOST_SHARE = 0.0, 1e9


def kill_all(folder):
    """Start each fit in a process of its own, which SIGKILL ends within the training."""
    write_always()
    for model in (student(), student(module=Restless), TORRegressor(Ridge(), random_state=0)):
        model.fit(*table())  # what is imported late, is imported once for all
    begin = ReportProgress.on_epoch_begin

    def begin_or_die(self, net, **kwargs):
        if len(net.history) > KILLED:
            os.kill(os.getpid(), signal.SIGKILL)
        begin(self, net, **kwargs)

    ReportProgress.on_epoch_begin = begin_or_die
    ends = {}
    for name, make in CASES.items():
        child = os.fork()
        if child == 0:
            try:
                make(Path(folder, name)).fit(*table())
            finally:
                traceback.print_exc()
                os._exit(1)
        ends[name] = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    print(json.dumps(ends))


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """The folder in which processes that were killed have left their files."""
    folder = tmp_path_factory.mktemp("killed")
    script = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parents[2])!r})\n"
        f"import {__name__} as cases; cases.kill_all({str(folder)!r})"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    ends = json.loads(done.stdout.splitlines()[-1])
    assert ends == dict.fromkeys(CASES, -signal.SIGKILL), done.stderr
    return folder


@pytest.fixture
def eager(monkeypatch):
    """Every epoch ends with a file."""
    monkeypatch.setattr(checkpoint, "LEAST_SECONDS", 0.0)
    monkeypatch.setattr(checkpoint, "MOST_SHARE", 1e9)


class StopHereError(Exception):
    """Stands for whatever ends a process, where the process is ours."""


def interrupt(estimator, X, y, monkeypatch, after=KILLED):
    """Fit until so many epochs are over."""
    begin = ReportProgress.on_epoch_begin

    def stop(self, net, **kwargs):
        if len(net.history) > after and "checkpoint" in dict(net.callbacks_):
            raise StopHereError
        begin(self, net, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(ReportProgress, "on_epoch_begin", stop)
        with pytest.raises(StopHereError):
            estimator.fit(X, y)


def count_epochs(monkeypatch):
    """The epochs that are trained from now on."""
    seen = []
    begin = ReportProgress.on_epoch_begin
    monkeypatch.setattr(
        ReportProgress,
        "on_epoch_begin",
        lambda self, net, **kwargs: (seen.append(len(net.history)), begin(self, net, **kwargs)),
    )
    return seen


def losses(estimator):
    return [
        {name: value for name, value in record.items() if "loss" in name}
        for record in estimator.history_
    ]


@pytest.mark.slow
class TestKilled:
    @pytest.mark.parametrize("name", CASES)
    def test_goes_on_to_the_same_end(self, killed, name, monkeypatch):
        X, y = table()
        path = killed / name
        assert path.exists()
        trained = count_epochs(monkeypatch)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            resumed = CASES[name](path).fit(X, y)
        assert trained[0] == KILLED + 1
        assert not path.exists()
        whole = CASES[name](path)
        whole.set_params(**{k: None for k in whole.get_params() if k.endswith("checkpoint")})
        whole.fit(X, y)
        assert resumed.n_iter_ == whole.n_iter_ > KILLED
        assert losses(resumed) == losses(whole)
        assert np.array_equal(resumed.predict(X), whole.predict(X))
        (state, tensors), (other_state, other) = (
            capture(getattr(e, "student_", e).net_) for e in (resumed, whole)
        )
        parts = state["dict"]["parts"]
        assert parts == other_state["dict"]["parts"]
        assert all(
            torch.equal(tensor, other[place])
            for place, tensor in tensors.items()
            if {"tensor": place} in _values(parts)
        )

    def test_early_stopping_remembers_the_best_weights_and_its_patience(self, killed):
        whole = CASES["stopped"](killed / "unused").fit(*table())
        valid = [record["valid_loss"] for record in whole.history_]
        # otherwise the case above shows nothing
        assert np.argmin(valid) < KILLED
        assert whole.n_iter_ == np.argmin(valid) + 1 + 5

    def test_user_callbacks_remember(self, eager, monkeypatch, tmp_path):
        X, y = table()
        interrupt(CASES["net"](tmp_path / "c"), X, y, monkeypatch)
        resumed = CASES["net"](tmp_path / "c").fit(X, y)
        counter = dict(resumed.net_.callbacks_)["count"]
        assert np.array_equal(counter.losses_, resumed.net_.history[:, "train_loss"])
        assert counter.seen_ == {0: (None, "nothing"), **{i: (i, "epochs") for i in range(1, 10)}}

    def test_teacher_is_not_asked_again(self, eager, monkeypatch, tmp_path):
        X, y = table()
        tor = distilled(TORRegressor, tmp_path / "c", str(tmp_path / "memory"))
        interrupt(tor, X, y, monkeypatch)
        monkeypatch.setattr(cross_fit, "clone", None)  # without which nothing can be fitted
        assert tor.fit(X, y).n_iter_ == 9


def _values(tree):
    """All dictionaries in a tree of dictionaries and lists."""
    found = [tree] if isinstance(tree, dict) else []
    for child in tree.values() if isinstance(tree, dict) else tree:
        if isinstance(child, dict | list):
            found += _values(child)
    return found


class TestFile:
    @pytest.mark.slow
    @pytest.mark.parametrize(
        "change",
        [
            {"lr": 0.02},
            {"random_state": 1},
            {"loss": "huber"},
            {"max_epochs": 10},
            {"weight_decay": 0.2},
            {"y": 1},
            {"X": 1},
            {"sample_weight": 1},
        ],
        ids=str,
    )
    def test_of_another_fit_is_replaced(self, eager, monkeypatch, tmp_path, change):
        X, y = table()
        path = tmp_path / "c"
        interrupt(student(checkpoint=path), X, y, monkeypatch)
        before, weight = path.read_bytes(), None
        if "X" in change:
            X = X + np.eye(len(X), 3)
        if "y" in change:
            y = y + np.eye(len(y))[3]
        if "sample_weight" in change:
            weight = 1 + np.eye(len(X))[3]
        params = {k: v for k, v in change.items() if k not in ("X", "y", "sample_weight")}
        other = student(checkpoint=path, **params)
        trained = count_epochs(monkeypatch)
        with pytest.warns(UserWarning, match="belongs to a fit with other parameters"):
            interrupt(partial_fit(other, weight), X, y, monkeypatch, after=2)
        assert trained == [1, 2]
        assert path.read_bytes() != before
        other.fit(X, y, sample_weight=weight)
        assert trained[2] == 3
        alone = student(**params).fit(X, y, sample_weight=weight)
        assert np.array_equal(other.predict(X), alone.predict(X))

    def test_what_does_not_decide_the_fit_may_change(self, eager, monkeypatch, tmp_path):
        X, y = table()
        interrupt(student(checkpoint=tmp_path / "c"), X, y, monkeypatch)
        (tmp_path / "c").rename(tmp_path / "d")
        trained = count_epochs(monkeypatch)
        student(checkpoint=str(tmp_path / "d"), verbose=1).fit(X, y)
        assert trained[0] == KILLED + 1

    def test_of_another_kind_is_left_alone(self, tmp_path):
        X, y = table()
        path = tmp_path / "precious"
        write_file(path, "student", 1, {}, {})
        precious = path.read_bytes()
        with pytest.raises(FileError, match=r"holds a student.*delete it, or give another path"):
            student(checkpoint=path).fit(X, y)
        assert path.read_bytes() == precious
        path.write_text("my notes")
        with pytest.raises(FileError, match="delete it, or give another path"):
            student(checkpoint=path).fit(X, y)
        assert path.read_text() == "my notes"

    def test_damaged_is_refused(self, eager, monkeypatch, tmp_path):
        X, y = table()
        path = tmp_path / "c"
        interrupt(student(checkpoint=path), X, y, monkeypatch)
        data = bytearray(path.read_bytes())
        data[-100] ^= 1
        path.write_bytes(data)
        with pytest.raises(FileError, match="checksum is wrong"):
            student(checkpoint=path).fit(X, y)

    def test_no_folder(self, tmp_path):
        with pytest.raises(FileNotFoundError, match=r"there is no folder .*missing; create it"):
            student(checkpoint=tmp_path / "missing" / "c").fit(*table())

    def test_quick_fits_write_nothing(self, monkeypatch, tmp_path):
        monkeypatch.setattr(checkpoint, "write_checkpoint", None)
        monkeypatch.setattr(checkpoint, "LEAST_SECONDS", 1000.0)
        assert student(checkpoint=tmp_path / "c").fit(*table()).n_iter_ == 9

    def test_a_slow_disk_is_written_to_rarely(self, monkeypatch, tmp_path):
        clock, written = [0.0], []
        monkeypatch.setattr(time, "monotonic", lambda: clock[0])
        monkeypatch.setattr(ReportProgress, "on_epoch_end", lambda *a, **k: _pass(clock, 1.0))

        def write(*args):
            written.append(clock[0])
            _pass(clock, 0.1)

        monkeypatch.setattr(checkpoint, "write_checkpoint", write)
        student(checkpoint=tmp_path / "c", max_epochs=16).fit(*table())
        # 0.1 s are 2 % of 5 s
        assert written == pytest.approx([1, 7.1, 12.2])

    def test_a_full_disk_does_not_end_the_training(self, eager, monkeypatch, tmp_path):
        failing_writes(monkeypatch, range(100))
        with pytest.warns(UserWarning, match="could not be written: .*No space left"):
            fitted = student(checkpoint=tmp_path / "c").fit(*table())
        assert fitted.n_iter_ == 9

    def test_it_is_written_again_when_there_is_room(self, eager, monkeypatch, tmp_path):
        X, y = table()
        failing_writes(monkeypatch, range(3))
        with pytest.warns(UserWarning, match="could not be written: .*No space left"):
            interrupt(student(checkpoint=tmp_path / "c"), X, y, monkeypatch)
        trained = count_epochs(monkeypatch)
        resumed = student(checkpoint=tmp_path / "c").fit(X, y)
        assert trained[0] == KILLED + 1
        assert np.array_equal(resumed.predict(X), student().fit(X, y).predict(X))

    def test_of_an_earlier_layout_is_replaced(self, eager, monkeypatch, tmp_path):
        X, y = table()
        with monkeypatch.context() as patch:
            patch.setattr(checkpoint, "VERSION", checkpoint.VERSION - 1)
            interrupt(student(checkpoint=tmp_path / "c"), X, y, patch)
        trained = count_epochs(monkeypatch)
        with pytest.warns(UserWarning, match="an earlier version: it is not used"):
            student(checkpoint=tmp_path / "c").fit(X, y)
        assert trained[0] == 1


def failing_writes(monkeypatch, numbers):
    """Let the disk be full at the writes of these numbers, from 0."""
    write, count = checkpoint.write_file, itertools.count()

    def full(*args):
        if next(count) in numbers:
            raise OSError(errno.ENOSPC, "No space left on device")
        write(*args)

    monkeypatch.setattr(checkpoint, "write_file", full)


def _pass(clock, seconds):
    clock[0] += seconds


def partial_fit(estimator, weight):
    """An object with a fit of two arguments."""
    bound = type("Bound", (), {})()
    bound.fit = partial(estimator.fit, sample_weight=weight)
    return bound


class TestParameters:
    def test_without_a_seed(self, tmp_path):
        with pytest.raises(ValueError, match="set random_state to an integer"):
            student(checkpoint=tmp_path / "c", random_state=None).fit(*table())
        with pytest.raises(ValueError, match="set random_state of TORRegressor to an integer"):
            TORRegressor(Ridge(), student(checkpoint=tmp_path / "c")).fit(*table())

    def test_what_cannot_be_told_apart(self, tmp_path):
        loss = lambda prediction, label: (prediction - label).square()  # noqa: E731
        with pytest.raises(ValueError, match="needs parameters that can be pickled") as raised:
            student(checkpoint=tmp_path / "c", loss=loss).fit(*table())
        assert len(str(raised.value)) < 500  # without the data

    @pytest.mark.slow
    def test_global_generators_are_left_alone(self, eager, monkeypatch, tmp_path):
        X, y = table()
        for name in ("plain", "module"):
            interrupt(CASES[name](tmp_path / name), X, y, monkeypatch)
            torch.manual_seed(3)
            before = torch.get_rng_state()
            CASES[name](tmp_path / name).fit(X, y)
            assert torch.equal(torch.get_rng_state(), before)

    @pytest.mark.slow
    def test_search_does_not_put_it_off(self, eager, monkeypatch, tmp_path):
        X, y = table()
        written = []
        monkeypatch.setattr(
            checkpoint,
            "write_checkpoint",
            lambda *args: (written.append(args), write_checkpoint(*args)),
        )
        search = DistilledSearchCV(
            student(checkpoint=tmp_path / "c", max_epochs=2), {"lr": [0.01, 0.1]}, cv=2
        ).fit(X, y)
        assert len(written) == 2 * (2 * 2 + 1)
        alone = DistilledSearchCV(student(max_epochs=2), {"lr": [0.01, 0.1]}, cv=2).fit(X, y)
        for name in ("mean_test_score", "std_test_score"):
            np.testing.assert_allclose(search.cv_results_[name], alone.cv_results_[name], rtol=1e-4)

    @pytest.mark.slow
    def test_selection_by_influence_leaves_the_file_to_the_student(
        self, eager, monkeypatch, tmp_path
    ):
        X, y = table()
        model = distilled(DistilledRegressor, tmp_path / "c", selection="influence")
        interrupt(model, X, y, monkeypatch)
        trained = count_epochs(monkeypatch)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            model.fit(X, y)
        # all epochs of the student that is asked for its features, and the rest of the other's
        assert trained == [*range(1, 10), *range(KILLED + 1, 10)]


class TestOnItsOwn:
    def test_position_of_the_caller(self, tmp_path):
        net = StudentNet(nn.Linear, nn.MSELoss, module__in_features=2, module__out_features=1)
        net.initialize()
        own = {"block": 3, "generator": [1, 2]}
        write_checkpoint(tmp_path / "c", "this", net, own)
        state, tensors, back = read_checkpoint(tmp_path / "c", "this")
        assert back == own
        other = StudentNet(nn.Linear, nn.MSELoss, module__in_features=2, module__out_features=1)
        other.initialize()
        assert not torch.equal(other.module_.weight, net.module_.weight)
        with torch.random.fork_rng():
            restore(other, state, tensors)
        assert torch.equal(other.module_.weight, net.module_.weight)
        assert read_checkpoint(tmp_path / "none", "this") is None

    def test_what_cannot_be_kept(self):
        class Odd(nn.Linear):
            def get_extra_state(self):
                return {1, 2}

        net = StudentNet(Odd, nn.MSELoss, module__in_features=2, module__out_features=1)
        with pytest.raises(TypeError, match="tensors and arrays, not a set"):
            capture(net.initialize())

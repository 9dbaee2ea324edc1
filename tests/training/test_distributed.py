"""Two processes train what one process with the double batch trains."""

import os
import pickle
import re
import signal
import socket
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
import torch
from skorch import NeuralNet
from skorch.callbacks import Callback, GradientNormClipping
from torch import distributed, nn

from sklearn_regkd import DistilledRegressor, StudentRegressor
from sklearn_regkd.training import checkpoint
from sklearn_regkd.training.callbacks import ReportProgress
from sklearn_regkd.training.distributed import current_processes, data_parallel

BATCH = 16  # of each process


class Mixed(nn.Module):
    """A user's module, a part of which only some rows reach, and a part of which none."""

    def __init__(self, n_features, n_outputs):
        super().__init__()
        self.body = nn.Linear(n_features, 8)
        self.rare = nn.Linear(n_features, 8)
        self.unused = nn.Linear(8, 8)
        self.last = nn.Linear(8, n_outputs)

    def forward(self, X):
        hidden = self.body(X)
        if (X[:, 0] > 1.6).any():  # about one row in thirty
            hidden = hidden + self.rare(X) * (X[:, :1] > 1.6)
        return self.last(torch.tanh(hidden))


class Normed(nn.Sequential):
    def __init__(self, n_features, n_outputs, dropout=0.0):
        super().__init__(
            nn.Linear(n_features, 8),
            nn.BatchNorm1d(8),
            nn.Dropout(dropout),
            nn.Linear(8, n_outputs),
        )


class Masks(Callback):
    """What dropout did to the first rows of an epoch."""

    def on_train_begin(self, net, **kwargs):
        self.kept = []
        net.module_[2].register_forward_hook(
            lambda layer, args, output: self.kept.append(output.detach()[:2] != 0)
        )


class BatchHook(Callback):
    def on_batch_end(self, net, **kwargs):
        pass


def table(n=101):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, 3))
    return X, 3 * X[:, 0] + np.sin(3 * X[:, 1]) + 0.3 * rng.normal(size=n)


def student(**params):
    quick = {"hidden_layer_sizes": (16,), "lr": 0.03, "batch_size": BATCH, "max_epochs": 6}
    return StudentRegressor(**{**quick, "weight_decay": 0.1, "random_state": 0, **params})


def distilled(batch_size, **params):
    shown = student(random_state=None, batch_size=batch_size)
    return DistilledRegressor(student=shown, random_state=0, **params)


# Each makes an estimator for a size of batches.
CASES = {
    "squared_error": lambda size: student(batch_size=size),
    "huber": lambda size: student(batch_size=size, loss="huber"),
    "tukey": lambda size: student(batch_size=size, loss="tukey"),
    "barron_learned": lambda size: student(batch_size=size, loss="barron_learned"),
    "auto": lambda size: student(batch_size=size, max_epochs="auto", weight_decay="auto"),
    "stopped": lambda size: student(batch_size=size, early_stopping=True, n_iter_no_change=2),
    "tiny": lambda size: student(batch_size=max(1, size // BATCH), max_epochs=1),
    "module": lambda size: student(batch_size=size, module=Mixed),
    "module_huber": lambda size: student(batch_size=size, module=Mixed, loss="huber"),
    "distilled": lambda size: distilled(size),
    "hints": lambda size: distilled(size, outliers=None, hints="leaves"),
    "route": lambda size: distilled(size, outliers=None, route="greedy"),
    "selection": lambda size: distilled(size, outliers=None, selection="influence"),
    "network_teacher": lambda size: distilled(
        size, teacher=student(), outliers=None, memory=os.environ["MEMORY"]
    ),
}
REFUSED = {
    "net": lambda: student(
        module=NeuralNet(Mixed, nn.MSELoss, module__n_features=3, module__n_outputs=1)
    ),
    "iterator": lambda: student(net_params={"iterator_train": torch.utils.data.DataLoader}),
    "hook": lambda: student(net_params={"callbacks": [BatchHook()]}),
    "clipping": lambda: student(net_params={"callbacks": [GradientNormClipping(1.0)]}),
    "closure": lambda: student(module=Mixed, optimizer=torch.optim.LBFGS),
    "seed": lambda: student(random_state=None),
    "own_rate": lambda: student(weight_decay=0.1 + 0.1 * current_processes().rank),
    "own_batch": lambda: student(batch_size=BATCH + current_processes().rank),
}


def result_of(fitted):
    net = getattr(fitted, "student_", fitted).net_
    return {
        "loss": [record["train_loss"] for record in fitted.history_],
        "weights": [p.detach().numpy() for p in net.module_.parameters()],
        "buffers": [b.numpy() for b in net.module_.buffers()],
        "predicted": fitted.predict(table()[0]),
        "weight_decay": getattr(fitted, "student_", fitted).weight_decay_,
    }


class StopHereError(Exception):
    pass


def resume(path):
    """The result of a fit that was interrupted in all processes, and how many epochs were left."""
    checkpoint.LEAST_SECONDS, checkpoint.MOST_SHARE = 0.0, 1e9
    begin, trained = ReportProgress.on_epoch_begin, []

    def stop(self, net, **kwargs):
        trained.append(len(net.history))
        if len(trained) == 4:
            raise StopHereError
        begin(self, net, **kwargs)

    ReportProgress.on_epoch_begin = stop
    model = student(checkpoint=path, module=Normed, module_params={"dropout": 0.3})
    try:
        model.fit(*table())
    except StopHereError:
        model.fit(*table())
    ReportProgress.on_epoch_begin = begin
    return result_of(model), trained


def die(rank, port, folder):
    """Train as one of two processes, the second of which is killed."""
    begin = ReportProgress.on_epoch_begin

    def begin_or_die(self, net, **kwargs):
        if len(net.history) == 3 and current_processes().rank == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        begin(self, net, **kwargs)

    ReportProgress.on_epoch_begin = begin_or_die
    os.environ.pop("TORCHELASTIC_USE_AGENT_STORE", None)
    os.environ.update(MASTER_PORT=str(port), RANK=str(rank), WORLD_SIZE="2")
    try:
        with data_parallel(timeout=30):
            student().fit(*table())
    except BaseException as error:
        Path(folder, f"dead{rank}").write_text(repr(error))
    finally:
        os._exit(1)


def lose_one(folder):
    """How two further processes have ended, one of which was killed."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    children = []
    for rank in range(2):
        children.append(os.fork())
        if children[-1] == 0:
            die(rank, port, folder)
    return [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]


def work(folder):
    """What each of the processes does."""
    X, y = table()
    results, refused = {}, {}
    lost = lose_one(folder) if os.environ["RANK"] == "0" else None
    with data_parallel() as team:
        for name, make in CASES.items():
            results[name] = result_of(make(BATCH).fit(X, y))
        for name, make in REFUSED.items():
            try:
                make().fit(X, y)
            except ValueError as error:
                refused[name] = str(error)
        for name, rows, labels in (("rows", X + team.rank, y), ("labels", X, y + X[:, team.rank])):
            try:
                student().fit(rows, labels)
            except ValueError as error:
                refused[name] = str(error)
        precious = Path(folder, "precious")
        if team.rank == 0:
            precious.write_text("no checkpoint")
        try:
            student(checkpoint=precious).fit(X, y)
        except ValueError as error:
            refused["file"] = str(error)
        masks = Masks()
        dropped = student(
            module=Normed, module_params={"dropout": 0.5}, net_params={"callbacks": [masks]}
        ).fit(X, y)
        masks = dict(dropped.net_.callbacks_)["Masks"].kept
        results["normed"] = result_of(dropped)
        whole = student(module=Normed, module_params={"dropout": 0.3}).fit(X, y)
        results["whole"] = result_of(whole)
        results["resumed"], trained = resume(Path(folder, "checkpoint"))
        with redirect_stdout(StringIO()) as printed, redirect_stderr(printed):
            student(verbose=2, max_epochs=2).fit(X, y)
            student(verbose=1, max_epochs=2).fit(X, y)
    kept = {
        "team": (team.rank, team.size),
        "results": results,
        "refused": refused,
        "masks": masks,
        "trained": trained,
        "printed": printed.getvalue(),
        "lost": lost,
        "group": distributed.is_initialized(),
    }
    Path(folder, f"rank{team.rank}").write_bytes(pickle.dumps(kept))


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """What two processes, started by torchrun, have found."""
    folder = tmp_path_factory.mktemp("both")
    file = folder / "work.py"
    file.write_text(
        f"import sys; sys.path.insert(0, {str(Path(__file__).parents[2])!r})\n"
        f"import {__name__} as tests; tests.work({str(folder)!r})\n"
    )
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", str(file)]
    process = subprocess.run(
        [sys.executable, *torchrun],
        env={**os.environ, "OMP_NUM_THREADS": "1", "MEMORY": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
    )
    assert process.returncode == 0, process.stdout
    found = [pickle.loads((folder / f"rank{rank}").read_bytes()) for rank in range(2)]
    found[0]["last_words"] = (folder / "dead0").read_text()
    return found


@pytest.mark.slow
class TestTwoProcesses:
    @pytest.mark.parametrize("name", CASES)
    def test_as_one_with_the_double_batch(self, both, name, monkeypatch, tmp_path):
        monkeypatch.setenv("MEMORY", str(tmp_path))
        one = result_of(CASES[name](2 * BATCH).fit(*table()))
        for found in both:
            two = found["results"][name]
            assert two["weight_decay"] == one["weight_decay"]
            np.testing.assert_allclose(two["loss"], one["loss"], rtol=1e-3)
            for own, expected in zip(two["weights"], one["weights"], strict=True):
                np.testing.assert_allclose(own, expected, atol=2e-3)
            np.testing.assert_allclose(two["predicted"], one["predicted"], atol=1e-2)

    def test_the_batch_matters(self, both):
        # otherwise the test above shows nothing
        single = result_of(CASES["squared_error"](BATCH).fit(*table()))
        two = both[0]["results"]["squared_error"]
        assert np.abs(two["predicted"] - single["predicted"]).max() > 0.1

    def test_both_have_the_same_student(self, both):
        first, second = (found["results"] for found in both)
        for name, one in first.items():
            for part in ("weights", "buffers"):
                for a, b in zip(one[part], second[name][part], strict=True):
                    assert np.array_equal(a, b), name
            assert one["loss"] == second[name]["loss"]

    def test_each_drops_its_own(self, both):
        first, second = ([mask.numpy() for mask in found["masks"]] for found in both)
        assert len(first) == len(second)
        assert not all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))

    def test_checkpoint_by_the_first_goes_on_in_both(self, both):
        for found in both:
            assert found["trained"] == [1, 2, 3, 4, 4, 5, 6]
            resumed, whole = (found["results"][name] for name in ("resumed", "whole"))
            assert resumed["loss"] == whole["loss"]
            assert np.array_equal(resumed["predicted"], whole["predicted"])

    def test_only_the_first_prints(self, both):
        assert "train_loss" in both[0]["printed"]
        assert "2/2" in both[0]["printed"]
        assert both[1]["printed"] == ""

    def test_group_is_gone(self, both):
        assert [found["team"] for found in both] == [(0, 2), (1, 2)]
        assert not any(found["group"] for found in both)

    def test_a_dead_process_does_not_hang_the_other(self, both):
        assert both[0]["lost"] == [1, -signal.SIGKILL]
        assert re.search("closed|reset|Gloo", both[0]["last_words"])

    @pytest.mark.parametrize(
        ("name", "message"),
        [
            ("net", "give its module as module="),
            ("iterator", "iterator_train=DataLoader knows nothing of the others"),
            ("hook", "a callback has a hook for batches"),
            ("clipping", "a callback has a hook for batches"),
            ("closure", "LBFGS tries several steps"),
            ("seed", "their initial weights.* differ.*an integer random_state"),
            ("own_rate", "their initial weights differ"),
            ("own_batch", "steps differ"),
            ("rows", "their rows"),
            ("file", "delete it, or give another path"),
            ("labels", "their labels or teachers' predictions differ"),
        ],
    )
    def test_refused_by_all(self, both, name, message):
        for found in both:
            assert re.search(message, found["refused"][name])


class TestAlone:
    def test_nobody_else(self, monkeypatch):
        monkeypatch.delenv("WORLD_SIZE", raising=False)
        X, y = table()
        with data_parallel() as team:
            shared = student().fit(X, y)
        assert (team.rank, team.size) == (0, 1)
        assert np.array_equal(shared.predict(X), student().fit(X, y).predict(X))

"""A search on a real cluster of dask: the same result, also when a worker dies."""

import os
import signal
import threading
import time
import uuid
from pathlib import Path

import numpy as np
import pytest
from joblib import parallel_config
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.datasets import make_friedman1
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV

from sklearn_regkd import StudentRegressor, TORRegressor
from sklearn_regkd.out_of_core import resilient_client
from sklearn_regkd.out_of_core.block_reader import open_reader
from sklearn_regkd.out_of_core.prediction_store import PredictionStore, predict_blocks
from sklearn_regkd.out_of_core.sample import sample_blocks
from sklearn_regkd.preprocessing.scaling import Scaling
from sklearn_regkd.utils.parallel import call_all

distributed = pytest.importorskip("distributed")

CANDIDATES = {
    "student__lr": [0.003, 0.01, 0.02, 0.03],
    "student__hidden_layer_sizes": [(4,), (8,), (16,)],
}


pytestmark = pytest.mark.slow  # each starts processes


class Slow(RegressorMixin, BaseEstimator):
    """A ridge regression that takes its time, and leaves a file for each fit."""

    def __init__(self, log=None, seconds=0.0):
        self.log = log
        self.seconds = seconds

    def fit(self, X, y):
        Path(self.log, uuid.uuid4().hex).touch()
        time.sleep(self.seconds)
        self.ridge_ = Ridge().fit(X, y)
        return self

    def predict(self, X):
        return self.ridge_.predict(X)


@pytest.fixture(scope="module")
def started():
    with (
        distributed.LocalCluster(
            n_workers=3, threads_per_worker=1, dashboard_address=None, processes=True
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@pytest.fixture
def client(started):
    """Three workers, also after a test that killed one: a new one imports torch first."""
    started.cluster.scale(3)
    started.wait_for_workers(3, timeout=180)
    return started


@pytest.fixture
def log(tmp_path):
    (tmp_path / "log").mkdir()
    return tmp_path / "log"


def search(log, folder, seconds=0.0):
    """Return an unfitted search over 12 candidates."""
    student = StudentRegressor(max_epochs=1, weight_decay=0.1, embedding=None)
    model = TORRegressor(Slow(str(log), seconds), student, cv=3, random_state=0, memory=folder)
    return GridSearchCV(model, CANDIDATES, cv=3)


def assert_same(one, other):
    assert one.best_params_ == other.best_params_
    for name in ("mean_test_score", "std_test_score", "rank_test_score"):
        np.testing.assert_array_equal(one.cv_results_[name], other.cv_results_[name])


@pytest.mark.parametrize(
    "wraps", [resilient_client, lambda client: client], ids=["resilient", "plain"]
)
def test_a_worker_dies_in_the_middle(client, log, tmp_path, wraps):
    X, y = make_friedman1(300, noise=0.3, random_state=0)
    expected = search(log, None).fit(X, y)
    n_fits = len(list(log.iterdir()))
    processes = client.run(os.getpid)
    killed = []

    def kill():
        while len(list(log.iterdir())) < n_fits + 4:
            time.sleep(0.02)
        pid = next(iter(processes.values()))
        os.kill(pid, signal.SIGKILL)
        killed.append(pid)

    killer = threading.Thread(target=kill)
    killer.start()
    with parallel_config(backend="dask", client=wraps(client)):
        found = search(log, str(tmp_path / "cache"), seconds=0.2).fit(X, y)
    killer.join()
    assert_same(found, expected)
    assert set(client.run(os.getpid).values()).isdisjoint(killed)
    # Three folds of the search, and all rows in the end: 4 fits each, shared by 12 candidates;
    # what the dead worker was about is done once more.
    assert len(list(log.iterdir())) - n_fits <= 4 * 4 + 4


def test_data_outlive_the_worker_that_held_them(client):
    held = resilient_client(client)
    data = np.arange(1000.0)

    async def scatter():
        return await held.scatter(data, asynchronous=True, hash=False)

    future = client.sync(scatter)
    distributed.wait(future)
    (holder,) = {worker for worker, keys in client.has_what().items() if future.key in keys}
    os.kill(client.run(os.getpid)[holder], signal.SIGKILL)
    assert client.submit(np.sum, future).result(timeout=30) == data.sum()


def test_predictions_on_the_cluster_survive_a_worker(client, tmp_path):
    da = pytest.importorskip("dask.array")
    X, y = make_friedman1(3000, random_state=0)
    teacher = Ridge().fit(X, y)
    reader = open_reader(da.from_array(X, chunks=(100, -1)), da.from_array(y, chunks=100))
    sample = sample_blocks(reader, 50, 0, client)
    predictions = PredictionStore(tmp_path, "ridge", sample.fingerprints)
    scaling = Scaling(np.zeros(1), np.ones(1), np.zeros(1, bool))
    victim = next(iter(client.run(os.getpid).values()))

    def kill():
        while len(list(tmp_path.glob("*.safetensors"))) < 3:
            time.sleep(0.01)
        os.kill(victim, signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    assert predict_blocks(reader, predictions, teacher, scaling, client) == 30
    killer.join()
    prediction = np.concatenate([predictions.read(index) for index in range(30)])[:, 0]
    np.testing.assert_allclose(prediction, teacher.predict(X), rtol=1e-5)
    assert np.array_equal(sample.X, sample_blocks(reader, 50, 0).X)


def _here():
    return os.getpid()


def _start_tasks():
    return call_all([_here] * 4, n_jobs=2), os.getpid()


def test_no_task_of_a_task_waits_for_a_worker(client):
    # More of them than workers: each would wait for the others to get done.
    for inside, outside in client.gather([client.submit(_start_tasks, pure=False)] * 4):
        assert set(inside) == {outside}


def _threads_within():
    import torch
    from threadpoolctl import threadpool_info

    np.ones((9, 9)) @ np.ones((9, 9))
    return max(torch.get_num_threads(), *(pool["num_threads"] for pool in threadpool_info()))


def test_a_worker_of_one_thread_computes_with_one(client):
    assert client.submit(_threads_within).result() == 1

"""Fits at a time: how many workers, and how many threads in each."""

import os
import threading
import time
from functools import partial

import joblib
import numpy as np
import pytest
import torch
from joblib import Parallel, delayed, parallel_config
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.datasets import make_friedman1
from threadpoolctl import threadpool_info

from sklearn_regkd import StudentRegressor, TORRegressor
from sklearn_regkd.utils import parallel
from sklearn_regkd.utils.parallel import at_most_threads, call_all


def look():
    """Return where this runs, and how many threads it may take."""
    time.sleep(0.05)  # for the other worker to get its share
    pools = [pool["num_threads"] for pool in threadpool_info()]
    greed = max(torch.get_num_threads(), joblib.effective_n_jobs(-1), *pools)
    return os.getpid(), threading.get_ident(), greed


def look_from_within():
    """Return what :func:`look` does inside another parallel loop."""
    return call_all([look] * 3, n_jobs=2)


class Looking(RegressorMixin, BaseEstimator):
    """A teacher that notes what it sees in its fit."""

    def fit(self, X, y):
        self.seen_ = look()
        return self

    def predict(self, X):
        return np.zeros(len(X))


@pytest.fixture
def greedy_environment(monkeypatch):
    """More threads than there are cores, asked for by the user; 4 cores."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.setenv(name, "8")
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "4")
    monkeypatch.setattr(parallel, "cpu_count", lambda: 4)


@pytest.mark.usefixtures("greedy_environment")
class TestCores:
    @pytest.mark.slow
    def test_each_worker_gets_its_share(self):
        seen = call_all([look] * 6, n_jobs=2)
        processes = {process for process, _, _ in seen}
        assert os.getpid() not in processes
        assert len(processes) <= 2
        assert {greed for _, _, greed in seen} == {2}

    @pytest.mark.slow
    def test_the_order_of_tasks_is_kept(self):
        tasks = [partial(pow, 2, k) for k in range(5)]
        assert call_all(tasks, n_jobs=2) == call_all(tasks, n_jobs=None) == [1, 2, 4, 8, 16]

    @pytest.mark.slow
    def test_a_teacher_inside_of_an_estimator(self):
        student = StudentRegressor((4,), max_epochs=1, weight_decay=0.1, embedding=None)
        tor = TORRegressor(Looking(), student, cv=2, n_jobs=2, random_state=0)
        tor.fit(*make_friedman1(60, random_state=0))
        process, _, greed = tor.teacher_.seen_
        assert process != os.getpid()
        assert greed == 2

    def test_no_more_workers_than_cores(self):
        assert parallel._count_workers(9) == 4
        assert parallel._count_workers(3) == 3
        assert parallel._count_workers(None) == 1
        with parallel_config(n_jobs=3):
            assert parallel._count_workers(None) == 3

    @pytest.mark.slow
    @pytest.mark.parametrize("backend", ["loky", "threading"])
    def test_one_after_the_other_inside_another_loop(self, backend):
        for seen in Parallel(n_jobs=2, backend=backend)(
            delayed(look_from_within)() for _ in range(2)
        ):
            assert len({(process, thread) for process, thread, _ in seen}) == 1

    def test_threads_of_one_process_are_left_alone(self):
        before = torch.get_num_threads()
        with parallel_config("threading"):
            seen = call_all([look] * 4, n_jobs=2)
        assert {process for process, _, _ in seen} == {os.getpid()}
        assert torch.get_num_threads() == before
        assert os.environ["LOKY_MAX_CPU_COUNT"] == "4"


def test_limits_are_lowered_put_back_and_never_raised(monkeypatch):
    monkeypatch.delenv("LOKY_MAX_CPU_COUNT", raising=False)
    before = torch.get_num_threads()
    try:
        for threads, inside in ((3, 2), (1, 1)):
            torch.set_num_threads(threads)
            with at_most_threads(2):
                assert torch.get_num_threads() == inside
                assert joblib.cpu_count() <= 2
            assert torch.get_num_threads() == threads
        assert "LOKY_MAX_CPU_COUNT" not in os.environ
    finally:
        torch.set_num_threads(before)

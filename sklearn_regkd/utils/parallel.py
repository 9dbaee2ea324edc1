"""Several fits at a time, whose worker processes and threads share the cores."""

import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from joblib import cpu_count, effective_n_jobs
from joblib.parallel import get_active_backend
from sklearn.utils.parallel import Parallel, delayed
from threadpoolctl import ThreadpoolController

CORES_OF_WORKER = "LOKY_MAX_CPU_COUNT"  # what joblib takes for their number


def call_all(tasks: Sequence[Callable[[], Any]], n_jobs: int | None) -> list:
    """Run tasks, several of them at a time, and return their results in the same order.

    There are no more workers than cores, and in each of them BLAS, OpenMP, torch and ``n_jobs=-1``
    are left with its share of the cores, also where the user's environment asks for more.
    Inside another parallel loop, such as that of a grid search, the cores are
    taken already: one task follows the other.

    Parameters
    ----------
    tasks : sequence of callable
        Functions without arguments.
    n_jobs : int or None
        Number of workers, as in scikit-learn.
    """
    n_workers = min(_count_workers(n_jobs), len(tasks))
    if n_workers == 1:
        return [task() for task in tasks]
    share = max(1, cpu_count() // n_workers)
    return Parallel(n_jobs=n_workers)(delayed(_call_within)(share, task) for task in tasks)


def _count_workers(n_jobs: int | None) -> int:
    backend, _ = get_active_backend()
    shares_memory = getattr(backend, "supports_sharedmem", False)
    if (backend.nesting_level and shares_memory) or _in_dask_task():  # inside another loop
        return 1
    n_workers = effective_n_jobs(n_jobs)
    here = shares_memory or backend.supports_inner_max_num_threads  # not on a cluster
    return min(n_workers, cpu_count()) if here else n_workers


def _in_dask_task() -> bool:
    """Whether a worker of a dask cluster runs this.

    joblib would send the tasks of a task back to the cluster, whatever `n_jobs` is. Where all
    other workers wait for the result that this one computes, nobody would take them.
    """
    worker = sys.modules.get("distributed.worker")
    return worker is not None and hasattr(worker.thread_state, "execution_state")


def _call_within(n_threads: int, task: Callable[[], Any]) -> Any:
    if threading.current_thread() is not threading.main_thread():
        return task()  # not a process of its own: its limits are also those of others
    with at_most_threads(n_threads):
        return task()


@contextmanager
def at_most_threads(n_threads: int) -> Iterator[None]:
    """Lower, and never raise, the numbers of threads of this process."""
    controller = ThreadpoolController()
    greedy = [pool.prefix for pool in controller.lib_controllers if pool.num_threads > n_threads]
    torch_threads, cores = torch.get_num_threads(), os.environ.get(CORES_OF_WORKER)
    torch.set_num_threads(min(n_threads, torch_threads))
    os.environ[CORES_OF_WORKER] = str(min(n_threads, cpu_count()))
    try:
        with controller.select(prefix=greedy).limit(limits=n_threads):
            yield
    finally:
        torch.set_num_threads(torch_threads)
        if cores is None:
            del os.environ[CORES_OF_WORKER]
        else:
            os.environ[CORES_OF_WORKER] = cores

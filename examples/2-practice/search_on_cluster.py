"""
Search on a cluster, although a worker dies
===========================================

A search over 12 candidates on a cluster of dask, one worker of which is killed midway::

    python examples/2-practice/search_on_cluster.py

The cluster is three processes of this machine; a client of any other cluster will do, if `memory`
is a folder that all of its machines see. The result is compared with that of an ordinary search.

This page and a notebook search with ``--quick``: 2 candidates on fewer rows. At that size
three processes are slower than one.
"""  # noqa: D205, D400  (the first line is the title of a page)

import argparse
import os
import signal
import sys
import tempfile
import threading
import time

import numpy as np
from distributed import Client, LocalCluster
from joblib import parallel_config
from sklearn.datasets import make_friedman1
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.model_selection import GridSearchCV

from sklearn_regkd import StudentRegressor, TORRegressor
from sklearn_regkd.out_of_core import resilient_client

parser = argparse.ArgumentParser(description="A search on a cluster, although a worker dies.")
parser.add_argument("--rows", type=int, default=1000)
parser.add_argument("--kill-after", type=float, default=5.0, help="seconds; 0 kills nobody")
parser.add_argument("--quick", action="store_true", help="2 candidates, to see that it runs")
# A notebook has no command line: what would stand on it stands in this list.
args = parser.parse_args(["--quick"] if "ipykernel" in sys.modules else None)
candidates = {
    "student__lr": [0.003, 0.01, 0.02, 0.03],
    "student__hidden_layer_sizes": [(16,), (32, 32), (64, 64)],
}
if args.quick:
    args.rows, args.kill_after = 300, 3.0
    candidates = {"student__lr": [0.003, 0.03]}

# %%
# A search
# --------


def search(memory):
    """Return an unfitted search."""
    model = TORRegressor(
        HistGradientBoostingRegressor(loss="absolute_error", max_iter=30),
        StudentRegressor(max_epochs=10, weight_decay=0.1),
        random_state=0,
        memory=memory,
    )
    return GridSearchCV(model, candidates, cv=3)


# %%
# A worker that dies
# ------------------
# The others may complain on stderr that they do not reach it any more.


def kill_one(client, seconds):
    """Kill the worker that holds most, by SIGKILL."""
    time.sleep(seconds)
    held = client.has_what()
    worker = max(held, key=lambda name: len(held[name]))
    pid = client.run(os.getpid, workers=[worker])[worker]
    os.kill(pid, signal.SIGKILL)
    print(f"killed a worker, which held {len(held[worker])} results")


# %%
# The same search on three workers
# --------------------------------
# The last line is not run by workers, which import a script to know its functions.


def main():
    if args.quick:
        print("--quick: 2 candidates, few rows. These numbers mean nothing.")
    X, y = make_friedman1(args.rows, noise=1.0, random_state=0)
    y[::5] += 20  # wrong labels
    start = time.perf_counter()
    alone = search(None).fit(X, y)
    print(f"one after the other, no memory: {time.perf_counter() - start:.1f} s")
    with (
        tempfile.TemporaryDirectory() as folder,
        LocalCluster(n_workers=3, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        killer = threading.Thread(target=kill_one, args=(client, args.kill_after))
        if args.kill_after:
            killer.start()
        start = time.perf_counter()
        with parallel_config(backend="dask", client=resilient_client(client)):
            together = search(folder).fit(X, y)
        print(f"three workers, shared memory: {time.perf_counter() - start:.1f} s")
        if args.kill_after:
            killer.join()
    scores = [found.cv_results_["mean_test_score"] for found in (alone, together)]
    print(f"best: {together.best_params_}, the same: {alone.best_params_ == together.best_params_}")
    print(f"largest difference of a mean score: {np.abs(scores[0] - scores[1]).max():.1e}")


if __name__ == "__main__":
    main()

"""
Train one student by several processes
======================================

Where a network is wide and a batch is large, a step can be shared: each process computes its
part of the batch, and gradients are added up. Start it with the number of processes that
the machine has cores, or once on each machine of a cluster, see ``torchrun --help``::

    OMP_NUM_THREADS=1 torchrun --nproc-per-node=2 examples/2-practice/several_processes.py

Without ``torchrun`` the same script is one process. `batch_size` counts the rows of one process,
so the same step of one process is::

    OMP_NUM_THREADS=1 python examples/2-practice/several_processes.py --batch-size 2048

A small student gains nothing: in the time in which two processes exchange a gradient, one
makes several steps of the default student. Try ``--width 64 --batch-size 64``.

A notebook and this page are one process, and a small one: ``--quick``.
"""  # noqa: D205, D400  (the first line is the title of a page)

import argparse
import sys
import tempfile
import time
from pathlib import Path

import torch
from sklearn.datasets import make_friedman1

from sklearn_regkd import StudentRegressor
from sklearn_regkd.training.distributed import data_parallel

parser = argparse.ArgumentParser(description="One student, several processes.")
parser.add_argument("--rows", type=int, default=20_000)
parser.add_argument("--width", type=int, default=512, help="of two hidden layers")
parser.add_argument("--batch-size", type=int, default=1024, help="rows per process and step")
parser.add_argument("--epochs", type=int, default=10)
parser.add_argument(
    "--checkpoint",
    default=str(Path(tempfile.gettempdir(), "several_processes.checkpoint")),
    help="file from which the same command goes on if it was killed",
)
parser.add_argument("--quick", action="store_true", help="a small network, to see that it runs")
# A notebook has no command line: what would stand on it stands in this list.
args = parser.parse_args(["--quick"] if "ipykernel" in sys.modules else None)
if args.quick:
    args.rows, args.width, args.epochs, args.batch_size = 5_000, 64, 3, 64
    args.checkpoint = None
    print("--quick: a small network, few epochs. These numbers mean nothing.")

# %%
# The same rows in each process
# -----------------------------
# Each process has all rows and the same seed, and takes its share of each step.

X, y = make_friedman1(args.rows + 5000, 16, noise=1.0, random_state=0)
X_test, y_test = X[args.rows :], y[args.rows :]
student = StudentRegressor(
    (args.width, args.width),
    batch_size=args.batch_size,
    max_epochs=args.epochs,
    weight_decay=0.03,
    checkpoint=args.checkpoint,
    random_state=0,
)

# %%
# The fit
# -------

# What is imported late is not to be counted.
StudentRegressor((8,), max_epochs=1, random_state=0).fit(X[:100], y[:100])
with data_parallel() as processes:
    start, worked = time.perf_counter(), time.process_time()
    student.fit(X[: args.rows], y[: args.rows])
    seconds, worked = time.perf_counter() - start, time.process_time() - worked

# %%
# What a step costs
# -----------------

if processes.rank == 0:  # all of them have the student; one of them prints
    steps = student.n_iter_ * -(-args.rows // (args.batch_size * processes.size))
    print(f"{processes.size} processes, {torch.get_num_threads()} threads each")
    print(
        f"{1e3 * seconds / steps:.1f} ms per step of {args.batch_size * processes.size} rows, "
        f"{1e3 * worked / steps:.1f} ms of this processor"
    )
    print(f"loss of the last epoch: {student.history_[-1, 'train_loss']:.6f}")
    print(f"R2 on rows of its own: {student.score(X_test, y_test):.6f}")

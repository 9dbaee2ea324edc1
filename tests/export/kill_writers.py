"""Kill writers of models in the middle of their work: `make fuzz-writers` does it often.

A process writes the same file again and again, and is killed with SIGKILL: every other time
after a random time, else as soon as there is a temporary file. Whatever it was doing, the file
is a good one, and once what it has left beside it is a minute old, the next write removes it.
"""

import argparse
import os
import signal
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import onnxruntime
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_regkd import StudentRegressor, load
from sklearn_regkd.export import to_int8_onnx, to_onnx
from sklearn_regkd.utils.atomic import LEFTOVER_AGE

# The longest time, in seconds, after which a writer is killed, and the longest one after the
# temporary file has appeared.
LONGEST, SOON = 0.2, 0.003


def table():
    """Return inputs and labels of a small table."""
    X = np.random.default_rng(0).normal(size=(100, 4)).astype(np.float32)
    return X, X[:, 0] + X[:, 1] ** 2


def check_onnx(path):
    """Open a model; raise if it is not whole."""
    onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])


def writers():
    """Return how each kind of file is written from a fitted student, and how it is checked."""
    return {
        "to_onnx": (lambda one, X, path: to_onnx(one, path), check_onnx),
        "to_onnx of a Pipeline": (
            lambda one, X, path: to_onnx(make_pipeline(StandardScaler().fit(X), one), path),
            check_onnx,
        ),
        "to_int8_onnx": (lambda one, X, path: to_int8_onnx(one, X, path), check_onnx),
        "save": (lambda one, X, path: one.save(path), load),
    }


def wait_for_temporary_file(folder):
    """Wait until a writer is about to write, a minute at most."""
    until = time.monotonic() + 60
    while not any(name.startswith("file.") for name in os.listdir(folder)):
        if time.monotonic() > until:
            raise TimeoutError("nothing is written")


def kill_writers(name, folder, n_kills, seed):
    """Kill one kind of writer so many times; return what was counted."""
    write, check = writers()[name]
    X, y = table()
    student = StudentRegressor((256, 256), max_epochs=1, weight_decay=0.1, random_state=0)
    student.fit(X, y)
    path, rng = Path(folder) / "file", np.random.default_rng(seed)
    counts = {"kills": 0, "lost": 0, "leftovers": 0, "leftovers of the next write": 0}
    write(student, X, path)
    for kill in range(n_kills):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of threads, which only wait
            writer = os.fork()
        if writer == 0:
            try:
                while True:
                    write(student, X, path)
            finally:
                os._exit(1)  # a writer that fails is none that was killed
        if kill % 2:
            time.sleep(rng.uniform(0, LONGEST))
        else:
            wait_for_temporary_file(folder)
            time.sleep(rng.uniform(0, SOON))
        os.kill(writer, signal.SIGKILL)
        _, status = os.waitpid(writer, 0)
        counts["kills"] += os.WIFSIGNALED(status)
        try:
            check(path)
        except Exception as error:  # of whatever kind
            print(f"{name}: {error!r}")
            counts["lost"] += 1
        for leftover in Path(folder).glob("file.*"):
            counts["leftovers"] += 1
            long_ago = time.time() - 2 * LEFTOVER_AGE
            os.utime(leftover, (long_ago, long_ago))
        write(student, X, path)
        counts["leftovers of the next write"] += len(list(Path(folder).glob("file.*")))
    return counts


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100, help="of each kind of writer")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    lost = 0
    for kind in writers():
        with tempfile.TemporaryDirectory() as place:
            counted = kill_writers(kind, place, options.kills, options.seed)
        print(f"{kind}: {counted}", flush=True)
        lost += counted["lost"] + counted["leftovers of the next write"]
    raise SystemExit(lost > 0)

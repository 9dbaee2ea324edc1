"""Training from a memmap that is larger than the memory it may take, and growth with rows.

    python examples/benchmarks/memory.py                 # 10,000,000 rows x 32, 1.3 GB on disk
    python examples/benchmarks/memory.py --rows 1000000

Each fit is a process of its own, of which the anonymous memory is watched: what
the system keeps of the file itself (page cache) is not counted.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile
import threading
import time

import numpy as np

N_FEATURES = 32
BLOCK = 100_000


def anonymous_bytes():
    """Return the memory of this process that is no file's, in bytes."""
    for line in pathlib.Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon"):
            return int(line.split()[1]) * 1024
    raise OSError("this benchmark needs /proc/self/status of Linux")


class Peak:
    """The most memory that was in use while it was watched."""

    def __enter__(self):
        self.base = self.most = anonymous_bytes()
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._watch)
        self.thread.start()
        return self

    def _watch(self):
        while not self.over.wait(0.02):
            self.most = max(self.most, anonymous_bytes())

    def __exit__(self, *error):
        self.over.set()
        self.thread.join()


def write(folder, n_rows):
    """Write random inputs and labels block by block."""
    rng = np.random.default_rng(0)
    X = np.lib.format.open_memmap(
        folder / "X.npy", "w+", dtype=np.float32, shape=(n_rows, N_FEATURES)
    )
    y = np.lib.format.open_memmap(folder / "y.npy", "w+", dtype=np.float32, shape=(n_rows,))
    for start in range(0, n_rows, BLOCK):
        block = rng.standard_normal((min(BLOCK, n_rows - start), N_FEATURES), dtype=np.float32)
        X[start : start + BLOCK] = block
        y[start : start + BLOCK] = np.sin(2 * block[:, 0]) + block[:, 1] * block[:, 2]


def fit(folder, n_rows, n_epochs):
    """Fit on the first rows; print seconds, peak memory and R2 as JSON."""
    from sklearn_regkd import StudentRegressor

    X = np.load(folder / "X.npy", mmap_mode="r")[:n_rows]
    y = np.load(folder / "y.npy", mmap_mode="r")[:n_rows]
    # Everything is imported and warm before the clock starts.
    StudentRegressor(max_epochs=1, weight_decay=0.03).fit(X[:500], y[:500])
    student = StudentRegressor(max_epochs=n_epochs, weight_decay=0.03, random_state=0)
    start, cpu = time.perf_counter(), time.process_time()
    with Peak() as peak:
        student.fit(X, y)
    print(
        json.dumps(
            {
                "rows": n_rows,
                "epochs": n_epochs,
                "seconds": time.perf_counter() - start,
                "cpu_seconds": time.process_time() - cpu,
                "peak_bytes": peak.most - peak.base,
                "r2": student.score(X[:10_000], y[:10_000]),
            }
        )
    )


def measure(n_rows, n_epochs=1, n_repeats=3):
    """Return a record of each fit, of 10,000 rows and ten times as many up to `n_rows`.

    All but the largest are repeated, and the quickest is kept.
    """
    records = []
    with tempfile.TemporaryDirectory() as name:
        write(pathlib.Path(name), n_rows)
        size = 10_000
        while size <= n_rows:
            command = [sys.executable, __file__, "--fit", name, str(size), str(n_epochs)]
            tries = []
            for _ in range(n_repeats if size < n_rows else 1):
                done = subprocess.run(command, check=True, capture_output=True, text=True)
                tries.append(json.loads(done.stdout.splitlines()[-1]))
            records.append(min(tries, key=lambda record: record["cpu_seconds"]))
            size *= 10
    return records


def exponent(records):
    """Return b of time ~ rows^b, by least squares on logarithms."""
    rows, seconds = ([r[name] for r in records] for name in ("rows", "cpu_seconds"))
    return float(np.polyfit(np.log(rows), np.log(seconds), 1)[0])


def table(records):
    """Return a Markdown table."""
    lines = ["| rows | epochs | CPU s | rows per CPU s | peak MB above base | R2 |"]
    lines.append("| --- | --- | --- | --- | --- | --- |")
    for r in records:
        speed = r["rows"] * r["epochs"] / r["cpu_seconds"]
        lines.append(
            f"| {r['rows']:,} | {r['epochs']} | {r['cpu_seconds']:.2f} | {speed:,.0f} "
            f"| {r['peak_bytes'] / 1e6:,.0f} | {r['r2']:.3f} |"
        )
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--fit", nargs=3, metavar=("FOLDER", "ROWS", "EPOCHS"))
    args = parser.parse_args()
    if args.fit:
        fit(pathlib.Path(args.fit[0]), int(args.fit[1]), int(args.fit[2]))
        return
    records = measure(args.rows, args.epochs)
    print(table(records))
    print(f"\ntime ~ rows^{exponent(records):.3f}")


if __name__ == "__main__":
    main()

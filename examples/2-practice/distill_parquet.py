"""
Distil a table that is larger than memory
=========================================

A Parquet table that is larger than the memory of the workers, killed midway and resumed::

    python examples/2-practice/distill_parquet.py --folder work --rows 1000000
    python examples/2-practice/distill_parquet.py --folder work --prove    # 20,000,000 rows

With --prove the script runs itself as another process, kills that one with SIGKILL when half of
the teacher's predictions are on disk, and runs it again. 20,000,000 rows take 1.7 GB in the folder.

This page and a notebook distil 20,000 rows with one worker: ``--quick``.
"""  # noqa: D205, D400  (the first line is the title of a page)

import argparse
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

import numpy as np

# %%
# A table
# -------
# A tenth of its labels is wrong.

N_FEATURES = 16
ROWS_A_FILE = 200_000
WRONG = 0.1


def target(X):
    """Return clean labels: a smooth function of the first eight features."""
    return (
        3 * np.sin(2 * X[:, 0])
        + 2 * X[:, 1] * X[:, 2]
        + np.abs(X[:, 3])
        + X[:, 4]
        + np.where(X[:, 5] > 0, X[:, 6], -X[:, 7])
    )


def draw(rng, n_rows):
    """Return inputs, given labels (a tenth of them wrong) and clean labels, float32."""
    X = rng.standard_normal((n_rows, N_FEATURES), dtype=np.float32)
    clean = target(X)
    given = clean + 0.3 * rng.standard_normal(n_rows, dtype=np.float32)
    wrong = rng.random(n_rows) < WRONG
    given[wrong] += 40 * rng.standard_normal(int(wrong.sum()), dtype=np.float32)
    return X, given.astype(np.float32), clean


def write_table(folder, n_rows):
    """Write the table, one file after the other; files that are there are left alone."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder.mkdir(parents=True, exist_ok=True)
    for part, start in enumerate(range(0, n_rows, ROWS_A_FILE)):
        path = folder / f"part-{part:05d}.parquet"
        if path.exists():
            continue
        size = min(ROWS_A_FILE, n_rows - start)
        X, y, _ = draw(np.random.default_rng([0, part]), size)
        columns = {f"x{i}": column for i, column in enumerate(X.T)} | {"y": y}
        pq.write_table(pa.table(columns), f"{path}.part", use_dictionary=False)  # random numbers
        os.replace(f"{path}.part", path)


# %%
# Distilled by workers
# --------------------


def peak_bytes():
    """Return the most memory that this process has ever held, page cache aside."""
    status = pathlib.Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


def distil(args):
    """Distil the table; print a record of the run as JSON."""
    import dask
    import dask.dataframe as dd
    from distributed import Client, LocalCluster
    from sklearn.ensemble import HistGradientBoostingRegressor

    from sklearn_regkd import DistilledRegressor, StudentRegressor
    from sklearn_regkd.out_of_core import distill_blocks

    dask.config.set({"distributed.worker.memory.spill": False})  # the disk is no memory
    model = DistilledRegressor(
        HistGradientBoostingRegressor(loss="absolute_error", max_iter=100),
        StudentRegressor(
            max_epochs=args.epochs, batch_size=1024, embedding=None, weight_decay=0.03, verbose=1
        ),
        outliers="mad",
        alpha=0.5,
        random_state=0,
    )
    with (
        LocalCluster(
            n_workers=args.workers,
            threads_per_worker=1,
            memory_limit=args.memory_limit,
            dashboard_address=None,
        ) as cluster,
        Client(cluster) as client,
    ):
        before = set(client.run(os.getpid).values())
        table = dd.read_parquet(args.folder / "table")
        start = time.perf_counter()
        model = distill_blocks(
            model, table, "y", folder=args.folder / "kept", sample_rows=args.sample_rows
        )
        seconds = time.perf_counter() - start
        X, _, clean = draw(np.random.default_rng(1), 100_000)
        import pandas as pd

        frame = pd.DataFrame(X, columns=[f"x{i}" for i in range(N_FEATURES)])
        record = {
            "rows": args.rows,
            "seconds": round(seconds),
            "rows_per_second": round(args.rows / seconds),
            "worker_limit": args.memory_limit,
            "peak_mb_of_workers": [round(p / 1e6) for p in client.run(peak_bytes).values()],
            "workers_restarted": len(set(client.run(os.getpid).values()) - before),
            "peak_mb_of_main": round(peak_bytes() / 1e6),
            "r2_student": round(model.score(frame, clean), 4),
            "r2_teacher": round(float(model.teacher_.score(frame, clean)), 4),
            "decision": str(model.decisions_[0]).splitlines()[0],
        }
    print(json.dumps(record, indent=1 if args.quick else None), flush=True)


# %%
# Killed midway
# -------------


def prove(args):
    """Run in another process, kill it in the middle of the teacher's predictions, and run again."""
    n_files = -(-args.rows // ROWS_A_FILE)
    predictions = args.folder / "kept" / "predictions"
    command = [sys.executable, __file__, "--folder", args.folder, "--rows", str(args.rows)]
    command += ["--memory-limit", args.memory_limit, "--workers", str(args.workers)]
    command += ["--sample-rows", str(args.sample_rows), "--epochs", str(args.epochs)]
    start = time.perf_counter()
    child = subprocess.Popen(command)
    while len(list(predictions.glob("*.safetensors"))) < n_files // 2:
        if child.poll() is not None:
            sys.exit("the first run ended before it could be killed: is the folder a new one?")
        time.sleep(0.2)
    child.send_signal(signal.SIGKILL)
    child.wait()
    there = {path.name: path.stat().st_mtime_ns for path in predictions.glob("*.safetensors")}
    print(
        f"killed after {time.perf_counter() - start:.0f} s, {len(there)} of {n_files} predictions"
    )
    start = time.perf_counter()
    subprocess.run(command, check=True)
    kept = sum((predictions / name).stat().st_mtime_ns == when for name, when in there.items())
    print(f"resumed: {time.perf_counter() - start:.0f} s, {kept} of {len(there)} predictions kept")


# %%
# All of it
# ---------
# The last line is not run by workers, which import a script to know its functions.


def main():
    parser = argparse.ArgumentParser(description="Distil a table that is larger than memory.")
    parser.add_argument("--folder", type=pathlib.Path, help="for table and predictions")
    parser.add_argument("--rows", type=int, default=20_000_000)
    parser.add_argument("--memory-limit", default="600MB", help="of each worker")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--sample-rows", type=int, default=20_000)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--prove", action="store_true", help="kill a first run midway")
    parser.add_argument("--quick", action="store_true", help="20,000 rows, to see that it runs")
    # A notebook has no command line: what would stand on it stands in this list.
    args = parser.parse_args(["--quick"] if "ipykernel" in sys.modules else None)
    with tempfile.TemporaryDirectory() as temporary:
        if args.quick:
            args.rows, args.sample_rows, args.workers = 20_000, 5_000, 1
            args.folder = args.folder or pathlib.Path(temporary)
            print("--quick: a small table, one epoch. These numbers mean nothing.")
        if args.folder is None:
            parser.error("--folder FOLDER is needed, for table and predictions")
        start = time.perf_counter()
        write_table(args.folder / "table", args.rows)
        size = sum(path.stat().st_size for path in (args.folder / "table").glob("*.parquet"))
        seconds = time.perf_counter() - start
        print(f"{args.rows:,} rows, {size / 1e9:.3f} GB on disk, {seconds:.0f} s")
        if args.prove:
            prove(args)
        else:
            distil(args)


if __name__ == "__main__":
    main()

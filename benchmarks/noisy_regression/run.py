"""Run the benchmark; what is done goes into a record, and a run goes on where it was stopped.

python -m benchmarks.noisy_regression --jobs 2               # hours; the record is in this folder
python -m benchmarks.noisy_regression --jobs 16 --minutes 6.5 --record FILE
python -m benchmarks.noisy_regression --quick --record FILE  # a minute; its numbers mean nothing
"""

import argparse
import json
import os
import re
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import active_children, get_context
from pathlib import Path

from benchmarks.noisy_regression import cells, record
from benchmarks.noisy_regression.mistakes import NOISES
from benchmarks.noisy_regression.models import MODELS
from benchmarks.noisy_regression.tables import TABLES

RECORD = Path(__file__).with_name("record.jsonl")
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def parse(argv=None):
    """Return the options."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.noisy_regression",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )

    def names(of):
        def read(text):
            found = text.split(",")
            unknown = [name for name in found if name not in of]
            if unknown:
                raise argparse.ArgumentTypeError(
                    f"unknown: {', '.join(unknown)}; known: {', '.join(of)}"
                )
            return found

        return read

    parser.add_argument("--tables", type=names(TABLES), default=list(TABLES), metavar="A,B")
    parser.add_argument("--noises", type=names(NOISES), default=list(cells.NOISES), metavar="A,B")
    parser.add_argument("--models", type=names(MODELS), default=list(MODELS), metavar="A,B")
    parser.add_argument("--seeds", type=int, default=3, help="number of repeats")
    parser.add_argument("--rows", type=int, default=600, help="rows to learn from, at most")
    parser.add_argument("--jobs", type=int, default=1, help="processes, of one thread each")
    parser.add_argument("--minutes", type=float, help="stop after so many")
    parser.add_argument("--record", type=Path, default=RECORD, help="file of JSON lines")
    parser.add_argument(
        "--everywhere", action="store_true", help="slow models in all cells, not in a few"
    )
    parser.add_argument("--quick", action="store_true", help="only see that it runs")
    options = parser.parse_args(argv)
    if options.quick:
        options.tables, options.noises = ["concrete", "hinge"], ["none", "gross20"]
        options.models, options.seeds, options.rows = ["ridge", "boosting", "student"], 1, 200
    return options


def main(argv=None):
    """Do what is not yet in the record."""
    start, options = time.monotonic(), parse(argv)
    if options.quick:
        print("A quick run on a few rows: its numbers mean nothing.")
    skipped = cells.missing(options.models)
    for name, package in skipped.items():
        print(f"{name} is skipped: {package} is not installed")
    models = [name for name in options.models if name not in skipped]
    asked = (options.tables, options.noises, models, options.seeds, options.rows)
    tasks = cells.tasks(*asked, options.everywhere)
    done = {record.key(result) for result in record.read([options.record])[1]}
    tasks = [task for task in tasks if task not in done]
    print(f"{len(tasks)} fits to do, {len(done)} are in {options.record}", flush=True)
    if not tasks:
        return
    if _cut_short(options.record):  # by a run that was killed as it wrote
        with options.record.open("a", encoding="utf-8") as file:
            file.write("\n")
    with options.record.open("a", encoding="utf-8") as file:
        command = shown(sys.argv[1:] if argv is None else argv)
        write(file, record.machine(command, skipped) | {"jobs": options.jobs})
        end = start + 60 * options.minutes if options.minutes else None
        number = 0
        for number, result in enumerate(results(tasks, options.jobs, end), start=1):
            write(file, result)
            said = result.get("error") or f"R2 {result['r2']:.3f}"
            place = " ".join(str(result[name]) for name in ("seed", "table", "noise", "model"))
            print(f"{number}/{len(tasks)} {place}: {said}", flush=True)
    minutes = (time.monotonic() - start) / 60
    print(f"{number} of {len(tasks)} fits in {minutes:.1f} minutes", flush=True)


def shown(argv):
    """Return the command as the page shows it: where a record lies is no one's business."""
    text = " ".join(["python -m benchmarks.noisy_regression", *argv])
    return re.sub(r"--record[ =]\S+", "--record FILE", text)


def results(tasks, jobs, end):
    """Yield results as they come, until all are there or the time is over."""
    for variable in THREADS:  # read by libraries when they are loaded: before the workers start
        os.environ[variable] = "1"
    workers = ProcessPoolExecutor(jobs, get_context("spawn"), initializer=one_thread)
    futures = [workers.submit(cells.run, task) for task in tasks]
    left = None if end is None else max(0, end - time.monotonic())
    try:
        for future in as_completed(futures, left):
            yield future.result()
    except TimeoutError:
        print("The time is over: the same command goes on from here.", flush=True)
        workers.shutdown(wait=False, cancel_futures=True)
        for worker in active_children():  # what they are at is done anew by the next run
            worker.terminate()
    workers.shutdown()


def one_thread():
    """Keep a worker to one thread, and the messages of its libraries to itself."""
    import logging

    import torch
    from threadpoolctl import threadpool_limits

    torch.set_num_threads(1)
    threadpool_limits(1)
    for name in ("pytorch_lightning", "lightning.pytorch", "lightning"):
        logging.getLogger(name).setLevel(logging.ERROR)


def write(file, entry):
    """Write a line, at once: what is done is kept whenever a run ends."""
    file.write(json.dumps(entry) + "\n")
    file.flush()


def _cut_short(path):
    """Return whether the last line of a file lacks its end."""
    return path.exists() and path.stat().st_size > 0 and not path.read_bytes().endswith(b"\n")

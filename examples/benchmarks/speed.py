"""How fast: one step, many students, a whole distillation, predictions, rows without end.

    make bench                                            # all of it, about half an hour
    python examples/benchmarks/speed.py --only step --repeats 5
    python examples/benchmarks/speed.py --only fits --device cuda     # or steps

Other libraries run beside it. The last two parts, fits and steps on a device, are wall time there
and on one core of the CPU. All else is single-threaded CPU time (which is wall time on an idle
machine); each repeat runs all competitors one after the other, and a ratio is
taken within a repeat. What a step costs is the slope between a short and a long
fit, so that validation and set-up do not count.
"""

import argparse
import time
import warnings
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import devices
import memory
import numpy as np
import prediction
import torch
import whole_fits
from sklearn.base import clone
from sklearn.datasets import make_friedman1
from sklearn.ensemble import GradientBoostingRegressor, HistGradientBoostingRegressor
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPRegressor
from skorch import NeuralNet, NeuralNetRegressor
from torch import nn

from sklearn_regkd import DistilledRegressor, DistilledSearchCV, StudentRegressor, TORRegressor
from sklearn_regkd.label_noise import student_folds
from sklearn_regkd.networks.mlp import MLP
from sklearn_regkd.training import checkpoint, weight_decay
from sklearn_regkd.training.checkpoint import Checkpoint

N_FEATURES, N_ROWS, FEW, MANY = 16, 16384, 1, 4
BATCH_SIZES = (64, 256, 1024)
SETTINGS = {"weight_decay": 0.03, "random_state": 0}


def seconds(call):
    """Return the CPU time of a call."""
    start = time.process_time()
    call()
    return time.process_time() - start


def spread(values):
    """Return median and quartiles as text."""
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
    return f"{middle:.2f} ({low:.2f} to {high:.2f})"


def data(n_rows=N_ROWS, n_features=N_FEATURES):
    """Return a smooth function of ten features, with noise."""
    X, y = make_friedman1(n_rows, n_features, noise=1.0, random_state=0)
    return X.astype(np.float32), (y - y.mean()) / y.std()


def hand_written(module, X, y, batch_size, n_epochs):
    """Train as one would write it down: shuffled once per epoch, slices, fused AdamW."""
    X, y = torch.from_numpy(X), torch.from_numpy(y.astype(np.float32))[:, None]
    optimizer = torch.optim.AdamW(module.parameters(), lr=1e-3, fused=True)
    for _ in range(n_epochs):
        order = torch.randperm(len(X))
        X_now, y_now = X[order], y[order]
        for start in range(0, len(X), batch_size):
            prediction = module(X_now[start : start + batch_size])
            loss = (prediction - y_now[start : start + batch_size]).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def competitors(X, y, batch_size):
    """Return a function of the number of epochs for each way to train."""

    def plain(n_features, n_outputs):
        sizes = (n_features, 64, 64)
        hidden = [layer for n in range(2) for layer in (nn.Linear(*sizes[n : n + 2]), nn.SiLU())]
        return nn.Sequential(*hidden, nn.Linear(64, n_outputs))

    def student(**params):
        shared = {"batch_size": batch_size, **SETTINGS}
        return lambda n: StudentRegressor(max_epochs=n, **shared, **params).fit(X, y)

    def module_of(**params):
        student = StudentRegressor(max_epochs=1, **SETTINGS, **params).fit(X, y)
        return student.net_.module_.train()

    # Modules of students, hook for their inputs and all, in the hand-written loop.
    default, own = module_of(), module_of(module=plain)
    net = NeuralNetRegressor(
        MLP,
        module__n_features=N_FEATURES,
        module__n_outputs=1,
        batch_size=batch_size,
        optimizer=torch.optim.AdamW,
        train_split=None,
        verbose=0,
    )
    sklearn = {"hidden_layer_sizes": (64, 64), "batch_size": batch_size, "tol": 0.0}
    column = y.astype(np.float32)[:, None]
    return {
        "hand-written loop": lambda n: hand_written(plain(N_FEATURES, 1), X, y, batch_size, n),
        "built-in, embedding=None": student(embedding=None, input_transform="standard"),
        "hand-written loop, same module": lambda n: hand_written(own, X, y, batch_size, n),
        "module=": student(module=plain),
        "hand-written loop, default module": lambda n: hand_written(default, X, y, batch_size, n),
        "default student": student(),
        "MLPRegressor": lambda n: MLPRegressor(max_iter=n, n_iter_no_change=n + 1, **sklearn).fit(
            X, y
        ),
        "skorch": lambda n: clone(net).set_params(max_epochs=n).fit(X, column),
    }


BASES = {
    "module=": "hand-written loop, same module",
    "default student": "hand-written loop, default module",
}


def step(n_repeats):
    """Print the cost of a training step over that of the hand-written loop."""
    X, y = data()
    print("| batch | way | microseconds | over the hand-written loop |\n| --- | --- | --- | --- |")
    for batch_size in BATCH_SIZES:
        ways = competitors(X, y, batch_size)
        n_steps = (MANY - FEW) * -(-N_ROWS // batch_size)
        costs = {name: [] for name in ways}
        for _ in range(n_repeats):
            for name, way in ways.items():
                few, many = (seconds(lambda n=n, way=way: way(n)) for n in (FEW, MANY))
                costs[name].append((many - few) / n_steps * 1e6)
        for name, cost in costs.items():
            base = np.array(costs[BASES.get(name, "hand-written loop")])
            ratio = spread(np.array(cost) / base)
            print(f"| {batch_size} | {name} | {np.median(cost):.0f} | {ratio} |", flush=True)


def search(n_repeats):
    """Print what 16 candidates cost side by side, over one after the other."""
    X, y = data(4000)
    grid = {"lr": [0.003, 0.01, 0.02, 0.04], "weight_decay": [0.03, 0.1, 0.3, 1.0]}
    print("| student | batch | side by side / separate | largest difference of a score |")
    print("| --- | --- | --- | --- |")
    for embedding in ("periodic", None):
        for batch_size in (64, 128, 256):
            student = StudentRegressor(
                embedding=embedding, batch_size=batch_size, max_epochs=30, random_state=0
            )
            ratios, differences = [], []
            for _ in range(n_repeats):
                both = [
                    Search(student, grid, cv=2, refit=False)
                    for Search in (DistilledSearchCV, GridSearchCV)
                ]
                ours, theirs = (seconds(lambda one=one: one.fit(X, y)) for one in both)
                ratios.append(ours / theirs)
                scores = [one.cv_results_["mean_test_score"] for one in both]
                differences.append(np.abs(scores[0] - scores[1]).max())
            print(
                f"| {embedding} | {batch_size} | {spread(ratios)} | {max(differences):.1e} |",
                flush=True,
            )


class Clock:
    """Adds up the time spent in a function that it replaces."""

    def __init__(self, owner, name, clock=time.process_time):
        self.owner, self.name, self.inner, self.total = owner, name, getattr(owner, name), 0.0
        self.depth, self.calls, self.clock = 0, 0, clock

    def __enter__(self):
        def timed(*args, **kwargs):
            self.depth += 1
            self.calls += 1
            start = self.clock()
            try:
                return self.inner(*args, **kwargs)
            finally:
                self.depth -= 1
                self.total += (self.clock() - start) * (self.depth == 0)

        setattr(self.owner, self.name, timed)
        return self

    def __exit__(self, *error):
        setattr(self.owner, self.name, self.inner)


def distillation(n_repeats, X, y):
    """Print where the time of a default distillation goes."""
    StudentRegressor(max_epochs=1).fit(X[:500], y[:500])  # everything is imported
    shares = {name: [] for name in ("teacher", "copies", "weight decay", "student's loop", "rest")}
    totals, alone = [], []
    for _ in range(n_repeats):
        alone.append(seconds(lambda: StudentRegressor(random_state=0).fit(X, y)))
        with (
            Clock(HistGradientBoostingRegressor, "fit") as teacher,
            Clock(student_folds, "train_batched") as copies,
            Clock(weight_decay, "train_batched") as trials,
            Clock(NeuralNet, "fit_loop") as loop,
        ):
            total = seconds(lambda: DistilledRegressor(random_state=0).fit(X, y))
        parts = [teacher.total, copies.total, trials.total, loop.total]
        for name, part in zip(shares, [*parts, total - sum(parts)], strict=True):
            shares[name].append(100 * part / total)
        totals.append(total)
    print("| part | % of the time |\n| --- | --- |")
    for name, share in shares.items():
        print(f"| {name} | {spread(share)} |")
    print(f"\n{np.median(totals):.1f} s of {len(X):,} rows, of one thread; ")
    print(f"{spread(np.array(totals) / alone)} times the fit of the student alone.", flush=True)


def growth(n_repeats):
    """Print how the cost of a fit grows with features, width and candidates."""
    print("| what | value | CPU s |\n| --- | --- | --- |")
    for n_features in (8, 32, 128):
        X, y = data(4000, n_features)
        cost = [
            seconds(lambda X=X, y=y: StudentRegressor(max_epochs=10, **SETTINGS).fit(X, y))
            for _ in range(n_repeats)
        ]
        print(f"| features | {n_features} | {spread(cost)} |", flush=True)
    X, y = data(4000)
    for width in (16, 64, 256):
        student = StudentRegressor((width, width), max_epochs=10, **SETTINGS)
        cost = [seconds(lambda s=student: clone(s).fit(X, y)) for _ in range(n_repeats)]
        print(f"| width | {width} | {spread(cost)} |", flush=True)
    for n in (1, 4, 16, 64):
        grid = {"lr": list(np.geomspace(0.003, 0.03, n))}
        student = StudentRegressor(max_epochs=10, **SETTINGS)
        cost = [
            seconds(lambda g=grid, s=student: DistilledSearchCV(s, g, cv=2, refit=False).fit(X, y))
            for _ in range(n_repeats)
        ]
        print(f"| candidates | {n} | {spread(cost)} |", flush=True)


def threads(n_repeats):
    """Print the wall time of a cross-fitted teacher by `n_jobs`, of a fit by torch's threads."""
    X, y = data(8000)
    folds = 4
    print("| what | value | seconds |\n| --- | --- | --- |")
    for n_jobs in (1, 2):
        teacher = GradientBoostingRegressor(n_estimators=60, random_state=0)  # of one thread
        student = StudentRegressor(max_epochs=1, **SETTINGS)
        tor = TORRegressor(teacher, student, cv=folds, n_jobs=n_jobs, random_state=0)
        clone(tor).fit(X[:200], y[:200])  # the workers are there
        cost = [wall_seconds(lambda t=tor: clone(t).fit(X, y)) for _ in range(n_repeats)]
        print(f"| n_jobs | {n_jobs} | {spread(cost)} |", flush=True)
    for n_threads in (1, 2):
        torch.set_num_threads(n_threads)
        student = StudentRegressor(max_epochs=10, **SETTINGS)
        cost = [wall_seconds(lambda s=student: clone(s).fit(X, y)) for _ in range(n_repeats)]
        print(f"| threads of torch | {n_threads} | {spread(cost)} |", flush=True)
    torch.set_num_threads(1)


def wall_seconds(call):
    """Return the wall time of a call."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def checkpoints(n_repeats):
    """Print what it costs to keep checkpoints, as wall time: a disk takes its time as well."""
    X, y = data(10_000)
    hooks = "on_train_begin", "on_epoch_end", "on_train_end"
    times, shares = [], []
    with TemporaryDirectory() as folder:
        student = StudentRegressor(checkpoint=Path(folder, "checkpoint"), random_state=0)
        clone(student).set_params(max_epochs=1).fit(X, y)  # everything is imported
        for _ in range(n_repeats):
            with ExitStack() as stack:
                clocks = [
                    stack.enter_context(Clock(Checkpoint, hook, time.perf_counter))
                    for hook in hooks
                ]
                files = stack.enter_context(Clock(checkpoint, "write_checkpoint"))
                start = time.perf_counter()
                clone(student).fit(X, y)
                times.append(time.perf_counter() - start)
            shares.append(100 * sum(clock.total for clock in clocks) / times[-1])
    print(f"a fit of {len(X):,} rows: {spread(times)} s, of which its checkpoint takes ")
    print(f"{spread(shares)} %; in the last one {files.calls} files were written", flush=True)


def rows_on_disk(n_rows):
    """Print cost and memory of a training from a memmap, and how they grow with the rows."""
    records = memory.measure(n_rows)
    print(f"{memory.table(records)}\n\ntime ~ rows^{memory.exponent(records):.3f}")


def whole(records, n_repeats, most_rows):
    """Print what whole fits cost beside other models, and how that grows with the rows."""
    whole_fits.measure(records, n_repeats, most_rows)
    whole_fits.report(records)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", help="one part; an unknown name lists them")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--rows", type=int, default=10_000_000, help="rows of the memmap")
    parser.add_argument("--records", default="whole_fits.jsonl", help="measured whole fits")
    parser.add_argument("--most-rows", type=int, default=100_000, help="of whole fits")
    parser.add_argument("--data", help="a file with X and y, for the distillation")
    parser.add_argument("--device", default="cuda", help="the device of the parts fits and steps")
    parser.add_argument("--sizes", type=int, nargs="+", default=[1000, 10_000], help="rows of fits")
    args = parser.parse_args()
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    X, y = data(15_480, 8)
    if args.data:
        table = np.load(args.data)
        rows = np.random.default_rng(0).permutation(len(table["X"]))[:15_480]
        X, y = table["X"][rows].astype(np.float32), table["y"][rows].astype(float)
    parts = {
        "step": ("One training step", lambda: step(args.repeats)),
        "search": ("Sixteen candidates", lambda: search(args.repeats)),
        "distillation": ("A distillation", lambda: distillation(args.repeats, X, y)),
        "growth": ("Growth", lambda: growth(args.repeats)),
        "threads": ("Threads", lambda: threads(args.repeats)),
        "predict": (
            "Prediction",
            lambda: print(prediction.table(prediction.measure(args.repeats, rows=(1, 100, 5000)))),
        ),
        "checkpoint": ("Checkpoints", lambda: checkpoints(args.repeats)),
        "whole": ("Whole fits", lambda: whole(args.records, args.repeats, args.most_rows)),
        "blocks": ("A million rows in blocks", lambda: whole_fits.blocks(1_000_000)),
        "rows": ("Rows on disk", lambda: rows_on_disk(args.rows)),
        "fits": (
            "Fits on a device",
            lambda: devices.fits(args.repeats, args.device, [data(n, 10) for n in args.sizes]),
        ),
        "steps": (
            "Steps on a device",
            lambda: devices.steps(args.repeats, args.device, *data(n_features=10)),
        ),
    }
    there = args.device != "cuda" or torch.cuda.is_available()
    if args.only not in (None, *parts):
        parser.error(f"--only {args.only}: choose from {', '.join(parts)}")
    for name, (title, part) in parts.items():
        if args.only == name or (args.only is None and (there or name not in ("fits", "steps"))):
            print(f"\n## {title}\n", flush=True)
            part()


if __name__ == "__main__":
    main()

"""How long fits and steps take on a device, beside one core of the CPU; see speed.py."""

import time

import numpy as np
import torch
from sklearn.base import clone

from sklearn_regkd import DistilledRegressor, StudentRegressor, TORRegressor

QUICK = StudentRegressor(max_epochs=1, weight_decay=0.03, random_state=0)


def seconds(device, call):
    """Return the wall time of a call, until the device is done."""
    start = time.perf_counter()
    call(device)
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start


def compare(n_repeats, device, ways):
    """Print the wall time of each way, a function of the device, and the ratio of both."""
    print(f"| what | rows | CPU s | {device} s | times as fast |\n|{' --- |' * 5}")
    for (name, n_rows), way in ways.items():
        times = [[seconds(where, way) for where in ("cpu", device)] for _ in range(n_repeats)]
        on_cpu, there = np.array(times).T
        cells = " | ".join(spread(values) for values in (on_cpu, there, on_cpu / there))
        print(f"| {name} | {n_rows:,} | {cells} |", flush=True)


def spread(values):
    """Return median and quartiles as text."""
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
    return f"{middle:.2f} ({low:.2f} to {high:.2f})"


def begin(device, X, y):
    """Import what a fit imports, and let the device begin."""
    for where in ("cpu", device):
        clone(QUICK).set_params(device=where).fit(X[:500], y[:500])


def fits(n_repeats, device, tables):
    """Print how long whole fits take, with all that is the CPU's."""
    ways = {}
    for X, y in tables:
        wrong = np.where(np.random.default_rng(0).random(len(y)) < 0.2, y + 5, y)
        for name, estimator, labels in (
            ("student", StudentRegressor(), y),
            ("TOR", TORRegressor(student=StudentRegressor()), y),
            ("distilled", DistilledRegressor(student=StudentRegressor()), y),
            ("distilled, 20 % wrong", DistilledRegressor(student=StudentRegressor()), wrong),
        ):

            def fit(where, estimator=estimator, X=X, labels=labels):
                name = "student__device" if hasattr(estimator, "student") else "device"
                clone(estimator).set_params(**{name: where, "random_state": 0}).fit(X, labels)

            ways[name, len(y)] = fit
    begin(device, *tables[0])
    compare(n_repeats, device, ways)


def steps(n_repeats, device, X, y):
    """Print how long a short training takes by width and batch; by it "auto" has to decide."""
    ways = {}
    for width in (16, 64, 256, 512):
        for batch_size in (32, 128, 1024):
            student = clone(QUICK).set_params(
                hidden_layer_sizes=(width, width), batch_size=batch_size, max_epochs=2
            )

            def train(where, student=student):
                clone(student).set_params(device=where).fit(X, y)

            ways[f"2 epochs, {width}-{width}, batch {batch_size}", len(y)] = train
    begin(device, X, y)
    compare(n_repeats, device, ways)

"""What a whole fit costs beside the models that a user would try first.

    make bench ARGS="--only whole"      # or blocks: a million rows, block by block

CPU seconds of one thread and the memory that a fit takes, from 200 to 100,000 rows of ten features,
with good labels and with 20 % gross errors. Each measurement is a line of a file: what was measured
already is not measured again.
"""

import json
import pathlib
import time
from tempfile import TemporaryDirectory

import memory
import numpy as np
from sklearn.base import clone
from sklearn.datasets import make_friedman1
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.neural_network import MLPRegressor

from sklearn_regkd import DistilledRegressor, StudentRegressor, TORRegressor
from sklearn_regkd.datasets import corrupt_labels
from sklearn_regkd.out_of_core import distill_blocks

ROWS = (200, 300, 1000, 3000, 10_000, 30_000, 100_000)
# From here on a fit is measured once: it takes minutes, and its cost hardly varies.
ONCE = 30_000
WRONG = 0.2
MODELS = {
    "boosting": HistGradientBoostingRegressor(random_state=0),
    "random forest": RandomForestRegressor(random_state=0),
    "MLPRegressor": MLPRegressor(random_state=0),
    "student, decay given": StudentRegressor(weight_decay=0.3, random_state=0),
    "student": StudentRegressor(random_state=0),
    "TORRegressor": TORRegressor(random_state=0),
    "DistilledRegressor": DistilledRegressor(random_state=0),
}


def table(n_rows, wrong):
    """Return X and labels, a fifth of them wrong if that is asked for."""
    X, y = make_friedman1(n_rows, 10, noise=1.0, random_state=0)
    if wrong:
        y, _ = corrupt_labels(y, "gross", share=WRONG, random_state=1)
    return X, y


def measure(records, n_repeats, most_rows):
    """Write a line for each fit that is not in the file yet."""
    path = pathlib.Path(records)
    lines = path.read_text().splitlines() if path.exists() else []
    done = {tuple(json.loads(line)["cell"]) for line in lines}
    for model in MODELS.values():  # everything is imported
        clone(model).fit(*table(200, wrong=True))
    for n_rows in (n for n in ROWS if n <= most_rows):
        for wrong in (False, True):
            X, y = table(n_rows, wrong)
            for repeat in range(1 if n_rows >= ONCE else n_repeats):
                for name, model in MODELS.items():
                    cell = [n_rows, wrong, repeat, name]
                    if tuple(cell) in done:
                        continue
                    own = clone(model)
                    with memory.Peak() as peak:
                        start = time.process_time()
                        own.fit(X, y)
                        cost = time.process_time() - start
                    line = {"cell": cell, "cpu_seconds": cost, "bytes": peak.most - peak.base}
                    with path.open("a") as file:
                        file.write(json.dumps(line) + "\n")


def blocks(n_rows, n_blocks=20):
    """Print what rows that come block by block cost, with the defaults."""
    X, y = make_friedman1(n_rows, 10, noise=1.0, random_state=0)
    parts = list(zip(np.array_split(X, n_blocks), np.array_split(y, n_blocks), strict=True))
    with TemporaryDirectory() as folder:
        start = time.process_time()
        model = distill_blocks(DistilledRegressor(random_state=0), parts, folder=folder)
        cost = time.process_time() - start
    new, clean = make_friedman1(10_000, 10, noise=0.0, random_state=1)
    print(f"{n_rows:,} rows in {n_blocks} blocks: {cost:.0f} s, R2 {model.score(new, clean):.3f}")


def report(records):
    """Print the medians, how they grow with the rows, and the most memory that was taken."""
    lines = [json.loads(line) for line in pathlib.Path(records).read_text().splitlines()]
    rows = sorted({line["cell"][0] for line in lines})
    print("| fit | labels | " + " | ".join(f"{n:,}" for n in rows) + " | rows^ | MB |")
    print("| --- | --- |" + " --- |" * (len(rows) + 2))
    for name in MODELS:
        for wrong in (False, True):
            own = [line for line in lines if line["cell"][1] == wrong and line["cell"][3] == name]
            cost = {
                n: float(np.median([line["cpu_seconds"] for line in own if line["cell"][0] == n]))
                for n in rows
                if any(line["cell"][0] == n for line in own)
            }
            cells = [f"{cost[n]:.2f}" if n in cost else "" for n in rows]
            many = [{"rows": n, "cpu_seconds": cost[n]} for n in cost if n >= 10_000]
            exponent = f"{memory.exponent(many):.2f}" if len(many) > 1 else ""
            most = max((line["bytes"] for line in own), default=0)
            labels = "20 % wrong" if wrong else "good"
            print(f"| {name} | {labels} | {' | '.join(cells)} | {exponent} | {most / 2**20:.0f} |")

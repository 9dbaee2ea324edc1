"""How long does a prediction take, from one row to 50,000? Prints a table.

Every model predicts the same rows of the same type, one after the other in each
round, so that what else the machine does meets all of them alike. The clock is
that of the process: on one thread it is the wall clock less the time in which
other programs had the core.

    OMP_NUM_THREADS=1 python examples/benchmarks/prediction.py
    OMP_NUM_THREADS=1 python examples/benchmarks/prediction.py --repeats 25 --features 16
"""

import argparse
import copy
import time
import warnings
from functools import partial

import numpy as np
import torch
from sklearn.datasets import make_friedman1
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.neural_network import MLPRegressor
from threadpoolctl import threadpool_limits

from sklearn_regkd import DistilledRegressor, StudentRegressor

ROWS = (1, 10, 100, 1_000, 5_000, 50_000)
N_TRAIN = 2_000
QUICK = {"max_epochs": 3, "weight_decay": 0.03, "random_state": 0}
PLAIN = {"embedding": None, "input_transform": "standard"}
BARE, BOOSTED = "its bare module", "300 boosted trees"


def bare(student, X):
    """Return the forward pass of a student's module on a tensor, in the precision of X."""
    rows = torch.from_numpy(X)
    module = copy.deepcopy(student.net_.module_).to(rows.dtype)

    def predict():
        with torch.inference_mode():
            return module(rows)

    return predict


def fit_all(X, y):
    """Return the fitted models by name."""
    models = {
        "student": StudentRegressor(**QUICK),
        "plain student": StudentRegressor(**PLAIN, **QUICK),
        "DistilledRegressor": DistilledRegressor(student=StudentRegressor(**QUICK)),
        "MLPRegressor": MLPRegressor(hidden_layer_sizes=(64, 64), max_iter=20, random_state=0),
        BOOSTED: HistGradientBoostingRegressor(max_iter=300, early_stopping=False),
    }
    for name, model in models.items():
        known = {"teacher_prediction": y} if name == "DistilledRegressor" else {}
        model.fit(X, y, **known)
    return models


def cpu_seconds(predictions, n_repeats):
    """Return the seconds of each call, name -> n_repeats values, taken in turn."""
    seconds = {name: [] for name in predictions}
    calls = {}
    for name, predict in predictions.items():
        predict()
        start = time.process_time()
        predict()
        # The clock is read after a millisecond at least.
        calls[name] = 1 + int(1e-3 / max(time.process_time() - start, 1e-6))
    for _ in range(n_repeats):
        for name, predict in predictions.items():
            start = time.process_time()
            for _ in range(calls[name]):
                predict()
            seconds[name].append((time.process_time() - start) / calls[name])
    return {name: np.array(values) for name, values in seconds.items()}


def measure(n_repeats=11, n_features=8, rows=ROWS):
    """Time all models on one thread.

    Returns
    -------
    list of dict
        One record for each model, number of rows and type: `model`, `rows`,
        `dtype`, `milliseconds` (all repeats).
    """
    warnings.filterwarnings("ignore", module="sklearn")
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    records = []
    with threadpool_limits(1):
        X, y = make_friedman1(N_TRAIN + max(rows), n_features, noise=0.5, random_state=0)
        for dtype in ("float32", "float64"):
            typed = X.astype(dtype)
            models = fit_all(typed[:N_TRAIN], y[:N_TRAIN])
            for n_rows in rows:
                rows_now = typed[N_TRAIN : N_TRAIN + n_rows]
                predictions = {
                    name: partial(model.predict, rows_now) for name, model in models.items()
                }
                for name in ("student", "plain student"):
                    predictions[f"{name}: {BARE}"] = bare(models[name], rows_now)
                for name, seconds in cpu_seconds(predictions, n_repeats).items():
                    times = (1e3 * seconds).tolist()
                    record = {"model": name, "rows": n_rows, "dtype": dtype, "milliseconds": times}
                    records.append(record)
    torch.set_num_threads(n_threads)
    return records


def spread(values):
    """Return the median and, in brackets, the quartiles."""
    low, middle, high = np.percentile(values, [25, 50, 75])
    return f"{middle:.3g} ({low:.3g} to {high:.3g})"


def table(records):
    """Return milliseconds of all models, then the ratios between them, as Markdown."""
    cells = {(r["dtype"], r["rows"], r["model"]): np.array(r["milliseconds"]) for r in records}
    names = list(dict.fromkeys(r["model"] for r in records))
    lines = ["| X | rows | " + " | ".join(names) + " |", "| --- " * (2 + len(names)) + "|"]
    ratios = [
        "| X | rows | model | over MLPRegressor | over its bare module | times faster than trees |",
        "| --- " * 6 + "|",
    ]
    for dtype, n_rows in dict.fromkeys((r["dtype"], r["rows"]) for r in records):
        of = {name: cells[dtype, n_rows, name] for name in names}
        times = " | ".join(spread(of[name]) for name in names)
        lines.append(f"| {dtype} | {n_rows:,} | {times} |")
        for name in ("student", "plain student"):
            others = (of[name] / of["MLPRegressor"], of[name] / of[f"{name}: {BARE}"])
            shares = " | ".join(spread(share) for share in (*others, of[BOOSTED] / of[name]))
            ratios.append(f"| {dtype} | {n_rows:,} | {name} | {shares} |")
    return "\n".join([*lines, "", *ratios])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=11)
    parser.add_argument("--features", type=int, default=8)
    args = parser.parse_args()
    print(f"Milliseconds of processor time on one thread, {args.features} features: median of")
    print(f"{args.repeats} interleaved repeats (quartiles). Ratios are taken within each repeat.\n")
    print(table(measure(args.repeats, args.features)))


if __name__ == "__main__":
    main()

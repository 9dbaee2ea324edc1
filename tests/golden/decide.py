"""What the recipe decides on six small tables, clean and spoiled, for comparison with a file.

``make golden`` prints what has changed since ``decisions.json`` was written; with
``ARGS=--write`` it writes the file anew, and the diff shows what a change of the recipe did.
"""

import argparse
import json
import os
import platform
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import sklearn
import torch
from sklearn.datasets import load_diabetes, make_friedman1, make_friedman3
from sklearn.metrics import r2_score

from sklearn_regkd import DistilledRegressor, StudentRegressor
from sklearn_regkd.datasets import corrupt_labels, make_sinusoid

FILE = Path(__file__).with_name("decisions.json")
N_TRAIN, N_SHOWN = 200, 5
# A fifth of the default's steps: what is decided must stay the same, it need not be good.
EPOCHS = 100


def _diabetes():
    return load_diabetes(return_X_y=True)


def _friedman1():
    return make_friedman1(400, noise=0.5, random_state=0)


def _sinusoid():
    X, y, *_ = make_sinusoid(400, random_state=0)
    return X, y


def _categories():
    rng = np.random.default_rng(0)
    kind = rng.choice(["a", "b", "c"], 400)
    size = rng.lognormal(size=400)
    X = pd.DataFrame({"size": size, "kind": pd.Categorical(kind), "mark": rng.integers(0, 2, 400)})
    return X, np.log(size) + np.array([{"a": 0, "b": 1, "c": 3}[one] for one in kind])


def _uneven():
    X, y = make_friedman3(400, random_state=0)
    noise = np.random.default_rng(0).normal(size=400)
    return X, y + 0.3 * X[:, 0] / 100 * noise


def _two_outputs():
    X, y = make_friedman1(400, noise=0.3, random_state=1)
    return X, np.column_stack([y, 100 * np.sin(6 * X[:, 5]) + X[:, 0]])


TABLES = {
    "diabetes": _diabetes,
    "friedman1": _friedman1,
    "sinusoid": _sinusoid,
    "categories": _categories,
    "uneven noise": _uneven,
    "two outputs": _two_outputs,
}
SPOILED = {"clean": None, "gross": "gross"}


def decide(table: str, noise: str) -> dict:
    """Return what the default recipe decides on a table, and what its student predicts."""
    X, y = TABLES[table]()
    train, test = slice(N_TRAIN), slice(N_TRAIN, 400)
    cut = X.iloc.__getitem__ if hasattr(X, "iloc") else X.__getitem__
    y_train = y[train]
    if SPOILED[noise] is not None:
        y_train = corrupt_labels(y_train, SPOILED[noise], share=0.2, random_state=0)[0]
    student = StudentRegressor(max_epochs=EPOCHS)
    distilled = DistilledRegressor(student=student, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        distilled.fit(cut(train), y_train)
    prediction = distilled.predict(cut(test))
    r2 = r2_score(y[test], prediction, multioutput="raw_values")
    return {
        "rule": [decision.rule for decision in distilled.decisions_],
        "rejected": [round(decision.rejected, 3) for decision in distilled.decisions_],
        "alpha": np.round(distilled.alpha_, 3).tolist(),
        "weight_decay": distilled.student_.weight_decay_,
        "r2": np.round(r2, 3).tolist(),
        "prediction": np.round(prediction[:N_SHOWN].astype(np.float64), 6).tolist(),
    }


def _processor() -> str:
    """Return maker and model: two with the same instructions may round sums differently."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    known = dict(line.replace("\t", "").split(": ", 1) for line in lines if ": " in line)
    about = [known.get(key, "") for key in ("vendor_id", "cpu family", "model")]
    return " ".join(about).strip() or platform.processor()


def machine() -> dict:
    """Return what the last digits of a prediction depend on."""
    return {
        "torch": torch.__version__.partition("+")[0],
        "numpy": np.__version__,
        "scikit-learn": sklearn.__version__,
        "cpu": f"{platform.machine()} {torch.backends.cpu.get_cpu_capability()} {_processor()}",
    }


def main() -> int:
    """Compare with the file, or write it; return 1 if something differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="write the file anew")
    args = parser.parse_args()
    torch.set_num_threads(1)
    found = {f"{t}, {n}": decide(t, n) for t in TABLES for n in SPOILED}
    if args.write:
        lines = [f"  {json.dumps(name)}: {json.dumps(one)}" for name, one in found.items()]
        text = ",\n".join([f'  "machine": {json.dumps(machine())}', *lines])
        FILE.write_text(f"{{\n{text}\n}}\n")
        return 0
    kept = json.loads(FILE.read_text())
    if kept.pop("machine") != machine():
        print("written on another machine: the last digits of predictions may differ")
    differ = 0
    for name, one in found.items():
        for key, value in one.items():
            if kept.get(name, {}).get(key) != value:
                differ += 1
                print(f"{name}: {key} was {kept.get(name, {}).get(key)}, is {value}")
    print(
        f"{differ} differences in {len(found)} fits" if differ else f"{len(found)} fits as before"
    )
    return int(differ > 0)


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    sys.exit(main())

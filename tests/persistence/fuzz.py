"""Damaged and hostile files: `make fuzz` loads many, the tests a few.

Accidents (flipped bits, missing, doubled or foreign bytes) must be refused, or not
matter at all. Forgeries have a right checksum and wrong content: they must be
refused, or give an estimator that predicts; never another error, and never code.

Whatever a file claims, loading it takes memory and time by its size: at most
``MOST_MEMORY`` bytes for each of its bytes, and ``MOST_TIME`` seconds for each of its millions,
beside a constant.
"""

import argparse
import os
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load as load_tensors

from sklearn_regkd import DistilledRegressor, StudentRegressor, TORRegressor, load
from sklearn_regkd.export import FileError
from sklearn_regkd.utils.files import _header_and_about, pack

NASTY = [
    None, True, -1, 0, 1, 2, 3, 2**31, 2**63, 10**30, 0.5, float("nan"), float("inf"), "", "x",
    "__import__('os').system('false')", [], {}, [[]], {"object": "Pipeline", "params": {}},
    {"object": "StudentRegressor", "params": {}}, {"not_saved": "x"}, {"tuple": [2**40]},
]  # fmt: skip
# What a file must never make the interpreter do.
FORBIDDEN = ("exec", "compile", "import", "os.system", "subprocess.Popen", "pickle.find_class")

# JSON of many small values takes the most memory for a byte, modules of many layers the most time.
MOST_MEMORY, MEMORY_ANYWAY = 64, 32e6
MOST_TIME, TIME_ANYWAY = 20, 10
STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
TELLS_PEAK = os.access(CLEAR, os.W_OK)


class Cost:
    """Peak memory and time of a block of code; the memory is 0 where only Linux would tell it."""

    def __enter__(self):
        if TELLS_PEAK:
            CLEAR.write_text("5")  # the peak begins anew
        self.memory, self.seconds = _memory("VmRSS"), time.perf_counter()
        return self

    def __exit__(self, *_):
        self.memory = _memory("VmHWM") - self.memory
        self.seconds = time.perf_counter() - self.seconds

    def check(self, size, what):
        """Raise if it was not bounded by the size of a file, in bytes."""
        if self.memory > MOST_MEMORY * size + MEMORY_ANYWAY:
            raise AssertionError(f"{what}, {size} bytes, took {self.memory:,} bytes of memory")
        if self.seconds > MOST_TIME * size / 1e6 + TIME_ANYWAY:
            raise AssertionError(f"{what}, {size} bytes, took {self.seconds:.1f} s")


def _memory(name):
    if not TELLS_PEAK:
        return 0
    return int(STATUS.read_text().split(f"{name}:")[1].split()[0]) * 1024


def damage(data, rng):
    """Return the content of a file after an accident."""
    data, place = bytearray(data), int(rng.integers(len(data)))
    match rng.integers(6):
        case 0:
            data[place] ^= 1 << int(rng.integers(8))
        case 1:
            del data[place:]
        case 2:
            del data[place : place + int(rng.integers(1, 64))]
        case 3:
            data[place:place] = rng.bytes(int(rng.integers(1, 64)))
        case 4:
            data[place : place + 8] = rng.bytes(8)
        case 5:
            end = place + int(rng.integers(1, 256))
            data[place:place] = data[place:end]
    return bytes(data)


def forge(data, rng):
    """Return a file with a right checksum, of which a value or a tensor is another."""
    (_, about), tensors = _header_and_about(data), load_tensors(data)
    if rng.random() < 0.6:
        nodes = list(_nodes(about["state"]))
        holder, key = nodes[rng.integers(len(nodes))]
        nasty = NASTY[rng.integers(len(NASTY))]
        if rng.random() < 0.2:
            del holder[key]
        else:
            holder[key] = nasty
    else:
        name = sorted(tensors)[rng.integers(len(tensors))]
        tensors[name] = _other(tensors[name], rng)
        if tensors[name] is None:
            del tensors[name]
    return pack(about["kind"], about["version"], about["state"], tensors)


def _nodes(value):
    """Yield every place inside a JSON value, as its holder and a key."""
    keys = value if isinstance(value, dict) else range(len(value))
    for key in list(keys):
        yield value, key
        if isinstance(value[key], dict | list):
            yield from _nodes(value[key])


def _other(tensor, rng):
    match rng.integers(6):
        case 0:
            return None
        case 1:
            return tensor[:0]
        case 2:
            return torch.cat([tensor, tensor]) if tensor.ndim else tensor[None]
        case 3:
            return tensor.to([torch.int8, torch.float16, torch.bool][rng.integers(3)])
        case 4:
            return tensor[None]
        case _:
            return torch.full_like(tensor, [-1, 0, 127][rng.integers(3)])


class Watch:
    """Notes what the interpreter is asked to do while it is on."""

    def __init__(self):
        self.on, self.seen = False, []
        sys.addaudithook(self)

    def __call__(self, event, args):
        if self.on and event in FORBIDDEN:
            self.seen.append((event, str(args)[:200]))


def outcome(path, X, expected, cost):
    """Return what became of a file: refused, the same, or another one that predicts."""
    try:
        with cost:
            estimator = load(path)
    except FileError:
        return "refused"
    except ValueError as error:
        if "module" in str(error):  # the file says that it needs one of the user's
            return "refused"
        raise
    try:
        prediction = said(estimator, X)
    except ValueError:  # its validation: the file may name other features
        return "predicts something else"
    same = prediction.shape == expected.shape and np.array_equal(prediction, expected)
    return "the same" if same else "predicts something else"


def said(estimator, X):
    """Return all that an estimator predicts for rows, one number after the other."""
    found = [estimator.predict(X)]
    known = getattr(estimator, "_intervals", None)
    if known is not None:
        found.append(estimator.predict_interval(X))
        if known.quantiles is not None:
            found.append(estimator.predict_quantiles(X))
    return np.concatenate([np.ravel(one) for one in found])


def originals(folder):
    """Return fitted estimators in files, with rows and what is predicted for them."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 3)).astype(np.float32)
    X[::7, 1] = np.nan
    y = X[:, 0] + X[:, 2] ** 2
    quick = {"max_epochs": 2, "weight_decay": 0.1, "missing_values": "indicator"}
    student = StudentRegressor((8,), **quick)
    alone = StudentRegressor(
        (6, 5), max_epochs=2, input_transform="standard", embedding=None, random_state=0
    )
    codes = StudentRegressor((4,), categorical_features=[3], random_state=0, **quick)
    withcodes = np.column_stack([X, rng.integers(3, size=len(X))]).astype(np.float32)
    fits = [
        (alone, np.nan_to_num(X), y),
        (codes, withcodes, np.column_stack([y, -y])),
        (TORRegressor(student=student, cv=2, random_state=0), X, y),
        (
            DistilledRegressor(
                student=student, outliers=3.0, cv=2, quantiles=(0.1, 0.9), random_state=0
            ),
            X,
            y,
        ),
    ]
    made = []
    for i, (estimator, rows, target) in enumerate(fits):
        path = Path(folder) / f"{i}.regkd"
        estimator.fit(rows, target).save(path)
        made.append((path.read_bytes(), rows[:5], said(estimator, rows[:5])))
    return made


def fuzz(n_files, seed, watch):
    """Load so many damaged and forged files; return how often which outcome was seen."""
    rng, counts, cost, worst = np.random.default_rng(seed), Counter(), Cost(), Cost()
    worst.memory = worst.seconds = 0
    with tempfile.TemporaryDirectory() as folder:
        made = originals(folder)
        path = Path(folder) / "mutated.regkd"
        for data, X, expected in made:  # imports of the first load are no deed of a file's
            path.write_bytes(data)
            assert outcome(path, X, expected, cost) == "the same"
        for number in range(n_files):
            data, X, expected = made[number % len(made)]
            how = ("accident", "forgery")[int(rng.integers(2))]
            mutated = (damage if how == "accident" else forge)(data, rng)
            path.write_bytes(mutated)
            watch.on = True
            try:
                result = outcome(path, X, expected, cost)
            finally:
                watch.on = False
            cost.check(len(mutated), f"file {number} of seed {seed}")
            worst.memory = max(worst.memory, cost.memory)
            worst.seconds = max(worst.seconds, cost.seconds)
            counts[how, result] += 1
            if how == "accident" and result == "predicts something else":
                raise AssertionError(f"file {number} of seed {seed}: a damaged file was believed")
            if watch.seen:
                raise AssertionError(f"file {number} of seed {seed} made it do {watch.seen}")
    return counts, worst


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    start = time.perf_counter()
    counts, worst = fuzz(options.files, options.seed, Watch())
    for (how, result), count in sorted(counts.items()):
        print(f"{how:>9}: {result}: {count}")
    print(
        f"{options.files} files, no other error, nothing run, {time.perf_counter() - start:.0f} s; "
        f"a load took {worst.memory / 1e6:.1f} MB and {worst.seconds:.2f} s at most"
    )

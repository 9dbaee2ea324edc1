"""The cells of the benchmark: which there are, in which order, and what happens in one."""

import time
import warnings
from importlib.util import find_spec

import numpy as np

from benchmarks.noisy_regression import measure, mistakes
from benchmarks.noisy_regression.models import MODELS
from benchmarks.noisy_regression.tables import TABLES, load

NOISES = ("none", "gauss_all", "gross20", "shift30", "few3", "unit10", "slip20", "one_sided30")
# Modules of models that need not be there.
OPTIONAL = {"cleanlab": "cleanlab", "catboost": "catboost", "realmlp": "pytabkit"}
OPTIONAL |= {"tabm": "pytabkit"}


def tasks(tables, noises, models, seeds, rows, everywhere=False):
    """Return all tasks (table, noise, seed, rows, model) in the order in which they are done.

    Two seeds of the models that run in all cells come first, then those of a narrower scope with
    the slowest at the front, then the other seeds: whenever a run stops, whole seeds are there.
    """
    found = []
    for seed in range(seeds):
        for table in tables:
            for noise in ("given",) if TABLES[table].kind == "measured" else noises:
                for name in models:
                    if everywhere or MODELS[name].runs(table, noise, seed):
                        found.append((table, noise, seed, rows, name))
    turn = {"all": 0, "least": 1, "few": 2, "some": 3}

    def place(task):
        slow = turn[MODELS[task[4]].scope]
        return slow or (4 if task[2] >= 2 else 0)

    return sorted(found, key=place)  # which keeps the order of those of one place


def missing(models):
    """Return the models whose package is not installed, and which package that is."""
    need = {name: OPTIONAL.get(MODELS[name].teacher or name) for name in models}
    return {name: package for name, package in need.items() if package and not find_spec(package)}


def labels(split, noise, seed):
    """Return the labels to learn from, and which of them are wrong, or None if all are a little."""
    if noise == "given":
        return split.given, None
    rng = np.random.default_rng(1000 + seed)
    given, _ = mistakes.corrupt(split.true, noise, rng, split.X[:, 0])
    return given, None if noise in mistakes.ON_ALL else given != split.true


def run(task):
    """Return the result of a model in a cell; of one that fails, the error."""
    table, noise, seed, rows, name = task
    warnings.filterwarnings("ignore")  # of other libraries, about versions and convergence
    result = {"table": table, "noise": noise, "seed": seed, "rows": rows, "model": name}
    split = load(table, seed, rows)
    given, wrong = labels(split, noise, seed)
    try:
        model, start = MODELS[name].make(seed), time.process_time()
        fitted = model.fit(split.X, given.copy())
        result["fit_seconds"] = time.process_time() - start
        result |= measure.accuracy(fitted, split.X_test, split.y_test)
        result |= measure.cost(fitted, split.X_test)
        said = measure.opinion(fitted, given)
        if said is not None and wrong is not None:
            result |= measure.flags(*said, given, split.true)
        elif said is not None and noise == "given":
            result["error_removed"] = measure.error_removed(said[2], given, split.true)
    except Exception as error:  # of one model of many: the others go on
        result["error"] = f"{type(error).__name__}: {error}"[:300]
    return result

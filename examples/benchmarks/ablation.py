"""What does each method bring? Writes docs/ablation.md.

The default recipe, and the recipe with one method switched on, on the same rows with the same
seeds: the difference of their R2 on clean test labels, cell by cell.

    make ablation DATA=folder
    make ablation DATA=folder ARGS="--sets concrete --noise none --seeds 1"

Sets and noises are those of accuracy.py.
"""

import argparse
import pathlib
import tempfile
import time
import warnings
from concurrent.futures import ProcessPoolExecutor

import numpy as np
from accuracy import corrupt, mean_and_error, split, table
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.metrics import r2_score

from sklearn_regkd import DistilledRegressor
from sklearn_regkd.supervision.hints import Hints
from sklearn_regkd.supervision.route import RouteSchedule
from sklearn_regkd.teachers.kinds import default_teacher

BASE = "the default recipe"
ALL = {"revision": "label", "selection": "influence", "route": 4, "hints": "leaves", "heads": 2}
METHODS = {
    BASE: {},
    "loss: TOR": {"loss": "tor"},
    "loss: Tukey": {"loss": "tukey"},
    "loss: Wing": {"loss": "wing"},
    "loss: Barron, shape 1": {"loss": "barron"},
    "loss: Barron, learned shape": {"loss": "barron_learned"},
    "loss: attentive imitation": {"loss": "attentive"},
    "loss: teacher-bounded": {"loss": "bounded"},
    "two outputs": {"heads": 2},
    "teacher alone (alpha 1)": {"alpha": 1.0},
    "beyond the teacher (alpha 1.25)": {"alpha": 1.25},
    "label revision, of the label": {"revision": "label"},
    "label revision, of the teacher": {"revision": "teacher"},
    "data selection, influence": {"selection": "influence"},
    "data selection, residual": {"selection": "residual"},
    "route, 4 equal anchors": {"route": 4},
    "route, greedy": {"route": "greedy"},
    "route, full schedule": {"route": RouteSchedule(schedule="full")},
    "hints from leaves": {"hints": "leaves"},
    "hints, attentive": {"hints": Hints(attentive=True)},
    "synthetic rows, spunge": {"synthetic": "spunge"},
    "synthetic rows, neighbours": {"synthetic": "neighbors"},
    "two teachers (boosting, extra trees)": {
        "teacher": [default_teacher(), ExtraTreesRegressor(min_samples_leaf=2)]
    },
    "all: " + ", ".join(ALL): ALL,
}


def run_cell(task):
    """Return the R2 of each method on one set, noise and seed."""
    path, noise, seed, n_rows = task
    warnings.filterwarnings("ignore")
    X, _, true, X_test, y_test = split(path, seed, n_rows)
    y, _ = corrupt(true, noise, np.random.default_rng(1000 + seed))
    scores = {}
    with tempfile.TemporaryDirectory() as folder:  # what the teacher said is the same for all
        for name, params in METHODS.items():
            model = DistilledRegressor(random_state=seed, memory=folder, **params)
            scores[name] = r2_score(y_test, model.fit(X, y).predict(X_test))
    return scores


def time_methods(path, n_rows, repeats=3):
    """Return the seconds that each method takes, at its best, when the student only imitates."""
    X, _, y, _, _ = split(path, 0, n_rows)
    plain = {"outliers": None, "alpha": 0.5, "loss": "squared_error", "random_state": 0}
    seconds = {name: [] for name in METHODS}
    for _ in range(repeats):
        for name, params in METHODS.items():
            start = time.perf_counter()
            DistilledRegressor(**{**plain, **params}).fit(X, y)
            seconds[name].append(time.perf_counter() - start)
    return {name: min(values) for name, values in seconds.items()}


def verdict(gains):
    """Say in a word what a row of differences shows."""
    if len(gains) < 2:
        return ""
    error = gains.std(ddof=1) / np.sqrt(len(gains))
    if abs(gains.mean()) <= 2 * error:
        return "nothing shown"
    return "helps" if gains.mean() > 0 else "harms"


def summarise(cells, seconds, command, n_seeds, timed):
    """Return the page."""
    sets = list(dict.fromkeys(key[0] for key in cells))
    noises = list(dict.fromkeys(key[1] for key in cells))
    blocks = [
        "# What each method brings",
        "",
        "R2 on clean test labels: the default recipe with a method switched on, minus the default "
        f"recipe, on the same rows with the same seeds. Mean over the sets {', '.join(sets)} and "
        f"{n_seeds} seed(s), with the standard error over these cells. Noises as in "
        "[the page on accuracy](accuracy.md). *Helps* and *harms* are said where the difference is "
        "more than two standard errors; among so many rows one or two will be so by chance.",
        "",
        f"Command: `{command}`",
        "",
        "## Differences",
        "",
    ]
    rows = []
    for name in METHODS:
        if name == BASE:
            continue
        row = [name]
        for noise in noises:
            gains = np.array(
                [s[name] - s[BASE] for key, s in cells.items() if key[1] == noise], float
            )
            row.append(f"{mean_and_error(gains)} {verdict(gains)}".strip())
        rows.append([*row, f"{seconds[name] / seconds[BASE]:.2f}"])
    blocks += [
        table(["method", *noises, "cost"], rows),
        "",
        f"Cost: time of `fit` relative to plain distillation (`outliers=None, alpha=0.5`) on "
        f"{timed}, the best of three.",
        "",
    ]
    for noise in noises:
        rows = []
        for name in METHODS:
            scores = [
                [s[name] for key, s in cells.items() if key[:2] == (one, noise)] for one in sets
            ]
            rows.append([name, *map(mean_and_error, scores)])
        blocks += [f"## R2: {noise}", "", table(["method", *sets], rows), ""]
    return "\n".join(blocks)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=pathlib.Path, required=True, help="folder of .npz files")
    parser.add_argument("--sets", default="concrete,airfoil,wine")
    parser.add_argument("--noise", default="none,gross20,shift30")
    parser.add_argument("--rows", type=int, default=2000, help="rows used at most")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=2, help="processes, of one thread each")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("docs/ablation.md"))
    args = parser.parse_args()
    paths = [args.data / f"{name}.npz" for name in args.sets.split(",")]
    tasks = [
        (path, noise, seed, args.rows)
        for seed in range(args.seeds)
        for path in paths
        for noise in args.noise.split(",")
    ]
    cells = {}
    with ProcessPoolExecutor(args.jobs) as pool:
        for task, scores in zip(tasks, pool.map(run_cell, tasks), strict=True):
            cells[task[0].stem, task[1], task[2]] = scores
            print(*task[1:3], task[0].stem, f"{BASE}: {scores[BASE]:.3f}", flush=True)
    seconds = time_methods(paths[0], args.rows)
    command = f'make ablation DATA=folder ARGS="--sets {args.sets} --seeds {args.seeds}"'
    args.out.write_text(summarise(cells, seconds, command, args.seeds, paths[0].stem))


if __name__ == "__main__":
    main()

"""What does each method bring? Writes docs/ablation.md.

The default recipe, and the recipe with one method switched on, on the same rows with the same
seeds: the difference of their R2 on clean test labels, cell by cell.

    make ablation DATA=folder            # 3 seeds; goes on where it was stopped
    make ablation DATA=folder ARGS="--sets concrete --noise none --seeds 1"

Sets and noises are those of accuracy.py.
"""

import argparse
import itertools
import json
import pathlib
import tempfile
import time
import warnings
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import numpy as np
from accuracy import corrupt, mean_and_error, split, table
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.metrics import r2_score

from sklearn_regkd import DistilledRegressor
from sklearn_regkd.supervision.hints import Hints
from sklearn_regkd.supervision.route import RouteSchedule
from sklearn_regkd.teachers.kinds import default_teacher

CELL = ("set", "noise", "seed", "rows", "method")
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


def run_cell(cell, data, folder):
    """Return the R2 of one method on one set, noise and seed."""
    name, noise, seed, n_rows, method = cell
    warnings.filterwarnings("ignore")
    X, _, true, X_test, y_test = split(data / f"{name}.npz", seed, n_rows)
    y, _ = corrupt(true, noise, np.random.default_rng(1000 + seed))
    model = DistilledRegressor(random_state=seed, memory=folder, **METHODS[method])
    return r2_score(y_test, model.fit(X, y).predict(X_test))


def time_methods(path, n_rows, repeats=3):
    """Return the seconds that each method takes, at its best, in plain distillation."""
    X, _, y, _, _ = split(path, 0, n_rows)
    plain = {"outliers": None, "alpha": 0.5, "loss": "squared_error", "random_state": 0}
    seconds = {name: [] for name in METHODS}
    for _ in range(repeats):
        for name, params in METHODS.items():
            start = time.perf_counter()
            DistilledRegressor(**{**plain, **params}).fit(X, y)
            seconds[name].append(time.perf_counter() - start)
    return {name: min(values) for name, values in seconds.items()}


def outcome(gains):
    """Return in a word what a row of differences shows."""
    if len(gains) < 2:
        return ""
    error = gains.std(ddof=1) / np.sqrt(len(gains))
    if abs(gains.mean()) <= 2 * error:
        return "nothing shown"
    return "helps" if gains.mean() > 0 else "harms"


def summarise(found, seconds, command, n_seeds, timed):
    """Return the page, from the R2 by cell."""
    sets = list(dict.fromkeys(cell[0] for cell in found))
    noises = list(dict.fromkeys(cell[1] for cell in found))

    def scores(method, noise, sets=sets):
        return np.array(
            [r2 for (s, n, *_, m), r2 in found.items() if (n, m) == (noise, method) and s in sets]
        )

    blocks = [
        "# What each method brings",
        "",
        "R2 on clean test labels: the default recipe with a method switched on, minus the default "
        f"recipe, on the same rows with the same seeds. Mean over the sets {', '.join(sets)} and "
        f"{n_seeds} seed{'s' * (n_seeds > 1)}, with the standard error over these cells. Noises "
        "as in [the page on accuracy](accuracy-tables.md). *Helps* and *harms* stand where the "
        "difference is more than two standard errors; among so many rows one or two will be so by "
        "chance.",
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
            gains = scores(name, noise) - scores(BASE, noise)
            row.append(f"{mean_and_error(gains)} {outcome(gains)}".strip())
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
            rows.append([name, *(mean_and_error(scores(name, noise, [one])) for one in sets)])
        title = "R2 without noise" if noise == "none" else f"R2 under {noise}"
        blocks += [f"## {title}", "", table(["method", *sets], rows), ""]
    return "\n".join(blocks)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=pathlib.Path, required=True, help="folder of .npz files")
    parser.add_argument("--sets", default="concrete,airfoil,wine")
    parser.add_argument("--noise", default="none,gross20,shift30")
    parser.add_argument("--rows", type=int, default=2000, help="rows used at most")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=2, help="processes, of one thread each")
    parser.add_argument("--records", type=pathlib.Path, default=pathlib.Path("ablation.jsonl"))
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("docs/ablation.md"))
    args = parser.parse_args()
    sets, noises = args.sets.split(","), args.noise.split(",")
    wanted = list(itertools.product(sets, noises, range(args.seeds), [args.rows], METHODS))
    wanted.sort(key=lambda cell: cell[2])  # a run that is stopped has done all sets, of few seeds
    done = {}
    if args.records.exists():
        records = map(json.loads, args.records.read_text().splitlines())
        done = {tuple(record[part] for part in CELL): record["r2"] for record in records}
    cells = [cell for cell in wanted if cell not in done]
    with (
        tempfile.TemporaryDirectory() as folder,  # teachers' predictions are the same for all
        ProcessPoolExecutor(args.jobs) as pool,
        args.records.open("a") as file,
    ):
        run = partial(run_cell, data=args.data, folder=folder)
        for cell, r2 in zip(cells, pool.map(run, cells), strict=True):
            done[cell] = r2
            record = {**dict(zip(CELL, cell, strict=True)), "r2": r2}
            print(json.dumps(record), file=file, flush=True)
            print(*cell, f"{r2:.3f}", flush=True)
    seconds = time_methods(args.data / f"{sets[0]}.npz", args.rows)
    chosen = f"--sets {args.sets} --noise {args.noise} --rows {args.rows} --seeds {args.seeds}"
    command = f'make ablation DATA=folder ARGS="{chosen}"'
    found = {cell: done[cell] for cell in wanted}
    args.out.write_text(summarise(found, seconds, command, args.seeds, sets[0]))


if __name__ == "__main__":
    main()

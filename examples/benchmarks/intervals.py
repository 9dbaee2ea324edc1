"""Intervals of clean labels although labels are wrong, beside those of MAPIE. Keeps records.

    pip install mapie
    python examples/benchmarks/intervals.py --data FOLDER --record ours.jsonl --methods ours
    python examples/benchmarks/intervals.py --data FOLDER --record cqr.jsonl --methods mapie_cqr
    python examples/benchmarks/intervals.py --report ours.jsonl,cqr.jsonl

A table is a file NAME.npz with X and y. Of 2,400 rows at most 65 % are learned, with labels that
noises.py spoils; the other rows are judged with labels that nobody spoiled. ``hetero`` is no
mistake but honest noise that grows with the first feature: there the labels that are judged have
it, too. Counts and shares with many zeros (``zero_*``) are left out of it, as normal noise makes
something else of them.

A line of the record is one fit: for each coverage the share of labels inside, the mean width in
standard deviations of clean labels, and the interval score in the same unit (Winkler; less is
better); for ``hetero`` also the correlation of width and noise at 0.9. A run goes on where it was
stopped. Runs of several methods may go on at once, each with a record of its own.
"""

import argparse
import json
import logging
import pathlib
import time
import warnings

import numpy as np
from interval_report import COVERAGES, report
from noises import corrupt, hetero_size
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.model_selection import train_test_split

from sklearn_regkd import DistilledRegressor

SMOOTH = (
    "concrete",
    "bike",
    "california",
    "abalone",
    "kin8nm",
    "airfoil",
    "cpu_act",
    "energy",
    "miami",
    "power_plant",
    "protein",
    "wine",
)
NOISES = ("none", "few3", "gross20", "shift30", "hetero")
FOLLOWED_AT = 0.9  # the coverage of the correlation of width and noise


def ours(X, y, X_test, seed):
    """Return bounds of the default recipe: all coverages after one fit."""
    model = DistilledRegressor(random_state=seed).fit(X, y)
    return {coverage: model.predict_interval(X_test, coverage) for coverage in COVERAGES}


def mapie_student(X, y, X_test, seed):
    """Return bounds of MAPIE around the same recipe, conformalised on a quarter of the rows."""
    from mapie.regression import SplitConformalRegressor

    X, X_more, y, y_more = train_test_split(X, y, test_size=0.25, random_state=seed)
    mapie = SplitConformalRegressor(
        DistilledRegressor(random_state=seed), confidence_level=list(COVERAGES), prefit=False
    )
    bounds = mapie.fit(X, y).conformalize(X_more, y_more).predict_interval(X_test)[1]
    return {coverage: bounds[..., i] for i, coverage in enumerate(COVERAGES)}


def mapie_cqr(X, y, X_test, seed, symmetric=False):
    """Return bounds of boosted quantiles that MAPIE conformalises on a quarter of the rows."""
    from mapie.regression import ConformalizedQuantileRegressor

    X, X_more, y, y_more = train_test_split(X, y, test_size=0.25, random_state=seed)
    found = {}
    for coverage in COVERAGES:
        trees = HistGradientBoostingRegressor(loss="quantile", quantile=0.5, random_state=seed)
        mapie = ConformalizedQuantileRegressor(trees, confidence_level=coverage).fit(X, y)
        try:
            _, bounds = mapie.conformalize(X_more, y_more).predict_interval(
                X_test, symmetric_correction=symmetric
            )
        except ValueError as error:  # too few rows for the coverage
            print(f"coverage {coverage} left out: {error}", flush=True)
            continue
        found[coverage] = bounds[..., 0]
    return found


def mapie_cqr_symmetric(X, y, X_test, seed):
    """Return the same with one correction of both sides, which is narrower."""
    return mapie_cqr(X, y, X_test, seed, symmetric=True)


METHODS = {way.__name__: way for way in (ours, mapie_student, mapie_cqr, mapie_cqr_symmetric)}


def judge(bounds, y, coverage):
    """Return the share inside, the mean width and the interval score."""
    low, high = bounds.T
    missed = np.maximum(low - y, 0) + np.maximum(y - high, 0)
    width = (high - low).mean()
    score = width + 2 / (1 - coverage) * missed.mean()
    inside = np.mean((low <= y) & (y <= high))
    sd = y.std()
    return {"inside": inside, "width": width / sd, "winkler": score / sd}


def make_cell(path, noise, seed, most_rows):
    """Return X, given labels, labels to be covered, the size of honest noise or None; two masks.

    The masks are of the rows that are learned and of those that are judged.
    """
    with np.load(path) as file:
        X, y = file["X"].astype(float), np.ravel(file["y"]).astype(float)
    rows = np.random.default_rng(seed).permutation(len(X))[:most_rows]
    X, y = X[rows], y[rows]
    given, _ = corrupt(y, noise, np.random.default_rng(1000 + seed), X[:, 0])
    size = hetero_size(y, X[:, 0]) if noise == "hetero" else None
    covered = y if size is None else given
    train, test = train_test_split(np.arange(len(y)), test_size=0.35, random_state=seed)
    return X, given, covered, size, train, test


def run_cell(path, noise, seed, most_rows, method):
    """Fit one method to one table; return its record."""
    X, given, covered, size, train, test = make_cell(path, noise, seed, most_rows)
    start = time.perf_counter()
    bounds = METHODS[method](X[train], given[train], X[test], seed)
    record = {
        "table": path.stem,
        "noise": noise,
        "seed": seed,
        "rows": most_rows,
        "method": method,
        "seconds": round(time.perf_counter() - start, 3),
        "at": {str(one): judge(bounds[one], covered[test], one) for one in bounds},
    }
    if size is not None and FOLLOWED_AT in bounds:
        width = np.diff(bounds[FOLLOWED_AT])[:, 0]
        record["follows"] = np.corrcoef(width, size[test])[0, 1] if np.ptp(width) else 0.0
        record["most"] = _most_correlation(X[:, 0], size)
    return record


def _most_correlation(x, size):
    """Return the correlation of noise and the mean noise of rows with the same feature."""
    _, group = np.unique(x, return_inverse=True)
    mean = np.bincount(group, size) / np.bincount(group)
    return np.corrcoef(mean[group], size)[0, 1]


def read_records(paths):
    """Return the records of all files."""
    lines = (line for path in paths for line in pathlib.Path(path).read_text().splitlines())
    return [json.loads(line) for line in lines]


def run(args):
    """Fit what the record does not have."""
    tables = args.tables.split(",") if args.tables else _tables_of(args.data)
    known = read_records([args.record]) if args.record.exists() else []
    done = {(r["table"], r["noise"], r["seed"], r["rows"], r["method"]) for r in known}
    with args.record.open("a") as file:
        for seed in range(args.seeds):
            for table in tables:
                for noise in args.noises.split(","):
                    if noise == "hetero" and table.startswith("zero_"):
                        continue
                    for method in args.methods.split(","):
                        if (table, noise, seed, args.most_rows, method) in done:
                            continue
                        path = args.data / f"{table}.npz"
                        record = run_cell(path, noise, seed, args.most_rows, method)
                        file.write(json.dumps(record) + "\n")
                        file.flush()
                        print(_line(record), flush=True)


def _tables_of(folder):
    """Return the names of the smooth tables that are there, and of those with zeros."""
    zeros = sorted(path.stem for path in folder.glob("zero_*.npz"))
    return [name for name in SMOOTH if (folder / f"{name}.npz").exists()] + zeros


def _line(record):
    shares = "  ".join(
        f"{coverage}: {one['inside']:.3f} width {one['width']:.2f} score {one['winkler']:.2f}"
        for coverage, one in record["at"].items()
    )
    names = " ".join(str(record[key]) for key in ("table", "noise", "seed", "method"))
    return f"{names} ({record['seconds']:.0f} s)  {shares}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=pathlib.Path, help="folder of tables")
    parser.add_argument("--record", type=pathlib.Path, default=pathlib.Path("intervals.jsonl"))
    parser.add_argument(
        "--methods", default="ours,mapie_student,mapie_cqr", help=", ".join(METHODS)
    )
    parser.add_argument("--tables", default="", help="names, with commas; all by default")
    parser.add_argument("--noises", default=",".join(NOISES))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--most-rows", type=int, default=2400, help="rows used at most")
    parser.add_argument("--report", default="", help="records to be summed up, with commas")
    args = parser.parse_args()
    warnings.filterwarnings("ignore")
    logging.disable(logging.INFO)  # MAPIE's, of quantiles that cross
    if args.report:
        print(report(read_records(args.report.split(","))))
    elif args.data is None:
        parser.error("--data is needed: a folder of tables NAME.npz with X and y")
    else:
        run(args)

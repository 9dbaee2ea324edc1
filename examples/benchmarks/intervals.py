"""Intervals of clean labels although labels are wrong, beside conformalised quantile regression.

    python examples/benchmarks/intervals.py --data FOLDER

Tables are files of a folder, with X and y. Of 2,400 rows at most 65 % are learned, with labels as
they are, 20 % gross errors, noise that grows with a feature, or 30 % shifted labels. Share of clean
labels of the other rows inside the interval, its mean width in standard deviations of the
labels and the interval score in the same unit (Winkler; less is better); for noise that grows also
the correlation of width and noise. The other model is boosted trees of the quantile loss, whose
quantiles are moved by what a quarter of the rows wants.
"""

import argparse
import pathlib

import numpy as np
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.model_selection import train_test_split

from sklearn_regkd import DistilledRegressor

TABLES = ("concrete", "bike", "california", "abalone", "kin8nm")
NOISES = ("none", "gross20", "hetero", "shift30")
MOST_ROWS = 2400


def spoil(noise, X, y, rng):
    """Return labels with mistakes, clean labels, and the spread of what is clean about them."""
    spread, n = y.std(), len(y)
    if noise == "hetero":
        strength = [abs(np.corrcoef(x, y)[0, 1]) if x.std() else 0.0 for x in X.T]
        rank = X[:, int(np.argmax(strength))].argsort().argsort() / n
        size = (0.05 + 0.6 * rank**2) * spread
        clean = y + size * rng.normal(size=n)
        return clean, clean, size
    if noise == "gross20":
        return np.where(rng.random(n) < 0.2, y + 5 * spread * rng.normal(size=n), y), y, None
    if noise == "shift30":
        return np.where(rng.random(n) < 0.3, y + spread * rng.uniform(1, 3, n), y), y, None
    return y, y, None


def distilled(X, y, X_test, coverage, seed):
    """Return bounds and the prediction of the default recipe."""
    model = DistilledRegressor(random_state=seed).fit(X, y)
    return model.predict_interval(X_test, coverage)


def conformal_quantiles(X, y, X_test, coverage, seed):
    """Return bounds of boosted trees, conformalised."""
    X, X_more, y, y_more = train_test_split(X, y, test_size=0.25, random_state=seed)
    ends = [
        HistGradientBoostingRegressor(loss="quantile", quantile=q, random_state=seed).fit(X, y)
        for q in ((1 - coverage) / 2, (1 + coverage) / 2)
    ]
    low, high = (end.predict(X_more) for end in ends)
    missed = np.maximum(low - y_more, y_more - high)
    more = np.quantile(missed, min(1.0, coverage * (1 + 1 / len(missed))))
    low, high = (end.predict(X_test) for end in ends)
    return np.column_stack([low - more, high + more])


def judge(bounds, y, coverage):
    """Return the share inside, the mean width and the interval score."""
    low, high = bounds.T
    missed = np.maximum(low - y, 0) + np.maximum(y - high, 0)
    width = (high - low).mean()
    score = width + 2 / (1 - coverage) * missed.mean()
    return np.mean((low <= y) & (y <= high)), width / y.std(), score / y.std()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=pathlib.Path, required=True, help="folder of tables")
    parser.add_argument("--tables", default=",".join(TABLES))
    parser.add_argument("--noises", default=",".join(NOISES))
    parser.add_argument("--coverage", type=float, default=0.9)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    print("| table | labels | inside | width | score | correlation | CQR inside | width | score |")
    print(f"|{' --- |' * 9}")
    for name in args.tables.split(","):
        with np.load(args.data / f"{name}.npz") as file:
            X, y = file["X"].astype(float), np.ravel(file["y"]).astype(float)
        rows = np.random.default_rng(args.seed).permutation(len(X))[:MOST_ROWS]
        for noise in args.noises.split(","):
            rng = np.random.default_rng(args.seed + 1)
            given, clean, size = spoil(noise, X[rows], y[rows], rng)
            train, test = train_test_split(
                np.arange(len(rows)), test_size=0.35, random_state=args.seed
            )
            cells, widths = [], None
            for way in (distilled, conformal_quantiles):
                bounds = way(X[rows][train], given[train], X[rows][test], args.coverage, args.seed)
                widths = np.diff(bounds)[:, 0] if widths is None else widths
                cells.append([f"{one:.3f}" for one in judge(bounds, clean[test], args.coverage)])
            follows = "" if size is None else f"{np.corrcoef(widths, size[test])[0, 1]:.2f}"
            line = [name, noise, *cells[0], follows, *cells[1]]
            print(f"| {' | '.join(line)} |", flush=True)

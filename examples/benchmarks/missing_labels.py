"""Two targets of which half are missing: one fit of both against one fit for each.

    python examples/benchmarks/missing_labels.py --data FOLDER

Tables are files of a folder, with X and y; a column of X becomes the second target: the last one of
at least 50 values. Half of the labels of each target are taken away at random, 1,500 rows at most.
R2 on a quarter of the rows, mean of both targets and of two splits: a fit for each target on the
rows that have it, one fit of both with ``missing_labels="teacher"``, and one fit of all labels.
"""

import argparse
import pathlib

import numpy as np
from sklearn.metrics import r2_score
from sklearn.model_selection import train_test_split

from sklearn_regkd import DistilledRegressor

TABLES = ("california", "power_plant", "bike", "cpu_act")
MOST_ROWS = 2000


def two_targets(path, seed):
    """Return training and test rows of a table and its two targets."""
    with np.load(path) as file:
        X, y = file["X"].astype(float), np.ravel(file["y"]).astype(float)
    rows = np.random.RandomState(seed).permutation(len(X))[:MOST_ROWS]
    X, y = X[rows], y[rows]
    second = max(k for k in range(X.shape[1]) if len(np.unique(X[:, k])) >= 50)
    Y = np.column_stack([y, X[:, second]])
    return train_test_split(np.delete(X, second, axis=1), Y, random_state=seed)


def one_table(path):
    scores = []
    for seed in range(2):
        X, X_test, Y, Y_test = two_targets(path, seed)
        missing = np.random.RandomState(seed).random_sample(Y.shape) < 0.5
        given = np.where(missing, np.nan, Y)

        def model(seed=seed, **params):
            return DistilledRegressor(random_state=seed, **params)

        alone = [
            model().fit(X[~gaps], column[~gaps]).predict(X_test)
            for gaps, column in zip(missing.T, Y.T, strict=True)
        ]
        both = model(missing_labels="teacher").fit(X, given).predict(X_test)
        full = model().fit(X, Y).predict(X_test)
        scores.append([r2_score(Y_test, one) for one in (np.column_stack(alone), both, full)])
    return np.mean(scores, axis=0)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=pathlib.Path, required=True, help="folder of tables")
    parser.add_argument("--tables", default=",".join(TABLES))
    args = parser.parse_args()
    print("| table | each target alone | both, half missing | both, all labels |")
    print("| --- | --- | --- | --- |")
    for name in args.tables.split(","):
        cells = " | ".join(f"{score:.3f}" for score in one_table(args.data / f"{name}.npz"))
        print(f"| {name} | {cells} |", flush=True)

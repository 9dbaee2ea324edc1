"""Labels with many zeros: the deviance of models of counts, beside a student of the squared error.

    python examples/benchmarks/counts.py --data FOLDER

Tables are files of a folder, with X and y >= 0. Mean Poisson deviance on a quarter of the rows, of
2,000 at most, mean of two splits; less is better. What the student of the squared error predicts
below a thousandth of the mean label is raised to that.
"""

import argparse
import pathlib

import numpy as np
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import PoissonRegressor
from sklearn.metrics import mean_poisson_deviance
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_regkd import DistilledRegressor, StudentRegressor

MOST_ROWS = 2000


def models(seed):
    """Return the models by name."""
    of_counts = StudentRegressor(loss="poisson", random_state=seed)
    return {
        "linear": make_pipeline(StandardScaler(), PoissonRegressor(alpha=1e-3, max_iter=1000)),
        "boosting": HistGradientBoostingRegressor(loss="poisson", random_state=seed),
        "student, squared error": StudentRegressor(random_state=seed),
        "student, poisson": of_counts,
        "distilled, poisson": DistilledRegressor(student=of_counts, random_state=seed),
    }


def one_table(path):
    """Return the deviance of each model, and that of the mean label."""
    deviances = []
    for seed in range(2):
        with np.load(path) as file:
            X, y = file["X"].astype(float), np.ravel(file["y"]).astype(float)
        if y.min() < 0:
            return None
        rows = np.random.RandomState(seed).permutation(len(X))[:MOST_ROWS]
        X, X_test, y, y_test = train_test_split(X[rows], y[rows], random_state=seed)
        least = y.mean() / 1000
        found = [mean_poisson_deviance(y_test, np.full(len(y_test), y.mean()))]
        for model in models(seed).values():
            predicted = np.maximum(model.fit(X, y).predict(X_test), least)
            found.append(mean_poisson_deviance(y_test, predicted))
        deviances.append(found)
    return np.mean(deviances, axis=0)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=pathlib.Path, required=True, help="folder of tables")
    parser.add_argument("--tables", default="zero_*", help="names, with wildcards")
    args = parser.parse_args()
    print(f"| table | mean | {' | '.join(models(0))} |")
    print(f"|{' --- |' * (2 + len(models(0)))}")
    for path in sorted(args.data.glob(f"{args.tables}.npz")):
        row = one_table(path)
        cells = "has negative labels" if row is None else " | ".join(f"{one:.4g}" for one in row)
        print(f"| {path.stem} | {cells} |", flush=True)

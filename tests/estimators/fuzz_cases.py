"""What `make fuzz-fits` fits: tables, labels, weights, teachers and options, drawn from a seed."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import torch
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.ensemble import (
    GradientBoostingRegressor,
    HistGradientBoostingRegressor,
    StackingRegressor,
)
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import Ridge, RidgeClassifier
from sklearn.model_selection import KFold, ShuffleSplit
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer
from torch import nn

from sklearn_regkd import DistilledRegressor, DistilledSearchCV, StudentRegressor, TORRegressor

SCALES = (1.0, 1.0, 1.0, 1.0, 1e-3, 1e-10, 1e-30, 1e6, 1e15, 1e30)
# Each of these is (what is ordinary, what may be refused); the latter is drawn now and then.
KINDS = (
    (
        *("float64", "float64", "float32", "int", "bool", "object", "list", "strided", "read-only"),
        *("pandas", "pandas", "category", "nullable", "polars", "polars category"),
    ),
    ("dates", "text", "string", "1-d"),
)
GAPS = (("none",), ("some", "some", "column", "row", "infinity"))
LABELS = (
    (
        *("smooth", "smooth", "smooth", "constant", "mass", "integer", "offset", "large", "small"),
        *("heavy tails", "wrong", "wrong"),
    ),
    ("gaps", "text", "too few"),
)
WEIGHTS = (
    ("none",) * 4 + ("random", "some zero", "tiny", "huge", "uneven"),
    ("one positive", "all zero", "negative", "too few"),
)
TEACHERS = (
    (
        *("none", "none", "ridge", "ridge", "ridge", "trees", "trees", "stages", "list", "dict"),
        *("stacking", "constant", "writes", "float32", "object", "lists", "frozen neighbours"),
        *("module", "half module", "right", "units", "reversed"),
    ),
    (
        *("nan", "shape", "raises", "classifier", "frozen other", "text", "empty", "class"),
        *("prediction shape", "prediction nan"),
    ),
)
# With these a student must not be worse than a constant: they know the labels, or nothing.
SENSIBLE_TEACHERS = (
    *("none", "ridge", "trees", "stages", "list", "dict", "stacking", "constant", "writes"),
    *("float32", "object", "lists", "frozen neighbours", "right"),
)
UNJUDGED_LABELS = ("wrong", "heavy tails")


@dataclass
class Case:
    """One fit: an estimator, its data, and what is known of them."""

    estimator: Any
    X: Any
    y: Any
    fit_params: dict[str, Any] = field(default_factory=dict)
    about: dict[str, str] = field(default_factory=dict)
    judged: bool = True

    @property
    def weight(self):
        """The weight of each row as it was given, or None."""
        found = [v for k, v in self.fit_params.items() if k.endswith("sample_weight")]
        return found[0] if found else None


def draw_case(seed, number):
    """Return the case of a number; the same seed and number always give the same case."""
    rng = np.random.default_rng([seed, number])
    numbers, X, about = draw_table(rng)
    y, about["y"] = draw_labels(rng, numbers)
    weight, about["weight"] = draw_weight(rng, len(numbers))
    kind = pick(rng, ("student", "tor", "distilled", "distilled"))
    student, params = draw_student(rng, numbers.shape[1], X)
    if kind == "student":
        estimator, fit_params, about["teacher"] = student, {}, "none"
    else:
        name = about["teacher"] = pick_mostly(rng, TEACHERS, 0.1)
        teacher, fit_params = draw_teacher(rng, name, numbers, X, y)
        own = (draw_tor if kind == "tor" else draw_distilled)(rng, X, y, fit_params)
        own |= {"cv": draw_cv(rng, len(numbers)), "random_state": number}
        params |= own
        build = TORRegressor if kind == "tor" else DistilledRegressor
        estimator = build(teacher, student, **own)
    if weight is not None:
        fit_params["sample_weight"] = weight
    wrap, about["estimator"] = pick(rng, ("",) * 8 + ("pipeline", "search")), kind
    if wrap == "pipeline":
        estimator = Pipeline([("same", FunctionTransformer()), ("model", estimator)])
        fit_params = {f"model__{name}": value for name, value in fit_params.items()}
    elif wrap == "search":
        grid = {"lr" if kind == "student" else "student__lr": [0.01, 0.03]}
        error_score = pick(rng, ("raise", np.nan))
        estimator = DistilledSearchCV(estimator, grid, cv=2, error_score=error_score)
    about["wrap"] = wrap
    about["params"] = {name: str(value)[:80] for name, value in params.items()}
    judged = (
        about["y"].split(",")[0] not in UNJUDGED_LABELS
        and about["teacher"] in SENSIBLE_TEACHERS
        and params["max_epochs"] >= 30
        and params.get("alpha", 0.5) != 1.5
        # Beyond half a standard deviation are most good labels: what is left is the teacher.
        and params.get("threshold") != 0.5
    )
    return Case(estimator, X, y, fit_params, about, judged)


def pick(rng, values):
    """Return one of some values, whatever they are."""
    return values[int(rng.integers(len(values)))]


def pick_mostly(rng, values, rare):
    """Return an ordinary value, or in the share `rare` of the draws one that may be refused."""
    return pick(rng, values[chance(rng, rare)])


def chance(rng, share):
    """Return True in this share of the draws."""
    return bool(rng.random() < share)


def draw_table(rng):
    """Return ordinary numbers, the table that is made of them, and what was done."""
    few = chance(rng, 0.15)
    n, d = int(rng.integers(2, 10) if few else rng.integers(10, 121)), int(rng.integers(1, 13))
    numbers = rng.normal(size=(n, d))
    kind, gaps = pick_mostly(rng, KINDS, 0.04), pick_mostly(rng, GAPS, 0.15)
    scale = pick(rng, SCALES)
    if chance(rng, 0.1):
        numbers[n // 2 :] = numbers[: n - n // 2]
    values = numbers * scale
    if chance(rng, 0.1):
        values *= 10.0 ** rng.integers(-20, 20, size=d)
    if chance(rng, 0.1):
        values[:, rng.integers(d)] = scale
    if chance(rng, 0.03):
        values[:] = scale
    column = int(rng.integers(d))
    if gaps == "some":
        values[rng.random(values.shape) < 0.1] = np.nan
    elif gaps == "column":
        values[:, column] = np.nan
    elif gaps == "row":
        values[rng.integers(n)] = np.nan
    elif gaps == "infinity":
        values[rng.integers(n), column] = np.inf
    about = {"shape": f"{n} x {d}", "X": kind, "gaps": gaps, "scale": f"{scale:g}"}
    return numbers, as_kind(rng, values, kind, column), about


def as_kind(rng, values, kind, column):
    """Return a table of numbers as another kind of table."""
    n, d = values.shape
    names = [f"c{i}" for i in range(d)]
    words = np.array(["red", "green", "blue"])[rng.integers(3, size=n)]
    match kind:
        case "float32":
            with np.errstate(over="ignore"):
                return values.astype(np.float32)
        case "int":
            return np.nan_to_num(np.clip(values, -1e15, 1e15)).astype(np.int64)
        case "bool":
            return values > 0
        case "object":
            return values.astype(object)
        case "list":
            return values.tolist()
        case "strided":
            return np.repeat(values, 2, axis=1)[:, ::2]
        case "read-only":
            values.flags.writeable = False
        case "pandas":
            return pd.DataFrame(values, columns=names)
        case "category":
            frame = pd.DataFrame(values, columns=names)
            frame[names[column]] = pd.Categorical(np.where(rng.random(n) < 0.1, None, words))
            return frame
        case "nullable":
            return pd.DataFrame(values, columns=names).convert_dtypes()
        case "string":
            return pd.DataFrame(values, columns=names).assign(c0=pd.array(words, dtype="string"))
        case "polars":
            return pl.DataFrame(values, schema=names)
        case "polars category":
            frame = pl.DataFrame(values, schema=names)
            return frame.with_columns(pl.Series(names[column], words, dtype=pl.Categorical))
        case "dates":
            days = np.datetime64("2024-01-01") + rng.integers(100, size=n)
            return pd.DataFrame(values, columns=names).assign(c0=pd.to_datetime(days))
        case "text":
            table = values.astype(object)
            table[:, column] = words
            return table
        case "1-d":
            return values[:, 0]
    return values


def draw_labels(rng, numbers):
    """Return labels, with one or two outputs, and what they are."""
    n, kind = len(numbers), pick_mostly(rng, LABELS, 0.03)
    first, last = numbers[:, 0], numbers[:, -1]
    y = np.column_stack([np.sin(first) + last + 0.1 * rng.normal(size=n), first - last])
    match kind:
        case "constant":
            y[:] = pick(rng, (0.0, 3.0, -1e9, 1e-30, 0.1))
        case "mass":
            y[rng.random(n) < 0.6] = 0.0
        case "integer":
            y = np.round(3 * y).astype(np.int64)
        case "offset":
            y += pick(rng, (1e4, 1e9, -1e12))
        case "large":
            y *= 1e30
        case "small":
            y *= pick(rng, (1e-30, 1e-300))
        case "heavy tails":
            y += rng.standard_t(1, size=y.shape)
        case "wrong":
            y[rng.random(n) < 0.15] += pick(rng, (10.0, 1e6, -50.0))
        case "gaps":
            y[rng.integers(n), 0] = pick(rng, (np.nan, np.inf))
        case "text":
            y = y.astype(object)
            y[rng.integers(n), 0] = "n/a"
        case "too few":
            y = y[:-1]
    form = pick(rng, ("1-d", "1-d", "1-d", "column", "two", "two", "list", "series", "frame"))
    match form:
        case "1-d":
            y = y[:, 0]
        case "column":
            y = y[:, :1]
        case "list":
            y = y[:, 0].tolist()
        case "series":
            y = pd.Series(y[:, 0], name="price")
        case "frame":
            y = pd.DataFrame(y, columns=["a", "b"])
    return y, f"{kind}, {form}"


def draw_weight(rng, n):
    """Return weights of rows, and what they are."""
    kind = pick_mostly(rng, WEIGHTS, 0.04)
    weight = rng.uniform(0.5, 2.0, size=n)
    match kind:
        case "none":
            return None, kind
        case "some zero":
            weight[rng.random(n) < 0.3] = 0.0
        case "one positive":
            weight[1:] = 0.0
        case "tiny":
            weight *= pick(rng, (1e-6, 1e-30, 1e-300))
        case "huge":
            weight *= pick(rng, (1e6, 1e30, 1e300))
        case "uneven":
            weight = 10.0 ** rng.uniform(-8, 8, size=n)
        case "all zero":
            weight[:] = 0.0
        case "negative":
            weight[0] = -1.0
        case "too few":
            weight = weight[:-1]
    return weight, kind


def draw_student(rng, n_features, X):
    """Return a student, and the parameters that were chosen."""
    params = {
        "hidden_layer_sizes": pick(rng, ((8,), (8,), (16,), (), 4, (8, 4))),
        "max_epochs": pick(rng, (2, 5, 10, 30, 40, 40, 40, 40)),
        "weight_decay": pick(rng, (0.1, 0.1, 0.1, 0.1, 0.0, 1.0, "auto")),
        "random_state": pick(rng, (0, 1, 2)),
    }
    some = {
        "loss": ("absolute_error", "huber", "tukey", "wing", "barron", "barron_learned", own_loss),
        "lr": (0.001, 0.01, 0.05),
        "batch_size": (1 if len(X) < 30 else 16, 16, 64),
        "optimizer": ("sgd", "adamw", torch.optim.Adam),
        "embedding": (None, "periodic"),
        "input_transform": ("standard", "quantile", "quantile"),
        "missing_values": ("indicator",) * 4 + ("error",),
        "early_stopping": (True,),
        "activation": ("relu", "gelu", "tanh"),
        "module": (small_module, nn.Linear, wrong_module),
        "categorical_features": (
            None,
            [0],
            [n_features - 1, 0],
            [n_features],
            ["c0"],
            ["nowhere"],
            [bool(i % 2) for i in range(n_features)],
            np.arange(n_features) == 0,
        ),
    }
    for name, values in some.items():
        share = {"missing_values": 0.7, "module": 0.03, "categorical_features": 0.06}.get(name, 0.2)
        if chance(rng, share):
            params[name] = pick(rng, values)
    if params.get("module") is nn.Linear:
        params["module"], params["module_params"] = small_module, {"width": 2}
    if chance(rng, 0.02):
        name, value = pick(
            rng, (("lr", -1.0), ("loss", "nothing"), ("batch_size", 0), ("activation", "step"))
        )
        params[name] = value
    return StudentRegressor(**params), params


def own_loss(prediction, label):
    """Return the squared error, as a user would write it."""
    return (prediction - label) ** 2


def small_module(n_features, n_outputs, width=4):
    """Return a network as a user would write it."""
    return nn.Sequential(nn.Linear(n_features, width), nn.Tanh(), nn.Linear(width, n_outputs))


def wrong_module(n_features, n_outputs):
    """Return a network that has another number of outputs than it should."""
    return nn.Linear(n_features, n_outputs + 1)


def draw_cv(rng, n):
    """Return folds in one of the forms that they may have."""
    rows, plain = np.arange(n), (2, 2, 2, 3)
    half = [(rows[::2], rows[1::2]), (rows[1::2], rows[::2])]
    others = (
        KFold(2),
        KFold(3, shuffle=True, random_state=0),
        half,
        ShuffleSplit(2, random_state=0),
        200,
        half[:1],
    )
    return pick(rng, plain) if chance(rng, 0.9) else pick(rng, others)


def draw_tor(rng, X, y, fit_params):
    """Return parameters of TORRegressor."""
    heads = pick(rng, (1, 2, 2))
    return {
        "threshold": pick(rng, ("paper", "chauvenet", 3.0, 0.5)),
        "heads": heads,
        "predict_head": pick(rng, ("label", "label", "teacher", "mean")) if heads == 2 else "label",
    }


def draw_distilled(rng, X, y, fit_params):
    """Return parameters of DistilledRegressor, and add to those of its `fit`."""
    params = {
        "outliers": pick(rng, ("auto", "paper", "chauvenet", "mad", 3.0, "mixture", None, None)),
        "alpha": pick(rng, ("auto", "auto", 0.0, 0.3, 1.0, 1.5)),
    }
    some = {
        "heads": (1, 2),
        "revision": ("teacher", "label"),
        "selection": ("influence", "residual"),
        "route": ("equal", "greedy", 2),
        "hints": ("leaves", "leaves", "no such layer"),
        "synthetic": ("spunge", "neighbors", "mixup"),
        "loss": ("huber", "tukey", "wing", "barron", "tor", "attentive", "bounded", own_loss),
    }
    for name, values in some.items():
        rare = 0.06 if name in ("route", "hints") else 0.12
        if chance(rng, rare):
            params[name] = pick(rng, values)
    if chance(rng, 0.1):
        fit_params["X_unlabeled"] = more_rows(rng, X)
    return params


def more_rows(rng, X):
    """Return rows without labels, of which some are not as those of `X`."""
    if isinstance(X, pl.DataFrame):
        return pick(rng, (X.reverse(), X[::2], X.head(0), X.select(X.columns[::-1])))
    if isinstance(X, pd.DataFrame):
        return pick(rng, (X.iloc[::-1], X[::2], X.iloc[:0], X[X.columns[::-1]], X.iloc[:, 1:]))
    X = np.asarray(X)
    return pick(rng, (X[::-1], X[::2], X[:0], X[:, 1:] if X.ndim > 1 else X))


class OddTeacher(RegressorMixin, BaseEstimator):
    """A teacher with a fault of its own."""

    def __init__(self, fault="constant"):
        self.fault = fault

    def fit(self, X, y, sample_weight=None):
        self.mean_ = np.asarray(y, float).mean(axis=0)
        if self.fault == "raises":
            raise KeyError("no such thing")
        return self

    def predict(self, X):
        prediction = np.broadcast_to(self.mean_, (len(X), *self.mean_.shape)).copy()
        match self.fault:
            case "nan":
                prediction[0] = np.nan
            case "shape":
                return prediction[:-1]
            case "writes":
                if isinstance(X, np.ndarray):
                    X[:] = 0
                elif isinstance(X, pd.DataFrame):
                    X[X.columns[0]] = 0
            case "float32":
                return prediction.astype(np.float32)
            case "object":
                return prediction.astype(object)
            case "lists":
                return prediction.tolist()
            case "text":
                return np.full(prediction.shape, "much")
            case "empty":
                return None
        return prediction


def draw_teacher(rng, name, numbers, X, y):
    """Return the teacher of a name, and what goes to `fit` beside it."""
    d = numbers.shape[1]
    targets = np.asarray(y, object)
    try:
        targets = targets.astype(float)
    except (TypeError, ValueError):
        targets = numbers[: len(targets), 0]
    n_outputs = 1 if targets.ndim == 1 else targets.shape[1]
    trees = HistGradientBoostingRegressor(max_iter=5, min_samples_leaf=3)
    predictions = {
        "right": targets,
        "units": targets * 1000,
        "reversed": targets[::-1],
        "prediction shape": targets[1:],
        "prediction nan": np.full(targets.shape, np.nan),
    }
    if name in predictions:
        return None, {"teacher_prediction": predictions[name]}
    teachers = {
        "none": None,
        "ridge": Ridge(),
        "trees": trees,
        "stages": GradientBoostingRegressor(n_estimators=5),
        "list": [Ridge(), trees],
        "dict": {"near": KNeighborsRegressor(2), "flat": OddTeacher()},
        "stacking": StackingRegressor([("a", Ridge()), ("b", Ridge(10.0))], cv=2),
        "classifier": RidgeClassifier(),
        "module": nn.Linear(d, n_outputs),
        "half module": nn.Linear(d, n_outputs).to(torch.bfloat16),
        "class": Ridge,
    }
    if name.startswith("frozen"):
        seen = np.nan_to_num(targets[: len(numbers)])
        with np.errstate(all="ignore"):
            near = KNeighborsRegressor(1).fit(numbers[: len(seen)], seen)
        return FrozenEstimator(
            near
            if name.endswith("neighbours")
            else Ridge().fit(rng.normal(size=(5, d + 1)), rng.normal(size=5))
        ), {}
    return teachers.get(name, OddTeacher(name)), {}

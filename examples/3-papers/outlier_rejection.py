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

Start it with::

    python examples/3-papers/outlier_rejection.py --seeds 2

.. image:: /images/outlier_rejection.png
   :alt: R2 against the share of wrong labels

"""  # noqa: D205, D400  (the first line is the title of a page)
# sphinx_gallery_thumbnail_path = "images/outlier_rejection.png"

from common import draw, load_concrete, options, print_table, repeat, score
from sklearn.ensemble import HistGradientBoostingRegressor

from sklearn_regkd import DistilledRegressor, StudentRegressor, TORRegressor
from sklearn_regkd.datasets import corrupt_labels

SHARES = (0.0, 0.1, 0.2, 0.3, 0.4)


def fit(share, seed):
    """Return the R2 of all models, with that share of wrong labels."""
    X, y, X_test, y_test = load_concrete(seed)
    if share:
        y = corrupt_labels(y, "gross", share, random_state=seed)[0]

    def student(loss="squared_error"):
        return StudentRegressor(loss=loss, random_state=seed)

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
    return score({name: model.fit(X, y) for name, model in models.items()}, X_test, y_test)


if __name__ == "__main__":
    chosen = options("Teacher outlier rejection, arXiv 2002.12597.", "outlier_rejection.png")
    found = repeat(fit, SHARES, chosen.seeds, chosen.jobs)
    found = {f"{share:.0%}": models for share, models in found.items()}
    title = "Strength of concrete from labels of which some are wrong"
    print_table(found, f"{title}: R2, mean of {chosen.seeds} seeds", "student alone")
    draw(found, title, "share of wrong labels", chosen.output)

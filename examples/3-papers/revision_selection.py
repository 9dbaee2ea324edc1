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

Start it with::

    python examples/3-papers/revision_selection.py --seeds 2

.. image:: /images/revision_selection.png
   :alt: R2 against the steps of the teacher

"""  # noqa: D205, D400  (the first line is the title of a page)
# sphinx_gallery_thumbnail_path = "images/revision_selection.png"

from common import draw, load_concrete, options, print_table, repeat, score
from sklearn.ensemble import HistGradientBoostingRegressor

from sklearn_regkd import DistilledRegressor, StudentRegressor

STEPS = (3, 10, 30, 100, 200)


def fit(steps, seed):
    """Return the R2 of all models, with a teacher of that many steps."""
    X, y, X_test, y_test = load_concrete(seed)
    teacher = HistGradientBoostingRegressor(max_iter=steps, random_state=seed)

    def distilled(**params):
        plain = {"outliers": None, "alpha": 1.0, "loss": "squared_error", "random_state": seed}
        student = StudentRegressor(random_state=seed)
        return DistilledRegressor(teacher, student, **{**plain, **params})

    models = {
        "teacher only": distilled(),
        "half and half": distilled(alpha=0.5),
        "label revision": distilled(revision="teacher"),
        "data selection": distilled(selection="influence"),
        "both": distilled(revision="teacher", selection="influence"),
        "student alone": StudentRegressor(random_state=seed),
        "teacher itself": teacher,
    }
    return score({name: model.fit(X, y) for name, model in models.items()}, X_test, y_test)


if __name__ == "__main__":
    chosen = options("Revision and selection, arXiv 2404.03693.", "revision_selection.png")
    found = repeat(fit, STEPS, chosen.seeds, chosen.jobs)
    title = "Strength of concrete, distilled from a teacher that is not done yet"
    print_table(found, f"{title}: R2, mean of {chosen.seeds} seeds", "teacher only")
    draw(found, title, "boosting steps of the teacher", chosen.output)

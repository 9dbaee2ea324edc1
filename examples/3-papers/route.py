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

Start it with::

    python examples/3-papers/route.py --seeds 2

.. image:: /images/route.png
   :alt: R2 against the width of the student

"""  # noqa: D205, D400  (the first line is the title of a page)
# sphinx_gallery_thumbnail_path = "images/route.png"

from common import draw, load_concrete, options, print_table, repeat, score
from sklearn.ensemble import HistGradientBoostingRegressor

from sklearn_regkd import DistilledRegressor, StudentRegressor
from sklearn_regkd.supervision.route import RouteSchedule

EPOCHS = 160
WIDTHS = (4, 8, 16, 32, 64)


def fit(width, seed):
    """Return the R2 of all models, with a student of that width."""
    X, y, X_test, y_test = load_concrete(seed)
    teacher = HistGradientBoostingRegressor(max_iter=400, random_state=seed)

    def student(epochs=EPOCHS):
        return StudentRegressor(
            (width, width), max_epochs=epochs, weight_decay=0.1, random_state=seed
        )

    def distilled(epochs=EPOCHS, **params):
        plain = {"outliers": None, "alpha": 1.0, "loss": "squared_error", "random_state": seed}
        return DistilledRegressor(teacher, student(epochs), **{**plain, **params})

    models = {
        "finished teacher": distilled(),
        "route, equal": distilled(route=4),
        "route, greedy": distilled(route="greedy"),
        "finished teacher, 4 times as long": distilled(4 * EPOCHS),
        "route, full": distilled(route=RouteSchedule(schedule="full")),
        "student alone": student(),
        "teacher itself": teacher,
    }
    return score({name: model.fit(X, y) for name, model in models.items()}, X_test, y_test)


if __name__ == "__main__":
    chosen = options("Route constrained optimization, arXiv 1904.09149.", "route.png")
    found = repeat(fit, WIDTHS, chosen.seeds, chosen.jobs)
    title = "Strength of concrete, along the stages of a boosting"
    print_table(found, f"{title}: R2, mean of {chosen.seeds} seeds", "finished teacher")
    label = "width of the student's two hidden layers"
    draw(found, title, label, chosen.output, "finished teacher")

"""What the two scripts on images share: models, their errors in degrees, a table, a picture."""

import tempfile
import warnings

from common import draw, print_table, repeat
from sklearn.base import clone

from sklearn_regkd import DistilledRegressor, TORRegressor

TEACHER = "teacher itself"
SQUARED = "student alone, squared error"
ABSOLUTE = "student alone, absolute error"
TOR = "TORRegressor"
DISTILLED = "DistilledRegressor"


def fit_models(X, y, seed, teacher, student):
    """Return the fitted models by name.

    `teacher` and `student` are StudentRegressors, not fitted, the student with its seed. All
    models hear of the same wrong labels; the teacher, too, is trained on them.
    """
    with tempfile.TemporaryDirectory() as memory, warnings.catch_warnings():
        # DistilledRegressor says that it gathers no evidence on images, but uses a fixed rule.
        warnings.filterwarnings("ignore", message="outliers='auto' needs a table")
        params = {"cv": 3, "memory": memory, "random_state": seed}
        tor = TORRegressor(teacher, student, **params).fit(X, y)
        return {
            TEACHER: tor.teacher_,  # fitted on all labels as they came
            SQUARED: clone(student).fit(X, y),
            ABSOLUTE: clone(student).set_params(loss="absolute_error").fit(X, y),
            TOR: tor,
            DISTILLED: DistilledRegressor(teacher, student, **params).fit(X, y),
        }


def count_parameters(models):
    """Return the trained numbers of teacher and student, or stop if the student is too large."""
    teacher, student = models[TEACHER].n_parameters_, models[TOR].student_.n_parameters_
    if 10 * student > teacher:
        raise ValueError(f"a student of {student} parameters is no small one beside {teacher}")
    return teacher, student


def compare(run, shares, options, title):
    """Run all cases, print the table and draw the picture.

    `run(share, seed)` returns the mean error of each model in degrees.
    """
    scores = repeat(run, shares, options.seeds, options.jobs)
    named = {f"{share:.0%} of the training labels wrong": scores[share] for share in shares}
    print_table(named, title, SQUARED)
    percent = {f"{share:.0%}": scores[share] for share in shares}
    draw(percent, title, "wrong training labels", options.output, what="mean error (degrees)")

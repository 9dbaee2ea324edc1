"""What the two scripts on images share: models, their errors in degrees, a table, a picture."""

import tempfile
import warnings

from common import draw, print_table, repeat
from sklearn.base import clone

from sklearn_regkd import DistilledRegressor, TORRegressor
from sklearn_regkd.supervision.synthetic import SyntheticRows

TEACHER = "teacher itself"
SQUARED = "student alone, squared error"
ABSOLUTE = "student alone, absolute error"
LONGER = "the same, four times as long"
TOR = "TORRegressor"
DISTILLED = "DistilledRegressor"
MIXED = "DistilledRegressor, mixed pictures"
SHARES = [0.0, 0.1, 0.2, 0.4]
MADE = 3  # mixed pictures for each of the training set


def add_choices(parser):
    """Add the options of both scripts."""
    parser.add_argument("--shares", type=float, nargs="+", default=SHARES)
    parser.add_argument("--kind", default="gross", help="gross, swap or shift")
    parser.add_argument("--quick", action="store_true", help="one epoch: to see that it runs")


def fit_models(X, y, seed, teacher, student):
    """Return the fitted models by name.

    `teacher` and `student` are StudentRegressors, not fitted, the student with its seed. All
    models are trained on the same wrong labels, the teacher too. Students are trained with the
    absolute error unless another one is in their name; TORRegressor has the loss of its paper.
    """
    alone = clone(student).set_params(loss="absolute_error")
    # With mixed pictures there are as many more steps to train: let the other have them, too.
    longer = clone(alone).set_params(max_epochs=(1 + MADE) * student.max_epochs)
    with tempfile.TemporaryDirectory() as memory, warnings.catch_warnings():
        # DistilledRegressor warns that it gathers no evidence on images, but uses a fixed rule.
        warnings.filterwarnings("ignore", message="outliers='auto' needs a table")
        params = {"cv": 3, "memory": memory, "random_state": seed}
        tor = TORRegressor(teacher, student, **params).fit(X, y)
        return {
            TEACHER: tor.teacher_,  # fitted on all labels as they came
            SQUARED: student.fit(X, y),
            ABSOLUTE: alone.fit(X, y),
            LONGER: longer.fit(X, y),
            TOR: tor,
            DISTILLED: DistilledRegressor(teacher, alone, **params).fit(X, y),
            MIXED: DistilledRegressor(
                teacher, alone, synthetic=SyntheticRows("mixup", share=MADE), **params
            ).fit(X, y),
        }


def check_sizes(models):
    """Stop if the student is not small beside the teacher."""
    teacher, student = models[TEACHER].n_parameters_, models[TOR].student_.n_parameters_
    if 10 * student > teacher:
        raise ValueError(f"a student of {student} parameters is no small one beside {teacher}")


def show(scores, title, output):
    """Print the table and draw the picture of mean errors in degrees, by share of wrong labels."""
    named = {f"{share:.0%} of the training labels wrong": by for share, by in scores.items()}
    print_table(named, title, ABSOLUTE)  # the better of the two alone
    percent = {f"{share:.0%}": by for share, by in scores.items()}
    what = "mean error on clean test labels (degrees)"
    # Logarithmic: a student that follows every label is off by several times as much.
    draw(percent, title, "wrong training labels", output, what=what, scale="log")


def compare(run, options, title):
    """Call `run(share, seed)`, which returns mean errors in degrees by model, and show them."""
    show(repeat(run, options.shares, options.seeds, options.jobs), title, options.output)

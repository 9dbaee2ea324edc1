"""The teacher is taught, and says what is to be imitated: its last word, or its whole route."""

from typing import Any

import numpy as np
from sklearn.base import clone
from skorch import NeuralNet

from sklearn_regkd._distiller import Lesson
from sklearn_regkd._random import draw_seed
from sklearn_regkd._sklearn import safe_indexing
from sklearn_regkd.supervision.route import RouteSchedule
from sklearn_regkd.teachers.cross_fit import ask, fit_teacher
from sklearn_regkd.teachers.route import KINDS, KeepRoute, ask_route, has_route


def teach(
    lesson: Lesson, unfitted: Any, repaired: np.ndarray, route: RouteSchedule | None
) -> tuple[Any, np.ndarray]:
    """Fit the teacher on repaired labels and ask it about all rows.

    Parameters
    ----------
    lesson : Lesson
        Data and teacher.
    unfitted : object or None
        What is to be fitted, where the teacher is to be fitted at all.
    repaired : ndarray of shape (n_samples, n_outputs)
        Standardised labels for the teacher.
    route : RouteSchedule or None
        Whether, and how often, to ask for earlier stages.

    Returns
    -------
    teacher : object or None
        Fitted; None if only its predictions are known.
    stages : ndarray of shape (n_stages, n_samples, n_outputs)
        Standardised. The last is what the teacher says in the end, and the only
        one without a route.

    Raises
    ------
    TypeError
        If a route is asked of a teacher that has none.
    ValueError
        If the route is shorter than asked for.
    """
    teacher, n_outputs = lesson.teacher, lesson.y.shape[1]
    if route is not None and lesson.route is None and not has_route(teacher):
        who = "predictions" if teacher is None else f"teacher {type(teacher).__name__}"
        raise TypeError(f"route={route!r}, but {who} alone have no route; these have one: {KINDS}")
    if lesson.prediction is not None:
        if route is None:
            stages = lesson.prediction[None]
        elif lesson.route is not None:
            stages = lesson.route
        else:
            stages = ask_route(teacher, lesson.rows, n_outputs, route.n_asked)
    else:
        y = lesson.scaling.restore(repaired)
        teacher, stages = _fit_and_ask(lesson, unfitted, y, None, lesson.rows, route)
        if route is not None and route.out_of_fold:
            stages = np.empty((len(stages), *y.shape))
            for train, test in lesson.folds:
                rows = safe_indexing(lesson.rows, test)
                said = _fit_and_ask(lesson, unfitted, y, train, rows, route)[1]
                # Teachers that stopped early: each stage at the same share of the way.
                share = -(-np.arange(1, len(stages) + 1) * len(said) // len(stages)) - 1
                stages[:, test] = said[share]
    if route is not None:
        route.check_length(len(stages))
    return teacher, np.stack([lesson.scaling.standardize(stage) for stage in stages])


def _fit_and_ask(lesson, unfitted, y, train, rows, route) -> tuple[Any, np.ndarray]:
    """Return a fitted teacher and what it says, (n_stages, n_rows, n_outputs) in raw units."""
    n_outputs, witness, theirs = y.shape[1], None, []
    if route is not None and isinstance(unfitted, NeuralNet):
        witness = KeepRoute(rows, route.n_asked)
        theirs = list(unfitted.callbacks or [])
        unfitted = clone(unfitted).set_params(callbacks=[*theirs, ("route", witness)])
    where = (
        "on all rows with repaired labels" if train is None else "on a fold with repaired labels"
    )
    seed = draw_seed(lesson.random_state)
    teacher = fit_teacher(unfitted, lesson.rows, y, lesson.teacher_params, train, seed, where)
    if route is None:
        return teacher, ask(teacher, rows, n_outputs)[None]
    if witness is None:
        return teacher, ask_route(teacher, rows, n_outputs, route.n_asked)
    kept = dict(teacher.callbacks_)["route"]
    stages = np.stack([stage.reshape(len(rows), n_outputs) for stage in kept.said_])
    teacher.callbacks_ = [c for c in teacher.callbacks_ if c[0] != "route"]
    teacher.callbacks = [
        c for c in teacher.callbacks if not isinstance(c, tuple) or c[0] != "route"
    ]
    return teacher, stages.astype(np.float64)

"""The teacher is taught, and says what is to be imitated: its last word, or its whole route."""

from functools import partial
from typing import Any

import numpy as np
from sklearn.base import clone
from skorch import NeuralNet

from sklearn_regkd.supervision.route import RouteSchedule
from sklearn_regkd.teachers.cross_fit import ask, fit_teacher
from sklearn_regkd.teachers.fit_data import FitData
from sklearn_regkd.teachers.kinds import seed_of
from sklearn_regkd.teachers.route import KINDS, KeepRoute, has_route, staged_predictions
from sklearn_regkd.utils.parallel import call_all
from sklearn_regkd.utils.random import draw_seed
from sklearn_regkd.utils.sklearn_compat import safe_indexing


def teach(
    lesson: FitData,
    unfitted: Any,
    repaired: np.ndarray,
    route: RouteSchedule | None,
    n_jobs: int | None = None,
) -> tuple[Any, np.ndarray]:
    """Fit the teacher on repaired labels and ask it about all rows.

    Parameters
    ----------
    lesson : FitData
        Data and teacher.
    unfitted : object or None
        What is to be fitted, where the teacher is to be fitted at all.
    repaired : ndarray of shape (n_samples, n_outputs)
        Standardised labels for the teacher.
    route : RouteSchedule or None
        Whether, and how often, to ask for earlier stages.
    n_jobs : int or None, default=None
        Fits at a time.

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
            stages = lesson.memory.call(
                staged_predictions,
                teacher=teacher,
                X=lesson.rows,
                n_outputs=n_outputs,
                n_kept=route.n_asked,
            )
    else:
        folds = lesson.folds if route is not None and route.out_of_fold else []
        seeds = [draw_seed(lesson.random_state) for _ in range(1 + len(folds))]
        teacher, stages = lesson.memory.call(
            _fit_and_ask,
            {"n_jobs": n_jobs},
            unfitted=unfitted,
            X=lesson.rows,
            y=lesson.scaling.restore(repaired),
            params=lesson.teacher_params,
            folds=folds,
            n_asked=route and route.n_asked,
            seeds=[seed_of(unfitted, seed) for seed in seeds],
        )
    if route is not None:
        route.check_length(len(stages))
    return teacher, np.stack([lesson.scaling.standardize(stage) for stage in stages])


def _fit_and_ask(unfitted, X, y, params, folds, n_asked, seeds, n_jobs) -> tuple[Any, np.ndarray]:
    """Return the teacher fitted on all rows, and what it says in raw units.

    As (n_stages, n_samples, n_outputs): one stage if `n_asked` is None; out-of-fold where
    there are folds.
    """
    tasks = [partial(_fit_once, unfitted, X, y, params, None, None, n_asked, seeds[0])]
    for (train, test), seed in zip(folds, seeds[1:], strict=True):
        tasks.append(partial(_fit_once, unfitted, X, y, params, train, test, n_asked, seed))
    (teacher, stages), *parts = call_all(tasks, n_jobs)
    for (_, test), (_, said) in zip(folds, parts, strict=True):
        # Teachers that stopped early: each stage at the same share of the way.
        share = -(-np.arange(1, len(stages) + 1) * len(said) // len(stages)) - 1
        stages[:, test] = said[share]
    return teacher, stages


def _fit_once(unfitted, X, y, params, train, test, n_asked, seed) -> tuple[Any, np.ndarray]:
    """Fit on some rows and ask about others; None means all. Only a teacher of all rows is kept."""
    asked = X if test is None else safe_indexing(X, test)
    witness = None
    if n_asked is not None and isinstance(unfitted, NeuralNet):
        witness = KeepRoute(asked, n_asked)
        theirs = list(unfitted.callbacks or [])
        unfitted = clone(unfitted).set_params(callbacks=[*theirs, ("route", witness)])
    which = "all rows" if train is None else "a fold"
    teacher = fit_teacher(unfitted, X, y, params, train, seed, f"on {which} with repaired labels")
    if n_asked is None:
        stages = ask(teacher, asked, y.shape[1])[None]
    elif witness is None:
        stages = staged_predictions(teacher, asked, y.shape[1], n_asked)
    else:
        stages = _take_route(teacher, len(asked), y.shape[1])
    return (teacher if train is None else None), stages


def _take_route(net: NeuralNet, n_samples: int, n_outputs: int) -> np.ndarray:
    """Return what the witness in a net has kept, and remove the witness."""
    kept = dict(net.callbacks_)["route"].said_
    net.callbacks_ = [c for c in net.callbacks_ if c[0] != "route"]
    net.callbacks = [c for c in net.callbacks if not isinstance(c, tuple) or c[0] != "route"]
    return np.stack([stage.reshape(n_samples, n_outputs) for stage in kept]).astype(np.float64)

"""The teacher is fitted on repaired labels, and predicts: at the end, or along its whole route."""

from functools import partial
from typing import Any

import numpy as np
from sklearn.base import clone
from skorch import NeuralNet

from sklearn_regkd.supervision.route import RouteSchedule
from sklearn_regkd.teachers.cross_fit import fit_teacher, predict_teacher
from sklearn_regkd.teachers.fit_data import FitData
from sklearn_regkd.teachers.kinds import seed_of
from sklearn_regkd.teachers.multioutput import name_of
from sklearn_regkd.teachers.route import WITH_ROUTE, KeepRoute, has_route, staged_predictions
from sklearn_regkd.utils.parallel import call_all
from sklearn_regkd.utils.random import draw_seed
from sklearn_regkd.utils.sklearn_compat import safe_indexing


def check_route(data: FitData, route: RouteSchedule) -> None:
    """Refuse a teacher that has no route, before anything is fitted.

    Raises
    ------
    TypeError
        If it has none.
    ValueError
        If the route that was given is shorter than the number of anchors.
    """
    if data.teacher_route is not None:
        route.check_length(len(data.teacher_route))
    elif not has_route(data.teacher):
        words = "predictions alone have"
        if data.teacher is not None:
            words = f"teacher {name_of(data.teacher)} has"
        raise TypeError(f"route={route!r}, but {words} no route; these have one: {WITH_ROUTE}")


def refit_teacher(
    data: FitData, unfitted: Any, repaired: np.ndarray, route: RouteSchedule | None
) -> tuple[Any, np.ndarray]:
    """Fit the teacher on repaired labels, and let it predict all rows.

    Parameters
    ----------
    data : FitData
        The data of the fit, and its teacher.
    unfitted : object or None
        What is to be fitted, where the teacher is to be fitted at all.
    repaired : ndarray of shape (n_samples, n_outputs)
        Standardised labels for the teacher.
    route : RouteSchedule or None
        Whether, and how often, to predict at earlier stages.

    Returns
    -------
    teacher : object or None
        The fitted teacher; None if only its predictions are known.
    stages : ndarray of shape (n_stages, n_samples, n_outputs)
        Standardised predictions. The last stage is the teacher in the end, and the only
        one without a route.

    Raises
    ------
    ValueError
        If the route is shorter than the number of anchors.
    """
    teacher = data.teacher
    if data.teacher_prediction is not None:
        if route is None:
            stages = data.teacher_prediction[None]
        elif data.teacher_route is not None:
            stages = data.teacher_route
        else:
            stages = data.cache.call(
                staged_predictions,
                teacher=teacher,
                X=data.teacher_X,
                n_outputs=data.n_outputs,
                n_kept=route.n_predicted,
            )
    else:
        folds = data.folds if route is not None and route.out_of_fold else []
        seeds = [draw_seed(data.random_state) for _ in range(1 + len(folds))]
        teacher, stages = data.cache.call(
            _fit_and_predict,
            {"n_jobs": data.n_jobs},
            unfitted=unfitted,
            X=data.teacher_X,
            y=data.raised(data.scaling.restore(repaired)),
            params=data.teacher_params,
            folds=folds,
            n_stages=route and route.n_predicted,
            seeds=[seed_of(unfitted, seed) for seed in seeds],
        )
    if route is not None:
        route.check_length(len(stages))
    return teacher, np.stack([data.scaling.standardize(stage) for stage in stages])


def _fit_and_predict(
    unfitted, X, y, params, folds, n_stages, seeds, n_jobs
) -> tuple[Any, np.ndarray]:
    """Return the teacher fitted on all rows, and its predictions in raw units.

    As (n_stages, n_samples, n_outputs): one stage if `n_stages` is None; out-of-fold where
    there are folds.
    """
    tasks = [partial(_fit_once, unfitted, X, y, params, None, None, n_stages, seeds[0])]
    for (train, test), seed in zip(folds, seeds[1:], strict=True):
        tasks.append(partial(_fit_once, unfitted, X, y, params, train, test, n_stages, seed))
    (teacher, stages), *parts = call_all(tasks, n_jobs)
    for (_, test), (_, of_fold) in zip(folds, parts, strict=True):
        # Teachers that stopped early: each stage at the same share of the way.
        share = -(-np.arange(1, len(stages) + 1) * len(of_fold) // len(stages)) - 1
        stages[:, test] = of_fold[share]
    return teacher, stages


def _fit_once(unfitted, X, y, params, train, test, n_stages, seed) -> tuple[Any, np.ndarray]:
    """Fit on some rows, predict others; None means all. Only a teacher of all rows is kept."""
    rows = X if test is None else safe_indexing(X, test)
    keeper = None
    if n_stages is not None and isinstance(unfitted, NeuralNet):
        keeper = KeepRoute(rows, n_stages)
        callbacks = [*(unfitted.callbacks or []), ("route", keeper)]
        unfitted = clone(unfitted).set_params(callbacks=callbacks)
    which = "all rows" if train is None else "a fold"
    teacher = fit_teacher(unfitted, X, y, params, train, seed, f"on {which} with repaired labels")
    if n_stages is None:
        stages = predict_teacher(teacher, rows, y.shape[1])[None]
    elif keeper is None:
        stages = staged_predictions(teacher, rows, y.shape[1], n_stages)
    else:
        stages = _take_route(teacher, len(rows), y.shape[1])
    return (teacher if train is None else None), stages


def _take_route(net: NeuralNet, n_samples: int, n_outputs: int) -> np.ndarray:
    """Return the predictions that a net's callback has kept, and remove the callback."""
    kept = dict(net.callbacks_)["route"].predictions_
    net.callbacks_ = [c for c in net.callbacks_ if c[0] != "route"]
    net.callbacks = [c for c in net.callbacks if not isinstance(c, tuple) or c[0] != "route"]
    return np.stack([stage.reshape(n_samples, n_outputs) for stage in kept]).astype(np.float64)

"""Fit a teacher on some rows, and let it predict those that it has not seen."""

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from sklearn.base import clone
from skorch import NeuralNet
from torch.nn import Module

from sklearn_regkd.preprocessing.error_messages import hint_about_columns, listed
from sklearn_regkd.preprocessing.frames import na_as_nan
from sklearn_regkd.preprocessing.validation import as_columns
from sklearn_regkd.teachers.inputs import columns_without_values, to_spoil
from sklearn_regkd.teachers.kinds import is_fitted_teacher, is_torch
from sklearn_regkd.teachers.module import forward_teacher
from sklearn_regkd.teachers.multioutput import name_of
from sklearn_regkd.teachers.torch_turn import in_turn, torch_turn
from sklearn_regkd.training.distributed import alone
from sklearn_regkd.utils.cache import FitCache
from sklearn_regkd.utils.parallel import call_all
from sklearn_regkd.utils.progress import report_stage
from sklearn_regkd.utils.random import draw_seed
from sklearn_regkd.utils.sklearn_compat import safe_indexing


@dataclass(frozen=True)
class CrossFitResult:
    """Predictions of a teacher for the training rows.

    Parameters
    ----------
    prediction : ndarray of shape (n_samples, n_outputs)
        Predictions in raw units, out-of-fold if the teacher was fitted here.
    teacher : object or None
        The teacher, fitted on all rows where that was wanted; None if only
        its predictions are known.
    by_fold : ndarray of shape (n_whole, n_samples, n_outputs) or None, default=None
        Predictions of the teachers of the first folds for all rows, those included that
        they were fitted on, where that was wanted.
    """

    prediction: np.ndarray
    teacher: Any
    by_fold: np.ndarray | None = None


def teacher_rows(teacher: Any, X: Any, X_array: np.ndarray) -> Any:
    """Return the rows in the form that a teacher takes: frames as frames, arrays as arrays.

    Torch computes in single precision. A module predicts chunk by chunk and leaves bytes to that;
    a skorch net of the user's gets floats, which its first layer expects.
    """
    first = getattr(teacher, "estimator", teacher) if is_fitted_teacher(teacher) else teacher
    if hasattr(X, "columns") and not isinstance(first, NeuralNet | Module):
        return na_as_nan(X)
    if not is_torch(teacher) or (isinstance(teacher, Module) and X_array.dtype == np.uint8):
        return X_array
    return X_array.astype(np.float32, copy=False)


@in_turn
def predict_teacher(teacher: Any, X: Any, n_outputs: int, where: str = "") -> np.ndarray:
    """Return the predictions of a fitted teacher as (n_samples, n_outputs), checked.

    Parameters
    ----------
    teacher : object
        A fitted teacher.
    X : array-like of shape (n_samples, ...)
        Inputs in the teacher's form, see :func:`teacher_rows`.
    n_outputs : int
        Number of targets.
    where : str, default=""
        Which fit of the teacher predicts, named in errors.

    Raises
    ------
    RuntimeError
        If the teacher's own `predict` raises an error.
    ValueError
        If its predictions have another shape than y, or are not finite.
    """
    try:
        if isinstance(teacher, Module):
            prediction = forward_teacher(teacher, X)
        else:
            prediction = teacher.predict(to_spoil(teacher, X))
    except Exception as error:
        what = f"to predict {where}".rstrip()
        raise RuntimeError(_failure(teacher, what, error, X)) from error
    name = f"the prediction of teacher {name_of(teacher)} {where}".rstrip()
    return as_columns(prediction, len(X), n_outputs, name)


def predict_teacher_cached(cache: FitCache, teacher: Any, X: Any, n_outputs: int) -> np.ndarray:
    """Return what :func:`predict_teacher` does, from the cache if it is there."""
    return cache.call(predict_teacher, teacher=teacher, X=X, n_outputs=n_outputs)


def fit_teacher(
    teacher: Any,
    X: Any,
    y: np.ndarray,
    params: dict[str, np.ndarray],
    rows: np.ndarray | None,
    seed: int,
    where: str,
) -> Any:
    """Fit a clone of a teacher on some of the rows.

    Parameters
    ----------
    teacher : object
        An unfitted teacher.
    X : array-like of shape (n_samples, ...)
        Inputs in the teacher's form, see :func:`teacher_rows`.
    y : ndarray of shape (n_samples, n_outputs)
        Labels in raw units.
    params : dict of ndarray
        Fit parameters, one value per row.
    rows : ndarray of int, default=None
        The rows to learn from; None means all.
    seed : int
        Seed of torch teachers, which have no `random_state`.
    where : str
        Which fit this is, named in errors.

    Raises
    ------
    RuntimeError
        If the teacher's own fit raises an error.
    """
    report_stage(f"{name_of(teacher)}, {where}")
    torch_teacher = is_torch(teacher)
    target = y.astype(np.float32) if torch_teacher else y[:, 0] if y.shape[1] == 1 else y
    if rows is None:
        X, target = to_spoil(teacher, X), target.copy()
    else:
        X, target = safe_indexing(X, rows), target[rows]
        params = {name: values[rows] for name, values in params.items()}
    fitted = clone(teacher)
    try:
        with alone():
            if torch_teacher:
                with torch_turn(teacher, seed):
                    return fitted.fit(X, target, **params)
            return fitted.fit(X, target, **params)
    except Exception as error:
        raise RuntimeError(_failure(teacher, where, error, X)) from error


def _failure(teacher: Any, what: str, error: Exception, X: Any) -> str:
    """Return the error message for a teacher that failed."""
    words = f"teacher {name_of(teacher)} failed {what}: {type(error).__name__}: {error}"
    empty = columns_without_values(X)
    if empty:
        words += (
            f" ({listed(empty)} of the rows that it got hold no value, which some models cannot "
            "take: leave such columns out, or fill them in before)"
        )
    hint = hint_about_columns(X, error)
    return words.rstrip() + hint if hint else words


def _fit_and_predict(teacher, X, y, params, train, test, seed, fold, n_folds):
    where = f"on fold {fold + 1} of {n_folds}"
    fitted = fit_teacher(teacher, X, y, params, train, seed, where)
    rows = X if test is None else safe_indexing(X, test)
    return predict_teacher(fitted, rows, y.shape[1], where)


def _among(rows: np.ndarray, kept: np.ndarray | None) -> np.ndarray:
    return rows if kept is None or not kept[rows].any() else rows[kept[rows]]


def cross_fit_predict(
    teacher: Any,
    X: Any,
    y: np.ndarray,
    *,
    params: dict[str, np.ndarray],
    folds: list[tuple],
    refit: bool,
    n_jobs: int | None,
    seed: int,
    kept: np.ndarray | None = None,
    n_whole: int = 0,
) -> CrossFitResult:
    """Let an unfitted teacher predict rows that it has not seen.

    Parameters
    ----------
    teacher : object
        An unfitted teacher, see :func:`~sklearn_regkd.teachers.kinds.own_teacher`.
    X : array-like of shape (n_samples, ...)
        Inputs in the teacher's form, see :func:`teacher_rows`.
    y : ndarray of shape (n_samples, n_outputs)
        Labels in raw units.
    params : dict of ndarray
        Fit parameters, one value per row.
    folds : list of (train, test)
        See :func:`~sklearn_regkd.preprocessing.folds.make_folds`.
    refit : bool
        Whether to fit the teacher on all rows as well.
    n_jobs : int or None
        Fits at a time.
    seed : int
        Decides the seeds of torch teachers.
    kept : ndarray of bool of shape (n_samples,), default=None
        The rows to learn from; a fold without any learns from all of its rows.
    n_whole : int, default=0
        How many of the folds' teachers predict all rows.

    Returns
    -------
    CrossFitResult
        Its `teacher` is the one given if it is not refitted.
    """
    random_state = np.random.RandomState(seed)
    seeds = [draw_seed(random_state) for _ in range(len(folds) + 1)]
    tasks = [
        partial(
            _fit_and_predict,
            teacher,
            X,
            y,
            params,
            _among(train, kept),
            None if fold < n_whole else test,
            seed,
            fold,
            len(folds),
        )
        for fold, ((train, test), seed) in enumerate(zip(folds, seeds, strict=False))
    ]
    if refit:
        tasks.append(partial(fit_teacher, teacher, X, y, params, None, seeds[-1], "on all rows"))
    results = call_all(tasks, n_jobs)
    prediction = np.empty(y.shape)
    for fold, ((_, test), values) in enumerate(zip(folds, results, strict=False)):
        prediction[test] = values[test] if fold < n_whole else values
    by_fold = np.stack(results[:n_whole]) if n_whole else None
    return CrossFitResult(prediction, results[-1] if refit else teacher, by_fold)

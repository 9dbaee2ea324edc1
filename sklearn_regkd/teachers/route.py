"""The teacher's route: its predictions at stages of its training."""

from typing import Any

import numpy as np
from sklearn.multioutput import MultiOutputRegressor
from skorch import NeuralNet
from skorch.callbacks import Callback

from sklearn_regkd.preprocessing.validation import as_columns
from sklearn_regkd.teachers.kinds import innermost
from sklearn_regkd.teachers.multioutput import name_of
from sklearn_regkd.utils.unwrap import unwrap

WITH_ROUTE = (
    "boosting with staged_predict (scikit-learn), XGBoost, LightGBM, a skorch net that is fitted "
    "here, or your own: fit(..., teacher_route=array of shape (n_samples, n_stages))"
)


def stage_numbers(n_stages: int, n_kept: int) -> np.ndarray:
    """Return the numbers of at most `n_kept` of `n_stages` stages, from 1, in equal steps.

    The last stage is always among them.

    Examples
    --------
    >>> from sklearn_regkd.teachers.route import stage_numbers
    >>> stage_numbers(100, 4), stage_numbers(2, 4)
    (array([ 25,  50,  75, 100]), array([1, 2]))
    """
    n_kept = min(n_kept, n_stages)
    return np.ceil(np.arange(1, n_kept + 1) * n_stages / n_kept).astype(int)


def staged_predictions(teacher: Any, X: Any, n_outputs: int, n_kept: int) -> np.ndarray:
    """Return the predictions of a fitted teacher after each of some stages of its training.

    Parameters
    ----------
    teacher : object
        A fitted teacher, of a kind that has a route.
    X : array-like of shape (n_samples, ...)
        Inputs in the teacher's form.
    n_outputs : int
        Number of targets.
    n_kept : int
        Stages at most, in equal steps; the last is the teacher as it is.

    Returns
    -------
    ndarray of shape (n_kept, n_samples, n_outputs)
        Predictions in raw units.

    Raises
    ------
    TypeError
        If the teacher has no route.
    """
    teacher, X = unwrap(teacher, X)
    if isinstance(teacher, MultiOutputRegressor):
        routes = [staged_predictions(part, X, 1, n_kept) for part in teacher.estimators_]
        # Parts that stopped early have fewer stages: each is taken at the same share of its own.
        longest = max(map(len, routes))
        columns = [r[-(-np.arange(1, longest + 1) * len(r) // longest) - 1] for r in routes]
        return np.concatenate(columns, axis=2)
    name = f"a stage of teacher {name_of(teacher)}"
    return np.stack([as_columns(p, len(X), n_outputs, name) for p in _stages(teacher, X, n_kept)])


def _stages(teacher: Any, X: Any, n_kept: int) -> list:
    if hasattr(teacher, "staged_predict"):
        n_stages = _count_stages(teacher)
        kept = set(stage_numbers(n_stages, n_kept).tolist())
        return [p for k, p in enumerate(teacher.staged_predict(X), start=1) if k in kept]
    if hasattr(teacher, "get_booster"):  # XGBoost
        n_stages = teacher.get_booster().num_boosted_rounds()
        best = getattr(teacher, "best_iteration", None)  # there after early stopping only
        numbers = stage_numbers(n_stages if best is None else best + 1, n_kept)
        return [teacher.predict(X, iteration_range=(0, int(k))) for k in numbers]
    if hasattr(teacher, "booster_"):  # LightGBM
        n_stages = teacher.best_iteration_ or teacher.booster_.current_iteration()
        numbers = stage_numbers(n_stages, n_kept)
        return [teacher.predict(X, num_iteration=int(k)) for k in numbers]
    raise TypeError(f"teacher {name_of(teacher)} has no route; these have one: {WITH_ROUTE}")


def _count_stages(teacher: Any) -> int:
    for name in ("n_iter_", "n_estimators_", "tree_count_"):  # the last one is CatBoost's
        if hasattr(teacher, name):
            return int(getattr(teacher, name))
    if hasattr(teacher, "estimators_"):
        return len(teacher.estimators_)
    raise TypeError(
        f"teacher {name_of(teacher)} has staged_predict, but does not say how many stages "
        f"there are; these have a route: {WITH_ROUTE}"
    )


def has_route(teacher: Any) -> bool:
    """Return whether a teacher, fitted or not, is of a kind that has a route."""
    inner = innermost(teacher)
    if isinstance(inner, NeuralNet):  # whose training cannot be watched from outside a wrapper
        return inner is teacher
    return any(hasattr(type(inner), n) for n in ("staged_predict", "get_booster", "booster_"))


class KeepRoute(Callback):
    """Keep the predictions of a skorch net for some rows, at equal steps of its training.

    Predictions are kept, not models.

    Parameters
    ----------
    rows : array-like of shape (n_samples, ...)
        Rows to predict.
    n_kept : int
        Number of steps.
    """

    def __init__(self, rows: Any, n_kept: int):
        self.rows = rows
        self.n_kept = n_kept

    def on_train_begin(self, net, **kwargs):
        """Plan when to predict."""
        self.predictions_: list[np.ndarray] = []
        self.epochs_ = set(stage_numbers(net.max_epochs, self.n_kept).tolist())
        self.epoch_ = 0

    def on_epoch_end(self, net, **kwargs):
        """Predict, if it is time."""
        self.epoch_ += 1
        if self.epoch_ in self.epochs_:
            self.predictions_.append(net.predict(self.rows))

    def on_train_end(self, net, **kwargs):
        """Predict once more if the training has ended early."""
        if self.epoch_ not in self.epochs_:
            self.predictions_.append(net.predict(self.rows))


def as_route(route: Any, shape: tuple[int, int]) -> np.ndarray:
    """Return a user's stage predictions as (n_stages, n_samples, n_outputs), checked.

    Parameters
    ----------
    route : array-like of shape (n_samples, n_stages) or (n_samples, n_stages, n_outputs)
        Rows first, so that cross-validation can slice it.
    shape : tuple of int
        Shape of the labels, (n_samples, n_outputs).
    """
    route = np.asarray(route, np.float64)
    n_samples, n_outputs = shape
    if route.ndim == 2 and n_outputs == 1:
        route = route[:, :, None]
    if route.ndim != 3 or route.shape[0] != n_samples or route.shape[2] != n_outputs:
        raise ValueError(
            f"teacher_route has shape {route.shape}, expected ({n_samples}, n_stages, {n_outputs})"
        )
    if not route.shape[1] or not np.isfinite(route).all():
        raise ValueError("teacher_route has no stages, or values that are not finite")
    return np.moveaxis(route, 1, 0)

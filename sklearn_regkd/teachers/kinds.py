"""The kinds of teachers that users hand over, and what each of them takes."""

import copy
import inspect
from typing import Any

import numpy as np
import torch
from sklearn import config_context
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import Pipeline
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted, has_fit_parameter
from skorch import NeuralNet

from sklearn_regkd.preprocessing.frames import column, declared_categories, is_frame
from sklearn_regkd.teachers.boosting import BoostedTrees
from sklearn_regkd.teachers.in_batches import PredictInBatches
from sklearn_regkd.teachers.multioutput import PredictsOnceFitted
from sklearn_regkd.utils.random import fill_random_states
from sklearn_regkd.utils.unwrap import layers

KINDS = (
    "None (the default teacher), an unfitted regressor, a FrozenEstimator around a fitted one, "
    "a skorch net, a torch.nn.Module, or a list or dict of them"
)

# Size of the default teacher, for fewer rows than that. On 34,000 rows of protein the last one is
# worth 0.08 of R2. Out-of-fold R2 over that of 200 trees of 31 leaves (squared, absolute error),
# mean of 19 tables: up to 1,500 rows the first one .011, -.006 for .3 of the time; up to 6,000 rows
# the second one .003, -.005 for half of it.
SIZES = (
    (2_000, {"max_iter": 100, "learning_rate": 0.15, "max_leaf_nodes": 15}),
    (8_000, {"max_iter": 100, "learning_rate": 0.1}),
    (np.inf, {"max_iter": 1000, "learning_rate": 0.05, "early_stopping": True}),
)
# Categories of one column: the trees keep them in a byte.
MOST_CATEGORIES = 255


def default_teacher(n_samples: int = 0) -> BaseEstimator:
    """Return the default teacher: boosted trees with absolute loss.

    The absolute loss, because a teacher that is to find wrong labels must not bend
    to the wrong ones itself. Half of the features are open to each split, which
    was better on most tables; many rows get more trees, with early stopping.
    """
    size = next(size for most, size in SIZES if n_samples < most)
    teacher = BoostedTrees(loss="absolute_error", max_features=0.5, **size)
    with config_context(enable_metadata_routing=True):  # else a request cannot be set
        return teacher.set_fit_request(sample_weight=True)


def quick_teacher(n_samples: int) -> BaseEstimator:
    """Return the default teacher, of many rows with a tenth of its trees.

    What labels are worth shows with few trees; on 10,000 rows all of them take four times longer.
    """
    return default_teacher(min(n_samples, SIZES[1][0] - 1))


def check_default_rows(X: Any, shape: tuple[int, ...]) -> None:
    """Refuse rows that the default teacher cannot take, before anything is computed.

    Parameters
    ----------
    X : array-like of shape (n_samples, ...)
        Inputs as the user gave them.
    shape : tuple of int
        Shape of X as an array.

    Raises
    ------
    ValueError
        If these are images, or a column of a frame holds too many categories.
    """
    if len(shape) > 2:
        raise ValueError(
            f"X has shape {shape}, but the default teacher takes tables only: pass a teacher for "
            "images, such as StudentRegressor(module=large_cnn) from sklearn_regkd.networks.cnn"
        )
    for position in declared_categories(X) if is_frame(X) else ():
        name, values = X.columns[position], column(X, position)
        # scikit-learn counts what is missing in a polars column as a category.
        count = values.n_unique() if hasattr(X, "with_columns") else values.nunique()
        if count > MOST_CATEGORIES:
            raise ValueError(
                f"column {name!r} of X holds {count} categories, and the default teacher takes at "
                f"most {MOST_CATEGORIES}: merge the rare ones or leave the column out, put "
                "TargetEncoder(target_type='continuous') before in a Pipeline, or pass a teacher"
            )


def is_fitted_teacher(teacher: Any) -> bool:
    """Return whether a teacher is used as it is, instead of being fitted here."""
    return isinstance(teacher, FrozenEstimator | torch.nn.Module)


def check_teacher(teacher: Any) -> None:
    """Refuse what cannot teach, before anything is computed.

    Raises
    ------
    TypeError
        If the teacher is none of the known kinds, or a classifier.
    NotFittedError
        If a FrozenEstimator holds an unfitted estimator.
    """
    if teacher is None or isinstance(teacher, torch.nn.Module):
        return
    # Of some estimators, such as StackingRegressor, `predict` appears with the fit.
    can_predict = hasattr(type(teacher), "predict") or hasattr(teacher, "predict")
    if isinstance(teacher, type) or not (hasattr(teacher, "fit") and can_predict):
        raise TypeError(f"teacher={teacher!r} cannot be used; expected {KINDS}")
    if isinstance(teacher, BaseEstimator) and not is_torch(teacher):
        purpose = get_tags(teacher).estimator_type
        if purpose not in (None, "regressor"):  # on whole-number labels nothing else would fail
            raise TypeError(
                f"teacher {type(innermost(teacher)).__name__} is a {purpose}, but a teacher "
                "predicts numbers: pass a regressor"
            )
    if isinstance(teacher, FrozenEstimator):
        try:
            check_is_fitted(teacher)
        except NotFittedError as error:
            raise NotFittedError(
                f"teacher is a FrozenEstimator around an unfitted "
                f"{type(teacher.estimator).__name__}: fit it first, or pass it without "
                "FrozenEstimator to have it fitted out-of-fold here"
            ) from error


def own_teacher(
    teacher: Any, n_outputs: int, random_state: np.random.RandomState, n_samples: int = 0
) -> Any:
    """Return a copy of a teacher that belongs to one fit and predicts all outputs.

    Unfitted teachers are cloned and get seeds where they have none; those that
    take a single target are repeated for each output.
    """
    if isinstance(teacher, torch.nn.Module):
        return copy.deepcopy(teacher).eval()
    if isinstance(teacher, FrozenEstimator):
        return teacher
    own = default_teacher(n_samples) if teacher is None else clone(teacher)
    fill_random_states(own, random_state)
    if n_outputs > 1 and not _takes_many_outputs(own):
        # StackingRegressor, alone or in a Pipeline, has no `predict` before it is fitted.
        repeat = MultiOutputRegressor if hasattr(own, "predict") else PredictsOnceFitted
        return repeat(own)
    return own


def _takes_many_outputs(teacher: Any) -> bool:
    return is_torch(teacher) or bool(get_tags(teacher).target_tags.multi_output)


def is_torch(teacher: Any) -> bool:
    """Return whether a teacher, or its last step, computes with torch in single precision."""
    return isinstance(layers(teacher)[-1], NeuralNet | torch.nn.Module)


def innermost(teacher: Any) -> Any:
    """Return what is inside all wrappers, fitted or not; of parts for each target the template."""
    teacher = layers(teacher)[-1]
    return innermost(teacher.estimator) if isinstance(teacher, MultiOutputRegressor) else teacher


def seed_of(teacher: Any, seed: int) -> int:
    """Return the seed of a torch teacher's fit; 0 for others, whose fits do not depend on it."""
    return seed if is_torch(teacher) else 0


def weight_params(teacher: Any, weight: np.ndarray | None) -> dict[str, np.ndarray]:
    """Return the fit parameters by which a teacher takes the weights of rows.

    Raises
    ------
    ValueError
        If the teacher takes none.
    """
    if weight is None or is_fitted_teacher(teacher):
        return {}
    path, target = "", teacher
    if isinstance(teacher, MultiOutputRegressor):
        target = teacher.estimator
    while isinstance(target, Pipeline | PredictInBatches):
        if isinstance(target, PredictInBatches):
            target = target.estimator
        else:
            step, target = target.steps[-1]
            path += f"{step}__"
    takes_any = any(
        p.kind is inspect.Parameter.VAR_KEYWORD
        for p in inspect.signature(target.fit).parameters.values()
    )
    if isinstance(target, NeuralNet) or not (
        takes_any or has_fit_parameter(target, "sample_weight")
    ):
        raise ValueError(
            f"teacher {type(target).__name__} does not take sample_weight; choose one that does, "
            "or leave the weights away"
        )
    return {f"{path}sample_weight": weight}

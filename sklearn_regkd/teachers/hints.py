"""What happens inside a teacher: the leaves of its trees, or a layer of its network."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.multioutput import MultiOutputRegressor
from skorch import NeuralNet
from torch import Tensor

from sklearn_regkd.networks.features import named_layer, watch
from sklearn_regkd.supervision.hints import LEAVES
from sklearn_regkd.teachers.kinds import innermost, is_torch
from sklearn_regkd.teachers.multioutput import name_of
from sklearn_regkd.teachers.route import stage_numbers
from sklearn_regkd.teachers.torch_turn import in_turn
from sklearn_regkd.training.randomness import torch_seeded
from sklearn_regkd.utils.unwrap import unwrap

# Trees of a long ensemble that are used: neighbouring ones of a boosting see nearly the same.
MOST_TREES = 100
# Two values of one leaf differ by what adding up and subtracting again loses.
DIGITS = 9
WITH_LEAVES = (
    "trees, forests and boosting of scikit-learn, XGBoost or LightGBM, alone or as the last step "
    "of a Pipeline"
)


def check_hints(teacher: Any, layer: str) -> None:
    """Refuse hints that a teacher cannot give, before anything is computed.

    The layers of a skorch net whose fit decides the parameters of its module are not known yet.

    Raises
    ------
    TypeError
        If it has no such insides.
    ValueError
        If it has no layer of that name.
    """
    inner = innermost(teacher)
    if inner is None:
        raise TypeError(
            f"hints={layer!r} need a teacher to look into; predictions alone have no inside"
        )
    name = type(inner).__name__
    if layer == LEAVES:
        if is_torch(inner) or not _has_leaves(inner):
            way_out = " (of a network name a layer instead)" if is_torch(inner) else ""
            raise TypeError(f"teacher {name} has no leaves{way_out}; these have: {WITH_LEAVES}")
    elif not is_torch(inner):
        raise TypeError(
            f"hints={layer!r} is the name of a layer, but teacher {name} is not a network; "
            "of trees take 'leaves'"
        )
    else:
        module = inner if isinstance(inner, torch.nn.Module) else _module_before_fit(inner)
        if module is not None:
            named_layer(module, layer)


def _module_before_fit(net: NeuralNet) -> torch.nn.Module | None:
    """Return the module of a net as its fit would build it; None if it cannot be built yet."""
    try:
        with torch_seeded(0, "cpu"):
            return net.initialized_instance(net.module, net.get_params_for("module"))
    except Exception:
        return None


@in_turn
def hint_features(
    teacher: Any, X: Any, layer: str, n_components: int, random_state: np.random.RandomState
) -> np.ndarray:
    """Return what happens inside a fitted teacher for each row.

    Parameters
    ----------
    teacher : object
        A fitted teacher.
    X : array-like of shape (n_samples, ...)
        Inputs in the teacher's form.
    layer : str
        ``"leaves"``, or the name of a layer of a network.
    n_components : int
        Values per row, at most.
    random_state : RandomState
        Decides the projection to that many values.

    Returns
    -------
    ndarray of shape (n_samples, n_hints), float32
        At most `n_components` columns; mean 0, standard deviation 1.

    Raises
    ------
    ValueError
        If there is no layer of that name, or its values are the same for all
        rows or not finite.
    """
    teacher, X = unwrap(teacher, X)
    if layer == LEAVES:
        features = _project_leaves(_leaves(teacher, X), n_components, random_state)
    else:
        module = teacher.module_.eval() if isinstance(teacher, NeuralNet) else teacher
        X = np.asarray(X, np.float32)
        shrink = _projection(n_components, random_state)
        features = watch(module, named_layer(module, layer), X, shrink=shrink)
    spread = features.std(axis=0)
    features = features[:, spread > 1e-12]
    if not features.shape[1] or not np.isfinite(features).all():
        raise ValueError(
            f"hints={layer!r} of teacher {name_of(teacher)} are the same for all rows, or "
            "not finite: take another layer, or leave hints=None"
        )
    return ((features - features.mean(axis=0)) / features.std(axis=0)).astype(np.float32)


def _has_leaves(teacher: BaseEstimator) -> bool:
    return isinstance(teacher, HistGradientBoostingRegressor) or any(
        hasattr(type(teacher), name) for name in ("apply", "booster_")
    )


def _leaves(teacher: Any, X: Any) -> list[np.ndarray]:
    """Return, for each of some trees, a number (n_samples,) that tells its leaves apart."""
    if isinstance(teacher, MultiOutputRegressor):
        return [tree for part in teacher.estimators_ for tree in _leaves(*unwrap(part, X))]
    if isinstance(teacher, HistGradientBoostingRegressor):
        return _steps(teacher, X)
    if hasattr(teacher, "booster_"):  # LightGBM
        leaves = teacher.predict(X, pred_leaf=True)
    else:
        with warnings.catch_warnings():  # scikit-learn's boosting hands frames on to its trees
            warnings.filterwarnings("ignore", message="X has feature names")
            leaves = teacher.apply(X)
    leaves = np.asarray(leaves).reshape(len(leaves), -1)
    return [leaves[:, tree - 1] for tree in stage_numbers(leaves.shape[1], MOST_TREES)]


def _steps(boosting: HistGradientBoostingRegressor, X: Any) -> list[np.ndarray]:
    """Return what some trees of a boosting added, which is one value for each leaf.

    There is no other public way to its leaves.
    """
    kept = set(stage_numbers(boosting.n_iter_, MOST_TREES).tolist())
    steps, last = [], None
    for tree, stage in enumerate(boosting.staged_predict(X), start=1):
        if tree in kept:
            step = stage if last is None else stage - last
            size = np.abs(stage).max()
            steps.append(np.round(step / size if size > 0 else step, DIGITS))
        last = stage
    return steps


def _project_leaves(
    trees: list[np.ndarray], n_components: int, random_state: np.random.RandomState
) -> np.ndarray:
    """Return a random projection of the leaf memberships, (n_samples, n_components)."""
    projected = np.zeros((len(trees[0]), n_components))
    for tree in trees:
        leaves, member = np.unique(tree, return_inverse=True)
        projected += random_state.standard_normal((len(leaves), n_components))[member]
    return projected


def _projection(
    n_components: int, random_state: np.random.RandomState
) -> Callable[[Tensor], Tensor]:
    """Return a function that projects rows of more values than that at random."""
    seed = random_state.randint(2**31 - 1)

    def shrink(values: Tensor) -> Tensor:
        n_values = values.shape[1]
        if n_values <= n_components:
            return values
        drawn = np.random.RandomState(seed).standard_normal((n_values, n_components))
        return values @ torch.from_numpy(drawn)

    return shrink

"""What values the parameters of a student may have."""

import os
from numbers import Integral, Real

import torch
from sklearn.base import BaseEstimator
from skorch import NeuralNet

from sklearn_regkd.losses.modules import STUDENT_LOSSES
from sklearn_regkd.networks.inputs import TRANSFORMS
from sklearn_regkd.networks.mlp import ACTIVATIONS, layer_widths
from sklearn_regkd.training.build import OPTIMIZERS
from sklearn_regkd.utils.sklearn_compat import Interval, StrOptions, validate_parameters

CONSTRAINTS = {
    "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
    "activation": [StrOptions(set(ACTIVATIONS))],
    "loss": [StrOptions(STUDENT_LOSSES), callable],
    "quantile": [Interval(Real, 0, 1, closed="neither")],
    "lr": [Interval(Real, 0, None, closed="neither")],
    "max_epochs": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
    "batch_size": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
    "optimizer": [StrOptions(set(OPTIMIZERS)), callable],
    "weight_decay": [Interval(Real, 0, None, closed="left"), StrOptions({"auto"})],
    "embedding": [None, StrOptions({"periodic"})],
    "input_transform": [StrOptions(set(TRANSFORMS))],
    "categorical_features": [None, "array-like", StrOptions({"from_dtype"})],
    "missing_values": [StrOptions({"error", "indicator"})],
    "clip_predictions": ["boolean"],
    "early_stopping": ["boolean"],
    "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
    "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
    "module": [None, callable, NeuralNet],
    "module_params": [None, dict],
    "net_params": [None, dict],
    "checkpoint": [None, str, os.PathLike],
    "augment": [None, callable],
    "random_state": ["random_state"],
    "verbose": ["verbose"],
}


def check_student_params(student: BaseEstimator) -> None:
    """Raise an error that helps if a parameter, or a combination of them, makes no sense.

    Parameters
    ----------
    student : StudentRegressor
        Fitted or not.

    Raises
    ------
    ValueError
        If a value is unknown or out of range, or two values exclude each other.
    TypeError
        If `module` is an instance.
    """
    validate_parameters(student, CONSTRAINTS)
    layer_widths(student.hidden_layer_sizes)
    if student.missing_values == "indicator" and (
        student.module is not None or student.input_transform != "quantile"
    ):
        raise ValueError(
            "missing_values='indicator' needs input_transform='quantile' and the built-in "
            "network; impute before, for example with SimpleImputer(add_indicator=True)"
        )
    names_columns = not isinstance(student.categorical_features, str | None)
    if names_columns and (student.module is not None or student.input_transform != "quantile"):
        raise ValueError(
            f"categorical_features={student.categorical_features!r} needs "
            "input_transform='quantile' and the built-in network; encode categories in a Pipeline, "
            "for example with OneHotEncoder(sparse_output=False), and leave categorical_features "
            "away"
        )
    if student.checkpoint is not None and student.random_state is None:
        raise ValueError(
            f"checkpoint={student.checkpoint!r} with random_state=None: each fit draws another "
            "seed, and none can go on where another was killed; set random_state to an integer"
        )
    net_params = student.net_params or {}
    if "criterion" in net_params or isinstance(net_params.get("callbacks"), str):
        raise ValueError(
            "net_params: the criterion follows from loss, and callbacks must be a list; got "
            f"{net_params}"
        )
    if student.augment is not None and (
        student.module is None
        or isinstance(student.module, NeuralNet)
        or "iterator_train" in net_params
    ):
        raise ValueError(
            "augment changes the batches of a student with module=, a class or a factory; the "
            "built-in network takes none, and a net or iterator_train of your own augments by "
            "itself"
        )
    if isinstance(student.module, torch.nn.Module):
        raise TypeError(
            f"module is an instance of {type(student.module).__name__}; pass its class or a "
            "factory, so that each fit starts from fresh weights"
        )

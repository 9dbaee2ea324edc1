"""Build the skorch net that the parameters of a student describe."""

import copy
import inspect
from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator, clone
from skorch import NeuralNet
from skorch.callbacks import EarlyStopping
from skorch.dataset import ValidSplit
from skorch.utils import noop

from sklearn_regkd.networks.embedding import count_frequencies, embedded_width
from sklearn_regkd.networks.hints import ADAPTER
from sklearn_regkd.networks.inputs import InputTransform
from sklearn_regkd.networks.mlp import MLP, layer_widths
from sklearn_regkd.training.batched_mlp import MLPConfig
from sklearn_regkd.training.callbacks import OneCycle
from sklearn_regkd.training.device import choose_device, resolve_device
from sklearn_regkd.training.distributed import current_processes
from sklearn_regkd.training.net import StudentNet
from sklearn_regkd.utils.arithmetic import ceil_div
from sklearn_regkd.utils.random import draw_seed

OPTIMIZERS: dict[str, type[torch.optim.Optimizer]] = {
    "adamw": torch.optim.AdamW,
    "sgd": torch.optim.SGD,
}
# Parameters that have no weight decay.
UNDECAYED = ("*bias", "*raw_shape", f"{ADAPTER}.*")
AUTO_STEPS = 1000
# Of so few rows, 100 to 400 of 19 tables, R2 stays the same on average (.0005, standard error .003)
# with fewer steps; with 500 of them it is .014 lower on 100 rows (standard error .017).
FEW_STEPS, FEW_ROWS = 700, 500
AUTO_ROWS = 4000
AUTO_MOST = 10
AUTO_MIN_EPOCHS = 10
AUTO_BATCH = 128
# Half as many rows a step cost 40 % less. On 19 tables of at most 1,500 rows the mean of R2 stays
# within .001, where a trial of the weight decay with half of the rows, and the training with all,
# loses .007. On more rows 1,000 such steps would be fewer than 32 epochs.
SMALL_BATCH, SMALL_BATCH_ROWS = 64, 2000
# With so strong a decay a network is next to a constant, and the noise of small steps makes it one:
# on visits to doctors with gross errors R2 is -.00 with 64 rows a step and .21 with 128.
STRONG_DECAY = 10.0


def build_net(
    student: BaseEstimator,
    shape: tuple[int, ...],
    n_plain: int,
    n_columns: int,
    weight_decay: float,
    random_state: np.random.RandomState,
) -> NeuralNet:
    """Return an uninitialised net that nobody else holds, without its criterion.

    Parameters
    ----------
    student : StudentRegressor
        Its parameters, already validated, describe the net.
    shape : tuple of int
        Shape of what the network sees, samples first.
    n_plain : int
        How many of its inputs, the last ones, are 0 or 1.
    n_columns : int
        Width of the network's output, all heads together.
    weight_decay : float
        Weight decay of the network's weights.
    random_state : RandomState
        Decides initial weights, order of rows and held-out rows.
    """
    if isinstance(student.module, NeuralNet):
        net = clone(student.module)
        return net.set_params(verbose=0) if student.verbose == 0 else net
    processes = current_processes()
    batch_size = batch_size_of(student, shape[0], weight_decay)
    step = batch_size * processes.size
    params: dict[str, Any] = {
        "criterion": torch.nn.Module,  # replaced by the caller
        "max_epochs": count_epochs(student.max_epochs, shape[0], step),
        "lr": student.lr,
        "batch_size": batch_size,
        "iterator_train__shuffle": True,
        "iterator_train__seed": draw_seed(random_state),
        "train_split": None,
        "device": _device(student, min(shape[0], step), shape[1] - n_plain, n_plain, n_columns),
        "verbose": processes.verbosity(max(0, student.verbose - 1)),
        **_module_params(student, shape, n_plain, n_columns, random_state),
        **_optimizer_params(student, weight_decay),
    }
    callbacks: list[Any] = [("one_cycle", OneCycle())]
    if student.early_stopping:
        seed = draw_seed(random_state)
        params["train_split"] = ValidSplit(student.validation_fraction, random_state=seed)
        stop = EarlyStopping(
            patience=student.n_iter_no_change, threshold=0.0, load_best=True, sink=noop
        )
        # The best epoch of a schedule is nearly always its last: with early
        # stopping the learning rate stays where it is.
        callbacks = [("early_stopping", stop)]
    if student.augment is not None:
        params["iterator_train__augment"] = student.augment
    own_params = copy.deepcopy(student.net_params or {})
    callbacks += own_params.pop("callbacks", None) or []
    if "iterator_train" in own_params:
        del params["iterator_train__seed"]
    params = {**params, **own_params, "callbacks": callbacks}
    if params["batch_size"] > 0:
        params["batch_size"] *= processes.size
    return StudentNet(**params)


def batch_size_of(student: BaseEstimator, n_samples: int, weight_decay: float = 0.0) -> int:
    """Return how many rows a step of one process takes; ``"auto"`` takes fewer of few rows."""
    if student.batch_size != "auto":
        return int(student.batch_size)
    is_small = n_samples <= SMALL_BATCH_ROWS and weight_decay < STRONG_DECAY
    is_ours = student.max_epochs == "auto" and student.module is None
    return SMALL_BATCH if is_small and is_ours else AUTO_BATCH


def count_epochs(
    max_epochs: int | str, n_samples: int, batch_size: int, at_least: int = AUTO_MIN_EPOCHS
) -> int:
    """Return the number of epochs; ``"auto"`` makes 1,000 steps of them, or more for many rows.

    Up to 500 rows it makes 700. Above 4,000 rows the steps grow with the rows (about 32 epochs),
    above 40,000 with their square root: what more rows show takes longer to learn, while on few
    rows longer training learns noise by heart.
    """
    if max_epochs != "auto":
        return int(max_epochs)
    many = n_samples / AUTO_ROWS
    steps = AUTO_STEPS * max(1.0, min(many, (AUTO_MOST * many) ** 0.5))
    steps = FEW_STEPS if n_samples <= FEW_ROWS else steps
    steps_per_epoch = ceil_div(n_samples, batch_size)
    return max(at_least, round(steps / steps_per_epoch))


def mlp_config(student: BaseEstimator, transform: InputTransform, n_samples: int) -> MLPConfig:
    """Return size and training of the built-in network, for many copies of it at once."""
    batch_size = batch_size_of(student, n_samples) * current_processes().size
    n_batches = ceil_div(n_samples, batch_size)
    n_numeric, n_plain = transform.n_numeric, transform.n_plain
    return MLPConfig(
        layer_widths(student.hidden_layer_sizes),
        student.activation,
        _n_frequencies(student, n_numeric, n_plain),
        n_plain,
        student.lr,
        batch_size,
        n_batches * count_epochs(student.max_epochs, n_samples, batch_size),
        _device(student, min(n_samples, batch_size), n_numeric, n_plain),
    )


def _n_frequencies(student: BaseEstimator, n_numeric: int, n_plain: int) -> int:
    return count_frequencies(n_numeric, n_plain) if student.embedding else 0


def _device(
    student: BaseEstimator, n_rows: int, n_numeric: int, n_plain: int, n_columns: int = 1
) -> str:
    """Return where a student is trained, by the rows of a step.

    How fast a module of the user's is, nobody knows.
    """
    if student.module is not None:
        return resolve_device(student.device)
    first = embedded_width(n_numeric, _n_frequencies(student, n_numeric, n_plain), n_plain)
    widths = [first, *layer_widths(student.hidden_layer_sizes), n_columns]
    return choose_device(student.device, widths, n_rows)


def _module_params(
    student: BaseEstimator,
    shape: tuple[int, ...],
    n_plain: int,
    n_columns: int,
    random_state: np.random.RandomState,
) -> dict[str, Any]:
    size = {"n_features": shape[1]} if len(shape) == 2 else {"input_shape": shape[1:]}
    if student.module is None:
        given = {
            "hidden_layer_sizes": layer_widths(student.hidden_layer_sizes),
            "activation": student.activation,
            "n_frequencies": _n_frequencies(student, shape[1] - n_plain, n_plain),
            "n_plain": n_plain,
            "seed": draw_seed(random_state),
        }
    else:
        given = student.module_params or {}
    given = {"n_outputs": n_columns, **size, **given}
    return {
        "module": MLP if student.module is None else student.module,
        **{f"module__{name}": value for name, value in given.items()},
    }


def _optimizer_params(student: BaseEstimator, weight_decay: float) -> dict[str, Any]:
    optimizer = OPTIMIZERS.get(student.optimizer, student.optimizer)
    params: dict[str, Any] = {"optimizer": optimizer}
    if "weight_decay" in inspect.signature(optimizer).parameters:
        params["optimizer__weight_decay"] = weight_decay
        params["optimizer__param_groups"] = [(name, {"weight_decay": 0.0}) for name in UNDECAYED]
    if student.optimizer == "adamw":
        params["optimizer__fused"] = True
    return params

"""From validated rows and their supervision to a trained student."""

from functools import partial
from typing import Any

import numpy as np
from skorch import NeuralNet
from skorch.callbacks import Callback
from skorch.dataset import ValidSplit

from sklearn_regkd.networks.inputs import InputTransform, TransformedRows, fit_input_transform
from sklearn_regkd.networks.scaling import OutputScaling
from sklearn_regkd.preprocessing.folds import hold_out_groups
from sklearn_regkd.preprocessing.scaling import Scaling
from sklearn_regkd.supervision.supervision import Supervision
from sklearn_regkd.training.build import build_net
from sklearn_regkd.training.callbacks import ReportProgress, StopOnDivergence, repeat_cycles
from sklearn_regkd.training.checkpoint import Checkpoint
from sklearn_regkd.training.curriculum import FollowRoute
from sklearn_regkd.training.device import one_thread
from sklearn_regkd.training.distributed import current_processes
from sklearn_regkd.training.randomness import torch_seeded
from sklearn_regkd.training.train import score_in_raw_units, train, use_criterion
from sklearn_regkd.training.weight_decay import try_weight_decays
from sklearn_regkd.utils.progress import show_progress
from sklearn_regkd.utils.random import draw_seed, own_random_state
from sklearn_regkd.utils.sklearn_compat import fit_task, has_progress_bar


def train_student(
    student: Any,
    X: np.ndarray,
    supervision: Supervision,
    scaling: Scaling,
    criterion: dict[str, Any],
    rows: TransformedRows | None = None,
) -> None:
    """Train a student under any supervision, and set all of its fitted attributes.

    Parameters
    ----------
    student : StudentRegressor
        The student, changed in place; its parameters are valid and its data attributes are set.
    X : ndarray of shape (n_samples, ...)
        Validated inputs.
    supervision : Supervision
        What the student is told about these rows.
    scaling : Scaling
        The scaling of the targets.
    criterion : dict
        Arguments of the student's criterion.
    rows : TransformedRows, default=None
        The same rows as the built-in network sees them, where they are transformed already.
    """
    random_state = own_random_state(student.random_state)
    has_own_module = student.module is not None
    if rows is None:
        kind = "standard" if has_own_module else student.input_transform
        transform = fit_input_transform(X, supervision.row_weight, kind, student._categorical)
    else:
        transform = rows.transform
    inputs: Any = transform
    if not has_own_module:
        inputs = TransformedRows(X, transform) if rows is None else rows
    weight_decay = student.weight_decay
    if weight_decay == "auto":
        with show_progress(student, current_processes().verbosity(student.verbose)):
            weight_decay = try_weight_decays(student, inputs, supervision, criterion, random_state)
    net, output = new_net(
        student, X.shape, transform, scaling, criterion, weight_decay, random_state
    )
    if supervision.groups is not None and student.early_stopping:
        net.set_params(train_split=_split_by_groups(student, supervision, random_state))
    curriculum = supervision.curriculum
    if curriculum is not None:
        repeat_cycles(net, curriculum.n_cycles)
    context = student._init_callback_context(max_subtasks=net.max_epochs)
    # Two bars would write over each other, and in a notebook call each other without end.
    bar = student.verbose == 1 and not has_progress_bar(student)
    extra: list[tuple[str, Callback]] = [
        ("divergence", StopOnDivergence()),
        ("progress", ReportProgress(student, context, bar)),
    ]
    if curriculum is not None:
        extra.append(("route", FollowRoute(curriculum)))
    if student.checkpoint is not None:
        about = decisive_params(student), criterion, curriculum, net.batch_size, net.max_epochs
        extra.append(("checkpoint", Checkpoint(student.checkpoint, about)))
    with fit_task(context, student), around_training(student, net, random_state):
        seed = 0 if supervision.hints is None else draw_seed(random_state)
        train(
            net=net,
            X=X,
            supervision=supervision,
            scaling=scaling,
            n_heads=output.n_heads,
            inputs=inputs,
            extra_callbacks=extra,
            adapter_seed=seed,
            on_done=partial(student._take, net, output, weight_decay, X.shape[1:]),
        )


def _split_by_groups(
    student: Any, supervision: Supervision, random_state: np.random.RandomState
) -> ValidSplit:
    """Return a split that holds out whole groups; extra rows, which have none, are trained on."""
    assert supervision.groups is not None
    seed = draw_seed(random_state)
    held_out = np.zeros(len(supervision.label), bool)
    of_labeled = hold_out_groups(supervision.groups, student.validation_fraction, seed)
    held_out[: len(of_labeled)] = of_labeled
    return ValidSplit(cv=[(np.flatnonzero(~held_out), np.flatnonzero(held_out))])


def new_net(
    student: Any,
    shape: tuple[int, ...],
    transform: InputTransform,
    scaling: Scaling,
    criterion: dict[str, Any],
    weight_decay: float,
    random_state: np.random.RandomState,
) -> tuple[NeuralNet, OutputScaling]:
    """Return a net for rows like those of an array of that shape, and its output's units.

    Parameters
    ----------
    student : StudentRegressor
        The student, whose parameters say what the net is like.
    shape : tuple of int
        The shape of the inputs, samples first.
    transform : InputTransform
        How they enter the network.
    scaling : Scaling
        The scaling of the targets.
    criterion : dict
        Arguments of the student's criterion.
    weight_decay : float
        Weight decay of the weights.
    random_state : RandomState
        Decides the initial weights.
    """
    label_range = student._label_range if student.clip_predictions else None
    output = OutputScaling(scaling, criterion.get("n_heads", 1), label_range)
    seen = (shape[0], transform.n_inputs) if student.module is None else shape
    n_columns = output.n_outputs * output.n_heads
    net = build_net(student, seen, transform.n_plain, n_columns, weight_decay, random_state)
    use_criterion(net, {"n_outputs": output.n_outputs, **criterion})
    score_in_raw_units(net, output, scaling)
    return net, output


def around_training(student: Any, net: NeuralNet, random_state: np.random.RandomState) -> Any:
    """Return the context in which a student's net is initialised or trained."""
    return (
        one_thread()
        if student.module is None
        else torch_seeded(draw_seed(random_state), net.device)
    )


def decisive_params(student: Any) -> dict[str, Any]:
    """Return the parameters of a student that decide a fit, but for its seed."""
    others = {"checkpoint", "random_state", "verbose"}
    return {k: v for k, v in student.get_params(deep=False).items() if k not in others}

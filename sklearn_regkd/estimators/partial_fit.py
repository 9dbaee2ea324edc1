"""`partial_fit` of the student: rows that come one block after the other."""

import copy
import warnings
from dataclasses import replace
from numbers import Integral
from typing import Any

import numpy as np

from sklearn_regkd.estimators.in_domain import note_more_rows, note_training_rows
from sklearn_regkd.estimators.student_training import around_training, new_net
from sklearn_regkd.estimators.targets import check_labels, loss_of, scaling_for
from sklearn_regkd.networks.inputs import InputTransform, StandardTransform, fit_input_transform
from sklearn_regkd.networks.scaling import OutputScaling
from sklearn_regkd.preprocessing.scaling import Scaling
from sklearn_regkd.preprocessing.validation import check_fit_data, check_weight
from sklearn_regkd.supervision.supervision import Supervision
from sklearn_regkd.training.build import AUTO_ROWS
from sklearn_regkd.training.incremental import IncrementalTrainer, put_back_on_failure
from sklearn_regkd.training.torch_state import in_plain_torch
from sklearn_regkd.training.train import start_net
from sklearn_regkd.utils.random import draw_seed, own_random_state
from sklearn_regkd.utils.sklearn_compat import all_or_nothing

# Without held-out rows to choose it on: the least of those that fit tries. A table that
# does not fit into memory has many rows, and many rows want little.
STREAM_WEIGHT_DECAY = 0.03
# The peak of a schedule is too much for a rate that never falls: the first pass after fit took R2
# from 0.9999 to -0.12; with a quarter it stayed where it was.
STREAM_LR_SHARE = 0.25


class PartialFitMixin:
    """Gives StudentRegressor its `partial_fit`."""

    @in_plain_torch
    @all_or_nothing
    def partial_fit(self, X, y, sample_weight=None):
        """Make one pass over a block of rows, in random order.

        The first call learns from its block how inputs and targets are scaled, and which
        categories there are: it should hold some thousand rows that are like those to
        come. After `fit`, training goes on from there.

        The learning rate is a quarter of `lr` throughout, as the end is not known.
        ``weight_decay="auto"`` means 0.03, and `max_epochs` is not used.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Inputs; of more dimensions if `module` takes them.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Labels.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each row in the loss, the same for all calls if left away: 1.

        Returns
        -------
        StudentRegressor
            The estimator, ready to predict.

        Raises
        ------
        ValueError
            Bad data, other features or outputs than in the first call, an unknown
            parameter value, or ``early_stopping=True``.
        RuntimeError
            If the loss is no longer finite. The estimator is then as it was before.

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn_regkd import StudentRegressor
        >>> student, rng = StudentRegressor((16,), random_state=0), np.random.default_rng(0)
        >>> for block in range(20):
        ...     X = rng.uniform(-1, 1, (500, 2))
        ...     student = student.partial_fit(X, X[:, 0] + 10 * X[:, 1])
        >>> student.n_iter_, student.score(X, X[:, 0] + 10 * X[:, 1]) > 0.99
        (20, True)
        """
        return learn_block(self, X, y, sample_weight)


def learn_block(student: Any, X: Any, y: Any, sample_weight: Any) -> Any:
    """Make the pass of :meth:`PartialFitMixin.partial_fit`."""
    student._validate_params_now()
    if student.early_stopping:
        raise ValueError(
            "partial_fit does not support early_stopping=True: it sees one block at a time, and "
            "cannot tell when to stop; set early_stopping=False"
        )
    first = not hasattr(student, "net_")
    if not first and hasattr(student.net_, "for_prediction_"):
        raise ValueError(
            "partial_fit cannot go on with a student that was loaded from a file by load: the file "
            "does not hold the state of its training. Keep it with pickle, or fit it anew"
        )
    X = student._encode_categories(X) if first else student._columns.transform(X)
    X, y, y_ndim = check_fit_data(
        student,
        X,
        y,
        allow_nd=student.module is not None,
        allow_nan=student._takes_missing(),
        reset=first,
    )
    weight = check_weight(sample_weight, X)
    weight = np.ones(len(y)) if weight is None else weight
    used = weight > 0
    if not used.all():
        X, y, weight = X[used], y[used], weight[used]
    check_labels(student.loss, y, is_block=True)
    if first:
        student._y_ndim = y_ndim
        note_training_rows(student, X, y)
        _start_by_block(student, X, y, weight)
    _check_like_first(student, X, y, y_ndim)
    label = _scaling_of(student._output).standardize(y)
    packed = Supervision.by_labels(label, weight).packed()
    random_state = _random_state_of(student)
    net = student.net_
    with put_back_on_failure(net), around_training(student, net, random_state):
        trainer = IncrementalTrainer(net)
        with trainer.session(X, packed):
            trainer.run_pass(X, packed, draw_seed(random_state), STREAM_LR_SHARE)
    output = student._output
    if not first:
        note_more_rows(student, X, y)
        if output.low is not None:
            output = copy.deepcopy(output).cpu()  # where skorch applies it
            output.clip_to(*student._label_range)
            net.set_params(predict_nonlinearity=output.forward)
    student._take(net, output, student.weight_decay_, X.shape[1:])
    return student


def _start_by_block(student: Any, X: np.ndarray, y: np.ndarray, weight: np.ndarray) -> None:
    """Build the network, scaled by the first block."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # one block of equal labels proves nothing
        scaling = scaling_for(student.loss, y, weight)
    scaling = replace(scaling, constant=np.zeros_like(scaling.constant))
    kind = student.input_transform if student.module is None else "standard"
    transform = fit_input_transform(X, weight, kind, student._categorical)
    if isinstance(transform, StandardTransform):  # nor does one of equal inputs
        varies = np.zeros_like(transform.scaling.constant)
        transform = StandardTransform(replace(transform.scaling, constant=varies))
    random_state = own_random_state(student.random_state)
    start_student(student, X, transform, scaling, {"loss": loss_of(student)}, random_state)


def _random_state_of(student: Any) -> np.random.RandomState:
    """Return a generator for the next pass: of a seed, another one for each pass."""
    if isinstance(student.random_state, Integral):
        return np.random.RandomState([int(student.random_state), len(student.history_)])
    return own_random_state(student.random_state)


def _check_like_first(student: Any, X: np.ndarray, y: np.ndarray, y_ndim: int) -> None:
    got = X.shape[1:], y.shape[1], y_ndim
    if got != (student._input_shape, student.n_outputs_, student._y_ndim):
        raise ValueError(
            f"partial_fit got rows of shape {got[0]} and {got[1]} outputs in y of {got[2]} "
            f"dimensions, but this student knows {student._input_shape}, {student.n_outputs_} and "
            f"{student._y_ndim}: pass blocks of one shape, or begin anew with fit"
        )


def start_student(
    student: Any,
    X: np.ndarray,
    transform: InputTransform,
    scaling: Scaling,
    criterion: dict[str, Any],
    random_state: np.random.RandomState,
) -> None:
    """Give a student an untrained network, and all fitted attributes, for passes over rows.

    Parameters
    ----------
    student : StudentRegressor
        Changed in place; its parameters are valid and its data attributes are set.
    X : ndarray of shape (n_samples, ...)
        Rows like those to come.
    transform : InputTransform
        The transform by which they enter the network.
    scaling : Scaling
        The scaling of the targets.
    criterion : dict
        Arguments of the student's criterion.
    random_state : RandomState
        Decides the initial weights.
    """
    weight_decay = student.weight_decay
    if weight_decay == "auto":
        weight_decay = STREAM_WEIGHT_DECAY
    many = max(len(X), AUTO_ROWS)  # rows to come, of which these are a few
    net, output = new_net(
        student, (many, *X.shape[1:]), transform, scaling, criterion, weight_decay, random_state
    )
    with around_training(student, net, random_state):
        start_net(net, X, transform, output.n_outputs, output.n_heads)
    student._take(net, output, weight_decay, X.shape[1:])


def _scaling_of(output: OutputScaling) -> Scaling:
    """Return the scaling behind a student's output; a constant target has the scale 1."""
    pair = output.center, output.scale
    center, scale = (values.detach().cpu().double().numpy() for values in pair)
    return Scaling(center, np.where(scale > 0, scale, 1.0), scale == 0, output.log)

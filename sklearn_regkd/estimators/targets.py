"""Losses for what y is: which labels they take, and in which units a network predicts them."""

from dataclasses import replace
from typing import Any

import numpy as np

from sklearn_regkd.losses.modules import is_log_loss
from sklearn_regkd.losses.quantile import QuantileLoss
from sklearn_regkd.preprocessing.scaling import (
    Scaling,
    fit_log_scaling,
    fit_target_scaling,
    warn_of_constants,
)
from sklearn_regkd.supervision.supervision import Supervision


def loss_of(student: Any, name: Any = None) -> Any:
    """Return a loss as the training takes it: ``"quantile"`` with the level of a student.

    Parameters
    ----------
    student : StudentRegressor
        Its `quantile` is the level.
    name : str or callable, default=None
        The loss; None takes the student's.
    """
    name = student.loss if name is None else name
    is_quantile = isinstance(name, str) and name == "quantile"
    return QuantileLoss(float(student.quantile)) if is_quantile else name


def check_labels(
    loss: Any, y: np.ndarray, known: np.ndarray | None = None, is_block: bool = False
) -> None:
    """Refuse labels that a loss cannot take.

    Parameters
    ----------
    loss : str or callable
        The loss of the student.
    y : ndarray of shape (n_samples, n_outputs)
        Labels in raw units.
    known : ndarray of bool of shape (n_samples, n_outputs), default=None
        Which labels there are; None means all.
    is_block : bool, default=False
        Whether these are a part of the labels, which may all be 0.

    Raises
    ------
    ValueError
        If a label is negative, or 0 under the loss of the gamma distribution, or all are 0.
    """
    if not is_log_loss(loss):
        return
    there = np.ones(y.shape, bool) if known is None else known
    bad = there & ((y < 0) | ((y == 0) & (loss == "gamma")))
    if bad.any():
        row, output = np.argwhere(bad)[0]
        wanted = "labels >= 0" if loss == "poisson" else "labels > 0"
        other = "" if loss == "poisson" or y[bad].min() < 0 else "'poisson' takes zeros, "
        raise ValueError(
            f"loss={loss!r} needs {wanted}, and {bad.sum()} of {there.sum()} are not, the first in "
            f"row {row} of output {output}: {y[row, output]:g}; {other}'squared_error' takes any "
            "number"
        )
    for output in range(y.shape[1]):
        if not is_block and not y[there[:, output], output].any():
            raise ValueError(
                f"loss={loss!r}, and all labels of output {output} are 0: of a mean of 0 there is "
                "no logarithm; leave this target away, or use loss='squared_error'"
            )


def scaling_for(loss: Any, y: np.ndarray, weight: np.ndarray) -> Scaling:
    """Return the units in which a student of that loss learns y; see `fit_target_scaling`."""
    if not is_log_loss(loss):
        return fit_target_scaling(y, weight)
    scaling = fit_log_scaling(y, weight)
    warn_of_constants(y, scaling.constant)
    return scaling


def least_label(loss: Any, y: np.ndarray, known: np.ndarray | None = None) -> np.ndarray:
    """Return the smallest number that may stand for a label of each output, (n_outputs,).

    Teachers know of no such limit: what they predict below it is raised to it. Under the loss of
    the gamma distribution it is the smallest label.
    """
    if not is_log_loss(loss):
        return np.full(y.shape[1], -np.inf)
    if loss == "poisson":
        return np.zeros(y.shape[1])
    return (y if known is None else np.where(known, y, np.inf)).min(axis=0)


def in_units_of(loss: Any, data: Any, supervision: Supervision) -> tuple[Supervision, Scaling]:
    """Return the supervision of a student in the units in which its loss learns.

    Parameters
    ----------
    loss : str or callable
        The loss of the student.
    data : FitData
        The data of the fit, in whose units the supervision is.
    supervision : Supervision
        What the student is told.

    Returns
    -------
    supervision, scaling
        Both as they were, but for losses of logarithms: then the unit is the mean of the repaired
        labels.
    """
    if not is_log_loss(loss):
        return supervision, data.scaling
    old, least = data.scaling, least_label(loss, data.y, data.known)
    clean = supervision.label if supervision.clean_label is None else supervision.clean_label
    labels = np.maximum(old.restore(clean[: len(data.y)]), least)
    scaling = fit_log_scaling(labels, data.element_weight)
    scaling = replace(scaling, constant=old.constant)
    return in_log_units(supervision, old, scaling, least), scaling


def in_log_units(
    supervision: Supervision, old: Scaling, new: Scaling, least: np.ndarray
) -> Supervision:
    """Return the supervision in new units, with nothing below the least label."""
    return supervision.in_units(lambda z: new.standardize(np.maximum(old.restore(z), least)))

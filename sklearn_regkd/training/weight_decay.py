"""A short trial on held-out rows: how strongly a small network must be held back."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator

from sklearn_regkd.losses.modules import STACKABLE
from sklearn_regkd.networks.inputs import TransformedRows
from sklearn_regkd.preprocessing.scaling import MOST_SIGMA
from sklearn_regkd.supervision.supervision import Supervision
from sklearn_regkd.supervision.validation_targets import MOST_PARTS, ValidationTargets
from sklearn_regkd.training.batched_mlp import MLPConfig, train_batched
from sklearn_regkd.training.build import mlp_config
from sklearn_regkd.training.device import one_thread
from sklearn_regkd.utils.random import draw_seed

# Many clean rows want the first, few or noisy ones the last: on 772 recipes of
# concrete with 40 % wrong labels it is the difference between R2 -1.4 and 0.6.
WEIGHT_DECAYS = (0.03, 0.1, 0.3, 1.0, 3.0)
# A teacher is calmer than labels: imitating it on 34,000 rows of protein, 0.003 is best.
WITH_TEACHER = (0.003, 0.01, *WEIGHT_DECAYS)
DEFAULT_WEIGHT_DECAY = 0.3
MODULE_WEIGHT_DECAY = 0.03  # of a user's module, with which nothing is tried
FEWEST_ROWS = 50
MOST_ROWS = 20_000
HELD_OUT = 0.2
# One trial says little. On abalone it ended anywhere between 0.1 and 3; on 34,000 rows of protein,
# where the held-out rows are many, the draw of the initial weights still misled 2 of 36.
SPLITS = MOST_PARTS
IN_DOUBT = 0.5


def choose_weight_decay(
    config: MLPConfig,
    inputs: np.ndarray | TransformedRows,
    label: np.ndarray,
    weight: np.ndarray,
    losses: Sequence[str],
    seed: int,
    rehearsal: ValidationTargets | None = None,
) -> list[float]:
    """Return, for each loss, the weight decay that predicts held-out labels best.

    In doubt (half a standard error) the larger one, which is the safer one. All
    candidates are trained at once, for half of the steps, on 80 % of at
    most 20,000 rows, three times with other rows held out; under 50 rows the
    default 0.3 is returned untried. The held-out error is squared for the
    squared error and absolute for the robust losses.

    Parameters
    ----------
    config : MLPConfig
        Shape and training of the student's network.
    inputs : TransformedRows, or ndarray of shape (n_samples, n_inputs), float32
        What the network sees; of more rows than there are labels only the first ones.
    label : ndarray of shape (n_samples, n_outputs)
        Standardised, without a teacher mixed in.
    weight : ndarray of shape (n_samples,)
        Weights of the rows.
    losses : sequence of str
        One or more, each once.
    seed : int
        Decides the held-out rows and the training.
    rehearsal : ValidationTargets, default=None
        Which rows are held out, and what is learned meanwhile; less weight decay
        is tried, too. None holds out any rows and learns the labels of the others.
    """
    if len(label) < FEWEST_ROWS:
        return [DEFAULT_WEIGHT_DECAY] * len(losses)
    order = np.random.RandomState(seed).permutation(len(label))[:MOST_ROWS]
    candidates: tuple[float, ...] = WEIGHT_DECAYS if rehearsal is None else WITH_TEACHER
    if rehearsal is None:
        part = np.empty(len(label), np.intp)
        part[order] = np.minimum(np.arange(len(order)) // int(HELD_OUT * len(order)), SPLITS)
        rehearsal = ValidationTargets(part, np.broadcast_to(label, (SPLITS, *label.shape)))
    order = order[np.argsort(rehearsal.fold[order], kind="stable")]  # held-out rows first
    rehearsed = rehearsal.of(order)
    part, n_splits = rehearsed.fold, len(rehearsed.target)
    label, weight = label[order].clip(-MOST_SIGMA, MOST_SIGMA), weight[order]
    scores = torch.as_tensor(inputs[order])
    held = part < n_splits
    counts = (part != np.arange(n_splits)[:, None]) * weight
    if not counts.any(axis=1).all() or not weight[held].any():
        return [DEFAULT_WEIGHT_DECAY] * len(losses)
    counts /= counts.mean(axis=1, keepdims=True)
    n_candidates = len(losses) * len(candidates)
    learned = rehearsed.target.clip(-MOST_SIGMA, MOST_SIGMA).astype(np.float32)
    stack = train_batched(
        replace(config, n_steps=max(1, config.n_steps // 2)),
        scores,
        torch.from_numpy(learned).repeat(n_candidates, 1, 1),
        torch.from_numpy(counts.astype(np.float32))
        .repeat(n_candidates, 1)[:, :, None]
        .expand(-1, -1, label.shape[1]),
        [loss for loss in losses for _ in range(len(candidates) * n_splits)],
        torch.tensor(candidates).repeat_interleave(n_splits).repeat(len(losses)),
        seed,
    )
    n_held = int(held.sum())
    said = stack.predict(scores[:n_held]).reshape(n_candidates, n_splits, n_held, -1)
    error = np.abs(said[:, part[:n_held], np.arange(n_held)] - label[:n_held])
    chosen = []
    for loss, errors in zip(losses, np.split(error, len(losses)), strict=True):
        cost = errors**2 if loss == "squared_error" else errors
        cost = cost.mean(axis=2) * (weight[:n_held] / weight[:n_held].mean())
        if not np.isfinite(cost).all():  # the training of the student will say why
            chosen.append(DEFAULT_WEIGHT_DECAY)
            continue
        worse = cost - cost[np.argmin(cost.mean(axis=1))]
        doubt = worse.std(axis=1) / np.sqrt(n_held)
        within = worse.mean(axis=1) <= IN_DOUBT * doubt
        chosen.append(candidates[int(np.flatnonzero(within)[-1])])
    return chosen


def try_weight_decays(
    student: BaseEstimator,
    rows: TransformedRows,
    supervision: Supervision,
    criterion: dict[str, Any],
    random_state: np.random.RandomState,
) -> float:
    """Return the weight decay for a student whose ``weight_decay`` is ``"auto"``.

    Parameters
    ----------
    student : StudentRegressor
        Not fitted.
    rows : TransformedRows
        What the network sees; only the rows with labels of their own are tried.
    supervision : Supervision
        Of the same rows.
    criterion : dict
        The loss is tried as it is; one that needs a teacher is replaced by the
        squared error on trusted labels.
    random_state : RandomState
        Decides held-out rows and training.
    """
    if student.module is not None:
        return MODULE_WEIGHT_DECAY
    loss, weight = criterion["loss"], supervision.weight
    if not isinstance(loss, str) or loss not in STACKABLE:
        loss = "squared_error"
        trusted = supervision.inlier.all(axis=1)
        weight = weight * (trusted if trusted.any() else 1)
    labeled = slice(supervision.n_labeled)
    with one_thread():
        return choose_weight_decay(
            mlp_config(student, rows.transform, len(rows)),
            rows,
            supervision.label if supervision.clean_label is None else supervision.clean_label,
            weight[labeled],
            [loss],
            draw_seed(random_state),
            supervision.validation_targets,
        )[0]

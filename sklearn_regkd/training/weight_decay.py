"""The trial that chooses a student's weight decay, on rows that are held out."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator

from sklearn_regkd.losses.modules import BATCHED_LOSSES, label_cost
from sklearn_regkd.losses.quantile import QuantileLoss
from sklearn_regkd.networks.inputs import TransformedRows
from sklearn_regkd.preprocessing.scaling import MOST_SIGMA
from sklearn_regkd.supervision.supervision import Supervision
from sklearn_regkd.supervision.validation_targets import MOST_PARTS, ValidationTargets
from sklearn_regkd.training.batched_mlp import MLPConfig, train_batched
from sklearn_regkd.training.build import mlp_config
from sklearn_regkd.training.device import one_thread
from sklearn_regkd.utils.progress import report_stage
from sklearn_regkd.utils.random import draw_seed

# Many clean rows want the first, few or noisy ones the last: on 772 recipes of
# concrete with 40 % wrong labels it is the difference between R2 -1.4 and 0.6. With 10 and more
# the network is next to linear, the floor that few and noisy rows need: on scikit-learn's diabetes
# R2 is .30 with 3 and .46 with 10, ridge has .47.
WEIGHT_DECAYS = (0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
# A teacher is calmer than labels: imitating it on 34,000 rows of protein, 0.003 is best.
TEACHER_WEIGHT_DECAYS = (0.003, 0.01, *WEIGHT_DECAYS)
DEFAULT_WEIGHT_DECAY = 0.3
MODULE_WEIGHT_DECAY = 0.03  # of a user's module, with which nothing is tried
FEWEST_ROWS_TRIED = 50
MOST_ROWS = 20_000
HELD_OUT = 0.2
# One trial says little. On abalone it ended anywhere between 0.1 and 3; on 34,000 rows of protein,
# where the held-out rows are many, the draw of the initial weights still misled 2 of 36.
SPLITS = MOST_PARTS
# R2 under that of the best decay, mean of 19 tables, two draws and one with swapped labels: .0033,
# .0068 and .0147; the best alone .0225, .0072 and .0123, within one standard error .0032, .0044 and
# .0260.
IN_DOUBT = 0.25
# Shorter trials have less time to learn noise by heart and want too little weight decay: on 1,500
# rows of protein half of the steps lead to R2 .17, all of them to .34. More rows allow that.
FEWEST_STEPS = 1000


Trial = tuple[str | QuantileLoss, float]


def choose_weight_decay(
    config: MLPConfig,
    inputs: np.ndarray | TransformedRows,
    label: np.ndarray,
    weight: np.ndarray,
    losses: Sequence[str | QuantileLoss],
    seed: int,
    validation_targets: ValidationTargets | None = None,
    start: float | None = None,
) -> list[float]:
    """Return, for each loss, the weight decay that predicts held-out labels best.

    In doubt (a quarter of a standard error) the larger one, which is the safer one. Every second
    candidate is tried, or three around `start`, then what lies beside the best until that lies
    between others. Those of a round are trained at once, for half of the steps (but 1,000, if
    there are as many), on 80 % of at most 20,000 rows, three times with other rows held out;
    under 50 rows the default 0.3 is returned untried. The held-out error is the
    absolute one for the robust losses, see :func:`~sklearn_regkd.losses.modules.label_cost`.

    Parameters
    ----------
    config : MLPConfig
        Shape and training of the student's network.
    inputs : TransformedRows, or ndarray of shape (n_samples, n_inputs), float32
        What the network sees; of more rows than there are labels only the first ones.
    label : ndarray of shape (n_samples, n_outputs)
        Standardised labels, without a teacher mixed in.
    weight : ndarray of shape (n_samples,) or (n_samples, n_outputs)
        Weights of the rows, or of the labels.
    losses : sequence of str or QuantileLoss
        One or more, each once.
    seed : int
        Decides the held-out rows and the training.
    validation_targets : ValidationTargets, default=None
        Which rows are held out, and what is learned meanwhile: with a teacher's part in it less
        weight decay is tried, too. None holds out any rows and learns the labels of the others.
    start : float, default=None
        What students of the same rows were found to want before.
    """
    default = [DEFAULT_WEIGHT_DECAY] * len(losses)
    if len(label) < FEWEST_ROWS_TRIED:
        return default
    imitates = validation_targets is not None and validation_targets.target is not None
    candidates = TEACHER_WEIGHT_DECAYS if imitates else WEIGHT_DECAYS
    rows = np.random.RandomState(seed).permutation(len(label))[:MOST_ROWS]
    if validation_targets is None:
        validation_targets = _hold_out_some(rows, len(label))
    rows = rows[np.argsort(validation_targets.fold[rows], kind="stable")]  # held-out rows first
    trial = _Trial(
        config=config,
        inputs=torch.as_tensor(inputs[rows]),
        label=label[rows].clip(-MOST_SIGMA, MOST_SIGMA),
        weight=weight.reshape(len(weight), -1)[rows],
        targets=validation_targets.of(rows),
        seed=seed,
    )
    if not trial.is_possible:
        return default
    cost: dict[Trial, np.ndarray] = {}
    places = _first_places(candidates, start)
    missing = [(loss, candidates[place]) for loss in losses for place in places]
    while missing:
        cost |= trial.cost(missing)
        best = {loss: candidates.index(_cheapest(_of_loss(cost, loss))) for loss in losses}
        beside = [(loss, place + step) for loss, place in best.items() for step in (-1, 1)]
        known = [(loss, candidates[k]) for loss, k in beside if 0 <= k < len(candidates)]
        missing = [one for one in known if one not in cost]
    return [_largest_in_doubt(_of_loss(cost, loss)) for loss in losses]


def _first_places(candidates: Sequence[float], start: float | None) -> list[int]:
    """Return which candidates are tried first: every second one, or three around a start.

    On 19 tables students with a teacher wanted what cross-fitted students had wanted of the labels
    alone, or a neighbour of that, but for four that wanted a tenth.
    """
    if start is None or start <= 0:
        return list(range(1, len(candidates), 2))
    nearest = int(np.argmin(np.abs(np.log(candidates) - np.log(start))))
    return [place for place in range(nearest - 1, nearest + 2) if 0 <= place < len(candidates)]


def _of_loss(cost: dict[Trial, np.ndarray], loss: str | QuantileLoss) -> dict[float, np.ndarray]:
    return {decay: one for (name, decay), one in cost.items() if name == loss}


def _cheapest(cost: dict[float, np.ndarray]) -> float:
    return min(cost, key=lambda decay: cost[decay].mean())


@dataclass(frozen=True, kw_only=True)
class _Trial:
    """Rows of which some are held out, the first ones, to try weight decays on.

    Parameters
    ----------
    config : MLPConfig
        Shape and training of the student's network.
    inputs : Tensor of shape (n_samples, n_inputs), float32
        What the network sees.
    label : ndarray of shape (n_samples, n_outputs)
        Standardised labels, with which predictions are compared.
    weight : ndarray of shape (n_samples, 1) or (n_samples, n_outputs)
        Weights of the rows, or of the labels.
    targets : ValidationTargets
        Which rows are held out when, and what is learned meanwhile.
    seed : int
        Decides the training.
    """

    config: MLPConfig
    inputs: torch.Tensor
    label: np.ndarray
    weight: np.ndarray
    targets: ValidationTargets
    seed: int

    @cached_property
    def n_held_out(self) -> int:
        """How many rows are held out, each once."""
        return int((self.targets.fold < len(self.targets.seen)).sum())

    @cached_property
    def target(self) -> torch.Tensor:
        """What is learned in each part, (n_parts, n_samples, n_outputs), float32."""
        target = self.targets.target
        if target is None:
            target = np.broadcast_to(self.label, (len(self.targets.seen), *self.label.shape))
        return torch.from_numpy(target.clip(-MOST_SIGMA, MOST_SIGMA).astype(np.float32))

    @cached_property
    def weights(self) -> np.ndarray:
        """Weights in each part, (n_parts, n_samples, ...): 0 where rows are held out."""
        return self.targets.seen[:, :, None] * self.weight

    @property
    def is_possible(self) -> bool:
        """Whether there is something to learn from, and to compare with."""
        return bool(self.weights.any(axis=1).all() and self.weight[: self.n_held_out].any())

    def cost(self, trials: Sequence[Trial]) -> dict[Trial, np.ndarray]:
        """Return what each loss with a weight decay costs in each held-out row, weighted.

        Parameters
        ----------
        trials : sequence of (loss, float)
            Losses and weight decays; all are trained at once.
        """
        n, fold = self.n_held_out, self.targets.fold[: self.n_held_out]
        n_parts = len(self.weights)
        weights = self.weights / self.weights.mean(axis=1, keepdims=True)
        report_stage(f"trial of the weight decay, {len(trials) * n_parts} networks")
        shortest = min(self.config.n_steps, FEWEST_STEPS)
        networks = train_batched(
            replace(self.config, n_steps=max(self.config.n_steps // 2, shortest)),
            self.inputs,
            self.target.repeat(len(trials), 1, 1),
            torch.from_numpy(weights.astype(np.float32))
            .repeat(len(trials), 1, 1)
            .expand(-1, -1, self.label.shape[1]),
            [loss for loss, _ in trials for _ in range(n_parts)],
            torch.tensor([decay for _, decay in trials]).repeat_interleave(n_parts),
            self.seed,
        )
        prediction = networks.predict(self.inputs[:n]).reshape(len(trials), n_parts, n, -1)
        # Each row's prediction is that of the networks that have not seen it.
        predicted = torch.from_numpy(prediction[:, fold, np.arange(n)])
        label = torch.from_numpy(self.label[:n])
        weight = self.weight[:n] / self.weight[:n].mean(axis=0)
        return {
            trial: (weight * label_cost(trial[0], one.to(label.dtype), label).numpy()).mean(axis=1)
            for trial, one in zip(trials, predicted, strict=True)
        }


def _hold_out_some(rows: np.ndarray, n_samples: int) -> ValidationTargets:
    """Hold out the first of some rows, a fifth after the other; the others are learned from."""
    fold = np.full(n_samples, SPLITS)
    fold[rows] = np.minimum(np.arange(len(rows)) // int(HELD_OUT * len(rows)), SPLITS)
    return ValidationTargets(fold, fold != np.arange(SPLITS)[:, None])


def _largest_in_doubt(cost: dict[float, np.ndarray]) -> float:
    """Return the largest weight decay that may be the best.

    Parameters
    ----------
    cost : dict of float to ndarray of shape (n_held_out,)
        What each weight decay costs in each held-out row.
    """
    candidates = sorted(cost)
    costs = np.array([cost[decay] for decay in candidates])
    if not np.isfinite(costs).all():  # the training of the student will say why
        return DEFAULT_WEIGHT_DECAY
    worse = costs - costs[np.argmin(costs.mean(axis=1))]
    doubt = worse.std(axis=1) / np.sqrt(costs.shape[1])
    within = worse.mean(axis=1) <= IN_DOUBT * doubt
    return candidates[int(np.flatnonzero(within)[-1])]


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
        squared error on trusted labels; quantiles are those of trusted labels as well.
    random_state : RandomState
        Decides held-out rows and training.
    """
    if student.module is not None:
        return MODULE_WEIGHT_DECAY
    loss, weight = criterion["loss"], supervision.weight
    is_quantile = isinstance(loss, QuantileLoss)
    if is_quantile or not isinstance(loss, str) or loss not in BATCHED_LOSSES:
        loss = loss if is_quantile else "squared_error"
        trusted = supervision.inlier.all(axis=1)
        weight = (weight.T * (trusted if trusted.any() else 1)).T
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
            supervision.weight_decay,
        )[0]

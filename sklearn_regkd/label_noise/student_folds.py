"""Out-of-fold predictions of copies of the student.

A network and a boosted ensemble err in different places. The copies of all folds are
trained at once, so that their predictions cost a few student fits.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from sklearn_regkd.losses.quantile import QuantileLoss
from sklearn_regkd.preprocessing.scaling import MOST_SIGMA
from sklearn_regkd.training.batched_mlp import train_batched
from sklearn_regkd.training.build import mlp_config
from sklearn_regkd.training.device import one_thread
from sklearn_regkd.training.weight_decay import choose_weight_decay
from sklearn_regkd.utils.arithmetic import ceil_div
from sklearn_regkd.utils.cache import open_memory
from sklearn_regkd.utils.progress import report_stage


class CrossFittedStudents:
    """Out-of-fold copies of a built-in student.

    Parameters
    ----------
    student : StudentRegressor
        The student whose network and training they share; its `module` is None.
    rows : TransformedRows
        The inputs as the network sees them.
    label : ndarray of shape (n_samples, n_outputs)
        Standardised labels, for the choice of the weight decay.
    weight : ndarray of shape (n_samples,)
        Weights of the rows.
    folds : list of (train, test)
        Each row is tested once.
    seed : int
        Decides the networks' weights and the order of rows.
    held_out : ValidationTargets, default=None
        Which rows are held out where the weight decay is tried; None means any.
    memory : FitCache, default=None
        Where predictions are kept; None keeps none.
    """

    def __init__(self, student, rows, label, weight, folds, seed, held_out=None, memory=None):
        self.rows = rows
        self.config = mlp_config(student, rows.transform, len(rows))
        self.weight, self.seed = weight, seed
        self.held_out = held_out
        self.fold, self.seen = np.empty(len(rows), np.intp), np.zeros((len(folds), len(rows)), bool)
        for fold, (train, test) in enumerate(folds):
            self.fold[test], self.seen[fold, train] = fold, True
        self.memory = open_memory(None) if memory is None else memory
        self.label, self._weight_decay = label, student.weight_decay

    @property
    def weight_decay(self) -> float:
        """Return the student's, or what a first trial finds where that is ``"auto"``."""
        if self._weight_decay == "auto":
            with one_thread():
                # By the absolute error, which wrong labels cannot mislead far.
                self._weight_decay = self.memory.call(
                    choose_weight_decay,
                    config=self.config,
                    inputs=self.rows,
                    label=self.label,
                    weight=self.weight,
                    losses=["absolute_error"],
                    seed=self.seed,
                    validation_targets=self.held_out,
                )[0]
        return float(self._weight_decay)

    @property
    def known_weight_decay(self) -> float | None:
        """Return the weight decay if it has been found, or given; None otherwise."""
        return None if self._weight_decay == "auto" else float(self._weight_decay)

    def predict(
        self,
        label: np.ndarray,
        trust: np.ndarray | None,
        losses: Sequence[str | QuantileLoss],
        weight_decay: float | None = None,
        shorten: int = 1,
    ) -> list[np.ndarray]:
        """Train on labels and return what each loss makes of rows that were left out.

        Parameters
        ----------
        label : ndarray of shape (n_samples, n_outputs)
            Standardised.
        trust : ndarray of shape (n_samples, n_outputs) or None
            Weight of each label, in [0, 1]; None trusts all.
        losses : sequence of str or QuantileLoss
            One or more; each has copies of its own.
        weight_decay : float, default=None
            Weight decay of the copies; None takes the student's.
        shorten : int, default=1
            By how many times to shorten the training.

        Returns
        -------
        list of ndarray of shape (n_samples, n_outputs)
            Out-of-fold predictions, standardised.
        """
        n_outputs = label.shape[1]
        weight = (self.seen * self.weight)[:, :, None]
        weight = np.repeat(weight, n_outputs, axis=2) if trust is None else weight * trust
        weight = weight / np.maximum(weight.mean(axis=1, keepdims=True), 1e-12)
        return self.memory.call(
            _train_and_predict,
            config=replace(self.config, n_steps=ceil_div(self.config.n_steps, shorten)),
            inputs=self.rows,
            label=label.clip(-MOST_SIGMA, MOST_SIGMA).astype(np.float32),
            weight=weight.astype(np.float32),
            losses=list(losses),
            weight_decay=self.weight_decay if weight_decay is None else float(weight_decay),
            fold=self.fold,
            seed=self.seed,
        )


def _train_and_predict(config, inputs, label, weight, losses, weight_decay, fold, seed):
    """Return the out-of-fold prediction of each loss; all that it depends on is an argument."""
    n_folds, n_nets = len(weight), len(losses) * len(weight)
    report_stage(f"cross-fitted students, {n_nets} networks")
    with one_thread():
        networks = train_batched(
            config,
            inputs,
            torch.from_numpy(label).expand(n_nets, -1, -1),
            torch.from_numpy(weight).repeat(len(losses), 1, 1),
            [loss for loss in losses for _ in range(n_folds)],
            torch.full((n_nets,), weight_decay),
            seed,
        )
        prediction = np.empty((len(losses), *label.shape))
        for left_out in range(n_folds):  # each row is a matter of its own fold's networks
            rows = np.flatnonzero(fold == left_out)
            prediction[:, rows] = networks.predict(inputs[rows], slice(left_out, None, n_folds))
    return list(prediction)

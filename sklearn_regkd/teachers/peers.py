"""A second opinion: copies of the student, each asked about rows that it has not seen.

A network and a boosted ensemble err in different places. All folds are trained
at once as one stack, so that the second opinion costs a few student fits.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from sklearn_regkd.networks.inputs import count_inputs, fit_inputs, map_inputs
from sklearn_regkd.networks.scaling import MOST_SIGMA
from sklearn_regkd.training.build import stack_recipe
from sklearn_regkd.training.device import one_thread
from sklearn_regkd.training.pilot import choose_weight_decay
from sklearn_regkd.training.stack import train_stack


class Peers:
    """Out-of-fold copies of a built-in student.

    Parameters
    ----------
    student : StudentRegressor
        Whose network and training they share; its `module` is None.
    X : ndarray of shape (n_samples, n_features)
        Raw inputs.
    label : ndarray of shape (n_samples, n_outputs)
        Standardised labels, for the choice of the weight decay.
    weight : ndarray of shape (n_samples,)
        Weights of the rows.
    folds : list of (train, test)
        Each row is tested once.
    seed : int
        Decides everything.
    categorical : sequence of int, default=()
        Features that hold codes of categories.
    """

    def __init__(self, student, X, label, weight, folds, seed, categorical=()):
        inputs = fit_inputs(X, weight, student.input_transform, categorical)
        self.inputs = map_inputs(inputs, X)
        self.recipe = stack_recipe(student, *count_inputs(inputs), len(X))
        self.weight, self.seed = weight, seed
        self.fold = np.empty(len(X), np.intp)
        for fold, (_, test) in enumerate(folds):
            self.fold[test] = fold
        self.n_folds = len(folds)
        self.weight_decay = student.weight_decay
        if self.weight_decay == "auto":
            with one_thread():
                # By the absolute error, which wrong labels cannot mislead far.
                self.weight_decay = choose_weight_decay(
                    self.recipe, self.inputs, label, weight, ["absolute_error"], seed
                )[0]

    def ask(
        self,
        label: np.ndarray,
        trust: np.ndarray | None,
        losses: Sequence[str],
        weight_decay: float | None = None,
        haste: int = 1,
    ) -> list[np.ndarray]:
        """Train on labels and return what each loss makes of rows that were left out.

        Parameters
        ----------
        label : ndarray of shape (n_samples, n_outputs)
            Standardised.
        trust : ndarray of shape (n_samples, n_outputs) or None
            Weight of each label, in [0, 1]; None trusts all.
        losses : sequence of str
            One opinion for each.
        weight_decay : float, default=None
            Another one than that of the student.
        haste : int, default=1
            By how much to shorten the training.

        Returns
        -------
        list of ndarray of shape (n_samples, n_outputs)
            Out-of-fold predictions, standardised.
        """
        n_samples, n_outputs = label.shape
        seen = np.arange(self.n_folds)[:, None] != self.fold
        weight = (seen * self.weight)[:, :, None]
        weight = np.repeat(weight, n_outputs, axis=2) if trust is None else weight * trust
        weight = weight / np.maximum(weight.mean(axis=1, keepdims=True), 1e-12)
        target = label.clip(-MOST_SIGMA, MOST_SIGMA).astype(np.float32)
        n_nets = len(losses) * self.n_folds
        decay = float(self.weight_decay if weight_decay is None else weight_decay)
        with one_thread():
            stack = train_stack(
                replace(self.recipe, n_steps=-(-self.recipe.n_steps // haste)),
                self.inputs,
                torch.from_numpy(target).expand(n_nets, -1, -1),
                torch.from_numpy(weight.astype(np.float32)).repeat(len(losses), 1, 1),
                [loss for loss in losses for _ in range(self.n_folds)],
                torch.full((n_nets,), decay),
                self.seed,
            )
            said = stack.predict(self.inputs).astype(np.float64)
        said = said.reshape(len(losses), self.n_folds, n_samples, n_outputs)
        return list(said[:, self.fold, np.arange(n_samples)])

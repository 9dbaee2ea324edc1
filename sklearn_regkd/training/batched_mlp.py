"""Many small networks of one shape trained at once, as one network of batched products.

A single small network leaves a processor waiting for Python; ten of them side
by side cost about as much as four. Cross-fitted students, trials of a setting
and the candidates of a search come from here.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from sklearn_regkd.losses.gradient import element_gradient
from sklearn_regkd.losses.modules import ElementLoss, element_loss
from sklearn_regkd.networks.embedding import PeriodicEmbedding
from sklearn_regkd.networks.inputs import EmbeddedRows, TransformedRows
from sklearn_regkd.networks.mlp import ACTIVATIONS
from sklearn_regkd.training.batched_layers import FlatAdamW, Layers
from sklearn_regkd.training.callbacks import one_cycle

PREDICTED_AT_A_TIME = 4096
EVERY = slice(None)


@dataclass(frozen=True)
class MLPConfig:
    """What the networks of a stack have in common.

    Parameters
    ----------
    hidden_layer_sizes : tuple of int
        Width of each hidden layer.
    activation : str
        What follows each of them.
    n_frequencies : int
        Of the periodic embedding; 0 for none.
    n_plain : int
        Inputs, the last ones, that pass by it.
    lr : float
        Peak of the one-cycle schedule.
    batch_size : int
        Rows per step.
    n_steps : int
        Training steps.
    """

    hidden_layer_sizes: tuple[int, ...]
    activation: str
    n_frequencies: int
    n_plain: int
    lr: float
    batch_size: int
    n_steps: int


class BatchedMLP:
    """Networks of one shape, with weights (n_nets, n_out, n_in).

    Parameters
    ----------
    recipe : MLPConfig
        What they have in common.
    n_inputs, n_outputs, n_nets : int
        Their size and number.
    seed : int
        Of the initial weights.
    """

    def __init__(self, recipe: MLPConfig, n_inputs: int, n_outputs: int, n_nets: int, seed: int):
        self.n_outputs = n_outputs
        generator = torch.Generator().manual_seed(seed)
        self.embedding = PeriodicEmbedding(
            n_inputs - recipe.n_plain, recipe.n_frequencies, recipe.n_plain
        )
        self.activation = ACTIVATIONS[recipe.activation]()
        widths = [self.embedding.n_outputs, *recipe.hidden_layer_sizes, n_outputs]
        shapes = [torch.Size((n_nets, n_out, n_in)) for n_in, n_out in pairwise(widths)]
        shapes += [torch.Size((n_nets, n_out)) for n_out in widths[1:]]
        self.adamw = FlatAdamW(shapes)
        parts, gradients = self.adamw.values, self.adamw.gradients
        self.weights, self.biases = parts[: len(widths) - 1], parts[len(widths) - 1 :]
        for weight, bias in zip(self.weights, self.biases, strict=True):
            bound = 1 / math.sqrt(weight.shape[2])
            for values in (weight.transpose(1, 2), bias.unsqueeze(1)):
                drawn = torch.rand(values.shape, generator=generator)
                values.copy_((2 * drawn - 1) * bound)
        n_layers = len(self.weights)
        self.layers = Layers(
            self.weights,
            self.biases,
            gradients[:n_layers],
            gradients[n_layers:],
            recipe.activation,
        )

    def __call__(self, scores: Tensor, nets: slice = EVERY) -> Tensor:
        """Return (n_nets, n_samples, n_outputs) for the same inputs to all these networks."""
        hidden = self.embedding(scores)
        weights, biases = ([part[nets] for part in parts] for parts in (self.weights, self.biases))
        hidden = hidden.expand(len(weights[0]), *hidden.shape)
        for layer, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
            hidden = self.activation(hidden) if layer else hidden
            hidden = torch.baddbmm(bias.unsqueeze(1), hidden, weight.transpose(1, 2))
        return hidden

    def predict(self, scores: Tensor, nets: slice = EVERY) -> np.ndarray:
        """Return (n_nets, n_samples, n_outputs), a few thousand rows at a time."""
        with torch.inference_mode():
            chunks = [self(chunk, nets) for chunk in scores.split(PREDICTED_AT_A_TIME)]
        return torch.cat(chunks, dim=1).numpy()


@torch.no_grad()
def train_batched(
    recipe: MLPConfig,
    scores: Tensor | TransformedRows,
    target: Tensor,
    weight: Tensor,
    losses: Sequence[str],
    weight_decay: Tensor,
    seed: int,
) -> BatchedMLP:
    """Train many networks on the same inputs, each with its targets, weights and loss.

    All networks see the rows in the same order, so that inputs are gathered
    and embedded once per step. A row that a network must not see has the
    weight 0 for it.

    Parameters
    ----------
    recipe : MLPConfig
        Shape and training of all.
    scores : TransformedRows, or Tensor of shape (n_samples, n_inputs), float32
        What the networks see.
    target, weight : Tensor of shape (n_nets, n_samples, n_outputs), float32
        What each network is to say, and how much that counts (mean 1 each).
    losses : sequence of str
        Name of the loss of each network; equal names stand together.
    weight_decay : Tensor of shape (n_nets,)
        Of each network.
    seed : int
        Decides initial weights and the order of rows.

    Returns
    -------
    Stack
        Trained.
    """
    n_nets, n_samples, n_outputs = target.shape
    stack = BatchedMLP(recipe, scores[:1].shape[1], n_outputs, n_nets, seed)
    inputs = EmbeddedRows(scores, stack.embedding)
    decay = weight_decay.reshape(-1, 1, 1)
    criterion = _criterion(losses, n_outputs)
    generator = torch.Generator().manual_seed(seed)
    n_batches = -(-n_samples // recipe.batch_size)
    for step in range(recipe.n_steps):
        if step % n_batches == 0:
            order = torch.randperm(n_samples, generator=generator).tensor_split(n_batches)
        rows = order[step % n_batches]
        lr = recipe.lr * one_cycle((step + 0.5) / recipe.n_steps)
        gradient = criterion(stack.layers.forward(inputs[rows]), target[:, rows])
        # They share nothing, so each network gets its own gradient.
        stack.layers.backward(gradient.mul_(weight[:, rows]).div_(len(rows) * n_outputs))
        torch._foreach_mul_(stack.weights, [1 - lr * decay] * len(stack.weights))
        stack.adamw.step(lr)
    return stack


def _criterion(losses: Sequence[str], n_outputs: int) -> Callable[[Tensor, Tensor], Tensor]:
    """Return the elementwise gradient of all networks, of (n_nets, n_rows, n_outputs) each."""
    names = list(dict.fromkeys(losses))
    counts = [list(losses).count(name) for name in names]
    if [name for name, count in zip(names, counts, strict=True) for _ in range(count)] != [*losses]:
        raise ValueError(f"equal losses must stand together, got {losses}")
    # Each network's outputs are columns of their own, with a running scale of their own.
    parts: list[ElementLoss] = [
        element_loss(name, count * n_outputs) for name, count in zip(names, counts, strict=True)
    ]

    def criterion(prediction: Tensor, target: Tensor) -> Tensor:
        _, n_rows, n_outputs = prediction.shape
        gradients = []
        for part, said, label in zip(
            parts, prediction.split(counts), target.split(counts), strict=True
        ):
            columns = said.transpose(0, 1).reshape(n_rows, -1)
            wanted = label.transpose(0, 1).reshape(n_rows, -1)
            _, gradient = element_gradient(part, columns, wanted)
            gradients.append(gradient.reshape(n_rows, -1, n_outputs).transpose(0, 1))
        return torch.cat(gradients)

    return criterion

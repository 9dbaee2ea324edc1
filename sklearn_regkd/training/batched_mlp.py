"""Many small networks of one shape trained at once, on the same inputs.

A single small network leaves a processor waiting for Python; ten of them side
by side cost about as much as four. Cross-fitted students and trials of a setting
come from here.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice, pairwise

import numpy as np
import torch
from torch import Tensor

from sklearn_regkd.losses.batched import BatchedLoss
from sklearn_regkd.losses.modules import element_loss
from sklearn_regkd.losses.quantile import QuantileLoss
from sklearn_regkd.networks.embedding import PeriodicEmbedding
from sklearn_regkd.networks.inputs import EmbeddedRows, TransformedRows
from sklearn_regkd.networks.mlp import ACTIVATIONS
from sklearn_regkd.training.batched_layers import Layers
from sklearn_regkd.training.batched_trainer import BatchedTrainer
from sklearn_regkd.training.callbacks import one_cycle
from sklearn_regkd.training.flat_adamw import FlatAdamW
from sklearn_regkd.training.placed_rows import PlacedRows, RowOrder
from sklearn_regkd.utils.arithmetic import ceil_div

PREDICTED_AT_A_TIME = 4096
ALL_NETWORKS = slice(None)


@dataclass(frozen=True)
class MLPConfig:
    """Shape and training that networks have in common.

    Parameters
    ----------
    hidden_layer_sizes : tuple of int
        Width of each hidden layer.
    activation : str
        Activation after each hidden layer.
    n_frequencies : int
        Frequencies of the periodic embedding; 0 for none.
    n_plain : int
        Inputs, the last ones, that are not embedded.
    lr : float
        Peak of the one-cycle schedule.
    batch_size : int
        Rows per step.
    n_steps : int
        Training steps.
    device : str, default="cpu"
        Where the networks are.
    """

    hidden_layer_sizes: tuple[int, ...]
    activation: str
    n_frequencies: int
    n_plain: int
    lr: float
    batch_size: int
    n_steps: int
    device: str = "cpu"


class BatchedMLP:
    """Networks of one shape with initial weights of their own, and their predictions.

    Parameters
    ----------
    config : MLPConfig
        Shape of the networks.
    n_inputs, n_outputs, n_nets : int
        Their inputs, outputs and number.
    seed : int
        Seed of the initial weights, which are those of :class:`torch.nn.Linear`.

    Attributes
    ----------
    weights, biases : list of Tensor
        Parameters of each layer, (n_nets, n_out, n_in) and (n_nets, n_out).
    """

    def __init__(
        self,
        config: MLPConfig,
        n_inputs: int,
        n_outputs: int,
        n_nets: int,
        seed: int,
    ):
        self.n_outputs, self.device = n_outputs, config.device
        generator = torch.Generator().manual_seed(seed)
        self.embedding = PeriodicEmbedding(
            n_inputs - config.n_plain, config.n_frequencies, config.n_plain
        ).to(self.device)
        self.activation = ACTIVATIONS[config.activation]()
        widths = [self.embedding.n_outputs, *config.hidden_layer_sizes, n_outputs]
        shapes = [torch.Size((n_nets, n_out, n_in)) for n_in, n_out in pairwise(widths)]
        shapes += [torch.Size((n_nets, n_out)) for n_out in widths[1:]]
        self.adamw = FlatAdamW(shapes, self.device)
        n_layers, values = len(widths) - 1, self.adamw.values
        self.weights, self.biases = values[:n_layers], values[n_layers:]
        for weight, bias in zip(self.weights, self.biases, strict=True):
            bound = 1 / math.sqrt(weight.shape[2])
            for parameter in (weight.transpose(1, 2), bias.unsqueeze(1)):
                drawn = torch.rand(parameter.shape, generator=generator)
                parameter.copy_((2 * drawn - 1) * bound)
        self.layers = Layers.of(values, self.adamw.gradients, config.activation)

    def __call__(self, inputs: Tensor, nets: slice = ALL_NETWORKS) -> Tensor:
        """Return (n_nets, n_samples, n_outputs) for the same inputs to all these networks."""
        hidden = self.embedding(inputs)
        weights, biases = ([part[nets] for part in parts] for parts in (self.weights, self.biases))
        hidden = hidden.expand(len(weights[0]), *hidden.shape)
        for layer, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
            hidden = self.activation(hidden) if layer else hidden
            hidden = torch.baddbmm(bias.unsqueeze(1), hidden, weight.transpose(1, 2))
        return hidden

    @torch.no_grad()
    def predict(self, inputs: Tensor, nets: slice = ALL_NETWORKS) -> np.ndarray:
        """Return (n_nets, n_samples, n_outputs), a few thousand rows at a time."""
        chunks = inputs.to(self.device).split(PREDICTED_AT_A_TIME)
        return torch.cat([self(chunk, nets) for chunk in chunks], dim=1).cpu().numpy()


@torch.no_grad()
def train_batched(
    config: MLPConfig,
    inputs: Tensor | TransformedRows,
    target: Tensor,
    weight: Tensor,
    losses: Sequence[str | QuantileLoss],
    weight_decay: Tensor,
    seed: int,
) -> BatchedMLP:
    """Train many networks on the same inputs, each with its targets, weights and loss.

    All networks see the rows in the same order, so that inputs are gathered
    and embedded once per step. A row that a network must not see has the
    weight 0 for it.

    Parameters
    ----------
    config : MLPConfig
        Shape and training of all networks.
    inputs : TransformedRows, or Tensor of shape (n_samples, n_inputs), float32
        What the networks see.
    target, weight : Tensor of shape (n_nets, n_samples, n_outputs), float32
        What each network is to predict, and how much that counts (mean 1 each).
    losses : sequence of str or QuantileLoss
        The loss of each network; those of neighbours of one kind are computed at once.
    weight_decay : Tensor of shape (n_nets,)
        Weight decay of each network's weights; biases are left alone.
    seed : int
        Decides initial weights and the order of rows.

    Returns
    -------
    BatchedMLP
        The trained networks.
    """
    n_nets, n_samples, n_outputs = target.shape
    networks = BatchedMLP(config, inputs[:1].shape[1], n_outputs, n_nets, seed)
    trainer = BatchedTrainer(
        networks.layers, networks.adamw, [(part, weight_decay) for part in networks.weights]
    )
    elementwise = BatchedLoss([element_loss(name, n_outputs) for name in losses], n_outputs)
    elementwise.to(config.device)
    # The columns of all networks, so that a batch of them is one indexing operation.
    columns = torch.cat([part.transpose(0, 1).flatten(1) for part in (target, weight)], dim=1)
    embedded = EmbeddedRows(inputs, networks.embedding, config.device)

    n_batches = ceil_div(n_samples, config.batch_size)
    n_passes = ceil_div(config.n_steps, n_batches)
    generator = torch.Generator().manual_seed(seed)
    orders = islice(RowOrder(generator, n_samples, config.device, n_passes), n_passes)
    batches = islice(
        (rows for order in orders for rows in order.tensor_split(n_batches)), config.n_steps
    )

    def loss(prediction: Tensor, columns: Tensor) -> tuple[None, Tensor]:
        label, share = columns.unflatten(1, (2, n_nets, n_outputs)).permute(1, 2, 0, 3)
        # They share nothing, so each network gets its own gradient.
        gradient = elementwise.derivative(prediction, label)
        return None, gradient.mul_(share).div_(len(columns) * n_outputs)

    rates = [config.lr * one_cycle((step + 0.5) / config.n_steps) for step in range(config.n_steps)]
    steps = zip(
        PlacedRows(embedded, columns).batches(batches),
        trainer.schedule(torch.tensor(rates, dtype=torch.float64)),
        strict=True,
    )
    trainer.run((batch for batch, _ in steps), loss)
    return networks

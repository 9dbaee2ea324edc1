"""The plain multi-layer perceptron, the default student."""

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn

from sklearn_regkd.networks.embedding import PeriodicEmbedding

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "silu": nn.SiLU,
    "gelu": nn.GELU,
    "tanh": nn.Tanh,
}


def seeded_linear(n_in: int, n_out: int, generator: torch.Generator) -> nn.Linear:
    """Return a linear layer with PyTorch's usual initialisation from a generator of its own.

    ``nn.Linear`` draws from the global generator when it is built; skipping
    that leaves the user's random numbers alone, in all threads.
    """
    layer = nn.utils.skip_init(nn.Linear, n_in, n_out)
    bound = 1 / math.sqrt(n_in)
    nn.init.uniform_(layer.weight, -bound, bound, generator=generator)
    nn.init.uniform_(layer.bias, -bound, bound, generator=generator)
    return layer


def layer_widths(hidden_layer_sizes: int | Sequence[int]) -> tuple[int, ...]:
    """Return the width of each hidden layer; a single integer is one layer.

    Raises
    ------
    ValueError
        If a width is not an integer > 0.
    """
    single = isinstance(hidden_layer_sizes, int | np.integer)
    widths = (hidden_layer_sizes,) if single else tuple(hidden_layer_sizes)  # type: ignore[arg-type]
    if not all(isinstance(w, int | np.integer) and w > 0 for w in widths):
        raise ValueError(f"hidden_layer_sizes must hold integers > 0, got {widths}")
    return tuple(int(w) for w in widths)  # type: ignore[arg-type]


class MLP(nn.Sequential):
    """Fully connected layers with an activation between them.

    Parameters
    ----------
    n_features : int
        Inputs, standardised or normal scores.
    n_outputs : int
        Outputs; a student with two heads has twice as many as there are targets.
    hidden_layer_sizes : sequence of int, default=(64, 64)
        Width of each hidden layer; empty for a linear model.
    activation : {"relu", "silu", "gelu", "tanh"}, default="silu"
        What follows each hidden layer.
    n_frequencies : int, default=0
        Frequencies of a :class:`~sklearn_regkd.networks.embedding.PeriodicEmbedding`
        before the first layer; 0 for none.
    n_plain : int, default=0
        How many of the last inputs are 0 or 1 and need no embedding.
    seed : int, default=0
        Seed of the initial weights.

    Examples
    --------
    >>> import torch
    >>> from sklearn_regkd.networks.mlp import MLP
    >>> MLP(3, 2, hidden_layer_sizes=(8,))(torch.zeros(5, 3)).shape
    torch.Size([5, 2])
    """

    def __init__(
        self,
        n_features: int,
        n_outputs: int,
        hidden_layer_sizes: Sequence[int] = (64, 64),
        activation: str = "silu",
        n_frequencies: int = 0,
        n_plain: int = 0,
        seed: int = 0,
    ):
        generator = torch.Generator().manual_seed(seed)
        layers: list[nn.Module] = []
        if n_frequencies:
            embedding = PeriodicEmbedding(n_features - n_plain, n_frequencies, n_plain)
            layers.append(embedding)
            n_features = embedding.n_outputs
        widths = [n_features, *hidden_layer_sizes]
        for n_in, n_out in pairwise(widths):
            layers += [seeded_linear(n_in, n_out, generator), ACTIVATIONS[activation]()]
        super().__init__(*layers, seeded_linear(widths[-1], n_outputs, generator))
        self.activation = activation

    def forward(self, X: Tensor) -> Tensor:
        """Return outputs (n_samples, n_outputs) for inputs (n_samples, n_features)."""
        return super().forward(X)

"""Sines and cosines of each input, so that a small network can follow jagged functions."""

import math

import torch
from torch import Tensor, nn

# From one wave over all of a feature's values to some ten of them. No single
# scale fits all tables: california wants the shortest waves, kin8nm the longest.
LOWEST, HIGHEST = 0.03, 2.0
MOST_FREQUENCIES = 16
# With a first hidden layer of 64 this makes at most 10,000 weights of it, unless there are
# more inputs than that to begin with.
MOST_INPUTS = 156


def count_frequencies(n_numeric: int, n_plain: int = 0) -> int:
    """Return how many frequencies each number gets, so that the first layer stays small.

    Examples
    --------
    >>> from sklearn_regkd.networks.embedding import count_frequencies
    >>> [count_frequencies(d) for d in (1, 8, 21, 100)]
    [16, 9, 3, 0]
    """
    if not n_numeric:
        return 0
    each = (MOST_INPUTS - n_plain) // n_numeric
    return max(0, min(MOST_FREQUENCIES, (each - 1) // 2))


def embedded_width(n_numeric: int, n_frequencies: int, n_plain: int = 0) -> int:
    """Return how many features :class:`PeriodicEmbedding` makes of the inputs of a row.

    Examples
    --------
    >>> from sklearn_regkd.networks.embedding import embedded_width
    >>> embedded_width(3, 4, n_plain=2)
    29
    """
    return n_numeric * (1 + 2 * n_frequencies) + n_plain


class PeriodicEmbedding(nn.Module):
    """Each input beside sines and cosines of it, of log-spaced frequencies.

    ``x -> [x, a_k sin(2 pi c_k x), a_k cos(2 pi c_k x)]`` with c_k from 0.03 to
    2 waves per standard deviation and ``a_k = sqrt(c_1 / c_k)``. The smaller
    amplitude of a shorter wave makes it cost more weight decay, which is a
    preference for smooth functions. After [1]_, with fixed frequencies (ours:
    learned ones would be most of the network's numbers).

    Parameters
    ----------
    n_numeric : int
        Number of inputs that are embedded, the first ones: standardised, or normal scores.
    n_frequencies : int
        Frequencies per number; 0 leaves the inputs as they are.
    n_plain : int, default=0
        Number of inputs after them that are 0 or 1 and pass as they are.

    References
    ----------
    .. [1] Y. Gorishniy, I. Rubachev, A. Babenko, "On embeddings for numerical
       features in tabular deep learning", NeurIPS 2022, arXiv 2203.05556.

    Examples
    --------
    >>> import torch
    >>> from sklearn_regkd.networks.embedding import PeriodicEmbedding
    >>> PeriodicEmbedding(3, 4)(torch.zeros(5, 3)).shape
    torch.Size([5, 27])
    """

    frequency: Tensor
    amplitude: Tensor

    def __init__(self, n_numeric: int, n_frequencies: int, n_plain: int = 0):
        super().__init__()
        self.n_numeric = n_numeric
        self.n_outputs = embedded_width(n_numeric, n_frequencies, n_plain)
        exponent = torch.linspace(math.log(LOWEST), math.log(HIGHEST), n_frequencies)
        self.register_buffer("frequency", 2 * math.pi * exponent.exp())
        self.register_buffer("amplitude", ((exponent[:1] - exponent) / 2).exp())

    def forward(self, X: Tensor) -> Tensor:
        """Return features (..., n_outputs) of inputs (..., n_inputs)."""
        if not len(self.frequency):
            return X
        phase = X[..., : self.n_numeric].unsqueeze(-1) * self.frequency
        waves = torch.cat([phase.sin() * self.amplitude, phase.cos() * self.amplitude], dim=-1)
        return torch.cat([X, waves.flatten(-2)], dim=-1)

"""Convolutional networks for images: a small student and a larger teacher.

For ``StudentRegressor(module=small_cnn)``. Neither is more than a start: any other module takes
their place.
"""

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn


class CNN(nn.Module):
    """Convolutions that halve the picture, and a fully connected end.

    Each block is a 3 x 3 convolution with stride 2, batch normalisation and SiLU. The end sees all
    that is left of the picture, place by place: where something is, is what angles and landmarks
    depend on, and a mean over places forgets it.

    Parameters
    ----------
    input_shape : tuple of int
        (channels, height, width), or (height, width) of pictures without channels.
    n_outputs : int
        Outputs; a student with two heads has twice as many as there are targets.
    channels : sequence of int, default=(8, 16, 16)
        Channels of each block.
    hidden : int, default=0
        Width of a hidden layer before the last one; 0 for none.

    Raises
    ------
    ValueError
        If `input_shape` has neither two nor three entries, or there is no block.

    Examples
    --------
    >>> import torch
    >>> from sklearn_regkd.networks.cnn import CNN
    >>> CNN((36, 60), 2)(torch.zeros(5, 36, 60)).shape
    torch.Size([5, 2])
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        n_outputs: int,
        channels: Sequence[int] = (8, 16, 16),
        hidden: int = 0,
    ):
        super().__init__()
        if len(input_shape) not in (2, 3) or not len(channels):
            raise ValueError(
                "a CNN needs channels and an input_shape (channels, height, width) or (height, "
                f"width), got channels={channels}, input_shape={tuple(input_shape)}"
            )
        self.has_channels = len(input_shape) == 3
        *n_in, height, width = input_shape
        blocks: list[nn.Module] = []
        for before, after in pairwise([n_in[0] if n_in else 1, *channels]):
            convolution = nn.Conv2d(before, after, 3, stride=2, padding=1, bias=False)
            blocks += [convolution, nn.BatchNorm2d(after), nn.SiLU()]
            height, width = (height + 1) // 2, (width + 1) // 2
        self.blocks = nn.Sequential(*blocks)
        flat = channels[-1] * height * width
        end: list[nn.Module] = [nn.Linear(flat, hidden), nn.SiLU()] if hidden else []
        self.end = nn.Sequential(nn.Flatten(), *end, nn.Linear(hidden or flat, n_outputs))

    def forward(self, X: Tensor) -> Tensor:
        """Return outputs (n_samples, n_outputs) of pictures (n_samples, *input_shape)."""
        return self.end(self.blocks(X if self.has_channels else X.unsqueeze(1)))


def small_cnn(input_shape: Sequence[int], n_outputs: int) -> CNN:
    """Return a student for images: about 5,000 parameters for 36 x 60 pixels.

    Parameters
    ----------
    input_shape : tuple of int
        (channels, height, width) or (height, width).
    n_outputs : int
        Outputs.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_regkd import StudentRegressor
    >>> from sklearn_regkd.networks.cnn import small_cnn
    >>> X = np.random.default_rng(0).integers(0, 256, (64, 8, 8), dtype=np.uint8)
    >>> y = X[:, :4].mean(axis=(1, 2))
    >>> student = StudentRegressor(module=small_cnn, max_epochs=5, random_state=0).fit(X, y)
    >>> student.predict(X[:3]).shape
    (3,)
    """
    return CNN(input_shape, n_outputs)


def large_cnn(input_shape: Sequence[int], n_outputs: int) -> CNN:
    """Return a teacher for images: about 190,000 parameters for 36 x 60 pixels.

    Parameters
    ----------
    input_shape : tuple of int
        (channels, height, width) or (height, width).
    n_outputs : int
        Outputs.

    Examples
    --------
    >>> from sklearn_regkd.networks.cnn import large_cnn
    >>> sum(p.numel() for p in large_cnn((36, 60), 2).parameters())
    187442
    """
    return CNN(input_shape, n_outputs, channels=(16, 32, 64), hidden=64)

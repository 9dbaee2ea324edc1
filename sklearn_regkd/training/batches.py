"""Rows in memory, taken by whole batches."""

from collections.abc import Callable, Iterator
from itertools import repeat

import numpy as np
import torch
from skorch.dataset import Dataset
from torch import Tensor
from torch.utils.data import Subset

from sklearn_regkd.training.placed_rows import PlacedTensor, RowOrder
from sklearn_regkd.utils.arithmetic import ceil_div
from sklearn_regkd.utils.tensor import as_tensor


class Rows(Dataset):
    """A skorch dataset of inputs and packed supervision, without a copy of the inputs.

    Parameters
    ----------
    X : ndarray of shape (n_samples, ...)
        Inputs; a memmap stays on disk.
    packed : ndarray of shape (n_samples, n_columns), default=None
        Packed supervision, see :class:`~sklearn_regkd.supervision.supervision.Supervision`;
        no columns if only the inputs are known.
    """

    def __init__(self, X: np.ndarray, packed: np.ndarray | None = None):
        if packed is None:
            packed = np.empty((len(X), 0), np.float32)
        super().__init__(as_tensor(X), as_tensor(packed))
        self._placed: tuple[PlacedTensor, PlacedTensor] | None = None

    def on(self, device: torch.device) -> tuple[PlacedTensor, PlacedTensor]:
        """Return inputs and packed supervision on a device, copied once for all batches."""
        if self._placed is None or self._placed[0].device != device:
            self._placed = PlacedTensor(self.X, device), PlacedTensor(self.y, device)
        return self._placed


class WholeBatches:
    """Iterate over rows in memory by whole batches.

    A ``DataLoader`` fetches row by row, which costs more than the training
    step of a small network. Here a batch is one indexing operation.

    Parameters
    ----------
    dataset : Rows or torch.utils.data.Subset of it
        What to iterate over.
    batch_size : int
        Largest batch. Batches are of nearly equal size, so that no batch of
        one or two rows ends an epoch.
    shuffle : bool, default=False
        Whether each pass takes the rows in a new order.
    seed : int, default=0
        Seed of the orders and of `augment`.
    augment : callable, default=None
        Called with the inputs of each batch and a generator, returns others of the same shape.

    Attributes
    ----------
    device : torch.device
        Where batches are needed, the CPU at first.
    n_passes : int
        How many passes are likely to be asked for, 1 at first: on a device the orders of
        all of them are copied at once.
    """

    def __init__(
        self,
        dataset: Dataset,
        batch_size: int,
        shuffle: bool = False,
        seed: int = 0,
        augment: Callable[[Tensor, torch.Generator], Tensor] | None = None,
    ):
        self.rows: Tensor | None = None
        while isinstance(dataset, Subset):
            indices = torch.as_tensor(np.asarray(dataset.indices), dtype=torch.int64)
            self.rows = indices if self.rows is None else indices[self.rows]
            dataset = dataset.dataset
        if not isinstance(dataset, Rows):
            raise TypeError(f"WholeBatches takes Rows or a Subset of Rows, got {type(dataset)}")
        self.dataset = dataset
        self.n_rows = len(dataset) if self.rows is None else len(self.rows)
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.augment = augment
        self.generator = torch.Generator().manual_seed(seed)
        self.device, self.n_passes = torch.device("cpu"), 1
        self._orders: Iterator[Tensor] | None = None

    def __len__(self) -> int:
        return ceil_div(self.n_rows, self.batch_size)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        X, packed = self.dataset.on(self.device)
        if not self.shuffle and self.rows is None and self.augment is None:
            parts = (one.source.tensor_split(len(self)) for one in (X, packed))
            yield from zip(*parts, strict=True)
            return
        for batch in self.batches():
            yield self._augmented(X.take(batch)), packed.take(batch)

    def _augmented(self, X: Tensor) -> Tensor:
        if self.augment is None:
            return X
        new = self.augment(X, self.generator)
        if not isinstance(new, Tensor) or new.shape != X.shape:
            what = tuple(new.shape) if isinstance(new, Tensor) else type(new).__name__
            raise ValueError(
                f"augment returned {what} for a batch of shape {tuple(X.shape)}: it must return a "
                "tensor of the same shape, a row for each row"
            )
        return new

    def batches(self) -> tuple[Tensor, ...]:
        """Return the rows of each batch of the next pass, int64, on the device."""
        if self._orders is None:
            self._orders = self._new_orders()
        return next(self._orders).tensor_split(len(self))

    def _new_orders(self) -> Iterator[Tensor]:
        rows = None if self.rows is None else self.rows.to(self.device)
        if not self.shuffle:
            return repeat(torch.arange(self.n_rows, device=self.device) if rows is None else rows)
        orders = RowOrder(self.generator, self.n_rows, self.device, self.n_passes)
        return orders if rows is None else (rows[order] for order in orders)

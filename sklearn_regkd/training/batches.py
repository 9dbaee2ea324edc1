"""Rows in memory, taken by whole batches."""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from skorch.dataset import Dataset
from torch import Tensor
from torch.utils.data import Subset

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

    def __len__(self) -> int:
        return ceil_div(self.n_rows, self.batch_size)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        X, packed = self.dataset.X, self.dataset.y
        if not self.shuffle and self.rows is None and self.augment is None:
            yield from zip(X.tensor_split(len(self)), packed.tensor_split(len(self)), strict=True)
            return
        for batch in self.batches():
            yield self._augmented(X.index_select(0, batch)), packed.index_select(0, batch)

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
        """Return the rows of each batch of the next pass, int64."""
        if self.shuffle:
            order = torch.randperm(self.n_rows, generator=self.generator)
        else:
            order = torch.arange(self.n_rows)
        return (order if self.rows is None else self.rows[order]).tensor_split(len(self))

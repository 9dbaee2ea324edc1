"""Rows that networks are trained on, placed where the networks are.

An accelerator waits for each copy from the CPU, and for each operation that Python starts. So rows
and their orders go there once, and there those of many batches are gathered at a time.
"""

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor

from sklearn_regkd.networks.inputs import MOST_BYTES_PLACED, EmbeddedRows
from sklearn_regkd.training.distributed import ALONE, SingleProcess

# 64 MiB each: what is gathered at a time, and the orders that are drawn ahead.
MOST_BYTES_AHEAD = 2**26


class PlacedTensor:
    """A tensor of all rows, with its copy on a device, which follows when the tensor is changed.

    Parameters
    ----------
    tensor : Tensor
        On the CPU.
    device : torch.device or str
        Where the copy is. On the CPU it is the tensor itself, and a tensor of more than 1 GiB
        has none.
    dim : int, default=0
        The axis that counts the rows.

    Examples
    --------
    >>> import torch
    >>> from sklearn_regkd.training.placed_rows import PlacedTensor
    >>> placed = PlacedTensor(torch.tensor([[3.0], [4.0], [5.0]]), "cpu")
    >>> placed.take(torch.tensor([2, 0]))
    tensor([[5.],
            [3.]])
    """

    def __init__(self, tensor: Tensor, device: torch.device | str, dim: int = 0):
        self.tensor, self.device, self.dim = tensor, torch.device(device), dim
        is_here = self.device.type == "cpu"
        size = tensor.numel() * tensor.element_size()
        self.is_kept = is_here or size <= MOST_BYTES_PLACED
        self._copy: Tensor | None = tensor if is_here or not self.is_kept else None
        self._version = tensor._version

    @property
    def source(self) -> Tensor:
        """Return the tensor to take rows from: on the device if it is kept there."""
        if self._copy is not self.tensor and (
            self._copy is None or self._version != self.tensor._version
        ):
            self._copy, self._version = self.tensor.to(self.device), self.tensor._version
        return self._copy

    def take(self, rows: Tensor) -> Tensor:
        """Return some rows, on the device.

        Parameters
        ----------
        rows : Tensor of int64 of shape (n_rows,) or (n_nets, n_rows)
            Their numbers, on the device; a line for each part of the tensor along its first axis.
        """
        source = self.source
        if not self.is_kept:
            rows = rows.cpu()
        if rows.ndim == 1:
            taken = source.index_select(self.dim, rows)
        else:
            own = zip(source, rows, strict=True)
            taken = torch.stack([one.index_select(self.dim - 1, places) for one, places in own])
        return taken if self.is_kept else taken.to(self.device)


class PlacedRows:
    """What steps of a training take of its rows, gathered on the device of the networks.

    Parameters
    ----------
    inputs : EmbeddedRows
        What the first layer sees of all rows; its device is that of the networks.
    supervision : Tensor of shape (..., n_samples, n_columns)
        What the loss needs to know of them; on the CPU.
    """

    def __init__(self, inputs: EmbeddedRows, supervision: Tensor):
        self.inputs = inputs
        self.supervision = PlacedTensor(supervision, inputs.device, supervision.ndim - 2)
        row_bytes = 4 * (inputs.n_columns + supervision[..., 0, :].numel())
        self._rows_at_a_time = max(1, MOST_BYTES_AHEAD // row_bytes)
        self._is_on_cpu = inputs.device.type == "cpu"

    def batches(
        self, batches: Iterable[Tensor], processes: SingleProcess = ALONE
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield inputs and supervision of each batch.

        Parameters
        ----------
        batches : iterable of Tensor
            Numbers of the rows of each batch, on the device of the networks: (n_rows,), or
            (n_nets, n_rows) where each network sees rows of its own.
        processes : SingleProcess, default=ALONE
            Those that share each step, of which each one takes the inputs of some rows only.

        Yields
        ------
        inputs : Tensor of shape (n_rows, n_inputs) or (n_nets, n_rows, n_inputs)
            Of the rows of this process.
        supervision : Tensor of shape (..., n_rows, n_columns)
            Of all rows of the batch.
        """
        if self._is_on_cpu:  # whose cache holds one batch
            for rows in batches:
                share = processes.local_rows(rows, dim=-1)
                yield self.inputs[share], self.supervision.take(rows)
            return
        for some in self._together(batches):
            sizes, rows = [batch.shape[-1] for batch in some], torch.cat(some, dim=-1)
            X = self.inputs[rows].split(sizes, dim=-2)
            supervision = self.supervision.take(rows).split(sizes, dim=-2)
            for inputs, known in zip(X, supervision, strict=True):
                yield processes.local_rows(inputs, dim=-2), known

    def _together(self, batches: Iterable[Tensor]) -> Iterator[list[Tensor]]:
        """Yield as many batches at a time as are gathered at once."""
        some: list[Tensor] = []
        n_rows = 0
        for rows in batches:
            if some and n_rows + rows.numel() > self._rows_at_a_time:
                yield some
                some, n_rows = [], 0
            some.append(rows)
            n_rows += rows.numel()
        if some:
            yield some


class RowOrder:
    """Numbers of rows in one order after the other, on a device.

    The orders are those of the CPU's generator, and they are copied together: the generator is
    where it would be if each order had been drawn when it is needed.

    Parameters
    ----------
    generator : torch.Generator
        Of the CPU; it decides the orders.
    n_rows : int
        How many rows there are.
    device : torch.device or str
        Where the numbers are needed.
    n_ahead : int
        How many orders are likely to be asked for.

    Examples
    --------
    >>> import torch
    >>> from sklearn_regkd.training.placed_rows import RowOrder
    >>> order = RowOrder(torch.Generator().manual_seed(0), 4, "cpu", n_ahead=2)
    >>> next(order), next(order)
    (tensor([0, 1, 3, 2]), tensor([0, 2, 3, 1]))
    """

    def __init__(
        self, generator: torch.Generator, n_rows: int, device: torch.device | str, n_ahead: int
    ):
        self.generator, self.n_rows, self.device = generator, n_rows, torch.device(device)
        self._is_on_cpu = self.device.type == "cpu"
        self.n_ahead = max(1, min(n_ahead, MOST_BYTES_AHEAD // (8 * max(1, n_rows))))
        # Orders, and the state of the generator after each, the last first.
        self._drawn: list[tuple[Tensor, Tensor]] = []

    def __iter__(self) -> "RowOrder":
        return self

    def __next__(self) -> Tensor:
        if self._is_on_cpu:
            return self._draw()
        if not self._drawn:
            orders, states = [], []
            for _ in range(self.n_ahead):
                orders.append(self._draw())
                states.append(self.generator.get_state())
            placed = torch.stack(orders).to(self.device).unbind()
            self._drawn = list(zip(placed, states, strict=True))[::-1]
        order, state = self._drawn.pop()
        self.generator.set_state(state)
        return order

    def _draw(self) -> Tensor:
        return torch.randperm(self.n_rows, generator=self.generator)

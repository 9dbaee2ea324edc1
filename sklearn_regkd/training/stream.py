"""Training on a stream of blocks: windows of some blocks, the rows of each in random order."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np
from skorch import NeuralNet
from tqdm import tqdm

from sklearn_regkd.training.callbacks import one_cycle
from sklearn_regkd.training.checkpoint import CheckpointFile, restore
from sklearn_regkd.training.incremental import IncrementalTrainer

# From the numbers of blocks to their inputs and packed supervision, in that order.
Read = Callable[[Sequence[int]], Iterator[tuple[np.ndarray, np.ndarray]]]


@dataclass(frozen=True, order=True)
class Position:
    """A place in a stream: the window that comes next.

    Parameters
    ----------
    epoch, window : int
        Numbers of the epoch and of the window in it, from 0.
    """

    epoch: int = 0
    window: int = 0


@dataclass(frozen=True)
class Plan:
    """Which blocks make up each window of each epoch, and when the learning rate falls.

    Everything follows from the position, so that a training can go on from any of them.

    Parameters
    ----------
    sizes : sequence of int
        Number of rows of each block.
    n_epochs : int
        Number of passes over all rows.
    buffer_rows : int
        Least number of rows of a window; its last block may go beyond.
    seed : int
        Seed of the orders of blocks and rows.
    any_order : bool, default=True
        Whether blocks can be taken in random order.

    Examples
    --------
    >>> from sklearn_regkd.training.stream import Plan, Position
    >>> plan = Plan([10, 10, 10, 5], n_epochs=2, buffer_rows=20, seed=0, any_order=False)
    >>> plan.windows(epoch=0)
    [[0, 1], [2, 3]]
    >>> plan.progress(Position(epoch=1, window=0))
    0.5
    """

    sizes: Sequence[int]
    n_epochs: int
    buffer_rows: int
    seed: int
    any_order: bool = True

    def windows(self, epoch: int) -> list[list[int]]:
        """Return the blocks of each window of an epoch."""
        order = np.arange(len(self.sizes))
        if self.any_order:
            order = np.random.default_rng([self.seed, epoch]).permutation(order)
        windows: list[list[int]] = []
        room = 0
        for index in order.tolist():
            if room <= 0:
                windows.append([])
                room = self.buffer_rows
            windows[-1].append(index)
            room -= self.sizes[index]
        return windows

    def progress(self, position: Position, share: float = 0.0) -> float:
        """Return the share of the training that is over when that share of a window is."""
        windows = self.windows(position.epoch)
        rows = [sum(self.sizes[index] for index in window) for window in windows]
        done = sum(rows[: position.window]) + share * rows[position.window]
        return (position.epoch + done / sum(rows)) / self.n_epochs

    def after(self, position: Position) -> Position:
        """Return the position that follows."""
        if position.window + 1 < len(self.windows(position.epoch)):
            return Position(position.epoch, position.window + 1)
        return Position(position.epoch + 1)

    def order_seed(self, position: Position) -> int:
        """Return the seed of the order of rows in a window."""
        place = [self.seed, position.epoch, position.window]
        return int(np.random.SeedSequence(place).generate_state(1)[0] // 2)


def train_on_stream(
    net: NeuralNet,
    read: Read,
    plan: Plan,
    checkpoint: CheckpointFile | None = None,
    bar: bool = False,
) -> None:
    """Train an initialised net on blocks of rows; one record of the history for each window.

    No more than one window and the block that is being read are held in memory.

    Parameters
    ----------
    net : NeuralNet
        The net, initialised and with its inputs attached.
    read : callable
        Takes the numbers of blocks; returns an iterator over their inputs and packed supervision.
    plan : Plan
        Which blocks make up which window, and how often.
    checkpoint : CheckpointFile, default=None
        The file from which the training goes on if it is there, and which is written after windows.
    bar : bool, default=False
        Whether to draw a progress bar on stderr.
    """
    trainer = IncrementalTrainer(net)
    found = None if checkpoint is None else checkpoint.read()
    start = Position() if found is None else Position(*found[2])
    n_windows = sum(len(plan.windows(epoch)) for epoch in range(plan.n_epochs))
    with ExitStack() as session, tqdm(total=n_windows, unit="window", disable=not bar) as progress:
        for position, X, packed in _windows(read, plan, start):
            if position == start:
                session.enter_context(trainer.session(X[:2], packed[:2]))
                if found is not None:
                    restore(net, *found[:2])
            lr_share = one_cycle(plan.progress(position, 0.5))
            trainer.run_pass(X, packed, plan.order_seed(position), lr_share)
            progress.update(len(net.history) - progress.n)  # it may not have begun at 0
            after = plan.after(position)
            if checkpoint is not None and after.epoch < plan.n_epochs:
                checkpoint.write_if_due(net, [after.epoch, after.window])
    if checkpoint is not None:
        checkpoint.remove()


def _windows(
    read: Read, plan: Plan, start: Position
) -> Iterator[tuple[Position, np.ndarray, np.ndarray]]:
    """Yield each window from a position on, one array filled block by block."""
    for epoch in range(start.epoch, plan.n_epochs):
        windows = list(enumerate(plan.windows(epoch)))
        if epoch == start.epoch:
            windows = windows[start.window :]
        blocks = read([index for _, window in windows for index in window])
        for place, window in windows:
            n_rows = sum(plan.sizes[index] for index in window)
            filled, X, packed = 0, np.empty(0), np.empty(0)
            for _ in window:
                rows, supervision = next(blocks)
                if not filled:
                    X = np.empty((n_rows, *rows.shape[1:]), rows.dtype)
                    packed = np.empty((n_rows, supervision.shape[1]), supervision.dtype)
                X[filled : filled + len(rows)] = rows
                packed[filled : filled + len(rows)] = supervision
                filled += len(rows)
            yield Position(epoch, place), X, packed

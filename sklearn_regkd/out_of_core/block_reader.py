"""Blocks of rows, read one by one from tables of dask or from any iterable."""

import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sklearn_regkd.preprocessing.error_messages import refuse_beyond_single, refuse_dates
from sklearn_regkd.preprocessing.frames import na_as_nan

# Blocks that are read ahead for each worker of a cluster.
AHEAD = 2
EXPECTED = (
    "a dask array X with y, a dask data frame with the names of its target columns as y, a "
    "sequence of (X, y) blocks, another iterable of them that begins anew each time, or a "
    "callable that returns an iterator"
)


@dataclass(frozen=True)
class Block:
    """Some rows of a table, as they are read.

    Parameters
    ----------
    X, y : array-like
        Inputs and labels; y may be the names of columns of X, a data frame.
    """

    X: Any
    y: Any

    def arrays(self) -> tuple[np.ndarray, np.ndarray]:
        """Return inputs (n_rows, n_features), float32 or float64, and labels (n_rows, n_outputs).

        Raises
        ------
        ValueError
            If they are not numbers that single precision holds, or not as many rows as labels.
        """
        X, y = self.X, self.y
        if hasattr(X, "columns") and isinstance(y, list):
            X, y = X.drop(columns=y), X[y]
        try:
            for given in (X, y):
                refuse_dates(given)
            X, y = na_as_nan(np.asarray(X)), np.asarray(y, np.float64)
            X = np.ascontiguousarray(X, np.float32 if X.dtype == np.float32 else np.float64)
            refuse_beyond_single(X)
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"a block holds something else than numbers to learn from ({error}): encode it "
                "before"
            ) from error
        y = y.reshape(len(y), -1)
        if X.ndim != 2 or len(X) != len(y):
            raise ValueError(
                f"a block has inputs of shape {X.shape} and labels of shape {y.shape}, expected "
                "(n_rows, n_features) and as many labels as rows"
            )
        return X, y


class BlockReader:
    """Blocks of rows that can be read more than once.

    Parameters
    ----------
    blocks : sequence, iterable or callable
        Blocks as (X, y); parts of them may be Delayed objects of dask.
    names : list of str or None, default=None
        Names of the features, where the blocks are frames.
    is_lazy : bool, default=False
        Whether the blocks are Delayed.
    y_ndim : int or None, default=None
        Dimensions of y, where that is known beforehand.
    """

    def __init__(self, blocks, names=None, is_lazy=False, y_ndim=None):
        self.blocks, self.names, self.is_lazy, self.y_ndim = blocks, names, is_lazy, y_ndim
        #: Whether blocks can be taken in any order.
        self.is_sequence = isinstance(blocks, Sequence)

    def _blocks_in(self, order: Sequence[int] | None) -> Iterator[tuple[int, Any]]:
        if order is not None and self.is_sequence:
            for index in order:
                yield int(index), self.blocks[index]
            return
        wanted = None if order is None else set(order)
        for index, block in enumerate(self.blocks() if callable(self.blocks) else self.blocks):
            if wanted is None or index in wanted:
                yield index, block

    def each(
        self,
        function: Callable[..., Any],
        client: Any = None,
        order: Sequence[int] | None = None,
        arguments: Callable[[int], tuple] = lambda index: (),
    ) -> Iterator[tuple[int, Any]]:
        """Call a function with each block, on the cluster if there is one; yield in order.

        Parameters
        ----------
        function : callable
            Takes a :class:`Block`, and `arguments`.
        client : distributed.Client or None, default=None
            Client of the cluster; None computes here, one block after the other.
        order : sequence of int, default=None
            The blocks to read, all by default; what is no sequence is read as it comes.
        arguments : callable
            Called with the number of a block when its turn has come; returns further
            arguments of `function`.
        """
        if client is None:
            for index, block in self._blocks_in(order):
                yield index, function(self._read(block), *arguments(index))
            return
        n_ahead = AHEAD * max(1, len(client.ncores()))
        pending: deque[tuple[int, Any]] = deque()
        try:
            for index, block in self._blocks_in(order):
                pending.append((index, self._send(client, function, block, arguments(index))))
                if len(pending) == n_ahead:
                    first, future = pending.popleft()
                    yield first, future.result()
            while pending:
                first, future = pending.popleft()
                yield first, future.result()
        finally:
            client.cancel([future for _, future in pending])

    def _read(self, block: Any) -> Block:
        if self.is_lazy:
            import dask

            block = dask.compute(*block, scheduler="synchronous")
        return Block(*block)

    def _send(self, client: Any, function: Callable[..., Any], block: Any, arguments: tuple) -> Any:
        if not self.is_lazy:
            return client.submit(_call, function, *block, *arguments, pure=False)
        import dask

        return client.compute(dask.delayed(_call, pure=False)(function, *block, *arguments))


def framed(X: np.ndarray, names: list[str] | None) -> Any:
    """Return inputs as a frame with these names; without names as they are."""
    if names is None:
        return X
    import pandas as pd

    return pd.DataFrame(X, columns=names)


def _call(function: Callable[..., Any], X: Any, y: Any, *arguments: Any) -> Any:
    return function(Block(X, y), *arguments)


def open_reader(X: Any, y: Any = None) -> BlockReader:
    """Return a reader of blocks.

    Parameters
    ----------
    X : dask array or data frame, sequence, iterable or callable
        The table, or its blocks.
    y : dask array, str, list of str or None, default=None
        Labels; for a data frame the names of its target columns; None for blocks of (X, y).

    Raises
    ------
    TypeError
        If X cannot be read block by block, more than once.
    ValueError
        If X and y do not go together.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_regkd.out_of_core.block_reader import open_reader
    >>> reader = open_reader([(np.zeros((2, 3)), np.ones(2)), (np.zeros((4, 3)), np.ones(4))])
    >>> [(index, len(y)) for index, (X, y) in reader.each(lambda block: block.arrays())]
    [(0, 2), (1, 4)]
    """
    if hasattr(X, "dask") or hasattr(X, "to_delayed"):
        return _open_frame(X, y) if hasattr(X, "columns") else _open_array(X, y)
    if y is not None:
        raise TypeError(
            f"got X of type {type(X).__name__} with y: expected {EXPECTED}; for arrays in memory "
            "use the estimator's fit"
        )
    if not callable(X) and (not isinstance(X, Iterable) or iter(X) is X):
        raise TypeError(
            f"got X={X!r}: expected {EXPECTED}; an iterator is used up after one pass, and "
            "blocks are read several times"
        )
    return BlockReader(X)


def _open_frame(X: Any, y: Any) -> BlockReader:
    names = [y] if isinstance(y, str) else y
    if not isinstance(names, list) or not set(names) <= set(X.columns):
        raise ValueError(
            f"y={y!r}, but X is a dask data frame with the columns {list(X.columns)}: pass the "
            "name of the target column, or a list of names"
        )
    blocks = [(part, names) for part in X.to_delayed()]
    features = [name for name in X.columns if name not in names]
    return BlockReader(blocks, features, is_lazy=True, y_ndim=1 if isinstance(y, str) else 2)


def _open_array(X: Any, y: Any) -> BlockReader:
    if not hasattr(y, "to_delayed") or X.ndim != 2:
        raise ValueError(
            f"X is a dask array of {X.ndim} dimensions and y a {type(y).__name__}: expected two "
            "dimensions, and labels in a dask array of as many rows"
        )
    X = X.rechunk({1: -1})
    if y.ndim == 2:
        y = y.rechunk({1: -1})
    if y.chunks[0] != X.chunks[0] and not np.isnan([*X.chunks[0], *y.chunks[0]]).any():
        y = y.rechunk({0: X.chunks[0]})
    parts = X.to_delayed().ravel(), y.to_delayed().ravel()
    if len(parts[0]) != len(parts[1]):
        raise ValueError(
            f"X has {len(parts[0])} blocks of rows and y has {len(parts[1])}, of unknown lengths: "
            "call compute_chunk_sizes() of both, or read them with equal partitions"
        )
    return BlockReader(list(zip(*parts, strict=True)), is_lazy=True, y_ndim=y.ndim)


def active_client() -> Any:
    """Return the client of dask that is in use here, or None."""
    if "distributed" not in sys.modules:
        return None
    from distributed import default_client

    try:
        return default_client()
    except ValueError:
        return None

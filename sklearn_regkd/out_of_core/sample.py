"""The first pass over all blocks: their sizes, and a random sample of all rows."""

import hashlib
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np

from sklearn_regkd.out_of_core.block_reader import Block, BlockReader
from sklearn_regkd.preprocessing.domain import Domain, fit_domain, label_range


@dataclass(frozen=True)
class BlockSample:
    """What is known of a table after the first pass over its blocks.

    Parameters
    ----------
    sizes : list of int
        Rows of each block.
    fingerprints : list of str
        Fingerprint of the content of each block.
    X, y : ndarray
        Sampled rows in random order, (n_samples, n_features) and (n_samples, n_outputs).
    domain : Domain
        The ranges of all rows, with every column taken for numbers.
    label_range : tuple of two ndarray of shape (n_outputs,)
        Least and largest label of all rows.
    """

    sizes: list[int]
    fingerprints: list[str]
    X: np.ndarray
    y: np.ndarray
    domain: Domain
    label_range: tuple[np.ndarray, np.ndarray]

    @property
    def n_rows(self) -> int:
        """Number of rows of all blocks."""
        return sum(self.sizes)


def sample_blocks(
    reader: BlockReader, n_sampled: int, seed: int, client: Any = None, allow_nan: bool = False
) -> BlockSample:
    """Read each block once, and draw a random sample of all rows.

    Each row draws a number, and those with the smallest ones are the sample: whoever joins
    samples of blocks in this way has a sample of all rows, and need not know how many there are.

    Parameters
    ----------
    reader : BlockReader
        Blocks of at least two rows in all.
    n_sampled : int
        Rows of the sample; all if there are fewer.
    seed : int
        Decides the sample.
    client : distributed.Client or None, default=None
        Client of the cluster whose workers read; None reads here.
    allow_nan : bool, default=False
        Whether inputs may be NaN.

    Raises
    ------
    ValueError
        If a block holds what cannot be learned from, or there are no rows.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_regkd.out_of_core.block_reader import open_reader
    >>> from sklearn_regkd.out_of_core.sample import sample_blocks
    >>> reader = open_reader([(np.ones((5, 2)), np.ones(5)), (np.ones((3, 2)), np.ones(3))])
    >>> sample = sample_blocks(reader, n_sampled=4, seed=0)
    >>> sample.n_rows, sample.X.shape
    (8, (4, 2))
    """
    sizes: list[int] = []
    fingerprints: list[str] = []
    drawn: list[tuple[np.ndarray, ...]] = []
    domains: list[Domain] = []
    ranges: list[tuple[np.ndarray, np.ndarray]] = []
    limit = 1.0

    def arguments(index: int) -> tuple:
        return index, n_sampled, limit, seed, allow_nan

    for _, (size, content, domain, ends, *part) in reader.each(_draw, client, arguments=arguments):
        sizes.append(size)
        fingerprints.append(content)
        drawn.append(tuple(part))
        domains.append(domain)
        ranges.append(ends)
        if sum(len(keys) for keys, *_ in drawn) >= 2 * n_sampled:
            drawn = [_smallest(drawn, n_sampled)]
            limit = float(drawn[0][0].max())
    if sum(sizes) < 2:
        raise ValueError(f"the blocks hold {sum(sizes)} rows, expected at least 2")
    keys, X, y = _smallest(drawn, n_sampled)
    order = np.argsort(keys)
    low, high = zip(*ranges, strict=True)
    return BlockSample(
        sizes,
        fingerprints,
        X[order],
        y[order],
        reduce(Domain.widened, domains),
        (np.minimum.reduce(low), np.maximum.reduce(high)),
    )


def _smallest(drawn: list[tuple[np.ndarray, ...]], most: int) -> tuple[np.ndarray, ...]:
    shapes = {tuple(values.shape[1] for values in part[1:]) for part in drawn}
    if len(shapes) > 1:
        raise ValueError(f"blocks differ in the numbers of features and outputs: {sorted(shapes)}")
    joined = [np.concatenate(values) for values in zip(*drawn, strict=True)]
    if len(joined[0]) > most:
        chosen = np.argpartition(joined[0], most - 1)[:most]
        joined = [values[chosen] for values in joined]
    return tuple(joined)


def _draw(block: Block, index: int, most: int, limit: float, seed: int, allow_nan: bool) -> tuple:
    """Return size, fingerprint, ranges, and key, X and y of rows that may be in the sample."""
    X, y = block.arrays()
    for name, values, may_be_nan in (("X", X, allow_nan), ("y", y, False)):
        wrong = np.isinf(values) if may_be_nan else ~np.isfinite(values)
        if wrong.any():
            row = int(np.flatnonzero(wrong.any(axis=1))[0])
            raise ValueError(
                f"{name} is NaN or infinite in row {row} of block {index}: repair it or leave the "
                "row out"
            )
    keys = np.random.default_rng([seed, index]).random(len(X))
    candidates = np.flatnonzero(keys < limit)
    if len(candidates) > most:
        candidates = candidates[np.argpartition(keys[candidates], most - 1)[:most]]
    chosen = (values[candidates] for values in (keys, X, y))
    return len(X), content_of(X, y), fit_domain(X), label_range(y), *chosen


def content_of(X: np.ndarray, y: np.ndarray) -> str:
    """Return a fingerprint of the content of a block."""
    digest = hashlib.blake2b(digest_size=16)
    for values in (X, y):
        digest.update(f"{values.shape}{values.dtype}".encode())
        digest.update(np.ascontiguousarray(values).data)
    return digest.hexdigest()

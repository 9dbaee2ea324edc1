"""Whole batches: each row once per pass, in nearly equal parts, without copies."""

import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.data import Subset, TensorDataset

from sklearn_regkd.training.batches import Rows, WholeBatches, as_tensor

quick = settings(max_examples=60, deadline=None)


def numbered(n):
    """Rows whose input and supervision name the row."""
    X = np.arange(n, dtype=np.float32)[:, None] * [1, 100]
    packed = np.arange(n, dtype=np.float32)[:, None] * [1, -1, 0, 1]
    return Rows(X.astype(np.float32), packed.astype(np.float32))


def visited(batches):
    """Row numbers of one pass, by batch; input and supervision must belong together."""
    out = []
    for X, packed in batches:
        assert torch.equal(X[:, 0], packed[:, 0])
        assert torch.equal(X[:, 1], 100 * packed[:, 0])
        out.append(X[:, 0].int().tolist())
    return out


def flat(batches):
    return [row for batch in visited(batches) for row in batch]


@quick
@given(st.integers(1, 200), st.integers(1, 64), st.booleans(), st.booleans())
def test_each_row_once_in_nearly_equal_batches(n, batch_size, shuffle, subset):
    dataset = numbered(n)
    expected = list(range(n))
    if subset:
        expected = list(range(0, n, 3))
        dataset = Subset(dataset, expected)
    batches = WholeBatches(dataset, batch_size, shuffle)
    for _ in range(2):
        rows = visited(batches)
        sizes = [len(batch) for batch in rows]
        assert sorted(row for batch in rows for row in batch) == expected
        assert len(sizes) == len(batches)
        assert max(sizes) <= batch_size
        assert max(sizes) - min(sizes) <= 1
        # no more batches than needed
        assert (len(batches) - 1) * batch_size < len(expected)


def test_order_is_kept_without_shuffling():
    assert flat(WholeBatches(numbered(10), 3)) == list(range(10))
    assert flat(WholeBatches(Subset(numbered(10), [7, 2, 2, 9]), 3)) == [7, 2, 2, 9]


@pytest.mark.parametrize("subset", [False, True])
class TestShuffle:
    @staticmethod
    def passes(subset, seed, n_passes=3):
        dataset = Subset(numbered(100), range(50, 100)) if subset else numbered(50)
        batches = WholeBatches(dataset, 16, shuffle=True, seed=seed)
        return [flat(batches) for _ in range(n_passes)]

    def test_each_pass_has_an_order_of_its_own(self, subset):
        first, second, third = self.passes(subset, seed=0)
        assert len({tuple(first), tuple(second), tuple(third)}) == 3
        assert first != sorted(first)

    def test_reproducible_by_seed(self, subset):
        assert self.passes(subset, seed=3) == self.passes(subset, seed=3)
        assert self.passes(subset, seed=3)[0] != self.passes(subset, seed=4)[0]

    def test_global_generator_neither_read_nor_moved(self, subset):
        torch.manual_seed(0)
        before = torch.get_rng_state()
        first = self.passes(subset, seed=0)
        assert torch.equal(torch.get_rng_state(), before)
        torch.manual_seed(1)
        assert self.passes(subset, seed=0) == first


def test_subset_of_a_subset():
    rows = numbered(20)
    outer = Subset(rows, [5, 6, 7, 8, 9])
    inner = Subset(outer, [4, 0, 2])
    innermost = Subset(inner, np.array([2, 1]))
    assert flat(WholeBatches(inner, 2)) == [9, 5, 7]
    assert flat(WholeBatches(innermost, 2)) == [7, 5]
    assert sorted(flat(WholeBatches(inner, 2, shuffle=True))) == [5, 7, 9]


def test_same_rows_as_the_dataset_itself():
    rows = numbered(10)
    assert len(rows) == 10
    batched = torch.cat([X for X, _ in WholeBatches(rows, 4)])
    assert torch.equal(batched, torch.stack([rows[i][0] for i in range(10)]))


class TestMemory:
    def test_array_is_not_copied(self):
        X = np.zeros((10, 3))
        X[4, 1] = 7.0
        rows = Rows(X, np.zeros((10, 4), np.float32))
        assert np.shares_memory(rows.X.numpy(), X)
        for batch, _ in WholeBatches(rows, 4):
            assert np.shares_memory(batch.numpy(), X)

    def test_memmap_stays_on_disk(self, tmp_path):
        path = tmp_path / "X.npy"
        np.save(path, np.arange(30.0).reshape(10, 3))
        X = np.load(path, mmap_mode="r")
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # torch would warn of read-only memory
            rows = Rows(X, np.zeros((10, 4), np.float32))
        assert rows.X.data_ptr() == X.ctypes.data
        first, _ = next(iter(WholeBatches(rows, 4)))
        assert first.data_ptr() == X.ctypes.data
        assert np.array_equal(first, X[: len(first)])

    def test_other_warnings_are_not_swallowed(self):
        with pytest.raises(TypeError):
            as_tensor(np.array(["a"]))


@pytest.mark.parametrize(
    "dataset",
    [
        TensorDataset(torch.zeros(4, 1)),
        Subset(TensorDataset(torch.zeros(4, 1)), [0, 1]),
        [(torch.zeros(1), torch.zeros(4))],
    ],
)
def test_other_datasets_are_refused(dataset):
    with pytest.raises(TypeError, match="takes Rows or a Subset of Rows"):
        WholeBatches(dataset, 2)

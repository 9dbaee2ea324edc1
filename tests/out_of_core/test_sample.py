"""The sample of a table that comes in blocks."""

import numpy as np
import pytest

from sklearn_regkd.out_of_core.block_reader import open_reader
from sklearn_regkd.out_of_core.sample import sample_blocks
from tests.helpers import in_blocks, linear_table


class TestSample:
    def test_the_sample_does_not_depend_on_the_order_of_blocks(self):
        X, y = linear_table(2000)
        sample = sample_blocks(open_reader(in_blocks(X, y, 100)), 150, seed=0)
        assert sample.n_rows == 2000
        assert sample.X.shape == (150, 3)
        keys = np.concatenate([np.random.default_rng([0, i]).random(100) for i in range(20)])
        expected = np.argsort(keys)[:150]
        assert np.array_equal(sample.X, X[expected])
        assert np.array_equal(sample.y[:, 0], y[expected])

    def test_all_rows_if_there_are_fewer(self):
        X, y = linear_table()
        sample = sample_blocks(open_reader(in_blocks(X, y)), 1000, seed=0)
        assert np.array_equal(np.sort(sample.X, axis=0), np.sort(X, axis=0))

    def test_what_is_refused(self):
        X, y = linear_table()
        y[45] = np.nan
        with pytest.raises(ValueError, match="y is NaN or infinite in row 5 of block 2"):
            sample_blocks(open_reader(in_blocks(X, y)), 10, seed=0)
        X[3, 1] = np.nan
        with pytest.raises(ValueError, match="X is NaN or infinite in row 3 of block 0"):
            sample_blocks(open_reader(in_blocks(X, y)), 10, seed=0)
        assert (
            sample_blocks(open_reader(in_blocks(X[:40], y[:40])), 10, seed=0, allow_nan=True).n_rows
            == 40
        )
        with pytest.raises(ValueError, match="expected at least 2"):
            sample_blocks(open_reader([]), 10, seed=0)

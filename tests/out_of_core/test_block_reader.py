"""Blocks of rows: where they come from, what is sampled of them, what is kept of the teacher."""

import numpy as np
import pandas as pd
import pytest

from sklearn_regkd.out_of_core.block_reader import AHEAD, Block, open_reader
from tests.helpers import in_blocks, linear_table

da = pytest.importorskip("dask.array")
dd = pytest.importorskip("dask.dataframe")


def every_kind(X, y):
    frame = pd.DataFrame(X, columns=list("abc")).assign(target=y)
    return {
        "array": (da.from_array(X, chunks=(20, 2)), da.from_array(y, chunks=(20,))),
        "other chunks": (da.from_array(X, chunks=(20, 3)), da.from_array(y, chunks=(50,))),
        "sequence": (in_blocks(X, y), None),
        "callable": (lambda: iter(in_blocks(X, y)), None),
        "frame": (dd.from_pandas(frame, npartitions=5), "target"),
    }


class TestReader:
    @pytest.mark.parametrize("kind", every_kind(*linear_table()))
    def test_all_rows_block_by_block_more_than_once(self, kind):
        X, y = linear_table()
        reader = open_reader(*every_kind(X, y)[kind])
        for _ in range(2):
            blocks = [arrays for _, arrays in reader.each(Block.arrays)]
            assert len(blocks) == 5
            assert np.array_equal(np.concatenate([rows for rows, _ in blocks]), X)
            assert np.array_equal(np.concatenate([labels for _, labels in blocks])[:, 0], y)
            assert blocks[0][0].dtype == np.float32

    @pytest.mark.parametrize("kind", every_kind(*linear_table()))
    def test_some_blocks_in_another_order(self, kind):
        X, y = linear_table()
        reader = open_reader(*every_kind(X, y)[kind])
        numbers = [index for index, _ in reader.each(Block.arrays, order=[3, 1])]
        assert numbers == ([1, 3] if kind == "callable" else [3, 1])

    def test_never_more_than_a_few_blocks_on_the_way(self):
        under_way, most = set(), []

        class Future:
            def result(self):
                under_way.remove(self)

        class Cluster:
            def ncores(self):
                return {"one": 1, "two": 1}

            def submit(self, *args, **params):
                future = Future()
                under_way.add(future)
                most.append(len(under_way))
                return future

            def cancel(self, futures):
                under_way.difference_update(futures)

        reader = open_reader(in_blocks(*linear_table(1000)))
        blocks = reader.each(Block.arrays, Cluster())
        for _ in range(20):
            next(blocks)
        blocks.close()
        assert max(most) == 2 * AHEAD
        assert not under_way

    def test_what_is_refused(self):
        X, y = linear_table()
        for given, error, match in (
            ((X, y), TypeError, "use the estimator's fit"),
            ((iter(in_blocks(X, y)),), TypeError, "used up after one pass"),
            ((da.from_array(X), y), ValueError, "labels in a dask array"),
            ((every_kind(X, y)["frame"][0], "price"), ValueError, r"the columns \['a', 'b'"),
        ):
            with pytest.raises(error, match=match):
                open_reader(*given)
        with pytest.raises(ValueError, match="something else than numbers"):
            Block(np.array([["a"]]), np.zeros(1)).arrays()
        with pytest.raises(ValueError, match="as many labels as rows"):
            Block(X, y[:-1]).arrays()

"""Blocks of rows: how they are read and sampled, and the teacher's predictions for them."""

import numpy as np
import pandas as pd
import pytest

from sklearn_regkd.out_of_core.block_reader import AHEAD, Block, open_reader
from sklearn_regkd.out_of_core.prediction_store import PredictionStore, predict_blocks
from sklearn_regkd.out_of_core.sample import sample_blocks
from sklearn_regkd.preprocessing.scaling import Scaling
from sklearn_regkd.utils.files import FileError

da = pytest.importorskip("dask.array")
dd = pytest.importorskip("dask.dataframe")

SCALING = Scaling(np.zeros(1), np.ones(1), np.zeros(1, bool))


def table(n_rows=95):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n_rows, 3)).astype(np.float32)
    return X, X[:, 0] * 2.0


def parts(X, y, size=20):
    return [(X[i : i + size], y[i : i + size]) for i in range(0, len(X), size)]


def every_kind(X, y):
    frame = pd.DataFrame(X, columns=list("abc")).assign(target=y)
    return {
        "array": (da.from_array(X, chunks=(20, 2)), da.from_array(y, chunks=(20,))),
        "other chunks": (da.from_array(X, chunks=(20, 3)), da.from_array(y, chunks=(50,))),
        "sequence": (parts(X, y), None),
        "callable": (lambda: iter(parts(X, y)), None),
        "frame": (dd.from_pandas(frame, npartitions=5), "target"),
    }


class Teacher:
    """Predicts twice the first feature, and counts its predictions."""

    def __init__(self):
        self.n_calls = 0

    def predict(self, X):
        self.n_calls += 1
        return 2 * np.asarray(X)[:, 0]


class TestReader:
    @pytest.mark.parametrize("kind", every_kind(*table()))
    def test_all_rows_block_by_block_more_than_once(self, kind):
        X, y = table()
        reader = open_reader(*every_kind(X, y)[kind])
        for _ in range(2):
            blocks = [arrays for _, arrays in reader.each(Block.arrays)]
            assert len(blocks) == 5
            assert np.array_equal(np.concatenate([rows for rows, _ in blocks]), X)
            assert np.array_equal(np.concatenate([labels for _, labels in blocks])[:, 0], y)
            assert blocks[0][0].dtype == np.float32

    @pytest.mark.parametrize("kind", every_kind(*table()))
    def test_some_blocks_in_another_order(self, kind):
        X, y = table()
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

        reader = open_reader(parts(*table(1000)))
        blocks = reader.each(Block.arrays, Cluster())
        for _ in range(20):
            next(blocks)
        blocks.close()
        assert max(most) == 2 * AHEAD
        assert not under_way

    def test_what_is_refused(self):
        X, y = table()
        for given, error, match in (
            ((X, y), TypeError, "use the estimator's fit"),
            ((iter(parts(X, y)),), TypeError, "used up after one pass"),
            ((da.from_array(X), y), ValueError, "labels in a dask array"),
            ((every_kind(X, y)["frame"][0], "price"), ValueError, r"the columns \['a', 'b'"),
        ):
            with pytest.raises(error, match=match):
                open_reader(*given)
        with pytest.raises(ValueError, match="something else than numbers"):
            Block(np.array([["a"]]), np.zeros(1)).arrays()
        with pytest.raises(ValueError, match="as many labels as rows"):
            Block(X, y[:-1]).arrays()


class TestSample:
    def test_the_sample_does_not_depend_on_the_order_of_blocks(self):
        X, y = table(2000)
        sample = sample_blocks(open_reader(parts(X, y, 100)), 150, seed=0)
        assert sample.n_rows == 2000
        assert sample.X.shape == (150, 3)
        keys = np.concatenate([np.random.default_rng([0, i]).random(100) for i in range(20)])
        expected = np.argsort(keys)[:150]
        assert np.array_equal(sample.X, X[expected])
        assert np.array_equal(sample.y[:, 0], y[expected])

    def test_all_rows_if_there_are_fewer(self):
        X, y = table()
        sample = sample_blocks(open_reader(parts(X, y)), 1000, seed=0)
        assert np.array_equal(np.sort(sample.X, axis=0), np.sort(X, axis=0))

    def test_what_is_refused(self):
        X, y = table()
        y[45] = np.nan
        with pytest.raises(ValueError, match="y is NaN or infinite in row 5 of block 2"):
            sample_blocks(open_reader(parts(X, y)), 10, seed=0)
        X[3, 1] = np.nan
        with pytest.raises(ValueError, match="X is NaN or infinite in row 3 of block 0"):
            sample_blocks(open_reader(parts(X, y)), 10, seed=0)
        assert (
            sample_blocks(open_reader(parts(X[:40], y[:40])), 10, seed=0, allow_nan=True).n_rows
            == 40
        )
        with pytest.raises(ValueError, match="expected at least 2"):
            sample_blocks(open_reader([]), 10, seed=0)


class TestPredictions:
    def predict(self, folder, teacher, X, y, name="teacher"):
        reader = open_reader(parts(X, y))
        predictions = PredictionStore(folder, name, sample_blocks(reader, 10, seed=0).fingerprints)
        return predict_blocks(reader, predictions, teacher, SCALING), predictions

    def test_nothing_is_predicted_twice(self, tmp_path):
        X, y = table()
        teacher = Teacher()
        assert self.predict(tmp_path, teacher, X, y)[0] == 5
        n_predicted, predictions = self.predict(tmp_path, teacher, X, y)
        assert (n_predicted, teacher.n_calls) == (0, 5)
        prediction = np.concatenate([predictions.read(index) for index in range(5)])
        assert np.array_equal(prediction[:, 0], 2 * X[:, 0])

    def test_predictions_before_a_failure_are_kept(self, tmp_path):
        class Tired(Teacher):
            def predict(self, X):
                if self.n_calls == 3:
                    raise RuntimeError("enough")
                return super().predict(X)

        with pytest.raises(RuntimeError, match="enough"):
            self.predict(tmp_path, Tired(), *table())
        assert self.predict(tmp_path, Teacher(), *table())[0] == 2

    def test_whatever_changed_is_predicted_again(self, tmp_path):
        X, y = table()
        teacher = Teacher()
        self.predict(tmp_path, teacher, X, y)
        X[25, 2] += 1
        y[70] += 1
        assert self.predict(tmp_path, teacher, X, y)[0] == 2
        assert self.predict(tmp_path, teacher, X, y, name="another")[0] == 5

    def test_a_damaged_file_is_predicted_again(self, tmp_path):
        X, y = table()
        _, predictions = self.predict(tmp_path, Teacher(), X, y)
        first, second, *_ = sorted(tmp_path.iterdir())
        first.write_bytes(first.read_bytes()[:-3])
        second.unlink()
        with pytest.raises(FileError, match="block 0 are gone"):
            predictions.read(0)
        assert self.predict(tmp_path, Teacher(), X, y)[0] == 2

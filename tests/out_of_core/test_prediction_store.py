"""Predictions of a teacher for blocks: kept on disk, and made anew where something changed."""

import numpy as np
import pytest

from sklearn_regkd.out_of_core.block_reader import open_reader
from sklearn_regkd.out_of_core.prediction_store import PredictionStore, predict_blocks
from sklearn_regkd.out_of_core.sample import sample_blocks
from sklearn_regkd.preprocessing.scaling import Scaling
from sklearn_regkd.utils.files import FileError
from tests.helpers import in_blocks, linear_table

SCALING = Scaling(np.zeros(1), np.ones(1), np.zeros(1, bool))


class Teacher:
    """Predicts twice the first feature, and counts its predictions."""

    def __init__(self):
        self.n_calls = 0

    def predict(self, X):
        self.n_calls += 1
        return 2 * np.asarray(X)[:, 0]


class TestPredictionStore:
    def predict(self, folder, teacher, X, y, name="teacher"):
        reader = open_reader(in_blocks(X, y))
        predictions = PredictionStore(folder, name, sample_blocks(reader, 10, seed=0).fingerprints)
        return predict_blocks(reader, predictions, teacher, SCALING), predictions

    def test_nothing_is_predicted_twice(self, tmp_path):
        X, y = linear_table()
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
            self.predict(tmp_path, Tired(), *linear_table())
        assert self.predict(tmp_path, Teacher(), *linear_table())[0] == 2

    def test_whatever_changed_is_predicted_again(self, tmp_path):
        X, y = linear_table()
        teacher = Teacher()
        self.predict(tmp_path, teacher, X, y)
        X[25, 2] += 1
        y[70] += 1
        assert self.predict(tmp_path, teacher, X, y)[0] == 2
        assert self.predict(tmp_path, teacher, X, y, name="another")[0] == 5

    def test_a_damaged_file_is_predicted_again(self, tmp_path):
        X, y = linear_table()
        _, predictions = self.predict(tmp_path, Teacher(), X, y)
        first, second, *_ = sorted(tmp_path.iterdir())
        first.write_bytes(first.read_bytes()[:-3])
        second.unlink()
        with pytest.raises(FileError, match="block 0 are gone"):
            predictions.read(0)
        assert self.predict(tmp_path, Teacher(), X, y)[0] == 2

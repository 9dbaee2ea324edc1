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
    """Says twice the first feature, and remembers how often it was asked."""

    def __init__(self):
        self.asked = 0

    def predict(self, X):
        self.asked += 1
        return 2 * np.asarray(X)[:, 0]


class TestPredictionStore:
    def ask(self, folder, teacher, X, y, name="teacher"):
        source = open_reader(in_blocks(X, y))
        answers = PredictionStore(folder, name, sample_blocks(source, 10, seed=0).fingerprints)
        return predict_blocks(source, answers, teacher, SCALING), answers

    def test_nothing_is_asked_twice(self, tmp_path):
        X, y = linear_table()
        teacher = Teacher()
        assert self.ask(tmp_path, teacher, X, y)[0] == 5
        n_asked, answers = self.ask(tmp_path, teacher, X, y)
        assert (n_asked, teacher.asked) == (0, 5)
        said = np.concatenate([answers.read(index) for index in range(5)])
        assert np.array_equal(said[:, 0], 2 * X[:, 0])

    def test_answers_that_came_before_a_failure_are_kept(self, tmp_path):
        class Tired(Teacher):
            def predict(self, X):
                if self.asked == 3:
                    raise RuntimeError("enough")
                return super().predict(X)

        with pytest.raises(RuntimeError, match="enough"):
            self.ask(tmp_path, Tired(), *linear_table())
        assert self.ask(tmp_path, Teacher(), *linear_table())[0] == 2

    def test_whatever_changed_is_asked_again(self, tmp_path):
        X, y = linear_table()
        teacher = Teacher()
        self.ask(tmp_path, teacher, X, y)
        X[25, 2] += 1
        y[70] += 1
        assert self.ask(tmp_path, teacher, X, y)[0] == 2
        assert self.ask(tmp_path, teacher, X, y, name="another")[0] == 5

    def test_a_damaged_file_is_asked_again(self, tmp_path):
        X, y = linear_table()
        _, answers = self.ask(tmp_path, Teacher(), X, y)
        first, second, *_ = sorted(tmp_path.iterdir())
        first.write_bytes(first.read_bytes()[:-3])
        second.unlink()
        with pytest.raises(FileError, match="block 0 is gone"):
            answers.read(0)
        assert self.ask(tmp_path, Teacher(), X, y)[0] == 2

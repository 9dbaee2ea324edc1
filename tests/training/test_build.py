"""How a student's parameters become a training: rows of a step, epochs."""

import numpy as np
import pytest

from sklearn_regkd import DistilledRegressor, StudentRegressor
from sklearn_regkd.out_of_core import distill_blocks
from sklearn_regkd.training import build
from sklearn_regkd.training.build import FEW_ROWS, SMALL_BATCH_ROWS

rng = np.random.default_rng(0)
QUICK = {"hidden_layer_sizes": (4,), "embedding": None, "weight_decay": 0.1, "random_state": 0}


def rows(n):
    X = rng.uniform(-1, 1, (n, 2))
    return X, X[:, 0] + X[:, 1]


class TestBatchSize:
    @pytest.mark.parametrize(("n", "size"), [(SMALL_BATCH_ROWS, 64), (SMALL_BATCH_ROWS + 1, 128)])
    def test_auto_takes_fewer_of_few_rows(self, n, size):
        assert StudentRegressor(**QUICK).fit(*rows(n)).net_.batch_size == size

    def test_small_steps_are_a_thousand_as_well(self):
        student = StudentRegressor(**QUICK).fit(*rows(640))
        assert student.n_iter_ * 10 == 1000

    @pytest.mark.parametrize(("n", "steps"), [(FEW_ROWS, 700), (FEW_ROWS + 64, 1000)])
    def test_few_rows_are_learned_in_fewer_steps(self, n, steps):
        student = StudentRegressor(**QUICK).fit(*rows(n))
        assert student.n_iter_ * -(-n // 64) == pytest.approx(steps, abs=8)

    def test_auto_is_128_with_a_strong_decay(self):
        student = StudentRegressor(**{**QUICK, "weight_decay": 10.0}).fit(*rows(640))
        assert student.net_.batch_size == 128
        assert student.n_iter_ * 5 == 1000

    def test_auto_is_128_where_the_epochs_are_given(self):
        student = StudentRegressor(max_epochs=2, **QUICK).fit(*rows(300))
        assert student.net_.batch_size == 128

    def test_a_number_is_taken_as_it_is(self):
        student = StudentRegressor(batch_size=100, **QUICK).fit(*rows(300))
        assert student.net_.batch_size == 100

    def test_auto_stays_what_was_given(self):
        distilled = DistilledRegressor(student=StudentRegressor(**QUICK), random_state=0)
        assert distilled.fit(*rows(120)).student_.batch_size == "auto"

    def test_passes_over_rows_to_come_take_128(self):
        student = StudentRegressor(**QUICK).partial_fit(*rows(100))
        assert student.net_.batch_size == 128

    def test_blocks_take_128(self, tmp_path):
        student = distill_blocks(StudentRegressor(**QUICK), [rows(100)] * 2, folder=tmp_path)
        assert student.net_.batch_size == 128
        assert student.batch_size == "auto"


class TestDevice:
    def test_it_is_chosen_by_the_rows_of_the_steps_that_are_made(self, monkeypatch):
        asked = []

        def choose(device, widths, n_rows):
            asked.append(n_rows)
            return "cpu"

        monkeypatch.setattr(build, "choose_device", choose)
        for decay in (0.1, 10.0):
            StudentRegressor(**{**QUICK, "weight_decay": decay}).fit(*rows(640))
        assert asked == [64, 128]

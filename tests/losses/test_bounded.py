"""The bounded loss: zero where the student is no worse than its teacher."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sklearn_regkd.losses import bounded_loss, squared_error
from tests.helpers import batches

quick = settings(max_examples=30, deadline=None)


class TestBounded:
    @quick
    @given(batches(3))
    def test_zero_where_the_student_is_not_worse(self, batch):
        s, y, t = batch
        loss = bounded_loss(s, y, t)
        better = (s - y).abs() <= (t - y).abs()
        assert (loss[better] == 0).all()
        assert torch.equal(loss[~better], (s - y).square()[~better])

    @quick
    @given(batches(3), st.floats(0, 5), st.floats(0, 5))
    def test_a_margin_asks_for_more(self, batch, a, b):
        low, high = sorted((a, b))
        s, y, t = batch
        assert (bounded_loss(s, y, t, margin=low) <= bounded_loss(s, y, t, margin=high)).all()

    @quick
    @given(batches(3))
    def test_a_perfect_teacher_leaves_the_squared_error(self, batch):
        s, y, _ = batch
        assert torch.equal(bounded_loss(s, y, y), squared_error(s, y))

    def test_a_negative_margin_is_refused(self):
        with pytest.raises(ValueError, match="margin"):
            bounded_loss(torch.ones(1), torch.ones(1), torch.ones(1), margin=-1.0)

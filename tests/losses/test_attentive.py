"""The attentive loss: a teacher counts less where the label contradicts it."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sklearn_regkd.losses import attentive_loss
from sklearn_regkd.losses.attentive import attention
from tests.helpers import batches, gradient

quick = settings(max_examples=30, deadline=None)

positive = st.floats(0.1, 10)


class TestAttentive:
    @quick
    @given(batches(3), positive)
    def test_attention_falls_with_disagreement(self, batch, eta):
        _, y, t = batch
        phi = attention(y, t, eta)
        assert ((phi >= 0) & (phi <= 1)).all()
        assert torch.equal(attention(y, y, eta), torch.ones_like(y))
        assert (attention(y, y + 2 * (t - y), eta) <= phi).all()
        assert (phi[(t - y).square() >= eta] < 1e-12).all()

    @quick
    @given(batches(3), positive)
    def test_limits_of_alpha(self, batch, eta):
        s, y, t = batch
        torch.testing.assert_close(attentive_loss(s, y, t, eta=eta, alpha=0.0), (s - y).square())
        phi = attention(y, t, eta)
        expected = phi * (s - t).square()
        torch.testing.assert_close(attentive_loss(s, y, t, eta=eta, alpha=1.0), expected)

    @quick
    @given(batches(3), positive, st.floats(0, 1))
    def test_best_answer_is_the_weighted_mean(self, batch, eta, alpha):
        _, y, t = batch
        weight = alpha * attention(y, t, eta)
        best = ((1 - alpha) * y + weight * t) / (1 - alpha + weight).clamp(min=1e-9)
        pull = gradient(attentive_loss, best, y, t, eta=eta, alpha=alpha)
        torch.testing.assert_close(pull, torch.zeros_like(pull), atol=1e-6, rtol=0)

    def test_a_contradicted_teacher_has_no_pull_however_far(self):
        s, y = torch.ones(2), torch.zeros(2)
        t = torch.tensor([5.0, torch.inf])
        assert gradient(attentive_loss, s, y, t, eta=4.0).tolist() == [1.0, 1.0]

    def test_eta_must_be_positive(self):
        with pytest.raises(ValueError, match="eta must be positive"):
            attentive_loss(torch.ones(1), torch.ones(1), torch.ones(1), eta=0.0)

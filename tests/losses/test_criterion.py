"""The criterion against its formula, the exact test of weights, and the running scale."""

import numpy as np
import pytest
import torch

from sklearn_regkd.losses.criterion import SupervisionCriterion

NAMES = ["squared_error", "absolute_error", "huber", "tukey", "tor"]
SCALE = (0.4, 1.5)  # fixed scale of Huber's and Tukey's residuals, per output

all_losses = pytest.mark.parametrize("name", NAMES)
both_heads = pytest.mark.parametrize("n_heads", [1, 2])
one_and_two_outputs = pytest.mark.parametrize("n_outputs", [1, 2])


def make_criterion(name, n_outputs, n_heads, teacher_weight=0.7):
    """A criterion in evaluation mode, its scale (if it has one) fixed by hand."""
    criterion = SupervisionCriterion(name, n_outputs, n_heads, teacher_weight).eval()
    if name in ("huber", "tukey"):
        criterion.loss.scale.scale.copy_(torch.tensor(SCALE[:n_outputs]))
    return criterion


def make_batch(n_outputs, n_heads, n_rows=40, seed=0):
    """Prediction, label, teacher, inlier and weight as float64 arrays."""
    rng = np.random.default_rng(seed)
    label = 3 * rng.standard_normal((n_rows, n_outputs))
    teacher = label + rng.standard_normal((n_rows, n_outputs))
    prediction = 3 * rng.standard_normal((n_rows, n_heads * n_outputs))
    inlier = rng.random((n_rows, n_outputs)) < 0.6
    weight = rng.uniform(0.2, 2.0, n_rows)
    return prediction, label, teacher, inlier, weight


def pack(label, teacher, inlier, weight):
    return torch.tensor(np.column_stack([label, teacher, inlier, weight]))


def element_loss_by_hand(name, s, y, t, inlier):
    d = np.abs(s - y)
    # the library keeps its scales in single precision
    scale = np.float32(SCALE[: d.shape[1]]).astype(float)
    if name == "squared_error":
        return d**2
    if name == "absolute_error":
        return d
    if name == "huber":
        delta = 1.345 * scale
        return np.where(d <= delta, d**2, delta * (2 * d - delta))
    if name == "tukey":
        cut = 4.685 * scale
        return cut**2 / 3 * (1 - (1 - np.minimum(d / cut, 1) ** 2) ** 3)
    eps = 0.01
    return np.where(inlier, d**2, ((s - t) ** 2 + eps**2) ** 0.25 - np.sqrt(eps))


@all_losses
@both_heads
@one_and_two_outputs
class TestFormula:
    def test_by_hand(self, name, n_heads, n_outputs):
        s, y, t, inlier, w = make_batch(n_outputs, n_heads)
        by_row = element_loss_by_hand(name, s[:, :n_outputs], y, t, inlier).mean(axis=1)
        if n_heads == 2:
            by_row = by_row + 0.7 * ((s[:, n_outputs:] - t) ** 2).mean(axis=1)
        criterion = make_criterion(name, n_outputs, n_heads)
        value = criterion(torch.tensor(s), pack(y, t, inlier, w))
        assert value.ndim == 0
        # 1e-6: c * scale is rounded to single precision
        np.testing.assert_allclose(float(value), np.sum(w * by_row) / len(w), rtol=1e-6)


@all_losses
@both_heads
@one_and_two_outputs
class TestWeights:
    """A row of weight 2 and a row that stands there twice are the same thing.

    This is what scikit-learn's check of sample weights means. That check itself
    cannot hold for training by minibatches: a repeated row can be drawn into two
    batches. On one batch it holds exactly, for the summed loss and its gradient.
    """

    @staticmethod
    def summed_loss_and_gradient(criterion, s, packed):
        leaf = torch.tensor(s).requires_grad_()
        total = len(s) * criterion(leaf, packed)
        total.backward()
        return total.detach(), leaf.grad

    def test_integer_weight_is_repetition_and_zero_is_absence(self, name, n_heads, n_outputs):
        criterion = make_criterion(name, n_outputs, n_heads)
        s, y, t, inlier, _ = make_batch(n_outputs, n_heads)
        counts = np.random.default_rng(1).integers(0, 4, len(s))
        assert {0, 1, 2, 3} == set(counts)
        weighted, weighted_slope = self.summed_loss_and_gradient(
            criterion, s, pack(y, t, inlier, counts)
        )

        rows = np.repeat(np.arange(len(s)), counts)
        repeated, repeated_slope = self.summed_loss_and_gradient(
            criterion, s[rows], pack(y[rows], t[rows], inlier[rows], np.ones(len(rows)))
        )
        torch.testing.assert_close(weighted, repeated, rtol=1e-12, atol=0)
        by_row = torch.zeros_like(weighted_slope).index_add_(0, torch.tensor(rows), repeated_slope)
        torch.testing.assert_close(weighted_slope, by_row, rtol=1e-12, atol=1e-14)

    def test_absent_row_cannot_be_felt(self, name, n_heads, n_outputs):
        criterion = make_criterion(name, n_outputs, n_heads)
        s, y, t, inlier, w = make_batch(n_outputs, n_heads)
        w[3] = 0
        before = self.summed_loss_and_gradient(criterion, s, pack(y, t, inlier, w))
        y[3], t[3], inlier[3] = 1e6, -1e6, ~inlier[3]
        after = self.summed_loss_and_gradient(criterion, s, pack(y, t, inlier, w))
        assert after[0] == before[0]
        assert torch.equal(after[1], before[1])
        assert (after[1][3] == 0).all()


@all_losses
def test_row_of_weight_zero_is_absent_even_if_its_loss_overflows(name):
    criterion = make_criterion(name, 1, 1)
    s = torch.zeros(2, 1, requires_grad=True)
    packed = torch.tensor([[1.0, 1.0, 1.0, 1.0], [1e30, 0.0, 1.0, 0.0]])
    value = criterion(s, packed)
    value.backward()
    alone = criterion(s.detach()[:1], packed[:1])
    torch.testing.assert_close(2 * value.detach(), alone)
    assert torch.isfinite(s.grad).all()
    assert s.grad[1] == 0


@all_losses
def test_heads_answer_to_their_own_targets(name):
    criterion = make_criterion(name, n_outputs=2, n_heads=2)
    s, y, t, _, w = make_batch(2, 2)
    inlier = np.ones_like(y, bool)

    def slopes(label, teacher):
        leaf = torch.tensor(s).requires_grad_()
        criterion(leaf, pack(label, teacher, inlier, w)).backward()
        return leaf.grad[:, :2], leaf.grad[:, 2:]

    label_head, teacher_head = slopes(y, t)
    other_label, _ = slopes(y + 0.1, t)
    assert torch.equal(slopes(y + 0.1, t)[1], teacher_head)
    assert torch.equal(slopes(y, t + 0.1)[0], label_head)
    if name != "absolute_error":  # whose slope is a sign
        assert not torch.equal(other_label, label_head)
    expected = 2 * 0.7 * (s[:, 2:] - t) * w[:, None] / t.size
    np.testing.assert_allclose(teacher_head, expected, rtol=1e-12)


def test_output_of_a_module_may_lack_the_dimension_of_one_output():
    criterion = make_criterion("squared_error", 1, 1)
    s, y, t, inlier, w = make_batch(1, 1)
    packed = pack(y, t, inlier, w)
    assert criterion(torch.tensor(s[:, 0]), packed) == criterion(torch.tensor(s), packed)


def test_unknown_loss_lists_the_known():
    with pytest.raises(ValueError, match="loss='mse' is unknown") as error:
        SupervisionCriterion("mse", 1)
    assert all(name in str(error.value) for name in NAMES)


@pytest.mark.parametrize("width", [3, 5, 7])
def test_supervision_of_another_width(width):
    criterion = SupervisionCriterion("squared_error", 1)
    with pytest.raises(ValueError, match=rf"\(n_samples, 4\), got \(6, {width}\)"):
        criterion(torch.zeros(6, 1), torch.zeros(6, width))


@pytest.mark.parametrize("name", ["huber", "tukey"])
class TestScaledLosses:
    def test_scale_is_learned_in_training_and_used_in_evaluation(self, name):
        criterion = SupervisionCriterion(name, 1)
        s, y, t, inlier, w = make_batch(1, 1, n_rows=2000)
        s, packed = torch.tensor(s).float(), pack(y, t, inlier, w).float()
        criterion.train()(s, packed)
        residual = s[:, 0] - packed[:, 0]
        np.testing.assert_allclose(
            float(criterion.loss.scale.scale), float(residual.std()), rtol=0.1
        )
        value = criterion.eval()(s, packed)
        # another batch in evaluation mode must not change how this one is judged
        criterion(100 * s, packed)
        assert criterion(s, packed) == value

    def test_network_in_double_precision_can_train(self, name):
        criterion = SupervisionCriterion(name, 1).train()
        s, y, t, inlier, w = make_batch(1, 1)
        s = torch.tensor(s).requires_grad_()
        criterion(s, pack(y, t, inlier, w).float()).backward()
        assert torch.isfinite(s.grad).all()

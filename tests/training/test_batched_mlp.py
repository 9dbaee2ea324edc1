"""A stack of networks: each is trained as if it were alone."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn

from sklearn_regkd.losses.modules import element_loss
from sklearn_regkd.networks.mlp import MLP
from sklearn_regkd.training import batched_mlp as stack_module
from sklearn_regkd.training.batched_mlp import BatchedMLP, MLPConfig, train_batched
from sklearn_regkd.training.callbacks import one_cycle

RECIPE = MLPConfig((8, 6), "silu", 0, 0, lr=0.02, batch_size=16, n_steps=40)
PERIODIC = replace(RECIPE, n_frequencies=3, n_plain=1, activation="tanh")
LINEAR = replace(RECIPE, hidden_layer_sizes=())
LOSSES = ("squared_error", "absolute_error", "huber", "tukey")
# The device "meta" computes shapes alone.
KNOWS_SHAPES = torch._C._dispatch_has_kernel_for_dispatch_key("aten::_fused_adamw_", "Meta")


def rows(n=50, n_inputs=3, seed=0):
    return torch.randn(n, n_inputs, generator=torch.Generator().manual_seed(seed))


def targets(scores, n_nets, n_outputs=1):
    """Another smooth function for each network and output."""
    each = torch.arange(1.0, 1 + n_nets * n_outputs).reshape(n_nets, 1, n_outputs)
    return torch.sin(each * scores[:, :1]) + scores[:, 1:2] / each


def train(scores, target, weight=None, losses=None, decay=0.1, seed=0, recipe=RECIPE):
    n_nets = len(target)
    weight = torch.ones_like(target) if weight is None else weight
    losses = ["squared_error"] * n_nets if losses is None else losses
    decay = torch.as_tensor(decay).expand(n_nets)
    return train_batched(recipe, scores, target, weight, losses, decay, seed)


def as_modules(stack, recipe, n_inputs):
    """The networks of a stack, one by one."""
    modules = []
    for net in range(len(stack.weights[0])):
        module = MLP(
            n_inputs,
            stack.n_outputs,
            recipe.hidden_layer_sizes,
            recipe.activation,
            recipe.n_frequencies,
            recipe.n_plain,
        )
        layers = [layer for layer in module if isinstance(layer, nn.Linear)]
        with torch.no_grad():
            for layer, weight, bias in zip(layers, stack.weights, stack.biases, strict=True):
                layer.weight.copy_(weight[net])
                layer.bias.copy_(bias[net])
        modules.append(module)
    return modules


def train_alone(module, recipe, scores, target, weight, loss, decay, seed):
    """The same training of an ordinary module, as one would write it down."""
    part = element_loss(loss, target.shape[1])
    decayed = [p for name, p in module.named_parameters() if name.endswith("weight")]
    others = [p for name, p in module.named_parameters() if name.endswith("bias")]
    groups = [{"params": decayed, "weight_decay": decay}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=recipe.lr)
    generator = torch.Generator().manual_seed(seed)
    n_batches = -(-len(scores) // recipe.batch_size)
    batches = []
    for step in range(recipe.n_steps):
        if not batches:
            order = torch.randperm(len(scores), generator=generator)
            batches = list(order.tensor_split(n_batches))
        batch = batches.pop(0)
        for group in optimizer.param_groups:
            group["lr"] = recipe.lr * one_cycle((step + 0.5) / recipe.n_steps)
        said, label = module(scores[batch]), target[batch]
        error = part(said, label, label, torch.ones_like(label, dtype=torch.bool))
        optimizer.zero_grad()
        (weight[batch] * error).mean().backward()
        optimizer.step()
    return module(scores).detach()


class TestStack:
    @pytest.mark.parametrize("recipe", [RECIPE, PERIODIC, LINEAR])
    @pytest.mark.parametrize("n_outputs", [1, 2])
    def test_each_is_an_ordinary_network(self, recipe, n_outputs):
        stack, scores = BatchedMLP(recipe, 3, n_outputs, 4, seed=0), rows()
        said = stack(scores)
        assert said.shape == (4, 50, n_outputs)
        for one, module in zip(said, as_modules(stack, recipe, 3), strict=True):
            torch.testing.assert_close(one, module(scores))

    def test_initial_weights(self):
        stack = BatchedMLP(RECIPE, 3, 1, 50, seed=0)
        for (n_in, n_out), weight, bias in zip(
            pairwise([3, 8, 6, 1]), stack.weights, stack.biases, strict=True
        ):
            assert weight.shape == (50, n_out, n_in)
            assert bias.shape == (50, n_out)
            for drawn in (weight, bias):
                # uniform, as nn.Linear draws them
                limit = n_in**-0.5
                assert 0.9 * limit < drawn.abs().max() <= limit
                assert drawn.std().item() == pytest.approx(limit / 3**0.5, rel=0.15)

    def test_networks_and_seeds_differ(self):
        first, same, other = (
            BatchedMLP(RECIPE, 3, 1, 3, seed).predict(rows()) for seed in (0, 0, 1)
        )
        assert np.array_equal(first, same)
        everything = [*first, *other]
        for i, one in enumerate(everything):
            assert not any(np.allclose(one, another) for another in everything[:i])

    def test_equal_weights_say_the_same(self):
        stack = BatchedMLP(PERIODIC, 3, 2, 3, seed=0)
        with torch.no_grad():
            for parameter in [*stack.weights, *stack.biases]:
                parameter[2] = parameter[0]
        said = stack.predict(rows())
        assert np.array_equal(said[0], said[2])
        assert not np.allclose(said[0], said[1])

    @pytest.mark.parametrize("at_a_time", [1, 7, 50, 51])
    def test_chunks(self, monkeypatch, at_a_time):
        stack, scores = BatchedMLP(PERIODIC, 3, 2, 3, seed=0), rows()
        expected = stack(scores).detach().numpy()
        monkeypatch.setattr(stack_module, "PREDICTED_AT_A_TIME", at_a_time)
        said = stack.predict(scores)
        assert said.shape == (3, 50, 2)
        np.testing.assert_allclose(said, expected, rtol=1e-5, atol=1e-6)


class TestTraining:
    @pytest.mark.slow
    @pytest.mark.parametrize("recipe", [RECIPE, PERIODIC, replace(RECIPE, batch_size=500)])
    @pytest.mark.parametrize("n_outputs", [1, 2])
    def test_each_as_if_alone(self, recipe, n_outputs):
        scores = rows()
        target = targets(scores, 4, n_outputs)
        weight = torch.rand(target.shape, generator=torch.Generator().manual_seed(1)) * 2
        decay = torch.tensor([0.0, 0.3, 3.0, 1.0])
        together = train(scores, target, weight, LOSSES, decay, seed=5, recipe=recipe)
        said = together.predict(scores)
        modules = as_modules(BatchedMLP(recipe, 3, n_outputs, 4, seed=5), recipe, 3)
        for net, module in enumerate(modules):
            before = module(scores).detach()
            alone = train_alone(
                module, recipe, scores, target[net], weight[net], LOSSES[net], float(decay[net]), 5
            )
            np.testing.assert_allclose(said[net], alone, atol=2e-3)
            assert (alone - before).abs().max() > 0.1

    def test_learns(self):
        scores = rows(200)
        target = targets(scores, 2)
        stack = train(scores, target, recipe=replace(RECIPE, n_steps=400))
        error = target.numpy() - stack.predict(scores)
        assert (error.var(axis=1) < 0.1 * target.numpy().var(axis=1)).all()

    @pytest.mark.slow
    def test_outputs_are_not_confused(self):
        scores = rows(200)
        target = torch.stack([scores[:, :2], -scores[:, 1:]])
        stack = train(scores, target, decay=0.0, recipe=replace(LINEAR, n_steps=1500))
        said = stack.predict(scores)
        assert said.shape == (2, 200, 2)
        np.testing.assert_allclose(said, target, atol=0.02)

    def test_same_seed_same_result(self):
        scores = rows()
        first, same, other = (
            train(scores, targets(scores, 2), seed=seed).predict(scores) for seed in (3, 3, 4)
        )
        assert np.array_equal(first, same)
        assert not np.allclose(first, other)

    def test_global_generator_neither_read_nor_moved(self):
        scores = rows()
        torch.manual_seed(0)
        before = torch.get_rng_state()
        first = train(scores, targets(scores, 2)).predict(scores)
        assert torch.equal(torch.get_rng_state(), before)
        torch.manual_seed(1)
        assert np.array_equal(train(scores, targets(scores, 2)).predict(scores), first)

    @pytest.mark.slow
    @pytest.mark.parametrize("loss", LOSSES)
    @pytest.mark.parametrize("what", ["target", "weight", "decay"])
    def test_others_do_not_matter(self, loss, what):
        scores = rows()
        given = {
            "target": targets(scores, 3),
            "weight": torch.ones(3, 50, 1),
            "decay": torch.full((3,), 0.1),
        }
        plain = train(scores, losses=[loss] * 3, **given).predict(scores)
        given[what] = given[what].clone()
        given[what][1] *= 7
        moved = train(scores, losses=[loss] * 3, **given).predict(scores)
        assert np.array_equal(moved[[0, 2]], plain[[0, 2]])
        assert not np.array_equal(moved[1], plain[1])

    @pytest.mark.parametrize("loss", ["squared_error", "absolute_error"])
    def test_rows_of_weight_zero_do_not_matter(self, loss):
        scores = rows()
        target, weight = targets(scores, 2), torch.ones(2, 50, 1)
        weight[0, ::3] = 0
        plain = train(scores, target, weight, [loss] * 2).predict(scores)
        wild = target.clone()
        wild[:, ::3] = 1000.0
        moved = train(scores, wild, weight, [loss] * 2).predict(scores)
        assert np.array_equal(moved[0], plain[0])
        # the other network counts them
        assert not np.allclose(moved[1], plain[1], atol=0.1)

    def test_inputs_of_rows_of_weight_zero_do_not_matter(self):
        scores, weight = rows(), torch.ones(1, 50, 1)
        weight[:, ::3] = 0
        target = targets(scores, 1)
        other = scores.clone()
        other[::3] += 5
        plain = train(scores, target, weight)
        same = train(other, target, weight)
        for a, b in zip(plain.weights, same.weights, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)
        counted = train(other, target)
        assert not torch.allclose(counted.weights[0], plain.weights[0], atol=1e-2)

    def test_weight_is_importance(self):
        scores = rows()
        target = torch.zeros(2, 50, 1)
        target[:, ::2] = 1.0
        weight = torch.ones(2, 50, 1)
        weight[0, ::2], weight[1, 1::2] = 1.8, 1.8
        weight[0, 1::2], weight[1, ::2] = 0.2, 0.2
        high, low = train(scores, target, weight, recipe=replace(LINEAR, n_steps=200)).predict(
            scores
        )
        assert high.mean() > 0.75
        assert low.mean() < 0.25

    @pytest.mark.skipif(not KNOWS_SHAPES, reason="PyTorch 2.4 has no kernel for them")
    @pytest.mark.parametrize("loss", ["squared_error", "absolute_error"])
    def test_everything_is_on_the_device(self, loss):
        """A device that only knows shapes refuses tensors of another one."""
        scores = rows()
        target, weight = targets(scores, 2), torch.ones(2, 50, 1)
        decay = torch.tensor([0.1, 0.0])
        recipe = replace(PERIODIC, device="meta")
        stack = train_batched(recipe, scores, target, weight, [loss] * 2, decay, 0)
        assert {str(part.device) for part in stack.adamw.flat} == {"meta"}
        assert stack(scores.to("meta")).shape == (2, 50, 1)


class TestWeightDecay:
    def test_alone_it_shrinks_weights_by_the_schedule(self):
        scores, decay = rows(), torch.tensor([0.0, 0.5, 3.0])
        nothing = torch.zeros(3, 50, 1)
        before = BatchedMLP(RECIPE, 3, 1, 3, seed=0)
        after = train(scores, targets(scores, 3), nothing, decay=decay)
        peaks = [RECIPE.lr * one_cycle((step + 0.5) / 40) for step in range(40)]
        left = torch.stack([1 - lr * decay for lr in peaks]).prod(dim=0).reshape(3, 1, 1)
        assert left[2] < 0.5
        for old, new in zip(before.weights, after.weights, strict=True):
            torch.testing.assert_close(new, left * old, rtol=1e-4, atol=1e-7)
        # biases are spared
        for old, new in zip(before.biases, after.biases, strict=True):
            assert torch.equal(new, old)

    def test_more_of_it_leaves_less(self):
        scores = rows()
        target = targets(scores, 1)
        norms = []
        for decay in (0.0, 1.0, 5.0, 20.0):
            stack = train(scores, target, decay=decay, recipe=replace(RECIPE, n_steps=150))
            norms.append(sum(w.square().sum().item() for w in stack.weights))
        assert all(less < 0.9 * more for more, less in pairwise(norms))


class TestLosses:
    @pytest.mark.slow
    def test_each_network_has_its_own(self):
        scores = rows(90)
        target = torch.zeros(4, 90, 1)
        target[:, ::9] = 20.0  # one label in nine
        said = train(
            scores, target, losses=LOSSES, recipe=replace(LINEAR, n_steps=400, lr=0.05)
        ).predict(scores)
        squared, absolute, huber, tukey = np.abs(said).mean(axis=(1, 2))
        assert squared == pytest.approx(20 / 9, rel=0.5)
        for robust in (absolute, huber, tukey):
            assert robust < 0.3 * squared

    def test_equal_ones_need_not_stand_together(self):
        scores = rows()
        target, names = targets(scores, 3), ["huber", "squared_error", "huber"]
        mixed = train(scores, target, losses=names).predict(scores)
        for name in ("huber", "squared_error"):
            equal = train(scores, target, losses=[name] * 3).predict(scores)
            for net, own in enumerate(names):
                assert np.array_equal(mixed[net], equal[net]) == (own == name)

    def test_unknown(self):
        scores = rows()
        with pytest.raises(ValueError, match="loss='cubed' is unknown"):
            train(scores, targets(scores, 1), losses=["cubed"])

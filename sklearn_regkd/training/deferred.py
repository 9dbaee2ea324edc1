"""Trainings that were put off, run side by side: the candidates of a search as one network."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack

import torch
from skorch import NeuralNet
from torch import Tensor

from sklearn_regkd.losses.criterion import SupervisionCriterion
from sklearn_regkd.losses.gradient import element_gradient, is_closed, output_gradient
from sklearn_regkd.losses.modules import HuberLoss
from sklearn_regkd.training.batched_layers import FlatAdamW, Layers
from sklearn_regkd.training.device import one_thread
from sklearn_regkd.training.manual_backward import linear_layers
from sklearn_regkd.training.train import Training

# More networks side by side cost as much each, and leave the cache.
MOST_AT_ONCE = 16


def train_deferred(trainings: Sequence[Training]) -> dict[int, Exception]:
    """Run all trainings, those of networks of one shape on the same rows at once.

    Each network ends where it would have ended alone, up to rounding.

    Parameters
    ----------
    trainings : sequence of Training
        As :func:`~sklearn_regkd.training.train.defer_training` has collected them.

    Returns
    -------
    dict of int to Exception
        The error of each training that failed, by its place.
    """
    kinds: dict[tuple, list[int]] = {}
    for place, training in enumerate(trainings):
        kinds.setdefault(_kind(training), []).append(place)
    errors: dict[int, Exception] = {}
    with one_thread():
        for places in kinds.values():
            for first in range(0, len(places), MOST_AT_ONCE):
                some = places[first : first + MOST_AT_ONCE]
                failed = _run([trainings[place] for place in some])
                errors.update({some[net]: error for net, error in failed.items()})
    return errors


def _kind(training: Training) -> tuple:
    """Return what must be equal for two networks to stand side by side."""
    net = training.net
    adam = net.optimizer_.param_groups[-1]
    return (
        tuple(layer.weight.shape for layer in linear_layers(net)),
        net.module_.activation,
        net.batch_size,
        net.max_epochs,
        tuple(adam["betas"]),
        adam["eps"],
        net.explicit_.rows.fingerprint(),
    )


def _run(trainings: Sequence[Training]) -> dict[int, Exception]:
    """Train networks of one kind; return the errors of those that failed."""
    nets = [training.net for training in trainings]
    errors: dict[int, Exception] = {}
    with ExitStack() as sessions, torch.no_grad():
        for training in trainings:
            sessions.enter_context(training.session())
        beside = _SideBySide(nets)
        iterators = [
            net.get_iterator(t.rows, training=True) for net, t in zip(nets, trainings, strict=True)
        ]
        criterion = _join([net.criterion_.train() for net in nets])
        packed = torch.stack([t.rows.y for t in trainings])
        inputs = nets[0].explicit_.inputs
        seeds = {iterator.generator.initial_seed() for iterator in iterators}
        one_order = len(seeds) == 1
        told = {"dataset_train": trainings[0].rows, "dataset_valid": None}
        for _ in range(nets[0].max_epochs):
            for net in nets:
                net.notify("on_epoch_begin", **told)
            beside.read_settings()
            total = torch.zeros(len(nets))
            orders = [i.batches() for i in (iterators[:1] if one_order else iterators)]
            for batch in zip(*orders, strict=True):
                if one_order:
                    X, said_to = inputs[batch[0]], packed.index_select(1, batch[0])
                else:
                    X = torch.stack([inputs[rows] for rows in batch])
                    said_to = torch.stack([p[rows] for p, rows in zip(packed, batch, strict=True)])
                loss, gradient = criterion(beside.layers.forward(X), said_to)
                beside.layers.backward(gradient)
                beside.step()
                total += loss * X.shape[-2]
            for place, net in enumerate(nets):
                if place in errors:
                    continue
                net.history.new_batch()
                net.history.record_batch("train_loss", float(total[place]) / len(packed[0]))
                net.history.record_batch("train_batch_size", len(packed[0]))
                net.history.record("train_batch_count", len(iterators[place]))
                try:
                    net.notify("on_epoch_end", **told)
                except RuntimeError as error:
                    errors[place] = error
        beside.give_back()
    for place, training in enumerate(trainings):
        if place not in errors:
            training.on_done()
    return errors


class _SideBySide:
    """Parameters and AdamW of several nets as those of one stack.

    Parameters
    ----------
    nets : sequence of StudentNet
        Of equal shape, about to be trained.
    """

    def __init__(self, nets: Sequence[NeuralNet]):
        self.nets = nets
        linear = [linear_layers(net) for net in nets]
        self.parameters = [
            [getattr(layers[place], name) for layers in linear]
            for name in ("weight", "bias")
            for place in range(len(linear[0]))
        ]
        shapes = [torch.Size((len(nets), *same[0].shape)) for same in self.parameters]
        self.adamw = FlatAdamW(shapes)
        for value, same in zip(self.adamw.values, self.parameters, strict=True):
            value.copy_(torch.stack([p.data for p in same]))
        n = len(linear[0])
        values, gradients = self.adamw.values, self.adamw.gradients
        self.layers = Layers(
            values[:n], values[n:], gradients[:n], gradients[n:], nets[0].module_.activation
        )

    def read_settings(self) -> None:
        """Take learning rates and weight decays from the optimizers of the nets."""
        first = self.nets[0].optimizer_.param_groups[0]
        self.settings = {"betas": first["betas"], "eps": first["eps"]}
        self.rates, self.shrink = [], []
        for same in self.parameters:
            groups = [_group_of(net, p) for net, p in zip(self.nets, same, strict=True)]
            rate, decay = (
                torch.tensor([float(group[name]) for group in groups]).view(-1, *[1] * same[0].ndim)
                for name in ("lr", "weight_decay")
            )
            self.rates.append(rate)
            self.shrink.append(1 - rate * decay)
        self.one_lr = all(bool((rate == self.rates[0][0]).all()) for rate in self.rates)
        self.lr = float(first["lr"])

    def step(self) -> None:
        """Update all parameters by their gradients."""
        torch._foreach_mul_(self.adamw.values, self.shrink)
        if self.one_lr:
            self.adamw.step(self.lr, **self.settings)
            return
        before = [value.clone() for value in self.adamw.values]
        self.adamw.step(1.0, **self.settings)
        for value, old, rate in zip(self.adamw.values, before, self.rates, strict=True):
            torch.lerp(old, value, rate, out=value)

    def give_back(self) -> None:
        """Hand parameters and the optimizer's state to the nets."""
        for same, *stacked in zip(
            self.parameters, self.adamw.values, self.adamw.means, self.adamw.squares, strict=True
        ):
            for net, p, value, mean, square in zip(self.nets, same, *stacked, strict=True):
                state = net.optimizer_.state[p]
                p.data.copy_(value)
                state["exp_avg"].copy_(mean)
                state["exp_avg_sq"].copy_(square)
                state["step"].copy_(self.adamw.count)


def _group_of(net: NeuralNet, parameter: Tensor) -> dict:
    return next(
        group
        for group in net.optimizer_.param_groups
        if any(p is parameter for p in group["params"])
    )


Joined = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


def _join(criteria: Sequence[SupervisionCriterion]) -> Joined:
    """Return a function of outputs and packed supervision of all nets to losses and gradients.

    Losses are of shape (n_nets,), gradients of that of the outputs. Criteria of one
    kind whose gradient is known in closed form are computed at once.
    """
    k, first = criteria[0].n_outputs, criteria[0]
    kinds = {(type(c.loss), getattr(c.loss, "loss", None), c.n_heads) for c in criteria}
    if len(kinds) > 1 or first.n_heads > 1 or not is_closed(first.loss):

        def apart(said: Tensor, packed: Tensor) -> tuple[Tensor, Tensor]:
            each = [output_gradient(*one) for one in zip(criteria, said, packed, strict=True)]
            losses, gradients = zip(*each, strict=True)
            return torch.stack(losses), torch.stack(gradients)

        return apart
    # Each net's outputs are columns of their own, with a running scale of their own.
    loss, own = first.loss, [c.loss.scale for c in criteria if isinstance(c.loss, HuberLoss)]
    if own:
        loss = HuberLoss(len(criteria) * k)

    def at_once(said: Tensor, packed: Tensor) -> tuple[Tensor, Tensor]:
        n_nets, n_rows, _ = said.shape
        columns = [part.transpose(0, 1).reshape(n_rows, -1) for part in (said, packed[:, :, :k])]
        error, gradient = (
            part.reshape(n_rows, n_nets, k).transpose(0, 1)
            for part in element_gradient(loss, *columns)
        )
        weight = packed[:, :, 3 * k :] / (k * n_rows)
        if isinstance(loss, HuberLoss):
            for running, scale in zip(own, loss.scale.scale.split(k), strict=True):
                running.scale = scale
        return (weight * error).sum(dim=(1, 2)), weight * gradient

    return at_once

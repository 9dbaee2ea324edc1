"""Trainings that were deferred, run side by side: the candidates of a search at once."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack

import torch
from skorch import NeuralNet
from torch import Tensor

from sklearn_regkd.losses.batched import BatchedCriterion
from sklearn_regkd.training.batched_layers import Layers
from sklearn_regkd.training.batched_trainer import BatchedTrainer
from sklearn_regkd.training.batches import WholeBatches
from sklearn_regkd.training.device import one_thread
from sklearn_regkd.training.flat_adamw import FlatAdamW
from sklearn_regkd.training.manual_backward import linear_layers
from sklearn_regkd.training.placed_rows import PlacedRows
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
    places_of: dict[tuple, list[int]] = {}
    for place, training in enumerate(trainings):
        places_of.setdefault(_kind(training), []).append(place)
    errors: dict[int, Exception] = {}
    with one_thread():
        for places in places_of.values():
            for first in range(0, len(places), MOST_AT_ONCE):
                some = places[first : first + MOST_AT_ONCE]
                failed = _train_side_by_side([trainings[place] for place in some])
                errors.update({some[net]: error for net, error in failed.items()})
    return errors


def _kind(training: Training) -> tuple:
    """Return what must be equal for two networks to stand side by side."""
    net = training.net
    group = net.optimizer_.param_groups[-1]
    return (
        tuple(layer.weight.shape for layer in linear_layers(net)),
        net.module_.activation,
        net.batch_size,
        net.device,
        net.max_epochs,
        tuple(group["betas"]),
        group["eps"],
        net.manual_.rows.fingerprint(),
    )


def _train_side_by_side(trainings: Sequence[Training]) -> dict[int, Exception]:
    """Train networks of one kind; return the errors of those that failed."""
    nets = [training.net for training in trainings]
    errors: dict[int, Exception] = {}
    with ExitStack() as sessions, torch.no_grad():
        for training in trainings:
            sessions.enter_context(training.session())
        networks = StackedNets(nets)
        iterators = [
            net.get_iterator(training.rows, training=True)
            for net, training in zip(nets, trainings, strict=True)
        ]
        criterion = BatchedCriterion([net.criterion_.train() for net in nets])
        packed = torch.stack([training.rows.y for training in trainings])
        placed = PlacedRows(nets[0].manual_.inputs, packed)
        notified = {"dataset_train": trainings[0].rows, "dataset_valid": None}
        for _ in networks.trainer.schedule(_learning_rates(nets)):
            for net in nets:
                net.notify("on_epoch_begin", **notified)
            total, n_rows = networks.trainer.run(placed.batches(_batches(iterators)), criterion)
            losses = total.tolist()
            for place, net in enumerate(nets):
                if place in errors:
                    continue
                net.history.new_batch()
                net.history.record_batch("train_loss", losses[place] / n_rows)
                net.history.record_batch("train_batch_size", n_rows)
                net.history.record("train_batch_count", len(iterators[place]))
                try:
                    net.notify("on_epoch_end", **notified)
                except RuntimeError as error:
                    errors[place] = error
        networks.write_back()
        criterion.write_back()
    for place, training in enumerate(trainings):
        if place not in errors:
            training.on_done()
    return errors


def _learning_rates(nets: Sequence[NeuralNet]) -> Tensor:
    """Return the learning rates of all epochs, (n_epochs,), or (n_epochs, n_nets) if they differ.

    Nets that are deferred have no other callback that sets them.
    """
    n_epochs = nets[0].max_epochs
    cycles = [dict(net.callbacks_)["one_cycle"] for net in nets]
    rates = [
        [float(cycle.peaks_[0]) * cycle.share(epoch, n_epochs) for epoch in range(n_epochs)]
        for cycle in cycles
    ]
    by_epoch = torch.tensor(rates, dtype=torch.float64).T
    return by_epoch[:, 0] if (by_epoch == by_epoch[:, :1]).all() else by_epoch


def _batches(iterators: Sequence[WholeBatches]) -> Iterator[Tensor]:
    """Yield the rows of each batch of a pass: the same for all nets, or a line for each."""
    if len({iterator.generator.initial_seed() for iterator in iterators}) == 1:
        yield from iterators[0].batches()
        return
    for batch in zip(*(iterator.batches() for iterator in iterators), strict=True):
        yield torch.stack(batch)


class StackedNets:
    """Copies of the parameters of several nets, to be trained side by side.

    Parameters
    ----------
    nets : sequence of StudentNet
        Of equal shape, about to be trained by AdamW.
    """

    def __init__(self, nets: Sequence[NeuralNet]):
        self.nets = nets
        linear = [linear_layers(net) for net in nets]
        # Each parameter of all nets, the weights before the biases.
        self.parameters = [
            [getattr(layers[place], name) for layers in linear]
            for name in ("weight", "bias")
            for place in range(len(linear[0]))
        ]
        shapes = [torch.Size((len(nets), *same[0].shape)) for same in self.parameters]
        self.adamw = FlatAdamW(shapes, self.parameters[0][0].device)
        first = nets[0].optimizer_.param_groups[0]
        self.adamw.betas, self.adamw.eps = first["betas"], first["eps"]
        values = self.adamw.values
        for value, same in zip(values, self.parameters, strict=True):
            value.copy_(torch.stack([p.data for p in same]))
        layers = Layers.of(values, self.adamw.gradients, nets[0].module_.activation)
        decays = [
            torch.tensor([_weight_decay(net, p) for net, p in zip(nets, same, strict=True)])
            for same in self.parameters
        ]
        self.trainer = BatchedTrainer(layers, self.adamw, list(zip(values, decays, strict=True)))

    def write_back(self) -> None:
        """Write parameters and the optimizer's state to the nets."""
        for same, *stacked in zip(
            self.parameters, self.adamw.values, self.adamw.means, self.adamw.squares, strict=True
        ):
            for net, p, value, mean, square in zip(self.nets, same, *stacked, strict=True):
                state = net.optimizer_.state[p]
                p.data.copy_(value)
                state["exp_avg"].copy_(mean)
                state["exp_avg_sq"].copy_(square)
                state["step"].copy_(self.adamw.count)


def _weight_decay(net: NeuralNet, parameter: Tensor) -> float:
    """Return the weight decay of a net's parameter."""
    return next(
        float(group["weight_decay"])
        for group in net.optimizer_.param_groups
        if any(p is parameter for p in group["params"])
    )

"""The training of a skorch net without autograd, where its network is the built-in one."""

from collections.abc import Iterable
from functools import cached_property

from skorch import NeuralNet
from torch import Tensor, nn

from sklearn_regkd.losses.criterion import SupervisionCriterion
from sklearn_regkd.losses.gradient import output_gradient
from sklearn_regkd.networks.embedding import PeriodicEmbedding
from sklearn_regkd.networks.inputs import EmbeddedRows, TransformedRows
from sklearn_regkd.networks.mlp import MLP
from sklearn_regkd.training.batched_layers import Layers
from sklearn_regkd.training.batched_trainer import BatchedTrainer
from sklearn_regkd.training.batches import WholeBatches
from sklearn_regkd.training.distributed import current_processes
from sklearn_regkd.training.flat_adamw import FlatOptimizer
from sklearn_regkd.training.placed_rows import PlacedRows


class ManualTraining:
    """One training of the built-in network by AdamW, on the device where the network is.

    Parameters
    ----------
    net : StudentNet
        Initialised; its parameters become views of flat vectors.
    rows : TransformedRows
        What the network sees of the training data.
    packed : Tensor of shape (n_samples, n_columns)
        Packed supervision of these rows.
    """

    def __init__(self, net: NeuralNet, rows: TransformedRows, packed: Tensor):
        self.net, self.rows, self.packed = net, rows, packed
        self._flatten()

    @cached_property
    def inputs(self) -> EmbeddedRows:
        """What the first layer sees of each row."""
        first = self.net.module_[0]
        embedding = first if isinstance(first, PeriodicEmbedding) else nn.Identity()
        return EmbeddedRows(self.rows, embedding, self.trainer.device)

    @cached_property
    def placed(self) -> PlacedRows:
        """Inputs and supervision where the network is."""
        return PlacedRows(self.inputs, self.packed)

    def _flatten(self) -> None:
        """Make the parameters views of flat vectors, once more if somebody replaced them."""
        self.optimizer = FlatOptimizer(self.net.optimizer_)
        adamw = self.optimizer.adamw
        linear = linear_layers(self.net)
        ordered = [layer.weight for layer in linear] + [layer.bias for layer in linear]
        place_of = {id(p): place for place, p in enumerate(self.optimizer.parameters)}
        values, gradients = (
            [part[place_of[id(p)]].unsqueeze(0) for p in ordered]
            for part in (adamw.values, adamw.gradients)
        )
        layers = Layers.of(values, gradients, self.net.module_.activation)
        self.trainer = BatchedTrainer(layers, adamw)

    @staticmethod
    def supports(net: NeuralNet) -> bool:
        """Return whether a net is trained in the ordinary way, and nobody looks inside."""
        module, optimizer = net.module_, net.optimizer_
        current = getattr(net, "manual_", None)
        return (
            type(module) is MLP
            and type(net.criterion_) is SupervisionCriterion
            and net.criterion_.hint_weight is None
            and not any(p.requires_grad for p in net.criterion_.parameters())
            and FlatOptimizer.supports(optimizer, current and current.optimizer)
            and net.iterator_train is WholeBatches
            and not any(_has_hooks(layer) for layer in module)
        )

    def run_epoch(self, batches: Iterable[Tensor]) -> tuple[float, int]:
        """Make a step with each batch of rows; return the mean loss, and the number of rows."""
        criterion = self.net.criterion_.train()

        def loss(prediction: Tensor, packed: Tensor) -> tuple[Tensor, Tensor]:
            value, gradient = output_gradient(criterion, prediction[0], packed)
            return value, gradient.unsqueeze(0)

        if not self.optimizer.holds():
            self._flatten()
        self.optimizer.resume()
        processes = current_processes()
        gathered = self.placed.batches(batches, processes)
        total, n_rows = self.trainer.run(gathered, loss, processes)
        self.optimizer.sync()
        return float(total) / n_rows, n_rows


def linear_layers(net: NeuralNet) -> list[nn.Linear]:
    """Return the fully connected layers of the built-in network."""
    return [layer for layer in net.module_ if isinstance(layer, nn.Linear)]


def _has_hooks(layer: nn.Module) -> bool:
    return bool(
        layer._forward_hooks
        or layer._forward_pre_hooks
        or layer._backward_hooks
        or layer._backward_pre_hooks
    )

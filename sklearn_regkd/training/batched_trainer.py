"""The training loop of networks of one shape, side by side and without autograd."""

from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor

from sklearn_regkd.networks.inputs import EmbeddedRows
from sklearn_regkd.training.batched_layers import Layers
from sklearn_regkd.training.distributed import ALONE, SingleProcess
from sklearn_regkd.training.flat_adamw import FlatAdamW

# Takes outputs (n_nets, n_rows, n_outputs) and the numbers of their rows; returns the gradient
# of each network's loss with respect to its outputs.
OutputGradient = Callable[[Tensor, Tensor], Tensor]


class BatchedTrainer:
    """Trains networks of one shape at once: one step of AdamW for all of them.

    Parameters
    ----------
    layers : Layers
        The networks' layers.
    adamw : FlatAdamW
        Holds the parameters of these layers, and nothing else.
    decayed : sequence of (sequence of Tensor, Tensor), default=()
        Some parameters of `adamw`, of one number of dimensions, and their weight decay in
        each network, (n_nets,); for :meth:`set_lr`.
    """

    def __init__(
        self,
        layers: Layers,
        adamw: FlatAdamW,
        decayed: Sequence[tuple[Sequence[Tensor], Tensor]] = (),
    ):
        self.layers, self.adamw = layers, adamw
        self.decayed = [
            (parts, _like(decay, parts[0]).to(adamw.count.device))
            for parts, decay in decayed
            if decay.any()
        ]

    def set_lr(self, lr: float | Tensor) -> None:
        """Set the learning rate of the next steps: one for all, or one for each network."""
        adamw, rates = self.adamw, torch.as_tensor(lr, dtype=torch.float32)
        rates = rates.to(adamw.count.device)
        adamw.lr = [_like(rates, value) for value in adamw.values] if rates.ndim else float(lr)
        adamw.shrink = [], []
        for parts, decay in self.decayed:
            factor = 1 - _like(rates, parts[0]) * decay
            adamw.shrink[0].extend(parts)
            adamw.shrink[1].extend([factor] * len(parts))

    @torch.no_grad()
    def run(
        self,
        batches: Iterable[Tensor],
        inputs: EmbeddedRows,
        gradient: OutputGradient,
        processes: SingleProcess = ALONE,
    ) -> None:
        """Make a step with each batch of rows.

        Parameters
        ----------
        batches : iterable of Tensor
            Numbers of the rows of each batch: (n_rows,), or (n_nets, n_rows) where each
            network sees rows of its own. What yields them may set the learning rate.
        inputs : EmbeddedRows
            What the first layer sees of all rows.
        gradient : callable
            Takes outputs (n_nets, n_rows, n_outputs) and the numbers of their rows; returns
            the gradient of each network's loss with respect to its outputs.
        processes : SingleProcess, default=ALONE
            Those that share each step.
        """
        for rows in batches:
            outputs = self.layers.forward(inputs[processes.local_rows(rows, dim=-1)])
            # A loss may look at all residuals of a batch, so each process computes all of it.
            of_outputs = gradient(processes.gather_rows(outputs, rows.shape[-1], dim=1), rows)
            self.layers.backward(processes.local_rows(of_outputs, dim=1))
            processes.all_reduce_(self.adamw.flat[1])
            self.adamw.step()


def _like(each: Tensor, parameter: Tensor) -> Tensor:
    """Return one number for each network in a shape that broadcasts to a parameter."""
    return each.view(-1, *[1] * (parameter.ndim - 1))

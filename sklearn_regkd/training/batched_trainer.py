"""The training loop of networks of one shape, side by side and without autograd."""

from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor

from sklearn_regkd.networks.inputs import EmbeddedRows
from sklearn_regkd.training.batched_layers import Layers
from sklearn_regkd.training.distributed import ALONE, SingleProcess
from sklearn_regkd.training.flat_adamw import FlatAdamW

# Takes outputs (n_nets, n_rows, n_outputs) and the numbers of their rows; returns the loss
# of each network, and the gradient with respect to the outputs.
OutputLoss = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


class BatchedTrainer:
    """Trains networks of one shape at once: one step of AdamW for all of them.

    Parameters
    ----------
    layers : Layers
        The networks' layers, (n_nets, n_out, n_in) each.
    adamw : FlatAdamW
        Holds the parameters of these layers, and nothing else.
    decayed : sequence of (Tensor, Tensor), default=()
        Parameters of `adamw`, and the weight decay of each network, (n_nets,), for each
        of them; for :meth:`set_lr`.
    """

    def __init__(
        self, layers: Layers, adamw: FlatAdamW, decayed: Sequence[tuple[Tensor, Tensor]] = ()
    ):
        self.layers, self.adamw = layers, adamw
        self.decayed = [
            (part, _like(decay.to(part.device), part)) for part, decay in decayed if decay.any()
        ]

    def set_lr(self, lr: float | Tensor) -> None:
        """Set the learning rate of the next steps: one for all, or one for each network."""
        rates = torch.as_tensor(lr, dtype=torch.float32, device=self.adamw.count.device)
        if isinstance(lr, Tensor):
            self.adamw.lr = [_like(rates, value) for value in self.adamw.values]
        else:
            self.adamw.lr = lr
        self.adamw.shrink = (
            [part for part, _ in self.decayed],
            [1 - _like(rates, part) * decay for part, decay in self.decayed],
        )

    @torch.no_grad()
    def run(
        self,
        batches: Iterable[Tensor],
        inputs: EmbeddedRows,
        loss: OutputLoss,
        processes: SingleProcess = ALONE,
    ) -> tuple[Tensor, int]:
        """Make a step with each batch of rows.

        Parameters
        ----------
        batches : iterable of Tensor
            Numbers of the rows of each batch: (n_rows,), or (n_nets, n_rows) where each
            network sees rows of its own. What yields them may set the learning rate.
        inputs : EmbeddedRows
            What the first layer sees of all rows.
        loss : callable
            Takes outputs (n_nets, n_rows, n_outputs) and the numbers of their rows; returns
            the mean loss of each network, (n_nets,), and the gradient by the outputs.
        processes : SingleProcess, default=ALONE
            Those that share each step.

        Returns
        -------
        total : Tensor of shape (n_nets,)
            Sum of the losses of all rows.
        n_rows : int
            How many rows there were.
        """
        total, n_seen = torch.zeros(self.layers.n_nets, device=self.adamw.count.device), 0
        for rows in batches:
            n_rows = rows.shape[-1]
            outputs = self.layers.forward(inputs[processes.local_rows(rows, dim=-1)])
            # A loss may look at all residuals of a batch, so each process computes all of it.
            losses, gradient = loss(processes.gather_rows(outputs, n_rows, dim=1), rows)
            self.layers.backward(processes.local_rows(gradient, dim=1))
            processes.all_reduce_(self.adamw.flat[1])
            self.adamw.step()
            total.add_(losses, alpha=n_rows)
            n_seen += n_rows
        return total, n_seen


def _like(each: Tensor, parameter: Tensor) -> Tensor:
    """Return one number for each network in a shape that broadcasts to a parameter."""
    return each.view(-1, *[1] * (parameter.ndim - 1))

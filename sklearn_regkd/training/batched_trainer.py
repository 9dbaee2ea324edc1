"""The training loop of networks of one shape, side by side and without autograd."""

from collections.abc import Callable, Iterable, Iterator, Sequence

import torch
from torch import Tensor

from sklearn_regkd.training.batched_layers import Layers
from sklearn_regkd.training.distributed import ALONE, SingleProcess
from sklearn_regkd.training.flat_adamw import FlatAdamW

# Takes outputs (n_nets, n_rows, n_outputs) and the supervision of their rows; returns the loss
# of each network, None if nobody wants to know it, and the gradient with respect to the outputs.
OutputLoss = Callable[[Tensor, Tensor], tuple[Tensor | None, Tensor]]


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
        of them, on the CPU.
    """

    def __init__(
        self, layers: Layers, adamw: FlatAdamW, decayed: Sequence[tuple[Tensor, Tensor]] = ()
    ):
        self.layers, self.adamw = layers, adamw
        self.device = adamw.count.device
        self.decayed = [(part, decay) for part, decay in decayed if decay.any()]

    def schedule(self, rates: Tensor) -> Iterator[None]:
        """Set one learning rate after the other, each time that the next one is asked for.

        Parameters
        ----------
        rates : Tensor of shape (n_steps,) or (n_steps, n_nets), float64
            Learning rates, on the CPU: one for all networks, or one for each of them. They are
            copied to the device together.
        """
        single = rates.float()
        each = single if rates.ndim == 2 else single.unsqueeze(1)
        factors = [self._by_step(1 - each * decay, part) for part, decay in self.decayed]
        own = [self._by_step(single, value) for value in self.adamw.values if rates.ndim == 2]
        decayed = [part for part, _ in self.decayed]
        for step, rate in enumerate(rates.tolist()):
            self.adamw.lr = [part[step] for part in own] or rate
            self.adamw.shrink = decayed, [part[step] for part in factors]
            yield

    def _by_step(self, each: Tensor, parameter: Tensor) -> Sequence[Tensor]:
        """Return numbers (n_steps, n_nets), by steps, in a shape that broadcasts to a parameter."""
        shape = (*each.shape, *[1] * (parameter.ndim - 1))
        return each.to(self.device).view(shape).unbind()

    @torch.no_grad()
    def run(
        self,
        batches: Iterable[tuple[Tensor, Tensor]],
        loss: OutputLoss,
        processes: SingleProcess = ALONE,
    ) -> tuple[Tensor, int]:
        """Make a step with each batch of rows.

        Parameters
        ----------
        batches : iterable of (Tensor, Tensor)
            What the first layer sees of each batch, (n_rows, n_inputs), or (n_nets, n_rows,
            n_inputs) where each network sees rows of its own; and the supervision of its rows,
            (..., n_rows, n_columns). What yields them may set the learning rate.
        loss : callable
            Takes outputs (n_nets, n_rows, n_outputs) and the supervision; returns
            the mean loss of each network, (n_nets,), and the gradient by the outputs.
        processes : SingleProcess, default=ALONE
            Those that share each step: inputs are those of this one, supervision that of all.

        Returns
        -------
        total : Tensor of shape (n_nets,)
            Sum of the losses of all rows; zeros if `loss` returns none.
        n_rows : int
            How many rows there were.
        """
        total, n_seen = torch.zeros(self.layers.n_nets, device=self.device), 0
        for inputs, supervision in batches:
            n_rows = supervision.shape[-2]
            outputs = self.layers.forward(inputs)
            # A loss may look at all residuals of a batch, so each process computes all of it.
            losses, gradient = loss(processes.gather_rows(outputs, n_rows, dim=1), supervision)
            self.layers.backward(processes.local_rows(gradient, dim=1))
            processes.all_reduce_(self.adamw.flat[1])
            self.adamw.step()
            if losses is not None:
                total.add_(losses, alpha=n_rows)
            n_seen += n_rows
        return total, n_seen

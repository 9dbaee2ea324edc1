"""Multi-layer perceptrons without autograd: forward and backward as a handful of products.

A small network leaves the processor waiting for bookkeeping: autograd's graph,
and an optimizer that visits one parameter after the other. Here each layer is one
product forward and two backward, written straight into one flat gradient.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

aten = torch.ops.aten
# The activation h of z into a buffer; and the gradient with respect to z from that with
# respect to h, in its place.
ACTIVATION_KERNELS: dict[str, tuple[Callable, Callable]] = {
    "relu": (
        lambda z, out: aten.relu.out(z, out=out),
        lambda g, z, h: aten.threshold_backward.grad_input(g, h, 0, grad_input=g),
    ),
    "silu": (
        lambda z, out: aten.silu.out(z, out=out),
        lambda g, z, h: aten.silu_backward.grad_input(g, z, grad_input=g),
    ),
    "gelu": (
        lambda z, out: aten.gelu.out(z, out=out),
        lambda g, z, h: aten.gelu_backward.grad_input(g, z, grad_input=g),
    ),
    "tanh": (
        lambda z, out: aten.tanh.out(z, out=out),
        lambda g, z, h: aten.tanh_backward.grad_input(g, h, grad_input=g),
    ),
}


@dataclass(frozen=True)
class Buffers:
    """Memory of one forward and backward pass over so many rows.

    Parameters
    ----------
    side_by_side : Tensor of shape (n_rows, n_nets * n_out)
        What the first layers of all networks return, side by side.
    outputs : list of Tensor of shape (n_nets, n_rows, n_out)
        What each layer returns; the first one is a view of `side_by_side`.
    hidden, hidden_gradients : list of Tensor of shape (n_nets, n_rows, n_in)
        The input of each layer but the first, and the gradient with respect to it.
    """

    side_by_side: Tensor
    outputs: list[Tensor]
    hidden: list[Tensor]
    hidden_gradients: list[Tensor]

    @classmethod
    def of(cls, weights: Sequence[Tensor], n_rows: int) -> "Buffers":
        """Return memory for layers of weights (n_nets, n_out, n_in)."""
        first, *others = weights
        n_nets, n_out, _ = first.shape
        side_by_side = first.new_empty(n_rows, n_nets * n_out)
        apart = side_by_side.view(n_rows, n_nets, n_out).transpose(0, 1)
        hidden = [first.new_empty(n_nets, n_rows, weight.shape[2]) for weight in others]
        return cls(
            side_by_side,
            [apart, *(first.new_empty(n_nets, n_rows, weight.shape[1]) for weight in others)],
            hidden,
            [torch.empty_like(one) for one in hidden],
        )


class Layers:
    """The layers of networks of one shape, side by side.

    Parameters
    ----------
    weights, biases : sequence of Tensor
        Parameters of each layer: (n_nets, n_out, n_in) and (n_nets, n_out), contiguous.
    weight_gradients, bias_gradients : sequence of Tensor
        Their gradients, of the same shapes; :meth:`backward` overwrites them.
    activation : str
        What follows each layer but the last; a key of `ACTIVATION_KERNELS`.
    """

    def __init__(self, weights, biases, weight_gradients, bias_gradients, activation):
        self.activate, self.deactivate = ACTIVATION_KERNELS[activation]
        self.n_nets = len(weights[0])
        # A view costs as much as a small product: all of them are made once.
        self.weights = [weight.transpose(1, 2) for weight in weights]
        self.biases = [bias.unsqueeze(1) for bias in biases]
        self.backwards = list(zip(weights, weight_gradients, bias_gradients, strict=True))
        self.first_weight, self.first_bias = weights[0].flatten(0, 1).T, biases[0].flatten()
        self.first_gradient = weight_gradients[0].flatten(0, 1)
        self.buffers: dict[int, Buffers] = {}

    @classmethod
    def of(cls, values: Sequence[Tensor], gradients: Sequence[Tensor], activation: str) -> "Layers":
        """Return layers of parameters that are listed with the weights before the biases."""
        n_layers = len(values) // 2
        return cls(
            values[:n_layers],
            values[n_layers:],
            gradients[:n_layers],
            gradients[n_layers:],
            activation,
        )

    def forward(self, X: Tensor) -> Tensor:
        """Return outputs (n_nets, n_rows, n_outputs), which the next call may overwrite.

        Parameters
        ----------
        X : Tensor of shape (n_rows, n_inputs) or (n_nets, n_rows, n_inputs)
            The same inputs for all networks, or inputs for each.
        """
        n_rows = X.shape[-2]
        if n_rows not in self.buffers:
            self.buffers[n_rows] = Buffers.of([weight for weight, *_ in self.backwards], n_rows)
        self.X, self.current = X, self.buffers[n_rows]
        outputs = self.current.outputs
        if X.ndim == 2:  # one large product for all networks
            torch.addmm(self.first_bias, X, self.first_weight, out=self.current.side_by_side)
        else:
            torch.baddbmm(self.biases[0], X, self.weights[0], out=outputs[0])
        for layer, hidden in enumerate(self.current.hidden, start=1):
            self.activate(outputs[layer - 1], hidden)
            torch.baddbmm(self.biases[layer], hidden, self.weights[layer], out=outputs[layer])
        return outputs[-1]

    def backward(self, gradient: Tensor) -> None:
        """Overwrite the gradients of all parameters.

        Parameters
        ----------
        gradient : Tensor of shape (n_nets, n_rows, n_outputs)
            Gradient of the loss with respect to the last outputs of :meth:`forward`.
        """
        for layer in range(len(self.backwards) - 1, 0, -1):
            weight, of_weight, of_bias = self.backwards[layer]
            hidden = self.current.hidden[layer - 1]
            of_hidden = self.current.hidden_gradients[layer - 1]
            torch.sum(gradient, 1, out=of_bias)
            torch.bmm(gradient.transpose(1, 2), hidden, out=of_weight)
            torch.bmm(gradient, weight, out=of_hidden)
            gradient = self.deactivate(of_hidden, self.current.outputs[layer - 1], hidden)
        _, of_weight, of_bias = self.backwards[0]
        torch.sum(gradient, 1, out=of_bias)
        if self.X.ndim == 2 and self.X.device.type != "cpu":  # one launch less than below
            X = self.X.expand(self.n_nets, -1, -1)
            torch.bmm(gradient.transpose(1, 2), X, out=of_weight)
        elif self.X.ndim == 2:
            side_by_side = gradient.transpose(0, 1).flatten(1)
            torch.mm(side_by_side.T, self.X, out=self.first_gradient)
        else:
            torch.bmm(gradient.transpose(1, 2), self.X, out=of_weight)

"""Multi-layer perceptrons without autograd: forward and backward as a handful of products.

A small network leaves the processor waiting for bookkeeping: autograd's graph,
and an optimizer that visits one parameter after the other. Here each layer is one
product forward and two backward, written straight into one flat gradient.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.optim.adamw import adamw

aten = torch.ops.aten
# The activation into a buffer; and the gradient before it from the one behind it (in its
# place), the activation's input and its output.
EXPLICIT: dict[str, tuple[Callable, Callable]] = {
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


class FlatAdamW:
    """AdamW of one vector, of which all parameters are views.

    Parameters
    ----------
    shapes : sequence of torch.Size
        Of the parameters.

    Attributes
    ----------
    values, gradients, means, squares : list of Tensor
        Each parameter, its gradient and its two moments; zeros to begin with.
    count : Tensor
        Steps that were made, a scalar.

    Examples
    --------
    >>> import torch
    >>> from sklearn_regkd.training.batched_layers import FlatAdamW
    >>> optimizer = FlatAdamW([torch.Size([2, 2]), torch.Size([1])])
    >>> optimizer.gradients[1] += 3
    >>> optimizer.step(lr=0.1)
    >>> optimizer.values[1]
    tensor([-0.1000])
    """

    def __init__(self, shapes: Sequence[torch.Size]):
        sizes = [shape.numel() for shape in shapes]
        self.flat = [torch.zeros(sum(sizes)) for _ in range(4)]
        self.values, self.gradients, self.means, self.squares = (
            [part.view(shape) for part, shape in zip(flat.split(sizes), shapes, strict=True)]
            for flat in self.flat
        )
        self.count = torch.zeros(())

    def step(
        self,
        lr: float,
        weight_decay: float = 0.0,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
    ) -> None:
        """Update all values by the gradients."""
        value, gradient, mean, square = self.flat
        # The function behind torch.optim.AdamW, whose own step costs several times more.
        adamw(
            [value],
            [gradient],
            [mean],
            [square],
            [],
            [self.count],
            fused=True,
            amsgrad=False,
            beta1=betas[0],
            beta2=betas[1],
            lr=lr,
            weight_decay=weight_decay,
            eps=eps,
            maximize=False,
        )


@dataclass(frozen=True)
class Buffers:
    """Memory of one forward and backward pass over so many rows.

    Parameters
    ----------
    joined : Tensor of shape (n_rows, n_nets * n_out)
        What the first layers of all networks return, side by side.
    before : list of Tensor of shape (n_nets, n_rows, n_out)
        What each layer returns; the first one is a view of `joined`.
    given, behind : list of Tensor of shape (n_nets, n_rows, n_in)
        What each layer but the first is given, and its gradient.
    """

    joined: Tensor
    before: list[Tensor]
    given: list[Tensor]
    behind: list[Tensor]

    @classmethod
    def of(cls, weights: Sequence[Tensor], n_rows: int) -> "Buffers":
        """Return memory for layers of weights (n_nets, n_out, n_in)."""
        first, *others = weights
        n_nets, n_out, _ = first.shape
        joined = torch.empty(n_rows, n_nets * n_out)
        apart = joined.view(n_rows, n_nets, n_out).transpose(0, 1)
        given = [torch.empty(n_nets, n_rows, weight.shape[2]) for weight in others]
        return cls(
            joined,
            [apart, *(torch.empty(n_nets, n_rows, weight.shape[1]) for weight in others)],
            given,
            [torch.empty_like(one) for one in given],
        )


class Layers:
    """The layers of networks of one shape, side by side.

    Parameters
    ----------
    weights, biases : sequence of Tensor
        Of each layer: (n_nets, n_out, n_in) and (n_nets, n_out), contiguous.
    weight_gradients, bias_gradients : sequence of Tensor
        Of the same shapes; :meth:`backward` overwrites them.
    activation : str
        Between the layers; a key of `EXPLICIT`.
    """

    def __init__(self, weights, biases, weight_gradients, bias_gradients, activation):
        self.activate, self.deactivate = EXPLICIT[activation]
        # A view costs as much as a small product: all of them are made once.
        self.weights = [weight.transpose(1, 2) for weight in weights]
        self.biases = [bias.unsqueeze(1) for bias in biases]
        self.backwards = list(zip(weights, weight_gradients, bias_gradients, strict=True))
        self.first_weight, self.first_bias = weights[0].flatten(0, 1).T, biases[0].flatten()
        self.first_gradient = weight_gradients[0].flatten(0, 1)
        self.buffers: dict[int, Buffers] = {}

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
        self.X, self.way = X, self.buffers[n_rows]
        before = self.way.before
        if X.ndim == 2:  # one large product for all networks
            torch.addmm(self.first_bias, X, self.first_weight, out=self.way.joined)
        else:
            torch.baddbmm(self.biases[0], X, self.weights[0], out=before[0])
        for layer, given in enumerate(self.way.given, start=1):
            self.activate(before[layer - 1], given)
            torch.baddbmm(self.biases[layer], given, self.weights[layer], out=before[layer])
        return before[-1]

    def backward(self, gradient: Tensor) -> None:
        """Overwrite the gradients of all parameters.

        Parameters
        ----------
        gradient : Tensor of shape (n_nets, n_rows, n_outputs)
            Of the loss with respect to the last outputs of :meth:`forward`.
        """
        for layer in range(len(self.backwards) - 1, 0, -1):
            weight, of_weight, of_bias = self.backwards[layer]
            given, behind = self.way.given[layer - 1], self.way.behind[layer - 1]
            torch.sum(gradient, 1, out=of_bias)
            torch.bmm(gradient.transpose(1, 2), given, out=of_weight)
            torch.bmm(gradient, weight, out=behind)
            gradient = self.deactivate(behind, self.way.before[layer - 1], given)
        _, of_weight, of_bias = self.backwards[0]
        torch.sum(gradient, 1, out=of_bias)
        if self.X.ndim == 2:
            joined = gradient.transpose(0, 1).flatten(1)
            torch.mm(joined.T, self.X, out=self.first_gradient)
        else:
            torch.bmm(gradient.transpose(1, 2), self.X, out=of_weight)

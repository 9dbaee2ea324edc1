"""The training of a skorch net without autograd, where its network is our own."""

from functools import cached_property

import torch
from skorch import NeuralNet
from torch import Tensor, nn

from sklearn_regkd.losses.criterion import SupervisionCriterion
from sklearn_regkd.losses.gradient import output_gradient
from sklearn_regkd.networks.embedding import PeriodicEmbedding
from sklearn_regkd.networks.inputs import EmbeddedRows, TransformedRows
from sklearn_regkd.networks.mlp import MLP
from sklearn_regkd.training.batched_layers import FlatAdamW, Layers
from sklearn_regkd.training.batches import WholeBatches
from sklearn_regkd.training.distributed import current_processes


class FlatOptimizer:
    """An AdamW optimizer stepped as one vector, of which its parameters become views.

    The optimizer's own state is made of views as well: whoever looks at it, or
    goes on with it, finds it up to date after :meth:`sync`.

    Parameters
    ----------
    optimizer : torch.optim.AdamW
        It is not stepped here. All of its groups have one learning rate.
    """

    def __init__(self, optimizer: torch.optim.AdamW):
        self.optimizer = optimizer
        self.parameters = [p for group in optimizer.param_groups for p in group["params"]]
        self.adamw = FlatAdamW([p.shape for p in self.parameters])
        sizes = [sum(p.numel() for p in group["params"]) for group in optimizer.param_groups]
        self.parts = self.adamw.flat[0].split(sizes)
        self.states = []
        for p, *views in zip(
            self.parameters, self.adamw.values, self.adamw.means, self.adamw.squares, strict=True
        ):
            known = optimizer.state.get(p) or {}
            moments = known.get("exp_avg"), known.get("exp_avg_sq")
            for view, value in zip(views, (p.data, *moments), strict=True):
                if value is not None:
                    view.copy_(value)
            p.data = views[0]
            step = known.get("step", torch.zeros(())).clone()
            optimizer.state[p] = {"step": step, "exp_avg": views[1], "exp_avg_sq": views[2]}
            self.states.append(optimizer.state[p])

    @staticmethod
    def suits(optimizer: torch.optim.Optimizer) -> bool:
        """Return whether an optimizer can be stepped as one vector, with the same result."""
        if type(optimizer) is not torch.optim.AdamW:
            return False
        groups = optimizer.param_groups
        parameters = [p for group in groups for p in group["params"]]
        steps = {float(optimizer.state[p]["step"]) for p in parameters if optimizer.state.get(p)}
        return (
            not any(g["amsgrad"] or g["maximize"] or g["differentiable"] for g in groups)
            and len({(g["lr"], *g["betas"], g["eps"]) for g in groups}) == 1
            and all(p.requires_grad and p.device.type == "cpu" for p in parameters)
            and all(p.dtype == torch.float32 and p.is_contiguous() for p in parameters)
            # A parameter that is left out now and then has made fewer steps.
            and len(steps) <= 1
            and not optimizer._optimizer_step_pre_hooks
            and not optimizer._optimizer_step_post_hooks
        )

    def forget_gradients(self) -> None:
        """Do what ``zero_grad`` does, in a tenth of its time."""
        for p in self.parameters:
            p.grad = None

    def collect(self) -> bool:
        """Copy the gradients that autograd has left; False if a parameter has got none."""
        gradients = [p.grad for p in self.parameters]
        if any(gradient is None for gradient in gradients):
            return False
        torch._foreach_copy_(self.adamw.gradients, gradients)
        return True

    def holds(self) -> bool:
        """Return whether parameters and state are still the views that they were made to be."""
        return all(
            p.data_ptr() == value.data_ptr() and self.optimizer.state.get(p) is state
            for p, value, state in zip(self.parameters, self.adamw.values, self.states, strict=True)
        )

    def resume(self) -> None:
        """Learn from the optimizer what the settings are and how many steps were made."""
        self.adamw.count.copy_(self.states[0]["step"])
        first = self.optimizer.param_groups[0]
        self.settings = {name: first[name] for name in ("lr", "betas", "eps")}
        self.shrink = [
            (part, 1 - group["lr"] * group["weight_decay"])
            for part, group in zip(self.parts, self.optimizer.param_groups, strict=True)
            if group["weight_decay"] and len(part)
        ]

    def step(self) -> None:
        """Update the parameters by their gradients."""
        for part, share in self.shrink:
            part.mul_(share)
        self.adamw.step(**self.settings)

    def sync(self) -> None:
        """Tell the optimizer how many steps were made."""
        for state in self.states:
            state["step"].copy_(self.adamw.count)


class ManualTraining:
    """One training of the built-in network on the CPU by AdamW.

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
        self._take_over()

    @cached_property
    def inputs(self) -> EmbeddedRows:
        """What the first layer sees of each row."""
        first = self.net.module_[0]
        embedding = first if isinstance(first, PeriodicEmbedding) else nn.Identity()
        return EmbeddedRows(self.rows, embedding)

    def _take_over(self) -> None:
        """Make the parameters views of flat vectors, once more if somebody replaced them."""
        self.optimizer = FlatOptimizer(self.net.optimizer_)
        gradient = {
            id(p): view
            for p, view in zip(
                self.optimizer.parameters, self.optimizer.adamw.gradients, strict=True
            )
        }
        linear = linear_layers(self.net)
        self.layers = Layers(
            [layer.weight.data.unsqueeze(0) for layer in linear],
            [layer.bias.data.unsqueeze(0) for layer in linear],
            [gradient[id(layer.weight)].unsqueeze(0) for layer in linear],
            [gradient[id(layer.bias)].unsqueeze(0) for layer in linear],
            self.net.module_.activation,
        )

    @staticmethod
    def suits(net: NeuralNet) -> bool:
        """Return whether a net is trained in the ordinary way, and nobody looks inside."""
        module, optimizer = net.module_, net.optimizer_
        return (
            type(module) is MLP
            and type(net.criterion_) is SupervisionCriterion
            and net.criterion_.hint_weight is None
            and not any(p.requires_grad for p in net.criterion_.parameters())
            and FlatOptimizer.suits(optimizer)
            and net.iterator_train is WholeBatches
            and not any(_is_watched(layer) for layer in module)
        )

    @torch.no_grad()
    def run_epoch(self, batches: tuple[Tensor, ...]) -> tuple[float, int]:
        """Make a step with each batch of rows; return the mean loss, and the number of rows."""
        total, n_rows, criterion = torch.zeros(()), 0, self.net.criterion_.train()
        team = current_processes()
        if not self.optimizer.holds():
            self._take_over()
        self.optimizer.resume()
        for rows in batches:
            mine = self.layers.forward(self.inputs[team.share(rows)])[0]
            packed = self.packed.index_select(0, rows)
            # A loss may look at all residuals of a batch, so each process computes all of it.
            loss, gradient = output_gradient(criterion, team.join(mine, len(rows)), packed)
            self.layers.backward(team.share(gradient).unsqueeze(0))
            team.all_reduce_(self.optimizer.adamw.flat[1])
            self.optimizer.step()
            total.add_(loss, alpha=len(rows))
            n_rows += len(rows)
        self.optimizer.sync()
        return float(total) / n_rows, n_rows


def linear_layers(net: NeuralNet) -> list[nn.Linear]:
    """Return the fully connected layers of the built-in network."""
    return [layer for layer in net.module_ if isinstance(layer, nn.Linear)]


def _is_watched(layer: nn.Module) -> bool:
    return bool(
        layer._forward_hooks
        or layer._forward_pre_hooks
        or layer._backward_hooks
        or layer._backward_pre_hooks
    )

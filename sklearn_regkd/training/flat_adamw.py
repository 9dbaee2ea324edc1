"""AdamW as one update of one long vector, of which all parameters are views."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.optim.adamw import adamw


class FlatAdamW:
    """AdamW of one vector, of which all parameters are views.

    Parameters
    ----------
    shapes : sequence of torch.Size
        Shapes of the parameters.
    device : torch.device or str, default="cpu"
        Where they are.

    Attributes
    ----------
    values, gradients, means, squares : list of Tensor
        Each parameter, its gradient and its two moments; zeros to begin with.
    flat : list of Tensor
        The vectors behind these four.
    count : Tensor
        Steps that were made, a scalar.
    lr : float, or sequence of Tensor
        Learning rate of the next steps: one for all, or one tensor for each parameter,
        of a shape that broadcasts to it.
    betas : tuple of float
        Decay rates of the two moments.
    eps : float
        Added to the root of the second moment.
    shrink : tuple of (list of Tensor, list of Tensor or list of float)
        Views of the parameters, and what each is multiplied by before each step: the
        weight decay, ``1 - lr * weight_decay``.

    Examples
    --------
    >>> import torch
    >>> from sklearn_regkd.training.flat_adamw import FlatAdamW
    >>> optimizer = FlatAdamW([torch.Size([2, 2]), torch.Size([1])])
    >>> optimizer.gradients[1] += 3
    >>> optimizer.lr = 0.1
    >>> optimizer.step()
    >>> optimizer.values[1]
    tensor([-0.1000])
    """

    def __init__(self, shapes: Sequence[torch.Size], device: torch.device | str = "cpu"):
        sizes = [shape.numel() for shape in shapes]
        self.flat = [torch.zeros(sum(sizes), dtype=torch.float32, device=device) for _ in range(4)]
        self.values, self.gradients, self.means, self.squares = (
            [part.view(shape) for part, shape in zip(flat.split(sizes), shapes, strict=True)]
            for flat in self.flat
        )
        self.count = torch.zeros((), dtype=torch.float32, device=device)
        self.lr: float | Sequence[Tensor] = 0.0
        self.betas, self.eps = (0.9, 0.999), 1e-8
        self.shrink: tuple[list[Tensor], list[Tensor] | list[float]] = [], []

    def step(self) -> None:
        """Update all values by the gradients."""
        views, factors = self.shrink
        if views:
            torch._foreach_mul_(views, factors)
        if isinstance(self.lr, float):
            self._update(self.lr)
            return
        before = [value.clone() for value in self.values]
        self._update(1.0)
        for value, old, rate in zip(self.values, before, self.lr, strict=True):
            torch.lerp(old, value, rate, out=value)

    def _update(self, lr: float) -> None:
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
            beta1=self.betas[0],
            beta2=self.betas[1],
            lr=lr,
            weight_decay=0.0,
            eps=self.eps,
            maximize=False,
        )


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
        device = self.parameters[0].device
        self.adamw = FlatAdamW([p.shape for p in self.parameters], device)
        self.steps = torch.zeros(len(self.parameters), device=device)
        sizes = [sum(p.numel() for p in group["params"]) for group in optimizer.param_groups]
        self.parts = self.adamw.flat[0].split(sizes)
        self.states = []
        for p, *views, step in zip(
            self.parameters,
            self.adamw.values,
            self.adamw.means,
            self.adamw.squares,
            self.steps.unbind(),
            strict=True,
        ):
            known = optimizer.state.get(p) or {}
            names = "exp_avg", "exp_avg_sq", "step"
            values = [p.data, *(known.get(name) for name in names)]
            for view, value in zip((*views, step), values, strict=True):
                if value is not None:
                    view.copy_(value)
            p.data = views[0]
            optimizer.state[p] = dict(zip(names, (*views[1:], step), strict=True))
            self.states.append(optimizer.state[p])
        self._version = self.steps._version

    @staticmethod
    def supports(optimizer: torch.optim.Optimizer, current: "FlatOptimizer | None" = None) -> bool:
        """Return whether an optimizer can be stepped as one vector, with the same result.

        Parameters
        ----------
        optimizer : torch.optim.Optimizer
            Any optimizer.
        current : FlatOptimizer, default=None
            What steps this optimizer already. As long as it holds, no value is read back.
        """
        if type(optimizer) is not torch.optim.AdamW:
            return False
        groups = optimizer.param_groups
        parameters = [p for group in groups for p in group["params"]]
        return (
            not any(g["amsgrad"] or g["maximize"] or g["differentiable"] for g in groups)
            and len({(g["lr"], *g["betas"], g["eps"]) for g in groups}) == 1
            and all(g.get("fused") or p.device.type == "cpu" for g in groups for p in g["params"])
            and len({p.device for p in parameters}) == 1
            and all(p.requires_grad for p in parameters)
            and all(p.dtype == torch.float32 and p.is_contiguous() for p in parameters)
            and not optimizer._optimizer_step_pre_hooks
            and not optimizer._optimizer_step_post_hooks
            and ((current is not None and current.holds()) or _steps_agree(optimizer, parameters))
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
        """Return whether parameters and state are the views that they were made to be.

        That includes the count of steps, which nobody else has written to.
        """
        return self.steps._version == self._version and all(
            p.data_ptr() == value.data_ptr() and self.optimizer.state.get(p) is state
            for p, value, state in zip(self.parameters, self.adamw.values, self.states, strict=True)
        )

    def resume(self) -> None:
        """Learn from the optimizer what the settings are and how many steps were made."""
        flat = self.adamw
        flat.count.copy_(self.states[0]["step"])
        first = self.optimizer.param_groups[0]
        flat.lr, flat.betas, flat.eps = float(first["lr"]), first["betas"], first["eps"]
        decayed = [
            (part, 1.0 - float(group["lr"]) * float(group["weight_decay"]))
            for part, group in zip(self.parts, self.optimizer.param_groups, strict=True)
            if group["weight_decay"] and len(part)
        ]
        flat.shrink = [part for part, _ in decayed], [factor for _, factor in decayed]

    def step(self) -> None:
        """Update the parameters by their gradients."""
        self.adamw.step()

    def sync(self) -> None:
        """Tell the optimizer how many steps were made."""
        self.steps.copy_(self.adamw.count)
        self._version = self.steps._version


def _steps_agree(optimizer: torch.optim.Optimizer, parameters: list[Tensor]) -> bool:
    """Return whether no parameter has made fewer steps, because it was left out now and then."""
    states = [optimizer.state[p] for p in parameters if optimizer.state.get(p)]
    return len({float(state["step"]) for state in states}) <= 1

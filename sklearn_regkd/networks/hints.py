"""The adapter by which a student's hidden layer learns a teacher's hints; dropped afterwards."""

import torch
from torch import Tensor, nn

from sklearn_regkd.networks.features import last_linear
from sklearn_regkd.networks.mlp import seeded_linear

ADAPTER = "hint_adapter"


class HintAdapter:
    """A linear map from a module's last hidden layer to the hints, while it is trained.

    In training mode the module's output is followed by the adapter's, column by
    column; in evaluation mode the module's output is what it is without one.

    Parameters
    ----------
    module : nn.Module
        The student.
    owner : nn.Module
        Takes the adapter in as a submodule, so that an optimizer finds it: the
        criterion, because the student may be a chain in which each part is run.
    rows : Tensor of shape (n_rows, ...)
        Some rows, to see how wide the hidden layer is.
    n_hints : int
        Hints per row.
    seed : int
        Seed of the adapter's initial weights.

    Raises
    ------
    ValueError
        If the module has no linear layer, or no trained layer before the last one.
    """

    def __init__(self, module: nn.Module, owner: nn.Module, rows: Tensor, n_hints: int, seed: int):
        self.owner = owner
        self.hidden: Tensor | None = None
        self.hooks = [last_linear(module).register_forward_pre_hook(self._keep_hidden)]
        module.eval()
        module(rows)
        hidden, self.hidden = self.hidden, None
        if hidden is None or not hidden.requires_grad:
            self.hooks.pop().remove()
            raise ValueError(
                f"hints are given to a hidden layer, and {type(module).__name__} has none before "
                "its last linear layer"
            )
        generator = torch.Generator().manual_seed(seed)
        self.adapter: nn.Linear = seeded_linear(hidden.flatten(1).shape[1], n_hints, generator)
        owner.add_module(ADAPTER, self.adapter.to(hidden.device, hidden.dtype))
        self.hooks.append(module.register_forward_hook(self._append_hints))

    def _keep_hidden(self, layer: nn.Module, args: tuple) -> None:
        self.hidden = args[0]

    def _append_hints(self, module: nn.Module, args: tuple, output: Tensor) -> Tensor | None:
        if not module.training or self.hidden is None:
            return None
        hints = self.adapter(self.hidden.flatten(1))
        self.hidden = None
        return torch.cat([output.reshape(len(output), -1), hints], dim=1)

    def drop(self) -> list[nn.Parameter]:
        """Take the adapter out again and return its parameters."""
        for hook in self.hooks:
            hook.remove()
        delattr(self.owner, ADAPTER)
        return list(self.adapter.parameters())

"""The skorch net that trains a built-in student, with batches kept whole."""

import inspect
from collections.abc import Iterable
from typing import cast

import torch
from skorch import NeuralNet
from skorch.callbacks import Callback
from skorch.dataset import get_len
from torch import Tensor

from sklearn_regkd.losses.gradient import output_gradient
from sklearn_regkd.training.batches import Rows, WholeBatches
from sklearn_regkd.training.distributed import current_processes
from sklearn_regkd.training.flat_adamw import FlatOptimizer
from sklearn_regkd.training.manual_backward import ManualTraining
from sklearn_regkd.training.randomness import torch_seeded

BATCH_HOOKS = ("on_batch_begin", "on_batch_end", "on_grad_computed")


class StudentNet(NeuralNet):
    """A skorch net that reads the loss once per epoch instead of once per batch.

    Everything at the level of epochs (callbacks, history, validation) is
    skorch's. As soon as a callback has a hook for batches, batches are
    skorch's as well.
    """

    manual_: ManualTraining | None = None
    flat_: FlatOptimizer | None = None
    order_: torch.Generator | None = None  # of the rows, while a training is under way

    def __init__(
        self,
        *args,
        dataset=Rows,
        iterator_train=WholeBatches,
        iterator_valid=WholeBatches,
        **kwargs,
    ):
        super().__init__(
            *args,
            dataset=dataset,
            iterator_train=iterator_train,
            iterator_valid=iterator_valid,
            **kwargs,
        )

    def _watches_batches(self) -> bool:
        return any(
            getattr(type(callback), hook) is not getattr(Callback, hook)
            for _, callback in self.callbacks_
            for hook in BATCH_HOOKS
        )

    def notify(self, method_name, **cb_kwargs):
        """Call a hook of the net and of all callbacks, unless it is known that none has it."""
        if method_name != "on_grad_computed" or self._watches_batches():
            super().notify(method_name, **cb_kwargs)

    def initialize_optimizer(self, *args, **kwargs):
        """Build the optimizer, without parameter groups in which there is nothing."""
        super().initialize_optimizer(*args, **kwargs)
        groups = self.optimizer_.param_groups
        groups[:] = [group for group in groups if group["params"]]
        return self

    def get_iterator(self, dataset, training=False):
        """Return an iterator over batches, in a training with the order that it has."""
        iterator = super().get_iterator(dataset, training=training)
        # A function of the user's, which changes batches, knows the CPU only.
        if isinstance(iterator, WholeBatches) and iterator.augment is None:
            iterator.device = torch.device(self.device)
        if training and self.order_ is not None:
            iterator.generator = self.order_
            iterator.n_passes = self.max_epochs - len(self.history)
        return iterator

    def release(self) -> None:
        """End a training: forget what it needed, and give each parameter memory of its own.

        A view into a long vector begins anywhere, and some processors add up numbers in another
        order there than at an even address: a loaded copy would differ in the last digit.
        """
        self.manual_ = self.flat_ = None
        for parameter in self.module_.parameters():
            parameter.data = parameter.data.clone()

    def run_single_epoch(self, iterator, training, prefix, step_fn, **fit_params):
        """Run all batches once and record their mean loss as that of one batch."""
        if iterator is None or self._watches_batches():
            super().run_single_epoch(iterator, training, prefix, step_fn, **fit_params)
            return
        whole = training and isinstance(iterator, WholeBatches)
        # What changes the inputs of batches wants to see them.
        is_plain = whole and iterator.augment is None
        if is_plain and self.manual_ is not None and ManualTraining.supports(self):
            loss, n_rows = self.manual_.run_epoch(iterator.batches())
        elif whole and not fit_params and not _needs_closure(self.optimizer_):
            loss, n_rows = self._train_on(iterator)
        else:
            losses = (
                (step_fn(batch, **fit_params)["loss"].detach(), get_len(batch[0]))
                for batch in iterator
            )
            loss, n_rows = _mean(losses)
        loss = current_processes().broadcast_object(loss)  # by which callbacks decide
        if training:
            self.history.new_batch()
        self.history.record_batch(f"{prefix}_loss", loss)
        self.history.record_batch(f"{prefix}_batch_size", n_rows)
        self.history.record(f"{prefix}_batch_count", len(iterator))

    def _train_on(self, batches: WholeBatches) -> tuple[float, int]:
        """Make a step with each batch, without what skorch does for those who watch."""
        self._set_training(True)
        learns = any(p.requires_grad for p in self.criterion_.parameters())
        processes = current_processes()
        self._flatten(processes.size == 1)
        trained = (self._train_on_batch(*batch, learns) for batch in batches)
        if processes.size == 1:
            losses = _mean(trained)
            if self.flat_ is not None:
                self.flat_.sync()
            return losses
        # Dropout of its own for each process, and afterwards the same generators again.
        epoch = batches.generator.initial_seed() + len(self.history)
        with torch_seeded(epoch * processes.size + processes.rank, self.device):
            losses = _mean(trained)
        # Statistics, such as those of BatchNorm, are those of the rows that a process has seen.
        processes.broadcast_(list(self.module_.buffers()))
        return losses

    def _flatten(self, is_alone: bool) -> None:
        """See to it that the optimizer is stepped as one vector, where that can be done."""
        if self.flat_ is not None and not self.flat_.holds():
            self.flat_ = None
        if not is_alone or not FlatOptimizer.supports(self.optimizer_, self.flat_):
            self.flat_ = None
        elif self.flat_ is None:
            self.flat_ = FlatOptimizer(self.optimizer_)
        if self.flat_ is not None:
            self.flat_.resume()

    def _step(self) -> None:
        """Update the parameters by the gradients that autograd has left."""
        if self.flat_ is not None and self.flat_.collect():
            self.flat_.step()
            return
        if self.flat_ is not None:  # part of the network was not used: its optimizer skips it
            self.flat_.sync()
            self.flat_ = None
        self.optimizer_.step()

    def _train_on_batch(self, X: Tensor, packed: Tensor, learns: bool) -> tuple[Tensor, int]:
        """Make a step with a batch; `learns` is whether the criterion learns, too."""
        if X.device.type != torch.device(self.device).type:  # more than is kept there
            X, packed = X.to(self.device), packed.to(self.device)
        processes = current_processes()
        prediction = self.module_(processes.local_rows(X))
        if self.flat_ is None:
            self.optimizer_.zero_grad()
        else:
            self.flat_.forget_gradients()
        # A loss may look at all residuals of a batch, so each process computes all of it.
        local = prediction.detach()
        local = local.flatten(1) if local.ndim > 1 else local.unsqueeze(1)
        columns = processes.gather_rows(local, len(X))
        if learns:
            loss = self.criterion_(columns.requires_grad_(), packed)
            loss.backward()
            gradient = cast(Tensor, columns.grad)
        else:
            with torch.no_grad():
                loss, gradient = output_gradient(self.criterion_, columns, packed)
        processes.backward(prediction, gradient, self.optimizer_)
        self._step()
        return loss.detach(), len(X)


def check_shared(net: NeuralNet) -> None:
    """Raise an error if several processes cannot share the steps of a net.

    Raises
    ------
    ValueError
        If the loop, iterator or a callback of the user deals with batches.
    """
    if not isinstance(net, StudentNet):
        why = "a skorch net of your own has a loop of its own; give its module as module="
    elif net.iterator_train is not WholeBatches:
        why = f"iterator_train={net.iterator_train.__name__} knows nothing of the others; leave it"
    elif net._watches_batches():
        why = "a callback has a hook for batches, of which each process sees a part; take it away"
    elif _needs_closure(net.optimizer_):
        why = f"{type(net.optimizer_).__name__} tries several steps; use another optimizer"
    else:
        return
    raise ValueError(f"data_parallel() cannot share this training: {why}")


def _mean(losses: Iterable[tuple[Tensor, int]]) -> tuple[float, int]:
    """Return the mean of the losses of batches, and their rows."""
    total, n_rows = torch.zeros(()), 0
    for loss, rows in losses:
        total, n_rows = total + loss * rows, n_rows + rows
    return float(total / n_rows), n_rows


def _needs_closure(optimizer: torch.optim.Optimizer) -> bool:
    closure = inspect.signature(optimizer.step).parameters.get("closure")
    return closure is not None and closure.default is inspect.Parameter.empty

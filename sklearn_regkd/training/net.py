"""The skorch net that trains a built-in student, with batches kept whole."""

from skorch import NeuralNet
from skorch.callbacks import Callback
from skorch.dataset import get_len

from sklearn_regkd.training.batches import Rows, WholeBatches

BATCH_HOOKS = ("on_batch_begin", "on_batch_end", "on_grad_computed")


class StudentNet(NeuralNet):
    """A skorch net that reads the loss once per epoch instead of once per batch.

    Everything at the level of epochs (callbacks, history, validation) is
    skorch's. As soon as a callback has a hook for batches, batches are
    skorch's as well.
    """

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

    def run_single_epoch(self, iterator, training, prefix, step_fn, **fit_params):
        """Run all batches once and record their mean loss as that of one batch."""
        if iterator is None or self._watches_batches():
            super().run_single_epoch(iterator, training, prefix, step_fn, **fit_params)
            return
        total, n_rows, n_batches = 0.0, 0, 0
        for batch in iterator:
            loss = step_fn(batch, **fit_params)["loss"].detach()
            rows = get_len(batch[0])
            total = total + loss * rows
            n_rows += rows
            n_batches += 1
        if training:
            self.history.new_batch()
        self.history.record_batch(f"{prefix}_loss", float(total / n_rows))
        self.history.record_batch(f"{prefix}_batch_size", n_rows)
        self.history.record(f"{prefix}_batch_count", n_batches)

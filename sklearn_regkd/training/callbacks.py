"""Callbacks between epochs: learning rate, divergence, progress."""

import math

from skorch import NeuralNet
from skorch.callbacks import Callback
from tqdm import tqdm

from sklearn_regkd.training.distributed import current_processes
from sklearn_regkd.utils.progress import report_stage

WARM_UP = 0.2


def one_cycle(progress: float) -> float:
    """Return the share of the peak learning rate at a point of the training.

    A linear warm-up over the first fifth, then half a cosine down to 0.

    Parameters
    ----------
    progress : float in [0, 1]
        Share of the training that is over.

    Examples
    --------
    >>> from sklearn_regkd.training.callbacks import one_cycle
    >>> [round(one_cycle(p), 2) for p in (0.1, 0.2, 0.6, 1.0)]
    [0.5, 1.0, 0.5, 0.0]
    """
    if progress < WARM_UP:
        return progress / WARM_UP
    return 0.5 * (1 + math.cos(math.pi * (progress - WARM_UP) / (1 - WARM_UP)))


class OneCycle(Callback):
    """Set the learning rate of each epoch: every group's own, times :func:`one_cycle`.

    Parameters
    ----------
    n_cycles : int, default=1
        Cycles in one training, of equal length.
    """

    def __init__(self, n_cycles: int = 1):
        self.n_cycles = n_cycles

    def on_train_begin(self, net, **kwargs):
        """Remember the learning rates that the optimizer was built with."""
        self.peaks_ = [group["lr"] for group in net.optimizer_.param_groups]
        self.epoch_ = 0

    def share(self, epoch: int, n_epochs: int) -> float:
        """Return the share of the peak in the middle of an epoch."""
        return one_cycle(self.n_cycles * (epoch + 0.5) / n_epochs % 1)

    def on_epoch_begin(self, net, **kwargs):
        """Set the learning rate for the middle of the epoch."""
        share = self.share(self.epoch_, net.max_epochs)
        for group, peak in zip(net.optimizer_.param_groups, self.peaks_, strict=True):
            group["lr"] = peak * share
        self.epoch_ += 1


def repeat_cycles(net: NeuralNet, n_cycles: int) -> None:
    """Make a net train that many times as long, each time with a cycle of its own."""
    if n_cycles == 1:
        return
    net.set_params(max_epochs=n_cycles * net.max_epochs)
    for _, callback in net.callbacks or ():
        if isinstance(callback, OneCycle):
            callback.n_cycles = n_cycles


class StopOnDivergence(Callback):
    """Raise an error when a loss is no longer finite, instead of returning a broken model."""

    def on_epoch_end(self, net, **kwargs):
        """Look at the losses of the epoch."""
        record = net.history[-1]
        for name in ("train_loss", "valid_loss"):
            if not math.isfinite(record.get(name, 0.0)):
                raise RuntimeError(
                    f"{name} became {record[name]} in epoch {record['epoch']}: training "
                    f"diverged. Lower lr (now {net.optimizer_.defaults['lr']:g}), or look for "
                    "labels that are absurdly far from the rest."
                )


class ReportProgress(Callback):
    """Tell scikit-learn's callbacks and, if asked, a progress bar about each epoch.

    Parameters
    ----------
    estimator : StudentRegressor
        Whose fit this is.
    context : sklearn.callback.CallbackContext or its stand-in
        Root of the fit's tasks.
    bar : bool
        Whether to draw a progress bar on stderr.
    """

    def __init__(self, estimator, context, bar):
        self.estimator = estimator
        self.context = context
        self.bar = bar

    def on_train_begin(self, net, **kwargs):
        """Open the bar."""
        report_stage("")
        hidden = not self.bar or current_processes().rank > 0
        self.progress_ = tqdm(total=net.max_epochs, unit="epoch", disable=hidden)

    def on_epoch_begin(self, net, **kwargs):
        """Open a task."""
        self.task_ = self.context.subcontext(task_name="epoch")
        self.task_.call_on_fit_task_begin(estimator=self.estimator)

    def on_epoch_end(self, net, **kwargs):
        """Close the task and move the bar on."""
        self.progress_.set_postfix(train_loss=f"{net.history[-1, 'train_loss']:.4g}", refresh=False)
        self.progress_.update(len(net.history) - self.progress_.n)  # it may not have begun at 0
        if self.task_.call_on_fit_task_end(estimator=self.estimator):
            raise KeyboardInterrupt  # skorch's way to end training early

    def on_train_end(self, net, **kwargs):
        """Close the bar."""
        self.progress_.close()

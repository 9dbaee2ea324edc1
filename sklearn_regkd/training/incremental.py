"""Incremental training: passes over rows that come one block after the other."""

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from skorch import NeuralNet
from skorch.callbacks import Callback

from sklearn_regkd.networks.inputs import TransformedRows, attached_transform
from sklearn_regkd.training.batches import Rows, WholeBatches
from sklearn_regkd.training.callbacks import OneCycle, StopOnDivergence
from sklearn_regkd.training.manual_backward import ManualTraining
from sklearn_regkd.training.net import StudentNet
from sklearn_regkd.training.train import notified


class IncrementalTrainer:
    """Trains a net by single passes over blocks of rows.

    Parameters
    ----------
    net : NeuralNet
        Initialised, with its inputs attached. Its own schedule of the learning rate is
        not used: that one has to know where the end is.
    """

    def __init__(self, net: NeuralNet):
        self.net = net
        self.transform = attached_transform(net.module_)

    @contextmanager
    def session(self, X: np.ndarray, packed: np.ndarray) -> Iterator[None]:
        """Let the net be trained inside, and put before and after it what belongs there.

        Parameters
        ----------
        X, packed : ndarray
            Rows and packed supervision, for callbacks that want to see how it begins.
        """
        net = self.net
        before: Sequence[tuple[str, Callback]] = net.callbacks_
        net.callbacks_ = [c for c in before if not isinstance(c[1], OneCycle)]
        net.callbacks_.append(("divergence", StopOnDivergence()))
        try:
            with notified(net, Rows(X, packed)):
                yield
        finally:
            net.callbacks_ = before
        net.module_.eval()

    def run_pass(self, X: np.ndarray, packed: np.ndarray, seed: int, lr_share: float = 1.0) -> None:
        """Make one shuffled pass over rows; one record of the history.

        Parameters
        ----------
        X : ndarray of shape (n_samples, ...)
            Raw inputs.
        packed : ndarray of shape (n_samples, n_columns)
            Their packed supervision.
        seed : int
            Decides the order.
        lr_share : float, default=1.0
            Share of the net's learning rate; a net of the user has its own.
        """
        net, rows = self.net, Rows(X, packed)
        if isinstance(net, StudentNet):
            for group in net.optimizer_.param_groups:
                group["lr"] = net.lr * lr_share
            if net.iterator_train is WholeBatches:
                net.iterator_train__seed = seed
            if ManualTraining.supports(net):
                net.manual_ = ManualTraining(net, TransformedRows(X, self.transform), rows.y)
        try:
            net.fit_loop(rows, epochs=1)
        finally:
            if isinstance(net, StudentNet):
                net.release()


@contextmanager
def put_back_on_failure(net: NeuralNet) -> Iterator[None]:
    """Put a net back as it was, down to the tensors, if what is done inside fails.

    Parameters
    ----------
    net : NeuralNet
        Initialised. Meanwhile there are its weights and its optimizer's state twice.
    """
    module, optimizer, n_epochs = net.module_, net.optimizer_, len(net.history)
    weights = copy.deepcopy(module.state_dict())
    state = copy.deepcopy(optimizer.state_dict())
    modes = [(part, part.training) for part in module.modules()]
    try:
        yield
    except BaseException:  # Ctrl-C, too
        module.load_state_dict(weights)
        optimizer.load_state_dict(state)
        for part, training in modes:
            part.training = training
        del net.history[n_epochs:]
        raise

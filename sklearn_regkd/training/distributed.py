"""Several processes that train one student: each computes its share of every step."""

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from sklearn_regkd.utils.fingerprint import fingerprint


class SingleProcess:
    """The processes that share a training: this one alone, see :class:`ProcessGroup`.

    Attributes
    ----------
    rank : int
        Place of this process; the one at place 0 prints and writes files.
    size : int
        How many there are.
    """

    rank, size = 0, 1

    def verbosity(self, verbose: int) -> int:
        """Return how much this process may print where `verbose` is asked for: 0 but for one."""
        return verbose if self.rank == 0 else 0

    def local_rows(self, rows: Tensor, dim: int = 0) -> Tensor:
        """Return this process's share of the rows of a batch, which are along a dimension.

        The shares of all processes are of nearly equal size.
        """
        return rows

    def gather_rows(self, local: Tensor, n_rows: int, dim: int = 0) -> Tensor:
        """Return all rows of a batch of so many, of which each process has its share."""
        return local

    def all_reduce_(self, flat: Tensor) -> None:
        """Replace a tensor by its sum over all processes."""

    def backward(
        self, prediction: Tensor, gradient: Tensor, optimizer: torch.optim.Optimizer
    ) -> None:
        """Compute the gradients of all parameters of which the loss has not set one.

        Parameters
        ----------
        prediction : Tensor
            What the module returned for this process's rows.
        gradient : Tensor of shape (n_rows, n_columns)
            Gradient of the loss of the whole batch with respect to the predictions of all
            of its rows.
        optimizer : torch.optim.Optimizer
            Optimizer of the parameters.
        """
        prediction.backward(gradient.reshape(prediction.shape))

    def broadcast_(self, tensors: Sequence[Tensor]) -> None:
        """Replace tensors by those of the first process."""

    def broadcast_object(self, value: Any) -> Any:
        """Return what the first process has in this place, which can be pickled."""
        return value

    def check_same(self, **parts: Any) -> None:
        """Raise an error if something differs between the processes.

        Parameters
        ----------
        **parts : object
            What must be equal, by a name that the user understands.

        Raises
        ------
        ValueError
            In each of the processes.
        """


class ProcessGroup(SingleProcess):
    """The processes of torch's default group."""

    def __init__(self):
        self.rank, self.size = dist.get_rank(), dist.get_world_size()

    def local_rows(self, rows, dim=0):
        """Return a view."""
        return rows.tensor_split(self.size, dim=dim)[self.rank]

    def gather_rows(self, local, n_rows, dim=0):
        """Sum zeros and shares, because shares may differ by a row, which gathering forbids."""
        shape = list(local.shape)
        shape[dim] = n_rows
        gathered = local.new_zeros(shape)
        self.local_rows(gathered, dim).copy_(local)
        dist.all_reduce(gathered)
        return gathered

    def all_reduce_(self, flat):
        """Sum in place."""
        dist.all_reduce(flat)

    def backward(self, prediction, gradient, optimizer):
        """Sum over processes, but for parameters of a loss that all have computed alike."""
        groups = optimizer.param_groups
        parted = [p for g in groups for p in g["params"] if p.requires_grad and p.grad is None]
        prediction.backward(self.local_rows(gradient).reshape(prediction.shape))
        self._all_reduce_gradients(parted)

    def _all_reduce_gradients(self, parameters: Sequence[Tensor]) -> None:
        """Sum all of them as one vector, with marks; what no process has remains None."""
        gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
        if not gradients:
            return
        there = gradients[0].new_tensor([float(p.grad is not None) for p in parameters])
        flat = torch.cat([there, *(gradient.flatten() for gradient in gradients)])
        dist.all_reduce(flat)
        there, *sums = flat.split([len(gradients), *(gradient.numel() for gradient in gradients)])
        for parameter, known, total in zip(parameters, there.tolist(), sums, strict=True):
            if known:
                parameter.grad = total.view_as(parameter)

    def broadcast_(self, tensors):
        """Broadcast each."""
        for tensor in tensors:
            dist.broadcast(tensor, 0)

    def broadcast_object(self, value):
        """Broadcast an object."""
        shared = [value]
        dist.broadcast_object_list(shared, 0)
        return shared[0]

    def check_same(self, **parts):
        """Compare fingerprints."""
        own = {name: fingerprint(part) for name, part in parts.items()}
        everyone: list[Any] = [None] * self.size
        dist.all_gather_object(everyone, own)
        differ = [name for name in own if len({each[name] for each in everyone}) > 1]
        if differ:
            raise ValueError(
                f"data_parallel(): the {self.size} processes do not train the same student, their "
                f"{', '.join(differ)} differ. Give each of them all rows in the same order, the "
                "same parameters and an integer random_state; if teachers come out different on "
                "different machines, let them share a folder by memory="
            )


ALONE = SingleProcess()
_PROCESSES: ContextVar[SingleProcess] = ContextVar("processes", default=ALONE)


def current_processes() -> SingleProcess:
    """Return the processes that share the trainings in this context."""
    return _PROCESSES.get()


@contextmanager
def data_parallel(timeout: float = 1800.0) -> Iterator[SingleProcess]:
    """Let several processes train one student: each computes its share of every step.

    All of them, started by ``torchrun``, do the same with the same rows and seeds. A step then
    takes `batch_size` rows for each process, and ends where one process with a
    batch so many times as large would have ended, up to rounding; so each of them has the whole
    student in the end. Only the training of students is shared: each process fits
    teachers by itself, unless they share a folder by ``memory=``.

    Parameters
    ----------
    timeout : float, default=1800.0
        Seconds that a process waits for another before it gives up with an error: more than
        the longest time by which one may be late, for example with its teachers.

    Yields
    ------
    SingleProcess
        With the attributes `rank` and `size`; one process alone if there are no others.

    Notes
    -----
    torch's default process group is used if there is one, and otherwise made from the
    environment, with gloo, and destroyed again. A group of one's own has to be able to add up
    tensors on the device of the student.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn_regkd import StudentRegressor
    >>> from sklearn_regkd.training.distributed import data_parallel
    >>> X, y = load_diabetes(return_X_y=True)
    >>> with data_parallel() as processes:
    ...     student = StudentRegressor((16,), max_epochs=5, random_state=0).fit(X, y)
    >>> processes.rank, processes.size
    (0, 1)
    """
    there = dist.is_available() and dist.is_initialized()
    started = not there and "WORLD_SIZE" in os.environ
    if started:
        dist.init_process_group("gloo", timeout=timedelta(seconds=timeout))
    token = _PROCESSES.set(ProcessGroup() if started or there else ALONE)
    try:
        yield current_processes()
    finally:
        _PROCESSES.reset(token)
        if started:
            # Before pytorch/pytorch#154976 the group waits for its threads with the interpreter's
            # lock held, for which one of them may wait to let go of its last tensor.
            time.sleep(0.01)
            dist.destroy_process_group()


@contextmanager
def alone() -> Iterator[None]:
    """Share nothing inside: of processes with one memory, only one may come here."""
    token = _PROCESSES.set(ALONE)
    try:
        yield
    finally:
        _PROCESSES.reset(token)

"""The state of a training in a file, from which a fit that was killed goes on."""

import json
import os
import time
import warnings
from pathlib import Path
from typing import Any

import torch
from skorch import NeuralNet
from skorch.callbacks import Callback
from skorch.history import History
from torch import Tensor, nn

from sklearn_regkd.networks.mlp import MLP
from sklearn_regkd.training.distributed import current_processes
from sklearn_regkd.utils.files import FileError, read_file, refusing, write_file
from sklearn_regkd.utils.fingerprint import fingerprint
from sklearn_regkd.utils.json_codec import TensorCodec

KIND, VERSION = "checkpoint", 2
# A file is written at most once a second, and more rarely where the disk is slow: writing
# takes at most this share of the time.
LEAST_SECONDS = 1.0
MOST_SHARE = 0.02


def capture(net: NeuralNet) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return the state of a training between two epochs.

    It holds the modules, criteria and optimizers of the net, its history, the order of
    rows still to come, the state of its callbacks (their ``state_dict``, else the attributes
    whose names end in ``_``, as far as they are numbers, text, tensors, arrays, or have a
    ``state_dict`` themselves) and, for a user's module, torch's global generator on the CPU.

    Parameters
    ----------
    net : skorch.NeuralNet
        The net, initialised.

    Returns
    -------
    state : dict
        Values that JSON can hold.
    tensors : dict of Tensor
        Copies of the tensors, on the CPU.

    Raises
    ------
    TypeError
        If the ``state_dict`` of a module, optimizer or callback holds something else than
        numbers, text, tensors and arrays.

    Examples
    --------
    >>> import torch
    >>> from skorch import NeuralNet
    >>> from sklearn_regkd.training.checkpoint import capture, restore
    >>> net = NeuralNet(torch.nn.Linear, torch.nn.MSELoss, module__in_features=2,
    ...                 module__out_features=1).initialize()
    >>> state, tensors = capture(net)
    >>> torch.nn.init.zeros_(net.module_.weight)
    Parameter containing:
    tensor([[0., 0.]], requires_grad=True)
    >>> restore(net, state, tensors)
    >>> bool((net.module_.weight != 0).all())
    True
    """
    codec = TensorCodec({})
    kept = {
        "parts": {name: part.state_dict() for name, part in parts_of(net).items()},
        "history": list(net.history),
        "callbacks": {name: _callback_state(callback) for name, callback in net.callbacks_},
    }
    order = getattr(net, "order_", None)
    if order is not None:
        kept["order"] = order.get_state()
    if type(net.module_) is not MLP:  # which draws from no global generator
        kept["random"] = torch.get_rng_state()
    return codec.encode(kept), codec.tensors


def restore(net: NeuralNet, state: dict[str, Any], tensors: dict[str, Tensor]) -> None:
    """Put a net where another one was when it was captured.

    Parameters
    ----------
    net : skorch.NeuralNet
        The net, initialised, with the same parameters, and with callbacks that know that the
        training has begun. For a user's module torch's global generator is set as well:
        call this inside :func:`~sklearn_regkd.training.randomness.torch_seeded`.
    state : dict
        The state that :func:`capture` returned.
    tensors : dict of Tensor
        The tensors that :func:`capture` returned.

    Raises
    ------
    FileError
        If they are not what `capture` returned for such a net.
    """
    with refusing("the checkpoint"):
        kept = TensorCodec(dict(tensors)).decode(state)
        for name, part in parts_of(net).items():
            part.load_state_dict(kept["parts"][name])
        net.history = History(kept["history"])
        for name, callback in net.callbacks_:
            _restore_callback(callback, kept["callbacks"].get(name, {}))
        if "order" in kept:
            net.order_.set_state(kept["order"])
        if "random" in kept:
            torch.set_rng_state(kept["random"])


def write_checkpoint(path: str | os.PathLike, fit: str, net: NeuralNet, own: Any = None) -> None:
    """Write the state of a training into a file.

    Parameters
    ----------
    path : str or path-like
        The file; what is there is replaced in one go.
    fit : str
        Name of the fit, see :func:`read_checkpoint`.
    net : skorch.NeuralNet
        The net whose state is written, see :func:`capture`.
    own : object, default=None
        What the caller wants back, such as a position in a stream, as far as JSON can hold it.
    """
    state, tensors = capture(net)
    # Not into the header of the file, the length of which is limited: a history may be long.
    tensors["state"] = torch.frombuffer(bytearray(json.dumps(state).encode()), dtype=torch.uint8)
    write_file(path, KIND, VERSION, {"fit": fit, "own": own}, tensors)


def read_checkpoint(
    path: str | os.PathLike, fit: str
) -> tuple[dict, dict[str, Tensor], Any] | None:
    """Return what a fit has written; None if there is nothing, or another fit's.

    Parameters
    ----------
    path : str or path-like
        The file, if there is one.
    fit : str
        Name of the fit, equal for equal fits, such as a fingerprint of all that decides one.

    Returns
    -------
    tuple or None
        State and tensors for :func:`restore`, and what the caller had added.

    Warns
    -----
    UserWarning
        If the file belongs to another fit, or was written in an earlier layout.

    Raises
    ------
    FileError
        If there is something else than a checkpoint, which is not to be overwritten.
    """
    try:
        version, about, tensors = read_file(path, KIND, VERSION)
    except FileNotFoundError:
        return None
    except FileError as error:
        raise FileError(
            f"checkpoint: {error}. It would be overwritten: delete it, or give another path"
        ) from error
    with refusing(f"checkpoint {path}"):
        belongs, own = version == VERSION and about["fit"] == fit, about["own"]
    if not belongs:
        warnings.warn(
            f"checkpoint {path} belongs to a fit with other parameters, data or seed, or to an "
            "earlier version: it is not used, this fit begins at the beginning, and replaces it",
            stacklevel=2,
        )
        return None
    with refusing(f"checkpoint {path}"):
        state = json.loads(tensors.pop("state").numpy().tobytes())
    return state, tensors, own


class CheckpointFile:
    """The file of one training: read at its beginning, written now and then, removed at its end.

    Parameters
    ----------
    path : str or path-like
        The file.
    fit : str
        Name of the training, equal for equal trainings, see :func:`read_checkpoint`.
    """

    def __init__(self, path: str | os.PathLike, fit: str):
        self.path, self.fit = Path(path), fit
        self._due = time.monotonic() + LEAST_SECONDS

    def read(self) -> tuple[dict, dict[str, Tensor], Any] | None:
        """Return the state of the training, see :func:`read_checkpoint`."""
        return read_checkpoint(self.path, self.fit)

    def write_if_due(self, net: NeuralNet, own: Any = None) -> None:
        """Write the file, unless that was done a moment ago.

        Parameters
        ----------
        net, own : object
            The state of the training, see :func:`write_checkpoint`.

        Warns
        -----
        UserWarning
            If the file could not be written: a full disk is no reason to lose the training
            as well.
        """
        begin = time.monotonic()
        if begin < self._due:
            return
        try:
            write_checkpoint(self.path, self.fit, net, own)
        except OSError as error:
            warnings.warn(
                f"checkpoint {self.path} could not be written: {error}. The training goes on, and "
                "it is tried again",
                stacklevel=2,
            )
        end = time.monotonic()
        self._due = end + max(LEAST_SECONDS, (end - begin) / MOST_SHARE)

    def remove(self) -> None:
        """Remove the file if there is one."""
        self.path.unlink(missing_ok=True)


class Checkpoint(Callback):
    """Keep the state of a training in a file, and go on from there if it is this training's.

    It has to be the last callback: it keeps the state of the others.

    Parameters
    ----------
    path : str or path-like
        The file. It is gone when the training has come to its end.
    about : object
        All that decides the training beside its rows and the initial state of its net.
    """

    def __init__(self, path: str | os.PathLike, about: Any):
        self.path = Path(path)
        self.about = about

    def on_train_begin(self, net, X=None, y=None, **kwargs):
        """Go on from the file if there is one."""
        self._file = CheckpointFile(self.path, self._name(net, X, y))
        processes = current_processes()
        found = processes.broadcast_object(self._find() if processes.rank == 0 else None)
        if isinstance(found, Exception):
            raise found
        if found is not None:
            restore(net, *found[:2])

    def _find(self) -> Any:
        """Return the state to go on from, or the error that all processes are to raise."""
        if not self.path.parent.is_dir():
            return FileNotFoundError(
                f"checkpoint={str(self.path)!r}: there is no folder {self.path.parent}; create it"
            )
        try:
            return self._file.read()
        except (OSError, FileError) as error:
            return error

    def _name(self, net: NeuralNet, X: Any, y: Any) -> str:
        # Seeds are known by what they have decided: initial weights, the order of rows.
        state, tensors = capture(net)
        try:
            return fingerprint([Checkpoint, self.about, state, tensors, X, y])
        except Exception as error:
            why = error.args[0] if error.args else ""  # joblib adds all of the data
            raise ValueError(
                "checkpoint needs parameters that can be pickled, to tell one fit from another; "
                "define functions and classes by name, in a module or a script "
                f"({type(error).__name__}: {why})"
            ) from None

    def on_epoch_end(self, net, **kwargs):
        """Write the file, unless that was done a moment ago."""
        if current_processes().rank == 0:
            self._file.write_if_due(net)

    def on_train_end(self, net, **kwargs):
        """Remove the file."""
        if current_processes().rank == 0:
            self._file.remove()


def parts_of(net: NeuralNet) -> dict[str, nn.Module | torch.optim.Optimizer]:
    """Return the modules, criteria and optimizers of a net."""
    kinds = nn.Module, torch.optim.Optimizer
    return {n: v for n, v in vars(net).items() if n.endswith("_") and isinstance(v, kinds)}


def _callback_state(callback: Callback) -> dict[str, Any]:
    """Return the state of a callback, without what it makes anew in the next training."""
    if hasattr(callback, "state_dict"):
        return callback.state_dict()
    state = {}
    for name, value in vars(callback).items():
        if not name.endswith("_") or isinstance(value, type):
            continue
        if hasattr(value, "state_dict"):
            state[name] = value.state_dict()
        elif _can_encode(value):
            state[name] = value
    return state


def _restore_callback(callback: Callback, state: dict[str, Any]) -> None:
    if hasattr(callback, "load_state_dict"):
        callback.load_state_dict(state)
        return
    for name, value in state.items():
        current: Any = getattr(callback, name, None)
        if hasattr(current, "load_state_dict"):
            current.load_state_dict(value)
        else:
            setattr(callback, name, value)


def _can_encode(value: Any) -> bool:
    try:
        TensorCodec({}).encode(value)
    except TypeError:
        return False
    return True

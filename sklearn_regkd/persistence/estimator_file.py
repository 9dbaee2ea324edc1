"""Fitted estimators in files that cannot run code, and back.

An estimator gives and takes what it has learned by two methods of its own; this file
adds its class and its parameters, and knows each class by the name under which
:func:`saveable` has registered it.
"""

import os
from collections.abc import Callable
from typing import Any, Protocol, TypeAlias, TypeVar

from sklearn.base import BaseEstimator
from skorch import NeuralNet
from torch import Tensor, nn

from sklearn_regkd.label_noise.local_fdr import LocalFDRRule
from sklearn_regkd.label_noise.mixture import MixtureRule
from sklearn_regkd.label_noise.threshold import ThresholdRule
from sklearn_regkd.persistence.json_params import ParamsCodec
from sklearn_regkd.supervision.hints import Hints
from sklearn_regkd.supervision.revision import LabelRevision
from sklearn_regkd.supervision.route import RouteSchedule
from sklearn_regkd.supervision.selection import DataSelection
from sklearn_regkd.supervision.synthetic import SyntheticRows
from sklearn_regkd.training.torch_state import in_plain_torch
from sklearn_regkd.utils.files import FileError, pack, read_file, refusing, unpack, write_file

KIND, VERSION = "estimator", 1
# Rules and strategies that may stand among the parameters of an estimator.
PARTS: dict[str, type[BaseEstimator]] = {
    cls.__name__: cls
    for cls in (
        ThresholdRule,
        MixtureRule,
        LocalFDRRule,
        LabelRevision,
        DataSelection,
        RouteSchedule,
        Hints,
        SyntheticRows,
    )
}
ORIGIN = "the file of a student inside another file"
Module: TypeAlias = Callable[..., nn.Module] | NeuralNet | None
State: TypeAlias = dict[str, Any]
Tensors: TypeAlias = dict[str, Tensor]


class Saveable(Protocol):
    """What :func:`saveable` expects of an estimator."""

    def _learned_state(self, training_rows: bool) -> tuple[State, Tensors]:
        """Return what was learned, as JSON and tensors on the CPU; raise if nothing was.

        Parameters
        ----------
        training_rows : bool
            Whether to include what says something of single training rows.
        """

    def _take_learned_state(self, state: State, tensors: Tensors, module: Module) -> None:
        """Become fitted by what :meth:`_learned_state` returned.

        Whatever is raised means that the file is wrong. Unknown keys of the state are
        ignored, and keys that were added after version 1 of the layout are optional.
        """


_ESTIMATORS: dict[str, type[Any]] = {}
AnySaveable = TypeVar("AnySaveable", bound=type[Saveable])


def saveable(cls: AnySaveable) -> AnySaveable:
    """Register an estimator class, so that files can name it; a class decorator."""
    _ESTIMATORS[cls.__name__] = cls
    return cls


def skops_trusted() -> list[str]:
    """Return the full names of the classes of ours that skops is to trust in a file."""
    return sorted(f"{cls.__module__}.{name}" for name, cls in _known().items())


def params_codec() -> ParamsCodec:
    """Return what writes and reads the parameters of every estimator that is registered."""
    return ParamsCodec(_known())


def _known() -> dict[str, type[Any]]:
    return PARTS | _ESTIMATORS


@in_plain_torch
def load(path: str | os.PathLike, module: Module = None) -> BaseEstimator:
    """Read an estimator that its method ``save`` has written.

    Nothing in the file is run, and no class is imported that it names: it is safe
    to load a file from anybody. What it predicts is another question. Loading takes memory and
    time by the size of the file, whatever sizes it claims; but what a `module` of yours does
    with the parameters that the file names is up to the module.

    Parameters
    ----------
    path : str or path-like
        The file.
    module : callable or skorch.NeuralNet, default=None
        What was given to ``StudentRegressor(module=...)``, if anything was: the file
        holds its numbers and not its code.

    Returns
    -------
    StudentRegressor, TORRegressor or DistilledRegressor
        Fitted, on the device that it was made for, or on the CPU if that is not there.
        It predicts bit for bit what it did, but on other hardware. The teacher,
        callbacks and other objects of the user's are not in a file: where they were
        given as parameters now stands something that says so, and with which `fit`
        refuses to run.

    Raises
    ------
    FileError
        (A ValueError.) If the file is damaged, is none of ours, was written by a later
        version, or does not fit to `module`: if the student has a network of the user's
        and `module` is not given, for example, or the other way round.
    OSError
        If there is no file.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from sklearn_regkd import StudentRegressor, load
    >>> X = np.random.default_rng(0).normal(size=(60, 2))
    >>> student = StudentRegressor((8,), max_epochs=2, random_state=0).fit(X, X[:, 0])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     student.save(f"{folder}/student.regkd")
    ...     again = load(f"{folder}/student.regkd")
    >>> bool((again.predict(X) == student.predict(X)).all())
    True
    """
    return from_plain(*read_file(path, KIND, VERSION)[1:], str(path), module)


@in_plain_torch
def save(estimator: BaseEstimator, path: str | os.PathLike, training_rows: bool = True) -> None:
    """Write a fitted estimator to a file that :func:`load` reads."""
    write_file(path, KIND, VERSION, *to_plain(estimator, training_rows))


@in_plain_torch
def dumps(estimator: BaseEstimator) -> bytes:
    """Return the content of the file that :func:`save` would write."""
    return pack(KIND, VERSION, *to_plain(estimator))


@in_plain_torch
def loads(data: bytes) -> BaseEstimator:
    """Return the estimator whose :func:`dumps` this is."""
    return from_plain(*unpack(data, KIND, VERSION, ORIGIN)[1:], ORIGIN)


def to_plain(estimator: BaseEstimator, training_rows: bool = True) -> tuple[State, Tensors]:
    """Return a fitted estimator as JSON and tensors.

    Raises
    ------
    TypeError
        If its class is not one of ours, or it holds a category that JSON cannot.
    sklearn.exceptions.NotFittedError
        If it is not fitted.
    """
    name = type(estimator).__name__
    if _ESTIMATORS.get(name) is not type(estimator):
        raise TypeError(f"a {name} cannot be saved; known: {', '.join(_ESTIMATORS)}")
    learned, tensors = estimator._learned_state(training_rows)
    return {"estimator": params_codec().encode(estimator), **learned}, tensors


def from_plain(state: Any, tensors: Tensors, origin: str, module: Module = None) -> BaseEstimator:
    """Return the estimator whose state :func:`to_plain` has returned; `origin` is for errors."""
    with refusing(origin):
        estimator = params_codec().decode(state["estimator"])
        if type(estimator) not in _ESTIMATORS.values():
            raise FileError("the file holds no estimator")
        estimator._take_learned_state(state, tensors, module)
    return estimator

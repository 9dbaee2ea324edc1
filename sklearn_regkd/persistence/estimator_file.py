"""Fitted estimators in files that cannot run code, and back."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any, TypeAlias

import numpy as np
import torch
from sklearn.base import BaseEstimator
from skorch import NeuralNet
from torch import Tensor, nn

from sklearn_regkd.estimators.distilled import DistilledRegressor
from sklearn_regkd.estimators.student import StudentRegressor
from sklearn_regkd.estimators.tor import TORRegressor
from sklearn_regkd.label_noise.detect import Decision
from sklearn_regkd.label_noise.mixture import MixtureRule
from sklearn_regkd.label_noise.threshold import ThresholdRule
from sklearn_regkd.persistence.json_params import decode, encode
from sklearn_regkd.persistence.student_file import student_from_plain, student_to_plain
from sklearn_regkd.supervision.hints import Hints
from sklearn_regkd.supervision.revision import LabelRevision
from sklearn_regkd.supervision.route import RouteSchedule
from sklearn_regkd.supervision.selection import DataSelection
from sklearn_regkd.supervision.synthetic import SyntheticRows
from sklearn_regkd.utils.files import FileError, pack, read_file, unpack, write_file
from sklearn_regkd.utils.sklearn_compat import check_fitted

KIND, VERSION = "estimator", 1
ESTIMATORS: dict[str, type[BaseEstimator]] = {
    cls.__name__: cls for cls in (StudentRegressor, TORRegressor, DistilledRegressor)
}
# What may stand among their parameters.
PARTS: dict[str, type[BaseEstimator]] = {
    cls.__name__: cls
    for cls in (
        StudentRegressor,
        ThresholdRule,
        MixtureRule,
        LabelRevision,
        DataSelection,
        RouteSchedule,
        Hints,
        SyntheticRows,
    )
}
# The classes of ours that skops is to trust in a file, by their full names.
SKOPS_TRUSTED = sorted(f"{cls.__module__}.{name}" for name, cls in (PARTS | ESTIMATORS).items())
ORIGIN = "the file of a student inside another file"
OF_ROWS = ("teacher_prediction_", "inlier_probability_", "outlier_mask_")
OF_STUDENT = ("history_", "n_iter_", "n_outputs_", "n_features_in_", "_y_ndim", "_input_shape")
Module: TypeAlias = Callable[..., nn.Module] | NeuralNet | None


def load(path: str | os.PathLike, module: Module = None) -> BaseEstimator:
    """Read an estimator that its method ``save`` has written.

    Nothing in the file is run, and no class is imported that it names: it is safe
    to load a file from anybody. What it predicts is another question.

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
        version, or does not fit to `module`.
    ValueError
        If the student has a network of the user's and `module` is not given, or the
        other way round.
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


def save(estimator: BaseEstimator, path: str | os.PathLike, training_rows: bool = True) -> None:
    """Write a fitted estimator to a file that :func:`load` reads."""
    write_file(path, KIND, VERSION, *to_plain(estimator, training_rows))


def dumps(estimator: BaseEstimator) -> bytes:
    """Return the content of the file that :func:`save` would write."""
    return pack(KIND, VERSION, *to_plain(estimator))


def loads(data: bytes) -> BaseEstimator:
    """Return the estimator whose :func:`dumps` this is."""
    return from_plain(*unpack(data, KIND, VERSION, ORIGIN)[1:], ORIGIN)


def to_plain(
    estimator: BaseEstimator, training_rows: bool = True
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return a fitted estimator as JSON and tensors.

    Raises
    ------
    TypeError
        If its class is not one of ours, or it holds a category that JSON cannot.
    sklearn.exceptions.NotFittedError
        If it is not fitted.
    """
    name = type(estimator).__name__
    if ESTIMATORS.get(name) is not type(estimator):
        raise TypeError(f"a {name} cannot be saved; known: {', '.join(ESTIMATORS)}")
    params = encode(estimator, PARTS | ESTIMATORS)
    if isinstance(estimator, StudentRegressor):
        check_fitted(estimator, "net_")
        learned, tensors = student_to_plain(estimator)
        return {"estimator": params, "learned": learned}, tensors
    check_fitted(estimator, "student_")
    learned, tensors = student_to_plain(estimator.student_)
    state = {
        "estimator": params,
        "student": encode(estimator.student_, PARTS),
        "learned": learned,
        "teacher": encode(estimator.teacher_, {}),
    }
    if hasattr(estimator, "decisions_"):
        state["decisions"] = [encode(asdict(one), {}) for one in estimator.decisions_]
        tensors["alpha_"] = torch.from_numpy(np.array(estimator.alpha_))
    if training_rows:
        tensors |= {name: torch.from_numpy(np.array(getattr(estimator, name))) for name in OF_ROWS}
    return state, tensors


def from_plain(
    state: Any, tensors: dict[str, Tensor], origin: str, module: Module = None
) -> BaseEstimator:
    """Return the estimator of which :func:`to_plain` told; `origin` is for errors."""
    with _whatever_is_wrong(origin):
        estimator = decode(state["estimator"], PARTS | ESTIMATORS)
        alone = type(estimator) is StudentRegressor
        student = estimator if alone else decode(state["student"], PARTS)
        if type(student) is not StudentRegressor or type(estimator) not in ESTIMATORS.values():
            raise FileError(f"{origin} holds no estimator")
    if (student.module is None) != (module is None):
        raise ValueError(
            f"{origin} holds a student with the built-in network: leave `module` away"
            if student.module is None
            else f"{origin} holds a student with a network of its own, {student.module}: "
            "load(path, module=...) needs what was given to StudentRegressor(module=...)"
        )
    with _whatever_is_wrong(origin):
        student.module = module
        if isinstance(getattr(estimator, "student", None), StudentRegressor):
            estimator.student.module = module
        student_from_plain(student, state["learned"], tensors)
        if not alone:
            _make_distilled(estimator, student, state, tensors)
    return estimator


def _make_distilled(
    estimator: BaseEstimator,
    student: StudentRegressor,
    state: dict[str, Any],
    tensors: dict[str, Tensor],
) -> None:
    """Set the fitted attributes of a distillation estimator."""
    estimator.student_, estimator.teacher_ = student, decode(state["teacher"], {})
    for name in (*OF_STUDENT, "feature_names_in_"):
        if hasattr(student, name):
            setattr(estimator, name, getattr(student, name))
    if isinstance(estimator, DistilledRegressor):
        estimator.decisions_ = [Decision(**decode(one, {})) for one in state["decisions"]]
        estimator.alpha_ = tensors["alpha_"].numpy()
    for name in OF_ROWS:
        if name in tensors:
            setattr(estimator, name, tensors[name].numpy())


@contextmanager
def _whatever_is_wrong(origin: str) -> Iterator[None]:
    """Turn every error into a FileError.

    A file from anybody can be wrong in more ways than could be listed, and none of
    them is to look like a bug of the program that loads it.
    """
    try:
        yield
    except FileError:
        raise
    except Exception as error:
        raise FileError(
            f"{origin} is not what this sklearn_regkd has written, or its module is not the one "
            f"that was given: {error!r}"
        ) from error

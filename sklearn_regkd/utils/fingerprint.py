"""A hash of all that a result depends on: the key under which it is kept."""

import inspect
import sys
from types import CodeType, FunctionType
from typing import Any, TypeAlias

import numpy as np
import torch
from joblib.hashing import NumpyHasher

Definition: TypeAlias = type | FunctionType


def fingerprint(value: Any) -> str:
    """Return a hash of the content of anything that can be pickled.

    Equal in all processes, also for classes that are defined in a script. A class or function is
    known by its name and by the version of its package; where that has no version, by its own
    code (not by that of functions that it calls).

    Parameters
    ----------
    value : object
        Estimators, arrays, frames, tensors, and what is made of them.

    Raises
    ------
    Exception
        If the value cannot be pickled, whatever its pickling raises.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import Ridge
    >>> from sklearn_regkd.utils.fingerprint import fingerprint
    >>> fingerprint(Ridge(2.0)) == fingerprint(Ridge(2.0)), fingerprint(Ridge()) == fingerprint(2)
    (True, False)
    """
    return fingerprint_and_definitions(value)[0]


def fingerprint_and_definitions(value: Any) -> tuple[str, dict[str, Definition]]:
    """Return a fingerprint, and what the value holds that a script or notebook defines.

    Returns
    -------
    str
        See :func:`fingerprint`.
    dict of str to class or function
        Of ``__main__``, by their qualified names. Where joblib has sent them to a worker process,
        pickle would look for them in vain.
    """
    hasher = _Hasher(coerce_mmap=True)
    return hasher.hash(value), hasher.definitions


class _Hasher(NumpyHasher):
    """joblib's hash, of tensors by their content and of classes wherever they are defined."""

    def __init__(self, **params: Any):
        super().__init__(**params)
        self.definitions: dict[str, Definition] = {}

    def save(self, obj):
        if isinstance(obj, torch.Tensor):  # pickled, it would hold its address
            obj = _describe_tensor(obj)
        elif isinstance(obj, type | FunctionType) and "<" not in obj.__qualname__:
            if obj.__module__ == "__main__":
                self.definitions[obj.__qualname__] = obj
            obj = _describe_definition(obj)
        elif isinstance(obj, np.ndarray) and not (obj.flags.c_contiguous or obj.flags.f_contiguous):
            obj = np.ascontiguousarray(obj)  # which it becomes on the way to another process
        super().save(obj)


def _describe_tensor(tensor: torch.Tensor) -> tuple:
    flat = tensor.detach().cpu().reshape(-1)
    if flat.stride() != (1,):  # one number, repeated
        flat = flat.clone(memory_format=torch.contiguous_format)
    return "tensor", str(tensor.dtype), tuple(tensor.shape), flat.view(torch.uint8).numpy()


def _describe_definition(definition: Definition) -> list[tuple]:
    described = []
    for part in definition.__mro__ if isinstance(definition, type) else [definition]:
        package = str(part.__module__).partition(".")[0]
        # A worker process does not see the version of a script.
        version = getattr(sys.modules.get(package), "__version__", None)
        code = _codes(part) if package == "__main__" or version is None else str(version)
        described.append((part.__module__, part.__qualname__, code))
    return described


def _codes(definition: Definition) -> list[tuple]:
    members = vars(definition) if isinstance(definition, type) else {"": definition}
    described = []
    for name, member in sorted(members.items()):
        function = getattr(member, "fget", getattr(member, "__func__", member))
        if isinstance(function, FunctionType):
            described.append((name, _describe_code(inspect.unwrap(function).__code__)))
    return described


def _describe_code(code: CodeType) -> tuple:
    constants = [
        _describe_code(c) if isinstance(c, CodeType) else _spell(c) for c in code.co_consts
    ]
    return code.co_code, code.co_names, constants


def _spell(constant: Any) -> Any:
    # The order of a set of strings differs between processes.
    return sorted(map(repr, constant)) if isinstance(constant, frozenset) else repr(constant)

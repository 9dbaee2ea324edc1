"""Files of named tensors and a few words about them, which can be read without running code.

A file is a safetensors file; what is not a tensor travels in its header as JSON,
with a checksum over everything.
"""

import hashlib
import json
import os
import uuid
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

FORMAT = "sklearn_regkd"
KEYS = {"format", "kind", "version", "state", "sha256"}


class FileError(ValueError):
    """A file that is damaged, is of another kind, or was written by a later version."""


def write_file(
    path: str | os.PathLike, kind: str, version: int, state: Any, tensors: dict[str, Tensor]
) -> None:
    """Write a file in one go: whoever reads it meanwhile finds the old one, or the new one.

    Parameters
    ----------
    path : str or path-like
        Where to; an existing file is replaced.
    kind : str
        What it holds.
    version : int
        Of the layout of that kind.
    state : object
        What JSON can hold.
    tensors : dict of Tensor
        On the CPU, none sharing memory with another.

    Examples
    --------
    >>> import tempfile, torch
    >>> from sklearn_regkd._files import read_file, write_file
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_file(f"{folder}/f", "numbers", 1, {"n": 2}, {"a": torch.zeros(2)})
    ...     read_file(f"{folder}/f", "numbers", 1)
    (1, {'n': 2}, {'a': tensor([0., 0.])})
    """
    about = {"format": FORMAT, "kind": kind, "version": str(version), "state": json.dumps(state)}
    tensors = {name: tensor.detach().contiguous() for name, tensor in tensors.items()}
    about["sha256"] = _checksum(save(tensors, about))
    path = Path(path)
    temporary = path.with_name(f"{path.name}.{uuid.uuid4().hex}.part")
    try:
        with open(temporary, "xb") as file:
            file.write(save(tensors, about))
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def read_file(
    path: str | os.PathLike, kind: str, newest: int
) -> tuple[int, Any, dict[str, Tensor]]:
    """Read a file that :func:`write_file` wrote.

    Parameters
    ----------
    path : str or path-like
        The file.
    kind : str
        What it must hold.
    newest : int
        The last version of the layout that the caller understands.

    Returns
    -------
    version : int
        Of the layout.
    state : object
        As it was given.
    tensors : dict of Tensor
        As they were given.

    Raises
    ------
    FileError
        If it is anything else than such a file, whole and unchanged.
    OSError
        If there is no file, or it may not be read.
    """
    data = Path(path).read_bytes()
    try:
        tensors = load(data)
        about = _header(data)["__metadata__"]
        ours = about["format"] == FORMAT and about.keys() == KEYS
        version, checksum = int(about["version"]), about["sha256"]
        whole = _checksum(data) == checksum
        state = json.loads(about["state"])
    except (SafetensorError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise FileError(
            f"{path} is not a file that sklearn_regkd has written, or it is damaged: {error!r}"
        ) from error
    if not ours or not whole:
        reason = "its checksum is wrong" if ours else "it says so"
        raise FileError(
            f"{path} is damaged, or is not a file that sklearn_regkd has written: {reason}; "
            "write or copy it once more"
        )
    if about["kind"] != kind:
        raise FileError(f"{path} holds a {about['kind']}, expected a {kind}")
    if not 1 <= version <= newest:
        raise FileError(
            f"{path} has version {version} of its layout, and this sklearn_regkd reads 1 to "
            f"{newest}: install a later one"
        )
    return version, state, tensors


def _header(data: bytes) -> dict[str, Any]:
    return json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])


def _checksum(data: bytes) -> str:
    """Return the SHA-256 of a file's content: all of its header but a checksum, and all numbers."""
    header = _header(data)
    header["__metadata__"].pop("sha256", None)
    digest = hashlib.sha256(json.dumps(header, sort_keys=True).encode())
    digest.update(memoryview(data)[8 + int.from_bytes(data[:8], "little") :])
    return digest.hexdigest()

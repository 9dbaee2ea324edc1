"""Files of named tensors and JSON, which can be read without running code.

A file is a safetensors file; what is not a tensor travels in its header as JSON,
with a checksum over everything. Reading one takes memory and time by the size of the
file: whoever makes something of a size that a file claims compares it with the tensors first.
"""

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from sklearn_regkd.utils.atomic import write_atomically

FORMAT = "sklearn_regkd"
# The metadata come first, and their only key is the format.
FIRST_BYTES = 256


class FileError(ValueError):
    """A file that is damaged, is of another kind, or was written by a later version."""


@contextmanager
def refusing(origin: str) -> Iterator[None]:
    """Turn every error about the content of a file into a FileError that names the file.

    A file from anybody can be wrong in more ways than could be listed, and none of
    them is to look like a bug of the program that loads it.

    Parameters
    ----------
    origin : str
        The file, in words.
    """
    try:
        yield
    except FileError as error:
        raise FileError(f"{origin}: {error}") from error
    except Exception as error:
        raise FileError(
            f"{origin} is not what this sklearn_regkd has written, or its module is not the one "
            f"that was given: {error!r}"
        ) from error


def write_file(
    path: str | os.PathLike, kind: str, version: int, state: Any, tensors: dict[str, Tensor]
) -> None:
    """Write a file in one go: whoever reads it meanwhile finds the old one, or the new one.

    Parameters
    ----------
    path : str or path-like
        Where to; an existing file is replaced.
    kind : str
        Kind of the content.
    version : int
        Version of the layout of that kind.
    state : object
        Values that JSON can hold.
    tensors : dict of Tensor
        Tensors on the CPU, none sharing memory with another.

    Examples
    --------
    >>> import tempfile, torch
    >>> from sklearn_regkd.utils.files import read_file, write_file
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_file(f"{folder}/f", "numbers", 1, {"n": 2}, {"a": torch.zeros(2)})
    ...     read_file(f"{folder}/f", "numbers", 1)
    (1, {'n': 2}, {'a': tensor([0., 0.])})
    """
    write_atomically(path, pack(kind, version, state, tensors))


def read_file(
    path: str | os.PathLike, kind: str, newest: int
) -> tuple[int, Any, dict[str, Tensor]]:
    """Read a file that :func:`write_file` wrote.

    Parameters
    ----------
    path : str or path-like
        The file.
    kind : str
        Kind that the content must have.
    newest : int
        Latest version of the layout that the caller understands.

    Returns
    -------
    version : int
        Version of the layout.
    state : object
        The JSON values.
    tensors : dict of Tensor
        The tensors.

    Raises
    ------
    FileError
        If it is anything else than such a file, whole and unchanged.
    OSError
        If there is no file, or it may not be read.
    """
    with open(path, "rb") as file:
        # Whatever else it is, however large, is not read to its end.
        if FORMAT.encode() not in file.read(FIRST_BYTES):
            raise FileError(f"{path} is not a file that sklearn_regkd has written")
        file.seek(0)
        return unpack(file.read(), kind, newest, str(path))


def pack(kind: str, version: int, state: Any, tensors: dict[str, Tensor]) -> bytes:
    """Return the content of a file; the parameters are those of :func:`write_file`."""
    about = {"kind": kind, "version": version, "state": state}
    tensors = {name: tensor.detach().contiguous() for name, tensor in tensors.items()}
    data = save(tensors, {FORMAT: json.dumps(about)})
    about["sha256"] = _checksum(data, *_header_and_about(data))
    return save(tensors, {FORMAT: json.dumps(about)})


def unpack(data: bytes, kind: str, newest: int, origin: str) -> tuple[int, Any, dict[str, Tensor]]:
    """Return what :func:`read_file` does, from the content of a file that came from `origin`."""
    try:
        header, about = _header_and_about(data)
        whole = about["sha256"] == _checksum(data, header, about)
        found, version, state = about["kind"], about["version"], about["state"]
        del header, about  # of many small values JSON takes more memory than the file
        tensors = load(data)
    except (SafetensorError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise FileError(
            f"{origin} is not a file that sklearn_regkd has written, or it is damaged: {error!r}"
        ) from error
    if not whole:
        raise FileError(f"{origin} is damaged: its checksum is wrong; write or copy it once more")
    if found != kind:
        raise FileError(f"{origin} holds a {str(found)[:99]}, expected a {kind}")
    if type(version) is not int or not 1 <= version <= newest:
        raise FileError(
            f"{origin} has version {str(version)[:99]} of its layout, and this sklearn_regkd reads "
            f"1 to {newest}: install a later one"
        )
    return version, state, tensors


def _header_and_about(data: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    return header, json.loads(header["__metadata__"][FORMAT])


def _checksum(data: bytes, header: dict[str, Any], about: dict[str, Any]) -> str:
    """Return the SHA-256 of a file's content: all of its header but a checksum, and all numbers."""
    about = {key: value for key, value in about.items() if key != "sha256"}
    digest = hashlib.sha256(json.dumps([header | {"__metadata__": {}}, about]).encode())
    digest.update(memoryview(data)[8 + int.from_bytes(data[:8], "little") :])
    return digest.hexdigest()

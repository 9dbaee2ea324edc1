"""Models into files, by name or into what is open already."""

import os
from typing import Any, BinaryIO

from sklearn_regkd.utils.atomic import write_atomically


def check_path(path: Any) -> None:
    """Refuse what cannot be written to, before there is anything to write.

    Raises
    ------
    TypeError
        If `path` is neither None, the name of a file nor a binary file.
    ValueError
        If it is a file that is not open for writing.
    """
    if path is None or isinstance(path, str | os.PathLike):
        return
    if not hasattr(path, "write"):
        raise TypeError(
            "path must be the name of a file, as a str or a pathlib.Path, or a binary file that "
            f"is open for writing, got {path!r}"
        )
    if hasattr(path, "encoding"):
        raise TypeError(
            f"{path!r} is a text file, and a model is bytes: open it with mode 'wb', or pass its "
            "name"
        )
    if getattr(path, "closed", False) or not getattr(path, "writable", lambda: True)():
        raise ValueError(f"{path!r} is not open for writing: open it with mode 'wb'")


def save_model(model: Any, path: str | os.PathLike | BinaryIO) -> None:
    """Write a model to a file in one go, or into a binary file as it is open.

    Parameters
    ----------
    model : onnx.ModelProto
        The model.
    path : str, path-like or binary file
        As :func:`check_path` lets it pass.
    """
    save_bytes(model.SerializeToString(), path)


def save_bytes(data: bytes, path: str | os.PathLike | BinaryIO) -> None:
    """Write what :func:`save_model` writes, from the content of the file."""
    if isinstance(path, str | os.PathLike):
        write_atomically(path, data)
        return
    written = path.write(data)
    # A file without a buffer may take a part only.
    while written is not None and written < len(data):
        data = data[written:]
        written = path.write(data)

"""Files are written beside the old one and then take its name, so that no crash destroys it."""

import os
import re
import stat
import uuid
from contextlib import suppress
from pathlib import Path

# Seconds after which a temporary file is taken for that of a killed writer.
LEFTOVER_AGE = 60


def write_atomically(path: str | os.PathLike, data: bytes) -> None:
    """Write a file in one go: other readers find the old content or the new one, never a part.

    The bytes go to a temporary file in the same folder, ``NAME.<32 hex digits>.part``, which then
    takes the name. It is removed if writing fails. What a killed writer of the same file left
    behind is removed by the next one, once it is older than a minute. What is no regular file,
    such as a pipe or ``/dev/stdout``, is written into as it is.

    Parameters
    ----------
    path : str or path-like
        Name of the file. An existing file is replaced and keeps its mode; of a symbolic link the
        file that it leads to is replaced.
    data : bytes
        The whole content.

    Raises
    ------
    TypeError
        If `path` is no name, such as an open file.
    OSError
        If the file cannot be written; the old one is as it was.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from sklearn_regkd.utils.atomic import write_atomically
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_atomically(Path(folder, "words.txt"), b"one")
    ...     write_atomically(Path(folder, "words.txt"), b"two")
    ...     [(file.name, file.read_bytes()) for file in Path(folder).iterdir()]
    [('words.txt', b'two')]
    """
    if not isinstance(path, str | os.PathLike):
        raise TypeError(
            f"path must be the name of a file, as a str or a pathlib.Path, got {path!r}"
        )
    mode = _mode_of(path)
    if mode is not None and not stat.S_ISREG(mode):
        with open(path, "wb") as file:
            file.write(data)
        return
    if mode is not None and not os.access(path, os.W_OK):
        raise PermissionError(f"{os.fspath(path)} is read-only: write to another file")
    target = Path(os.path.realpath(path))
    temporary = target.with_name(f"{target.name}.{uuid.uuid4().hex}.part")
    try:
        with open(temporary, "xb") as file:
            if mode is not None:
                os.chmod(temporary, stat.S_IMODE(mode))
            _remove_leftovers(target, temporary)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _mode_of(path: str | os.PathLike) -> int | None:
    """Return type and permissions of a file, and None where there is none yet."""
    try:
        return os.stat(path).st_mode
    except FileNotFoundError:
        return None


def _remove_leftovers(target: Path, temporary: Path) -> None:
    """Remove the old temporary files of a target, by the clock of the disk that they lie on."""
    now = temporary.stat().st_mtime
    name = re.compile(re.escape(target.name) + r"\.[0-9a-f]{32}\.part")
    for other in target.parent.iterdir():
        if name.fullmatch(other.name):
            # Another writer may have removed it already, or it belongs to somebody else.
            with suppress(OSError):
                if now - other.stat().st_mtime > LEFTOVER_AGE:
                    other.unlink()

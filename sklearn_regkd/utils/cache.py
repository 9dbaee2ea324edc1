"""Fitted teachers and their predictions, kept between fits."""

import io
import pickle
import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import partial
from pathlib import Path
from typing import Any

from filelock import FileLock
from sklearn.utils.validation import check_memory

from sklearn_regkd._version import __version__
from sklearn_regkd.utils.fingerprint import Definition, fingerprint, fingerprint_and_definitions


class FitCache:
    """Results of function calls, kept by the content of all that they depend on.

    Processes that need the same result at the same time wait for the first
    one, by a lock of the operating system, which is released when its process ends.

    Parameters
    ----------
    memory : str, object with the interface of joblib.Memory, or None
        None keeps nothing.

    Notes
    -----
    One object serves one fit: the hash of an argument is kept with the argument, which must not
    change meanwhile. Results may hold classes that a script defines, as far as arguments hold
    them: these are kept by name, and are taken from the arguments of whoever reads the result.
    """

    def __init__(self, memory: Any):
        self._memory = check_memory(memory)
        self._known: dict[int, tuple[Any, str]] = {}
        self._definitions: dict[str, Definition] = {}
        self._warned = False

    def call(
        self, function: Callable, ignored: dict[str, Any] | None = None, **arguments: Any
    ) -> Any:
        """Call a function, or return what it returned for equal arguments.

        Parameters
        ----------
        function : callable
            Function whose result its arguments decide, without random numbers of its own.
        ignored : dict, default=None
            Further arguments, on which the result does not depend.
        **arguments : dict
            Arguments on which the result depends.

        Warns
        -----
        UserWarning
            If an argument cannot be hashed or the result cannot be kept; once.
        """
        compute = partial(function, **arguments, **(ignored or {}))
        if getattr(self._memory, "location", self) is None:
            return compute()
        if not hasattr(self._memory, "store_backend"):  # not joblib's: it has its own keys
            return self._memory.cache(function)(**arguments, **(ignored or {}))
        try:
            key = self._key(function, arguments)
        except Exception as error:
            self._warn(error)
            return compute()
        with self._lock(key):
            return self._recall((__name__, function.__name__, key), compute)

    def _recall(self, place: tuple[str, str, str], compute: Callable[[], Any]) -> Any:
        # joblib's store without its decorator: that one computes again in each process to which
        # the decorated function is new.
        store = self._memory.store_backend
        if store.contains_item(place):
            # A damaged file, or a class that is no longer there: it is computed again.
            with suppress(Exception):
                return self._loads(store.load_item(place, verbose=0))
        result = compute()
        try:
            content = self._dumps(result)
        except Exception as error:
            self._warn(error)
        else:
            store.dump_item(place, content, verbose=0)
        return result

    def _dumps(self, result: Any) -> bytes:
        buffer = io.BytesIO()
        _Pickler(buffer, self._definitions).dump(result)
        return buffer.getvalue()

    def _loads(self, content: bytes) -> Any:
        return _Unpickler(io.BytesIO(content), self._definitions).load()

    def _key(self, function: Callable, arguments: dict[str, Any]) -> str:
        for value in arguments.values():
            if id(value) not in self._known:
                key, definitions = fingerprint_and_definitions(value)
                self._known[id(value)] = value, key
                self._definitions |= definitions
        named = {name: self._known[id(value)][1] for name, value in arguments.items()}
        return fingerprint([function, named])  # the version of the library included

    def _lock(self, key: str) -> AbstractContextManager:
        if getattr(self._memory, "backend", None) != "local":
            return nullcontext()
        folder = Path(self._memory.store_backend.location, "locks")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            return FileLock(folder / f"{key}.lock").acquire()
        except (OSError, NotImplementedError):
            # A read-only folder is still read; without locks, two may compute the same.
            return nullcontext()

    def _warn(self, error: Exception) -> None:
        if not self._warned:
            why = error.args[0] if error.args else ""  # joblib adds all of the data
            warnings.warn(
                "memory is not used for a teacher or a table that cannot be pickled "
                f"({type(error).__name__}: {why}): it is fitted anew each time",
                stacklevel=4,
            )
        self._warned = True


class _Pickler(pickle.Pickler):
    """Pickle what a script defines by its name alone, wherever it is defined in this process.

    In a worker process of joblib it is not where pickle looks for it.
    """

    def __init__(self, file: io.BytesIO, definitions: dict[str, Definition]):
        super().__init__(file)
        self._names = {id(definition): name for name, definition in definitions.items()}

    def persistent_id(self, obj: Any) -> str | None:
        return self._names.get(id(obj))


class _Unpickler(pickle.Unpickler):
    """Read what :class:`_Pickler` has written, in a process with the same definitions."""

    def __init__(self, file: io.BytesIO, definitions: dict[str, Definition]):
        super().__init__(file)
        self._definitions = definitions

    def persistent_load(self, name: str) -> Definition:
        return self._definitions[name]


def open_memory(memory: Any) -> FitCache:
    """Return a cache: of a folder, one of its own for each version of the library.

    Parameters
    ----------
    memory : str, object with the interface of joblib.Memory, or None
        None keeps nothing; an object is used as it is.

    Examples
    --------
    >>> from sklearn_regkd.utils.cache import open_memory
    >>> open_memory(None).call(dict, a=1)
    {'a': 1}
    """
    if isinstance(memory, str):
        memory = str(Path(memory) / f"sklearn_regkd-{__version__}")
    return FitCache(memory)

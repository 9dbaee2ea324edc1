"""Forked processes: whether this is one, and locks that a fork does not leave locked for ever."""

import os
import threading

_IMPORTED_IN = os.getpid()


def is_forked() -> bool:
    """Return whether this process was forked off the one that has imported the library.

    The threads that OpenMP has started in the parent do not exist in a forked child, and whoever
    calls on them waits for ever: torch has to compute with one thread there.

    Examples
    --------
    >>> from sklearn_regkd.utils.process import is_forked
    >>> is_forked()
    False
    """
    return os.getpid() != _IMPORTED_IN


class ForkSafeLock:
    """A re-entrant lock that is free in a forked child, unless the thread that forked holds it.

    The other threads do not exist in the child, and would never release it there. To be made
    once, when a module is imported: it is known to the interpreter for ever.

    Examples
    --------
    >>> from sklearn_regkd.utils.process import ForkSafeLock
    >>> lock = ForkSafeLock()
    >>> with lock, lock:
    ...     print("held twice, by one thread")
    held twice, by one thread
    """

    def __init__(self):
        self._lock = threading.RLock()
        self._holder: int | None = None
        self._depth = 0
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._renew)

    def __enter__(self) -> None:
        self._lock.acquire()
        self._holder = threading.get_ident()
        self._depth += 1

    def __exit__(self, *error: object) -> None:
        self._depth -= 1
        if not self._depth:
            self._holder = None
        self._lock.release()

    def _renew(self) -> None:
        if self._holder != threading.get_ident():
            self._lock, self._holder, self._depth = threading.RLock(), None, 0

"""How long a call takes, on a machine that others may use as well."""

import time
from collections.abc import Callable
from typing import Any

# Calls are timed in blocks: at least so many, at most so many, and no new one after so many
# seconds.
LEAST_BLOCKS, MOST_BLOCKS, SECONDS = 3, 30, 0.2


def microseconds(function: Callable[..., Any], *arguments: Any, n_calls: int = 1) -> float:
    """Return the time of one call, in the fastest of some blocks of calls.

    Parameters
    ----------
    function : callable
        The function.
    *arguments : object
        Its arguments.
    n_calls : int, default=1
        Number of calls in a block: many where one takes about as long as the clock.

    Examples
    --------
    >>> from sklearn_regkd.utils.timing import microseconds
    >>> 0 < microseconds(sum, [1, 2, 3], n_calls=10) < 1000
    True
    """
    function(*arguments)  # the first call pays for thread pools and caches
    times: list[float] = []
    until = time.perf_counter() + SECONDS
    while len(times) < LEAST_BLOCKS or (len(times) < MOST_BLOCKS and time.perf_counter() < until):
        start = time.perf_counter()
        for _ in range(n_calls):
            function(*arguments)
        times.append((time.perf_counter() - start) / n_calls)
    return 1e6 * min(times)

"""Where a long fit is, told on stderr while it runs."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

# A log gets one line for each second at most; a terminal shows the newest line only.
SECONDS_BETWEEN_LINES = 1.0
_CLEAR = "\r\033[K"


class Progress:
    """Writes the stages of one fit, with the seconds that it has taken so far.

    Parameters
    ----------
    name : str
        What is fitted.
    """

    def __init__(self, name: str):
        self.name, self.start = name, time.monotonic()
        self.last_line = -SECONDS_BETWEEN_LINES

    def write(self, stage: str) -> None:
        """Write a stage; the empty one takes away what a terminal shows."""
        seconds = time.monotonic() - self.start
        line = f"{self.name}, {seconds:.1f} s: {stage}"
        if sys.stderr.isatty():
            sys.stderr.write(_CLEAR + line if stage else _CLEAR)
        elif stage and seconds - self.last_line >= SECONDS_BETWEEN_LINES:
            self.last_line = seconds
            sys.stderr.write(line + "\n")
        sys.stderr.flush()


# The fit of this context that tells of itself, if any does.
_CURRENT: ContextVar[Progress | None] = ContextVar("progress", default=None)


@contextmanager
def show_progress(estimator: object, verbose: int) -> Iterator[None]:
    """Show inside what :func:`report_stage` is told, unless a fit around this one does already.

    Parameters
    ----------
    estimator : object
        What is fitted; the name of its class begins each line.
    verbose : int
        Nothing is shown where it is 0.
    """
    if not verbose or _CURRENT.get() is not None:
        yield
        return
    progress = Progress(type(estimator).__name__)
    token = _CURRENT.set(progress)
    try:
        yield
    finally:
        progress.write("")
        _CURRENT.reset(token)


def report_stage(stage: str) -> None:
    """Tell what comes now, where progress is shown.

    Parameters
    ----------
    stage : str
        In a few words; empty before something else, such as a bar, is drawn on stderr.

    Examples
    --------
    >>> from sklearn_regkd.utils.progress import report_stage
    >>> report_stage("teacher, fold 3 of 5")  # nobody asked
    """
    progress = _CURRENT.get()
    if progress is not None:
        progress.write(stage)

"""The state of torch around a fit, a load or a prediction, none of which depends on it.

Somebody may have switched off gradients, or be in inference mode, in autocast, in another default
type or on another default device; or the process may have been forked. Inside of
:func:`plain_torch` torch computes as in a process that has just begun.
"""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from functools import wraps
from typing import Any, TypeVar

import torch

from sklearn_regkd.training.device import one_thread
from sklearn_regkd.utils.process import ForkSafeLock, is_forked

Method = TypeVar("Method", bound=Callable[..., Any])

_NOTHING = nullcontext()
# torch's default type is one for all threads: the first one that needs float32 remembers what
# there was, and the last one that leaves puts it back.
_LOCK = ForkSafeLock()
_INSIDE = 0
_BEFORE = torch.float32
_OF_THREAD = threading.local()


def plain_torch(gradients: bool = True) -> AbstractContextManager[None]:
    """Return the context in which torch computes with its defaults, and with gradients.

    Where all is as usual nothing is done, and that is found out in a microsecond. In a forked
    process torch computes with one thread inside. Whether algorithms have to be deterministic is
    left as it is: ours are in either case.

    Parameters
    ----------
    gradients : bool, default=True
        Whether gradients are wanted. A prediction, which switches them off by itself, need not
        switch them on.

    Examples
    --------
    >>> import torch
    >>> from sklearn_regkd.training.torch_state import plain_torch
    >>> with torch.no_grad(), plain_torch():
    ...     torch.is_grad_enabled()
    True
    """
    if not _is_plain(gradients):
        return _made_plain()
    return one_thread() if is_forked() else _NOTHING


def plain_arithmetic() -> AbstractContextManager[None]:
    """Return :func:`plain_torch` for what makes no tensors of its own, such as our predictions.

    It depends on less, and that is found out in a third of the time.
    """
    if torch.is_autocast_enabled("cpu") or torch.is_autocast_enabled("cuda"):
        return _made_plain()
    return one_thread() if is_forked() else _NOTHING


def in_plain_torch(method: Method) -> Method:
    """Let a function run in :func:`plain_torch`; a decorator, the outermost one."""

    @wraps(method)
    def call(*args, **kwargs):
        with plain_torch():
            return method(*args, **kwargs)

    return call  # type: ignore[return-value]


def _is_plain(gradients: bool) -> bool:
    # An empty tensor tells its device thirteen times as fast as `torch.get_default_device`.
    new = torch.empty(0)
    return (
        new.dtype is torch.float32
        and new.is_cpu
        and not (gradients and (new.is_inference() or not torch.is_grad_enabled()))
        and not torch.is_autocast_enabled("cpu")
        and not torch.is_autocast_enabled("cuda")
        and not _INSIDE
    )


@contextmanager
def _made_plain() -> Iterator[None]:
    with ExitStack() as stack:
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        for kind in ("cpu", "cuda"):
            if torch.is_autocast_enabled(kind):
                stack.enter_context(torch.autocast(kind, enabled=False))
        if not torch.empty(0).is_cpu:
            stack.enter_context(torch.device("cpu"))
        stack.enter_context(_single_precision())
        if is_forked():
            stack.enter_context(one_thread())
        yield


@contextmanager
def _single_precision() -> Iterator[None]:
    """Let float32 be torch's default type inside."""
    global _INSIDE, _BEFORE
    depth = getattr(_OF_THREAD, "depth", 0)
    with _LOCK:
        if not _INSIDE:
            _BEFORE = torch.get_default_dtype()
            torch.set_default_dtype(torch.float32)
        _INSIDE += 1
        _OF_THREAD.depth = depth + 1
    try:
        yield
    finally:
        with _LOCK:
            _INSIDE -= 1
            _OF_THREAD.depth = depth
            if not _INSIDE:
                torch.set_default_dtype(_BEFORE)


def _forget_other_threads() -> None:
    """Take back in a forked child what threads wanted that do not exist there."""
    global _INSIDE
    others, _INSIDE = _INSIDE, getattr(_OF_THREAD, "depth", 0)
    if others and not _INSIDE:
        torch.set_default_dtype(_BEFORE)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_other_threads)

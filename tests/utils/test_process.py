"""Forked processes: known as such, and none of their locks held by a thread that is not there."""

import os
import threading

import pytest

from sklearn_regkd.utils.process import ForkSafeLock, is_forked
from tests.forks import in_process

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")


@pytest.mark.slow
@needs_fork
def test_a_forked_child_is_known():
    script = """
    from sklearn_regkd.utils.process import is_forked
    print(is_forked(), child(is_forked), child(lambda: child(is_forked) == 0))
    """
    assert not is_forked()
    assert in_process(script) == ["False", "0", "0"]


def test_the_lock_keeps_other_threads_out():
    lock, seen = ForkSafeLock(), []

    def enter():
        with lock:
            seen.append("other")

    thread = threading.Thread(target=enter)
    with lock:
        with lock:
            thread.start()
        thread.join(0.2)
        seen.append("holder")
    thread.join(60)
    assert seen == ["holder", "other"]


@needs_fork
@pytest.mark.slow
def test_a_lock_that_another_thread_holds_is_free_in_the_child():
    script = """
    from sklearn_regkd.utils.process import ForkSafeLock
    lock, held, end = ForkSafeLock(), threading.Event(), threading.Event()
    def hold():
        with lock, lock:
            held.set()
            end.wait()
    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    def enter():
        with lock:
            return True
    print(child(enter))
    end.set()
    thread.join()
    print(child(enter), enter())
    """
    assert in_process(script) == ["0", "0", "True"]


@needs_fork
@pytest.mark.slow
def test_a_lock_of_the_thread_that_forks_is_still_its_own():
    script = """
    from sklearn_regkd.utils.process import ForkSafeLock
    lock = ForkSafeLock()
    def is_free():
        seen = []
        def enter():
            with lock:
                seen.append(True)
        thread = threading.Thread(target=enter, daemon=True)
        thread.start()
        thread.join(1)
        return bool(seen)
    with lock:
        status = child(lambda: not is_free())
        print(status)
    print(is_free())
    """
    assert in_process(script) == ["0", "True"]

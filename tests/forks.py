"""What tests of forked processes share: a process of their own, and a time limit."""

import subprocess
import sys
import textwrap

# Begins a script that is run by `in_process`: what a forked child does, and how it ended.
PRELUDE = """
import os, signal, sys, threading, time, warnings
import numpy as np
import torch
warnings.filterwarnings("ignore", message=".*fork.*", category=DeprecationWarning)

def child(function, seconds=60):
    "Run a function in a forked child; it has to return something true within the time."
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            status = 0 if function() else 2
        except BaseException as error:
            print(repr(error), file=sys.stderr, flush=True)
        finally:
            os._exit(status)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.02)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return "hangs"
"""


def in_process(source, seconds=240):
    """Run a script in a fresh process, in which torch has two threads; return what it prints."""
    script = f"{PRELUDE}\ntorch.set_num_threads(2)\n{textwrap.dedent(source)}"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=seconds
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()

"""When obs delivers what it still holds: at a server's shutdown, at SIGTERM, at exit; and the fresh start of a fork.

A server such as uvicorn re-raises the signal after its own shutdown, so `atexit` alone would never run there; and a
child of multiprocessing leaves by `os._exit`, after multiprocessing's own finalizers.
"""

from __future__ import annotations

import _thread
import atexit
import contextlib
import multiprocessing.util
import os
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Protocol

from obs.runtime.exit_deadline import ExitDeadline
from obs.runtime.guard import Guard


class Held(Protocol):
    """What is running and can be flushed, and started anew in a forked child.

    Attributes:
        exit: How long the end of the process may wait.
    """

    exit: ExitDeadline

    def flush(self) -> None:
        """Deliver what is held, within the exit deadline."""

    def after_fork_in_child(self) -> None:
        """Start empty in a forked child."""


_held: Held | None = None
_hooked = False
_previous_sigterm: Callable[[int, FrameType | None], object] | int | None = None


def hold(running: Held | None) -> None:
    """Say what is to be flushed from now on; None when obs is shut down."""
    global _held, _hooked
    _held = running
    if running is not None and not _hooked:
        _hooked = True
        atexit.register(flush)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=_after_fork_in_child)
        if multiprocessing.process.parent_process() is not None:
            _flush_at_exit_of_child(None)
    if running is not None:
        _chain_sigterm()
    else:
        _restore_sigterm()


def flush() -> None:
    """Deliver what is held; bounded by the exit deadline, and never raises."""
    running = _held
    if running is not None:
        with Guard("flush"):
            running.flush()


def _after_fork_in_child() -> None:
    running = _held
    if running is not None:
        with Guard("fork"):
            running.after_fork_in_child()
        with Guard("fork"):
            # Not at once: a child of multiprocessing drops the finalizers of its parent first.
            multiprocessing.util.register_after_fork(running, _flush_at_exit_of_child)


def _flush_at_exit_of_child(_: object) -> None:
    multiprocessing.util.Finalize(None, flush, exitpriority=0)


def _chain_sigterm() -> None:
    """Flush before the default action of SIGTERM; an application's own handler is left alone."""
    global _previous_sigterm
    if threading.current_thread() is not threading.main_thread() or _previous_sigterm is not None:
        return
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        _previous_sigterm = signal.signal(signal.SIGTERM, _on_sigterm)


def _restore_sigterm() -> None:
    global _previous_sigterm
    if threading.current_thread() is not threading.main_thread():
        return
    if _previous_sigterm is not None and signal.getsignal(signal.SIGTERM) is _on_sigterm:
        signal.signal(signal.SIGTERM, _previous_sigterm)
    _previous_sigterm = None


def _on_sigterm(number: int, _frame: FrameType | None) -> None:
    # In a thread of its own: the frame that was interrupted may hold a lock that the flush needs. And not by
    # `threading.Thread`, whose start takes one that the frame may hold.
    running = _held
    if running is not None:
        delivered = _thread.allocate_lock()
        delivered.acquire()
        with contextlib.suppress(RuntimeError):
            _thread.start_new_thread(_flush_and_release, (delivered,))
            delivered.acquire(timeout=running.exit.seconds + _GRACE_SECONDS)
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


def _flush_and_release(delivered: _thread.LockType) -> None:
    try:
        flush()
    finally:
        delivered.release()


# The flush keeps its own deadline; this one only guards against a lock that is never released.
_GRACE_SECONDS = 1.0

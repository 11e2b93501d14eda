"""SIGHUP: the settings are read again, beside what the application or its server does at that signal.

A handler that is there already, such as that of a server's master, is called afterwards. Where nobody handles the
signal it would end the process, which is what a closed terminal means by it: there it keeps that meaning. A process
that has no terminal, in a container or under a supervisor, gets the signal from somebody who means its settings.
"""

from __future__ import annotations

import _thread
import contextlib
import os
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

from obs.runtime.guard import Guard
from obs.runtime.patcher import Patcher


def on_hangup(patch: Patcher, then: Callable[[], None]) -> None:
    """Have something done at SIGHUP, outside of the frame that it interrupts.

    Args:
        patch: Remembers the handler that was there.
        then: What to do, in a thread of its own: the interrupted frame may hold a lock that it needs.
    """
    number = getattr(signal, "SIGHUP", None)
    if number is None or threading.current_thread() is not threading.main_thread():
        return
    previous = signal.getsignal(number)
    if previous is None or (previous is signal.SIG_DFL and _has_terminal()):
        return

    def handler(received: int, frame: FrameType | None) -> Any:
        with contextlib.suppress(RuntimeError):
            # Not `threading.Thread`: its start takes a lock that the frame may hold.
            _thread.start_new_thread(_guarded, (then,))
        return previous(received, frame) if callable(previous) else None

    def restore() -> None:
        if threading.current_thread() is threading.main_thread() and signal.getsignal(number) is handler:
            signal.signal(number, previous)

    signal.signal(number, handler)
    patch.on_restore(restore)


def _guarded(then: Callable[[], None]) -> None:
    with Guard("hangup"):
        then()


def _has_terminal() -> bool:
    """Whether closing a terminal would send the signal."""
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return False
    return True

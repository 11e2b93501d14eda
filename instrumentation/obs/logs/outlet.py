"""Writing whole lines to standard output: never raises, never blocks for long, never mixes two lines.

A caller leaves its line in a queue and whoever finds the outlet free writes what is there. So nobody waits for a lock,
and a signal handler or a `__del__` that logs in the middle of a write is served by the write it interrupted.
"""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from obs.logs.descriptor import way_to

_MAX_PENDING = 10_000


class Outlet:
    """Where lines go.

    Args:
        lost: Called with the number of lines that could not be written.
    """

    def __init__(self, lost: Callable[[int], None]) -> None:
        self._lost = lost
        self._pending: deque[bytes] = deque()
        self._busy = threading.Lock()
        self._stream = sys.stdout
        self._put_real = _real_way(sys.stdout)
        # The thread that writes into what the application put in the place of standard output.
        self._inside = 0

    def write(self, line: bytes) -> None:
        """Write a line that ends in a newline."""
        pending = self._pending
        if len(pending) >= _MAX_PENDING:
            self._lost(1)
            return
        if self._inside and self._inside == threading.get_ident():
            self._put_into_the_real_one(line)
            return
        pending.append(line)
        # Asked again after the release: a line that came in between found the outlet taken.
        while pending and self._busy.acquire(blocking=False):
            try:
                while pending:
                    self._put(pending.popleft())
            finally:
                self._busy.release()

    def flush(self, deadline: float) -> bool:
        """Wait until everything that was handed over is written.

        Args:
            deadline: The most seconds to wait.
        """
        end = time.monotonic() + deadline
        while self._pending or self._busy.locked():
            if time.monotonic() >= end:
                return False
            time.sleep(0.001)
        return True

    def after_fork_in_child(self) -> None:
        """Leave to the parent what the parent has not written yet."""
        self._pending.clear()
        self._busy = threading.Lock()
        self._inside = 0
        if self._put_real is not None:
            self._put_real = _real_way(self._stream)

    def _put(self, line: bytes) -> None:
        try:
            stream = sys.stdout
            if stream is self._stream and self._put_real is not None:
                if not self._put_real(line):
                    self._lost(1)
            else:
                self._put_into(stream, line)
        except (OSError, ValueError):
            # The reader is gone, the disk is full, or the stream is closed.
            self._lost(1)

    def _put_into(self, stream: Any, line: bytes) -> None:
        """Into what the application put in the place of standard output, such as a notebook or pytest's capture."""
        if stream is None:
            self._lost(1)
            return
        self._inside = threading.get_ident()
        try:
            _write_text(stream, line)
        except Exception:  # noqa: BLE001 - a stream of the application's own can raise anything
            self._lost(1)
        finally:
            self._inside = 0

    def _put_into_the_real_one(self, line: bytes) -> None:
        """When standard output was redirected into logging, a line of what is printed there comes back to here."""
        try:
            _write_text(sys.__stdout__, line)
        except (OSError, ValueError, AttributeError):
            self._lost(1)


def _write_text(stream: Any, line: bytes) -> None:
    stream.write(line.decode("utf-8", "replace"))
    with contextlib.suppress(AttributeError):
        stream.flush()


def _real_way(stream: Any) -> Callable[[bytes], bool] | None:
    """The shortest way to a real standard output; a stream that only looks like one is written to as a stream."""
    real = stream is not None and stream is sys.__stdout__
    if not real:
        return None
    try:
        return way_to(int(stream.fileno()))
    except (OSError, ValueError, AttributeError):
        return None

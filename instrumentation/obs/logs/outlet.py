"""Writing whole lines to standard output: never raises, never blocks for long, never mixes two lines.

A file takes a line in one call of the system, so threads and forked processes write to it without asking one another.
For everything else one thread writes at a time; a signal handler or a `__del__` that logs in the middle of a write
leaves its line to the write that it interrupted, for it would wait for itself.
"""

from __future__ import annotations

import contextlib
import sys
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from obs.logs.descriptor import Way, way_to


class Outlet:
    """Where lines go.

    Args:
        lost: Called with the number of lines that could not be written.
        patience: The most seconds that a line waits for a reader, or for another thread's line.
    """

    def __init__(self, lost: Callable[[int], None], patience: float) -> None:
        self._lost = lost
        self._patience = patience
        self._stream = sys.stdout
        self._way = _real_way(sys.stdout, patience)
        self._is_file = self._way is not None and not self._way.blocks
        self._fresh()

    def _fresh(self) -> None:
        """What a new process needs anew."""
        self._busy = threading.Lock()
        # Threads that are writing or waiting to; entered before the lock, for a signal can come at any moment.
        self._writing: set[int] = set()
        # Lines that were logged by a thread while it was writing one.
        self._left: deque[bytes] = deque()

    def write(self, line: bytes) -> None:
        """Write a line that ends in a newline."""
        if self._is_file and sys.stdout is self._stream:
            self._put(line)
            return
        me = threading.get_ident()
        if me in self._writing:
            self._leave(line)
            return
        self._writing.add(me)
        try:
            self._put_in_turn(line)
        finally:
            self._writing.discard(me)
        if self._left:
            # A signal came after the last look.
            with contextlib.suppress(IndexError):
                self.write(self._left.popleft())

    def _put_in_turn(self, line: bytes) -> None:
        busy = self._busy
        if not busy.acquire(timeout=self._patience):
            self._lost(1)
            return
        try:
            self._put(line)
            while self._left:
                self._put(self._left.popleft())
        finally:
            busy.release()

    def _leave(self, line: bytes) -> None:
        if sys.stdout is self._stream and self._way is not None:
            self._left.append(line)
            return
        # Standard output was redirected into logging: what it is given comes back to here, and goes to the real one.
        try:
            _write_text(sys.__stdout__, line)
        except (OSError, ValueError, AttributeError):
            self._lost(1)

    def flush(self, deadline: float) -> bool:
        """Wait until the line that is being written is out, and finish one that had to be left half written.

        Args:
            deadline: The most seconds to wait.
        """
        if threading.get_ident() in self._writing or not self._busy.acquire(timeout=max(0.0, deadline)):
            return False
        try:
            if self._way is not None:
                with contextlib.suppress(OSError):
                    return self._way.put(b"")
            return True
        finally:
            self._busy.release()

    def after_fork_in_child(self) -> None:
        """Leave to the parent what the parent is writing."""
        self._fresh()
        self._way = _real_way(self._stream, self._patience) if self._way is not None else None

    def _put(self, line: bytes) -> None:
        try:
            if sys.stdout is not self._stream or self._way is None:
                self._put_into(sys.stdout, line)
            elif not self._way.put(line):
                self._lost(1)
        except (OSError, ValueError):
            # The reader is gone, the disk is full, or the stream is closed.
            self._lost(1)

    def _put_into(self, stream: Any, line: bytes) -> None:
        """Into what the application put in the place of standard output, such as a notebook or pytest's capture."""
        if stream is None:
            self._lost(1)
            return
        try:
            _write_text(stream, line)
        except Exception:  # noqa: BLE001 - a stream of the application's own can raise anything
            self._lost(1)


def _write_text(stream: Any, line: bytes) -> None:
    stream.write(line.decode("utf-8", "replace"))
    with contextlib.suppress(AttributeError):
        stream.flush()


def _real_way(stream: Any, patience: float) -> Way | None:
    """The shortest way to a real standard output; a stream that only looks like one is written to as a stream."""
    real = stream is not None and stream is sys.__stdout__
    if not real:
        return None
    try:
        return way_to(int(stream.fileno()), patience)
    except (OSError, ValueError, AttributeError):
        return None

"""Writing whole lines to standard output: never raises, never blocks for long, never mixes two lines.

A caller leaves its line in a queue and whoever finds the outlet free writes what is there. So nobody waits for a lock,
and a signal handler or a `__del__` that logs in the middle of a write is served by the write it interrupted.
"""

from __future__ import annotations

import contextlib
import os
import select
import stat
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import IO, Any

# Linux writes up to this many bytes to a pipe at once or not at all, and says "writable" when as many fit.
_PIPE_CHUNK = 4096
# How long one line may wait for a reader; after a loss the next lines do not wait until the reader is back.
_PATIENCE_SECONDS = 0.25
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
        self._descriptor = _descriptor_of(sys.stdout)
        self._poll = _poll_of(self._descriptor)
        self._rest = b""
        self._stalled = False
        # The thread that writes into what the application put in the place of standard output.
        self._inside = 0

    def write(self, line: bytes) -> None:
        """Write a line that ends in a newline."""
        if self._inside and self._inside == threading.get_ident():
            # Standard output was redirected into logging, which ends here: such a line goes to the real one.
            _put_into(sys.__stdout__, line)
            return
        pending = self._pending
        if len(pending) >= _MAX_PENDING:
            self._lost(1)
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
        self._rest = b""

    def _put(self, line: bytes) -> None:
        try:
            stream = sys.stdout
            if stream is not self._stream or self._descriptor is None:
                self._inside = threading.get_ident()
                try:
                    _put_into(stream, line)
                finally:
                    self._inside = 0
            elif self._poll is None:
                self._put_at_once(line)
            else:
                self._put_patiently(self._poll, line)
        except (OSError, ValueError):
            # The reader is gone, the disk is full, or the stream is closed.
            self._rest = b""
            self._lost(1)

    def _put_at_once(self, line: bytes) -> None:
        """Into a file, which takes everything but for a full disk."""
        written = os.write(self._descriptor or 0, line)
        while written < len(line):
            written += os.write(self._descriptor or 0, line[written:])

    def _put_patiently(self, poll: Callable[[float], list[Any]], line: bytes) -> None:
        """Into a pipe, a socket or a terminal, whose reader may be slow, gone or asleep."""
        data = self._rest + line if self._rest else line
        end = 0.0
        while data:
            if not poll(0):
                if not end:
                    end = time.monotonic() + (0.0 if self._stalled else _PATIENCE_SECONDS)
                left = end - time.monotonic()
                if left <= 0 or not poll(left * 1000):
                    self._give_up(data, line)
                    return
            try:
                data = data[os.write(self._descriptor or 0, data[:_PIPE_CHUNK]) :]
            except BlockingIOError:
                if not end:
                    end = time.monotonic() + (0.0 if self._stalled else _PATIENCE_SECONDS)
                if time.monotonic() >= end:
                    self._give_up(data, line)
                    return
                time.sleep(0.001)
        self._rest = b""
        self._stalled = False

    def _give_up(self, unwritten: bytes, line: bytes) -> None:
        """Lose the line; what of it is already out is finished later, for a torn line would spoil the next one."""
        self._stalled = True
        if len(unwritten) < len(line):
            self._rest = unwritten
        else:
            self._rest = unwritten[: len(unwritten) - len(line)]
            self._lost(1)


def _put_into(stream: IO[str] | None, line: bytes) -> None:
    """Into what the application put in the place of standard output, such as a notebook or pytest's capture."""
    if stream is None:
        raise OSError("there is no standard output")
    stream.write(line.decode("utf-8", "replace"))
    with contextlib.suppress(AttributeError):
        stream.flush()


def _descriptor_of(stream: Any) -> int | None:
    """The file descriptor of a real standard output; a stream that only looks like one is written to as a stream."""
    real = stream is not None and stream is sys.__stdout__
    if not real:
        return None
    try:
        return int(stream.fileno())
    except (OSError, ValueError, AttributeError):
        return None


def _poll_of(descriptor: int | None) -> Callable[[float], list[Any]] | None:
    """A way to ask whether a write would block; None for a file, where it never does."""
    if descriptor is None or not hasattr(select, "poll"):
        return None
    try:
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            return None
    except OSError:
        return None
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT | select.POLLERR | select.POLLHUP)
    return poll.poll

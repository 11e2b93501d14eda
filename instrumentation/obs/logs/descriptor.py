"""Writing a line to a file descriptor: at once into a file, and with little patience to a reader that may be asleep."""

from __future__ import annotations

import os
import select
import stat
import time
from collections.abc import Callable
from typing import Any

# Linux writes up to this many bytes to a pipe at once or not at all, and says "writable" when as many fit.
_PIPE_CHUNK = 4096
# How long one line may wait for a reader; after a loss the next lines do not wait until the reader is back.
_PATIENCE_SECONDS = 0.25
_NAP_SECONDS = 0.001


def way_to(descriptor: int) -> Callable[[bytes], bool]:
    """A function that writes a line and says whether it did not have to give it up.

    It raises `OSError` when the reader is gone, the disk is full, or the descriptor is closed.
    """
    try:
        blocks = not stat.S_ISREG(os.fstat(descriptor).st_mode)
    except OSError:
        blocks = False
    if blocks and hasattr(select, "poll"):
        return _Reader(descriptor).put
    return _to_file(descriptor)


def _to_file(descriptor: int) -> Callable[[bytes], bool]:
    write = os.write

    def put(line: bytes) -> bool:
        written = write(descriptor, line)
        while written < len(line):
            written += write(descriptor, line[written:])
        return True

    return put


class _Reader:
    """A pipe, a socket or a terminal; writing to one whose reader sleeps would block the application.

    Args:
        descriptor: The writing end.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        poll = select.poll()
        poll.register(descriptor, select.POLLOUT)
        self._poll: Callable[[float], list[Any]] = poll.poll
        # The end of a line whose beginning is out.
        self._rest = b""
        self._stalled = False

    def put(self, line: bytes) -> bool:
        """Write a line, after what is still owed of an earlier one."""
        data = self._rest + line if self._rest else line
        self._rest = b""
        end = 0.0
        while data:
            if self._poll(0):
                try:
                    data = data[os.write(self._descriptor, data[:_PIPE_CHUNK]) :]
                    continue
                except BlockingIOError:
                    time.sleep(0 if self._stalled else _NAP_SECONDS)
            now = time.monotonic()
            end = end or now + (0.0 if self._stalled else _PATIENCE_SECONDS)
            if now >= end:
                return self._give_up(data, line)
            self._poll((end - now) * 1000)
        self._stalled = False
        return True

    def _give_up(self, unwritten: bytes, line: bytes) -> bool:
        """Lose the line; if its beginning is out, owe its end instead, for a torn line would spoil the next one."""
        self._stalled = True
        begun = len(unwritten) < len(line)
        self._rest = unwritten if begun else unwritten[: len(unwritten) - len(line)]
        return begun

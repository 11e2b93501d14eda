"""Writing a line to a file descriptor: at once into a file, and with little patience to a reader that may be asleep."""

from __future__ import annotations

import os
import select
import stat
import time
from collections.abc import Callable
from typing import Any, Protocol

# Linux writes up to this many bytes to a pipe at once or not at all, and says "writable" when as many fit.
_PIPE_CHUNK = 4096
_NAP_SECONDS = 0.001


class Way(Protocol):
    """A way to write lines to a descriptor.

    Attributes:
        blocks: Whether a write can wait for somebody.
    """

    blocks: bool

    def put(self, line: bytes) -> bool:
        """Write a line.

        Returns:
            Whether the line did not have to be given up.

        Raises:
            OSError: The reader is gone, the disk is full, or the descriptor is closed.
        """


def way_to(descriptor: int, patience: float) -> Way:
    """The way to write to this descriptor.

    Args:
        descriptor: Where lines go.
        patience: The most seconds that one line waits for a reader; after a loss the next lines do not wait until the
            reader is back.
    """
    try:
        is_file = stat.S_ISREG(os.fstat(descriptor).st_mode)
    except OSError:
        is_file = True
    if is_file or not hasattr(select, "poll"):
        return _File(descriptor)
    return _Reader(descriptor, patience)


class _File:
    """A file, which takes a whole line at once; only a full disk takes less.

    Args:
        descriptor: The file.
    """

    blocks = False

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def put(self, line: bytes) -> bool:
        """Write a line."""
        written = os.write(self._descriptor, line)
        while written < len(line):
            written += os.write(self._descriptor, line[written:])
        return True


class _Reader:
    """A pipe, a socket or a terminal; writing to one whose reader sleeps would block the application.

    Args:
        descriptor: The writing end.
        patience: The most seconds that one line waits.
    """

    blocks = True

    def __init__(self, descriptor: int, patience: float) -> None:
        self._descriptor = descriptor
        self._patience = patience
        poll = select.poll()
        poll.register(descriptor, select.POLLOUT)
        self._poll: Callable[[float], list[Any]] = poll.poll
        # The end of a line whose beginning is out.
        self._rest = b""
        self._stalled = False

    def put(self, line: bytes) -> bool:
        """Write a line, after what is still owed of an earlier one."""
        data = self._rest + line if self._rest else line
        end = 0.0
        while data:
            if self._poll(0):
                try:
                    # Kept at each step: a signal handler may raise between two of them.
                    self._rest = data = data[os.write(self._descriptor, data[:_PIPE_CHUNK]) :]
                    continue
                except BlockingIOError:
                    time.sleep(0 if self._stalled else _NAP_SECONDS)
                except OSError:
                    self._rest = b""
                    raise
            now = time.monotonic()
            end = end or now + (0.0 if self._stalled else self._patience)
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

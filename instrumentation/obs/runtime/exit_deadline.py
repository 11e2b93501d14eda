"""The one deadline of an end that comes in steps: a server's shutdown, then a signal, then the interpreter's exit."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

# A step that comes later than this after the one before belongs to another end: the process has lived on meanwhile.
_SAME_END_SECONDS = 10.0


class ExitDeadline:
    """Shares the seconds of one end among its steps: what one has waited, the next ones wait no more.

    Args:
        seconds: The most seconds that all steps of an end last together.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._left = seconds
        self._last = time.monotonic()
        # When the step that lasts has to be over; a signal handler may begin another one in the midst of it.
        self._until = float("inf")

    @contextmanager
    def step(self) -> Iterator[float]:
        """Wait for delivery, until the moment (of `time.monotonic`) that this gives."""
        began = time.monotonic()
        if began - self._last >= _SAME_END_SECONDS:
            self._left = self.seconds
        self._until = min(self._until, began + self._left)
        try:
            yield self._until
        finally:
            self._until = float("inf")
            self._last = time.monotonic()
            self._left = max(0.0, self._left - (self._last - began))

"""A storm of one message, cut to a rate; a line at the end of each second of it says how many were left out.

One message is one logger, one level and one text as the program has it, before values are put into it. What is counted
is forgotten by the clock only when the limit is reached, so that a line of quiet weather costs a look into a dict.
"""

from __future__ import annotations

import _thread
import threading
import time
from collections.abc import Callable

# Errors are the reason why people read logs.
_ALWAYS_KEPT = frozenset({"error", "critical"})

_WINDOW_SECONDS = 1.0
_MESSAGES_KEPT = 4096
_LONGEST = 256

Message = tuple[str, str, str]


class _Seen:
    """How often a message came in its window."""

    __slots__ = ("count", "left_out", "since")

    def __init__(self, now: float) -> None:
        self.count = 1
        self.since = now
        self.left_out = 0


class Storms:
    """Says of each line whether it is written.

    Args:
        limit: The most lines of one message in a second.
        tell: Called with a message (level, logger and text) and how many of it were left out.
        count: Called for each line that is left out, with its level.
    """

    def __init__(self, limit: int, tell: Callable[[Message, int], None], count: Callable[[str], None]) -> None:
        self._limit = limit
        self._tell = tell
        self._count = count
        self.renew()

    def renew(self) -> None:
        """Begin with nothing, as in a forked child."""
        # Entered again by a signal handler that logs, so it must let its own thread in.
        self._lock = threading.RLock()
        self._seen: dict[Message, _Seen] = {}
        self._left_out: set[Message] = set()
        self._watching: _thread.LockType | None = None

    def passes(self, level: str, logger: str, text: object) -> bool:
        """Whether a line is written."""
        if type(text) is not str or level in _ALWAYS_KEPT:
            return True
        if len(text) > _LONGEST:
            text = text[:_LONGEST]
        message = (level, logger, text)
        seen = self._seen.get(message)
        if seen is None:
            self._first(message)
            return True
        seen.count += 1
        return seen.count <= self._limit or self._passes_by_the_clock(message, seen)

    def _first(self, message: Message) -> None:
        if len(self._seen) >= _MESSAGES_KEPT:
            with self._lock:
                self._seen = {known: seen for known, seen in self._seen.items() if seen.left_out}
        self._seen[message] = _Seen(time.monotonic())

    def _passes_by_the_clock(self, message: Message, seen: _Seen) -> bool:
        now = time.monotonic()
        with self._lock:
            if now - seen.since >= _WINDOW_SECONDS:
                seen.since, seen.count = now, 1
                return True
            seen.left_out += 1
            self._left_out.add(message)
            if self._watching is None:
                self._watch()
        self._count(message[0])
        return False

    def _watch(self) -> None:
        """Have the left out told at the end of the second, also when no further line comes."""
        stop = _thread.allocate_lock()
        stop.acquire()
        try:
            # Not `threading.Thread`, whose locks the frame that a signal interrupted may hold.
            _thread.start_new_thread(self._tell_each_second, (stop,))
            self._watching = stop
        except RuntimeError:
            pass  # the interpreter is ending; the last flush tells

    def _tell_each_second(self, stop: _thread.LockType) -> None:
        while not stop.acquire(timeout=_WINDOW_SECONDS):
            with self._lock:
                if self._watching is not stop:
                    return
                if not self._left_out:
                    self._watching = None
                    return
            self.tell()

    def tell(self) -> None:
        """Write the summaries that are due."""
        with self._lock:
            due, self._left_out = self._left_out, set()
            numbers = [(message, self._seen[message]) for message in due if message in self._seen]
            told = [(message, seen.left_out) for message, seen in numbers]
            for _, seen in numbers:
                seen.left_out = 0
        for message, number in told:
            self._tell(message, number)

    def stop(self) -> None:
        """Tell what is due, and end."""
        with self._lock:
            watching, self._watching = self._watching, None
        if watching is not None:
            watching.release()
        self.tell()

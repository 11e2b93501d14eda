"""Time that stands still until a test moves it, and ids that count."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from typing import Any

# 2030-01-01T00:00:00Z
_START = 1_893_456_000_000_000_000


class Clock:
    """Stands where obs's modules use the standard library's `time`.

    Example:
        >>> clock = Clock()
        >>> clock.advance(0.25)
        >>> clock.time_ns()
        1893456000250000000
    """

    def __init__(self) -> None:
        self._now = _START

    def advance(self, seconds: float) -> None:
        """Let time pass.

        Args:
            seconds: How much, not negative.

        Raises:
            ValueError: It is negative.
        """
        if seconds < 0:
            raise ValueError(f"time does not go back: advance({seconds!r})")
        self._now += round(seconds * 1_000_000_000)

    def time_ns(self) -> int:
        """Nanoseconds since 1970."""
        return self._now

    def perf_counter_ns(self) -> int:
        """Nanoseconds from any start."""
        return self._now

    def perf_counter(self) -> float:
        """Seconds from any start, with the clock's start as zero, so that no digit is lost."""
        return (self._now - _START) / 1_000_000_000

    def __getattr__(self, name: str) -> Any:
        return getattr(time, name)


def counting_bits() -> Callable[[int], int]:
    """What stands where obs takes random bits: the first trace has the id 1, the next one 2, and so have spans."""
    traces, numbers = itertools.count(1), itertools.count(1)

    def bits(wanted: int) -> int:
        number = next(numbers)
        # A new trace takes its own id and that of its first span at once.
        return next(traces) << 64 | number if wanted == 192 else number

    return bits

"""What each record gets once at its source: the time in ISO 8601 and a unique id."""

from __future__ import annotations

import os
import random
import time

# Its own generator: an application that seeds the global one would give the records of two runs the same ids, and the
# store drops the second of two records with one id.
_random = random.Random()  # noqa: S311 - unique, not secret
_random_bits = _random.getrandbits

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_random.seed)

_second: tuple[int, bytes] = (0, b"")


def new_id() -> int:
    """128 random bits."""
    return _random_bits(128)


def timestamp(nanoseconds: int) -> bytes:
    """The time in UTC with microseconds.

    Args:
        nanoseconds: Since 1970.

    Example:
        >>> timestamp(1_700_000_000_123_456_789)
        b'2023-11-14T22:13:20.123456Z'
    """
    global _second
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    known, text = _second
    if known != seconds:
        text = time.strftime("%Y-%m-%dT%H:%M:%S.", time.gmtime(seconds)).encode()
        _second = (seconds, text)
    return b"%b%06dZ" % (text, rest // 1000)

"""Random ids of traces and spans, apart from the application's own random numbers and anew in a forked child."""

from __future__ import annotations

import os
import random

_MASK64 = (1 << 64) - 1

# Not for secrets: an id must be unique, and `secrets` costs a system call each time.
_random = random.Random()  # noqa: S311
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_random.seed)

_bits = _random.getrandbits


def new_ids() -> tuple[int, int]:
    """The ids of a new trace (128 bits) and of its first span (64 bits), neither of them zero."""
    bits = _bits(192)
    return bits >> 64 or 1, bits & _MASK64 or 1


def new_span_id() -> int:
    """The id of a span in a trace that has begun, never zero."""
    return _bits(64) or 1

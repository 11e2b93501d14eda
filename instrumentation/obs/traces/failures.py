"""Where an exception came from: the innermost span that it has left, noted on the exception itself.

The note travels with it, through threads, and by pickle through processes; so whoever logs it last finds the trace.
"""

from __future__ import annotations

from contextlib import suppress

_PLACE = "_obs_span"


def remember(error: BaseException, trace_id: int, span_id: int) -> None:
    """Note the innermost span that an exception has left; never raises.

    Args:
        error: The exception; one that refuses the note stays without.
        trace_id: The trace.
        span_id: The span.
    """
    with suppress(Exception):
        _own(error).setdefault(_PLACE, (trace_id, span_id))


def place_of(error: BaseException) -> tuple[int, int]:
    """The trace and span that an exception has left, as numbers; (0, 0) when it has left none. Never raises."""
    with suppress(Exception):
        return _own(error).get(_PLACE, (0, 0))
    return 0, 0


def _own(error: BaseException) -> dict[str, tuple[int, int]]:
    # Past whatever its class does when an attribute is asked for.
    return object.__getattribute__(error, "__dict__")  # type: ignore[no-any-return]

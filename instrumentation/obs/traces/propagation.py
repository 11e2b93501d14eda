"""W3C trace context and baggage as they arrive: parsed strictly, and what is hostile is as if it were not there."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import unquote

from opentelemetry.trace import TraceState

# Sources: W3C Trace Context (levels 1 and 2) and W3C Baggage.
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(?:-[ -~]*)?")
_TRACEPARENT_LENGTH = 55
_LONGEST_TRACEPARENT = 512

_TRACESTATE_MEMBER = re.compile(
    r"[ \t]*([a-z0-9][_0-9a-z\-*/]{0,240}(?:@[a-z0-9][_0-9a-z\-*/]{0,13})?|[a-z][_0-9a-z\-*/]{0,255})"
    r"=([\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e])[ \t]*"
)
LONGEST_TRACESTATE = 512
_MOST_TRACESTATE_MEMBERS = 32

_BAGGAGE_KEY = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_BAGGAGE_VALUE = re.compile(r"[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*")
_LONGEST_BAGGAGE = 8192
_MOST_BAGGAGE_MEMBERS = 180


class RemoteParent(NamedTuple):
    """The span of another process that a request comes from.

    Args:
        trace_id: The trace.
        span_id: The caller's span.
        flags: Its W3C flags, one byte.
    """

    trace_id: int
    span_id: int
    flags: int


def parse_traceparent(header: str) -> RemoteParent | None:
    """Read a traceparent header; None when it is not valid, so that a new trace begins.

    Example:
        >>> parse_traceparent("00-000000000000000000000000000000ab-00000000000000cd-01")
        RemoteParent(trace_id=171, span_id=205, flags=1)
        >>> parse_traceparent("00-000000000000000000000000000000AB-00000000000000cd-01") is None
        True
    """
    if len(header) > _LONGEST_TRACEPARENT or _TRACEPARENT.fullmatch(header) is None:
        return None
    version = header[:2]
    if version == "ff" or (version == "00" and len(header) != _TRACEPARENT_LENGTH):
        return None
    trace_id, span_id = int(header[3:35], 16), int(header[36:52], 16)
    if not trace_id or not span_id:
        return None
    return RemoteParent(trace_id, span_id, int(header[53:55], 16))


def parse_tracestate(header: str) -> TraceState | None:
    """Read a tracestate header; None when any member is not valid, for a part of it could mean something else."""
    if len(header) > LONGEST_TRACESTATE:
        return None
    pairs: dict[str, str] = {}
    for member in header.split(","):
        if not member.strip(" \t"):
            continue
        match = _TRACESTATE_MEMBER.fullmatch(member)
        if match is None or match[1] in pairs:
            return None
        pairs[match[1]] = match[2]
    if not 0 < len(pairs) <= _MOST_TRACESTATE_MEMBERS:
        return None
    return TraceState(list(pairs.items()))


def parse_baggage(header: str) -> dict[str, str]:
    """Read a baggage header; a member that is not valid is left out, and so is a header beyond W3C's limits."""
    if len(header) > _LONGEST_BAGGAGE or header.count(",") >= _MOST_BAGGAGE_MEMBERS:
        return {}
    found = {}
    for member in header.split(","):
        # What follows a semicolon are properties, for which OpenTelemetry's API has no place.
        key, equals, value = member.partition(";")[0].partition("=")
        key, value = key.strip(" \t"), value.strip(" \t")
        if equals and _BAGGAGE_KEY.fullmatch(key) and _BAGGAGE_VALUE.fullmatch(value):
            found[unquote(key)] = unquote(value)
    return found

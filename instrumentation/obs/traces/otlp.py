"""Spans as OTLP: the bytes of an `ExportTraceServiceRequest`, written without protobuf's runtime.

Field numbers come from `opentelemetry/proto/trace/v1/trace.proto` of OTLP 1.x, which never changes them.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, StatusCode

from obs.runtime import protobuf
from obs.runtime.export_queue import Item
from obs.runtime.protobuf import any_value, fixed32, fixed64, length, text, uint, varint
from obs.traces.server import Alike, FastServerSpan
from obs.traces.span import FLAG_REMOTE, FastSpan

# Parts that repeat are encoded once; at this many the memory is emptied, so that ids in values cannot fill it.
_PARTS_KEPT = 4096
_LONGEST_PART_KEPT = 128

_HAS_IS_REMOTE = 0x100
_IS_REMOTE = 0x200

_KIND = {kind: uint(6, kind.value + 1) for kind in SpanKind}
_STATUS = {StatusCode.UNSET: 0, StatusCode.OK: 1, StatusCode.ERROR: 2}
_TRACE_STATE, _EVENTS, _LINKS = 3, 11, 13
_ATTRIBUTES, _DROPPED_ATTRIBUTES, _DROPPED_EVENTS, _DROPPED_LINKS = 9, 10, 12, 14
_EVENT_ATTRIBUTES, _LINK_ATTRIBUTES, _LINK_FLAGS, _SPAN_FLAGS = 3, 4, 6, 16

_SPAN = protobuf.tag(2, protobuf.LENGTH)
_TRACE_ID = protobuf.tag(1, protobuf.LENGTH) + b"\x10"
_SPAN_ID = protobuf.tag(2, protobuf.LENGTH) + b"\x08"
_PARENT_ID = protobuf.tag(4, protobuf.LENGTH) + b"\x08"
_times = struct.Struct("<BQBQ").pack
_START = protobuf.tag(7, protobuf.FIXED64)[0]
_END = protobuf.tag(8, protobuf.FIXED64)[0]
_MOST = (1 << 64) - 1

# The attribute `url.path` of a path that is shorter than this: KeyValue, its key, AnyValue, its string.
_SHORT = 100
_SHORT_PATH = b"J%c\n\x08url.path\x12%c\n%c%b"

_pairs: dict[tuple[int, str, type, Any], bytes] = {}
_names: dict[str, bytes] = {}
_scopes: dict[int, tuple[InstrumentationScope, bytes]] = {}
_resource: tuple[Resource | None, bytes] = (None, b"")

_KEPT_TYPES = frozenset((str, int, bool))


def _as_they_are(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    return fields


_redact: Callable[[Mapping[str, Any]], Mapping[str, Any]] = _as_they_are


def redact_with(redact: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> None:
    """Have secrets taken out of attributes, exceptions and statuses before they are encoded.

    Args:
        redact: Gives the same keys, with their secrets replaced.
    """
    global _redact
    _redact = redact
    _pairs.clear()


def encode(span: ReadableSpan) -> Item:
    """Encode a span that has ended, in the group of its resource and scope.

    Args:
        span: obs's or the SDK's.

    Raises:
        Exception: It cannot be encoded.
    """
    if type(span) is FastServerSpan and span.alike is not None:
        encoded, tracer = _of_a_request(span, span.alike), span._tracer
        origin = _resource_of(tracer.source.resource), _scope_of(tracer.scope)
    elif isinstance(span, FastSpan):
        encoded, tracer = _fast(span), span._tracer
        origin = _resource_of(tracer.source.resource), _scope_of(tracer.scope)
    else:
        encoded = _any(span)
        origin = _resource_of(span.resource), _scope_of(span.instrumentation_scope)
    return Item(*origin, b"%b%b%b" % (_SPAN, varint(len(encoded)), encoded))


def _of_a_request(span: FastServerSpan, alike: Alike) -> bytes:
    """Encode the span of a request from what was encoded with an earlier one of its kind, and what is its own."""
    made_by, common = alike.encoded
    if made_by is not _redact:
        common = _name_of(alike.name) + _attributes(_ATTRIBUTES, alike.attributes)
        alike.encoded = _redact, common
    flags, parent = span.flags & 0xFF | _HAS_IS_REMOTE, b""
    if span.parent_id:
        parent = _PARENT_ID + span.parent_id.to_bytes(8, "big")
        flags |= _IS_REMOTE if span.parent_flags & FLAG_REMOTE else 0
    own = b""
    if span._attributes:
        rest = {key: value for key, value in span._attributes.items() if key not in alike.attributes}
        rest.pop(span.CLEAN, None)
        own = _attributes(_ATTRIBUTES, rest)
    if span.state is not None:
        state = span.trace_state
        own += text(_TRACE_STATE, state.to_header()) if state else b""
    if span._events or span._links or span._dropped or span._status.status_code is not StatusCode.UNSET:
        own += _details(span)
    path = span.path
    if len(path) < _SHORT and path.isascii():
        size = len(path)
        # Lengths below 128 are one byte each.
        shown = _SHORT_PATH % (size + 14, size + 2, size, path.encode())
    else:
        shown = _with_value(_ATTRIBUTES, _key_of(span.CLEAN), any_value(path))
    return b"".join(
        (
            _TRACE_ID,
            span.trace_id.to_bytes(16, "big"),
            _SPAN_ID,
            span.span_id.to_bytes(8, "big"),
            parent,
            common,
            _KIND[span._kind],
            _times(_START, span._start_time, _END, span._end_time),
            shown,
            own,
            _flags_of(flags),
        )
    )


def _fast(span: FastSpan) -> bytes:
    """Encode a span of obs from its raw fields."""
    parts = [
        _TRACE_ID,
        span.trace_id.to_bytes(16, "big"),
        _SPAN_ID,
        span.span_id.to_bytes(8, "big"),
    ]
    if span.state is not None:
        state = span.trace_state
        parts.append(text(_TRACE_STATE, state.to_header()) if state else b"")
    flags = span.flags & 0xFF | _HAS_IS_REMOTE
    if span.parent_id:
        parts += _PARENT_ID, span.parent_id.to_bytes(8, "big")
        if span.parent_flags & FLAG_REMOTE:
            flags |= _IS_REMOTE
    parts += _name_of(span._name), _KIND[span._kind], _times_of(span._start_time, span._end_time)
    parts.append(_attributes(_ATTRIBUTES, span._attributes, span.CLEAN))
    if span._events or span._links or span._dropped or span._status.status_code is not StatusCode.UNSET:
        parts.append(_details(span))
    parts.append(_flags_of(flags))
    return b"".join(parts)


def _any(span: ReadableSpan) -> bytes:
    """Encode a span of the SDK."""
    context = span.context
    if context is None:
        raise ValueError("a span without a context has no ids")
    flags = context.trace_flags & 0xFF | _HAS_IS_REMOTE
    parts = [_ids(context)]
    parent = span.parent
    if parent is not None:
        parts += _PARENT_ID, parent.span_id.to_bytes(8, "big")
        flags |= _IS_REMOTE if parent.is_remote else 0
    parts += _name_of(span.name), _KIND[span.kind], _times_of(span.start_time, span.end_time)
    parts += _attributes(_ATTRIBUTES, span.attributes), _details(span), _flags_of(flags)
    return b"".join(parts)


def _details(span: ReadableSpan) -> bytes:
    """What most spans do not have: events, links, a status, and counts of what did not fit."""
    parts = [uint(_DROPPED_ATTRIBUTES, span.dropped_attributes)]
    for event in span.events:
        body = fixed64(1, event.timestamp) + text(2, event.name) + _attributes(_EVENT_ATTRIBUTES, event.attributes)
        parts.append(length(_EVENTS, body + uint(4, getattr(event, "dropped_attributes", 0))))
    parts.append(uint(_DROPPED_EVENTS, span.dropped_events))
    for link in span.links:
        remote = link.context.trace_flags & 0xFF | _HAS_IS_REMOTE | (_IS_REMOTE if link.context.is_remote else 0)
        body = _ids(link.context) + _attributes(_LINK_ATTRIBUTES, link.attributes) + uint(5, link.dropped_attributes)
        parts.append(length(_LINKS, body + fixed32(_LINK_FLAGS, remote)))
    parts.append(uint(_DROPPED_LINKS, span.dropped_links))
    status = span.status
    if status.status_code is not StatusCode.UNSET:
        description = str(_redact({"message": status.description})["message"]) if status.description else ""
        parts.append(length(15, text(2, description) + uint(3, _STATUS[status.status_code])))
    return b"".join(parts)


@lru_cache(maxsize=1024)
def _flags_of(flags: int) -> bytes:
    return fixed32(_SPAN_FLAGS, flags)


def _ids(context: SpanContext) -> bytes:
    state = context.trace_state.to_header() if context.trace_state else ""
    return b"".join(
        (
            _TRACE_ID,
            context.trace_id.to_bytes(16, "big"),
            _SPAN_ID,
            context.span_id.to_bytes(8, "big"),
            text(_TRACE_STATE, state),
        )
    )


def _times_of(start: int | None, end: int | None) -> bytes:
    return _times(_START, min(max(start or 0, 0), _MOST), _END, min(max(end or 0, 0), _MOST))


def _name_of(name: str) -> bytes:
    known = _names.get(name)
    if known is None:
        known = text(5, name)
        _keep(_names, name, known, len(name))
    return known


def _attributes(field: int, attributes: Mapping[str, Any] | None, clean: str = "") -> bytes:
    """Encode attributes; `clean` is the key of one whose secrets are out already, and that is another each time."""
    if not attributes:
        return b""
    parts = []
    for key, value in attributes.items():
        kind = type(value)
        if key == clean:
            parts.append(_with_value(field, _key_of(key), any_value(value)))
        elif kind in _KEPT_TYPES:
            # The type is part of it, because True == 1.
            place = field, key, kind, value
            known = _pairs.get(place)
            if known is None:
                known = _pair(field, key, value)
                _keep(_pairs, place, known, len(known))
            parts.append(known)
        else:
            parts.append(_pair(field, key, value))
    return b"".join(parts)


@lru_cache(maxsize=16)
def _key_of(key: str) -> bytes:
    return text(1, key) + protobuf.tag(2, protobuf.LENGTH)


def _with_value(field: int, key: bytes, value: bytes) -> bytes:
    return length(field, b"%b%b%b" % (key, varint(len(value)), value))


def _pair(field: int, key: str, value: object) -> bytes:
    return length(field, text(1, key) + length(2, any_value(_redact({key: value}).get(key))))


def _keep(parts: dict[Any, Any], place: object, encoded: object, size: int) -> None:
    if size <= _LONGEST_PART_KEPT:
        if len(parts) >= _PARTS_KEPT:
            parts.clear()
        parts[place] = encoded


def _scope_of(scope: InstrumentationScope | None) -> bytes:
    if scope is None:
        return b""
    # By identity: the hash of a scope is work. What is kept here keeps its id.
    kept, known = _scopes.get(id(scope), (None, b""))
    if kept is not scope:
        body = text(1, scope.name) + text(2, scope.version or "") + _attributes(3, scope.attributes)
        known = length(1, body) + (text(3, scope.schema_url) if scope.schema_url else b"")
        _keep(_scopes, id(scope), (scope, known), len(known))
    return known


def _resource_of(resource: Resource | None) -> bytes:
    global _resource
    if resource is None:
        return b""
    # Read once: another thread may keep another resource meanwhile.
    kept, known = _resource
    if kept is not resource:
        body = b"".join(_repeated(resource.attributes.items()))
        schema = text(3, resource.schema_url) if resource.schema_url else b""
        known = length(1, body) + schema
        _resource = resource, known
    return known


def _repeated(pairs: Iterable[tuple[str, object]]) -> Iterable[bytes]:
    return [_pair(1, key, value) for key, value in pairs]

"""The one way of every record: built, redacted, encoded, written, handed to the exporter and counted."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

import orjson

from obs.logs import ecs
from obs.logs.encoder import Encoder, Fields
from obs.logs.record import SHARED
from obs.logs.redaction import Redactor
from obs.logs.stamps import new_id, timestamp
from obs.runtime.guard import swallow

LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50}

_LEVEL_BYTES = {level: level.encode() for level in LEVELS}

# Characters of an access line's values; what is longer is cut on the way of ordinary records.
_LONGEST_ACCESS = 4096

# Records about the delivery of records would make more of themselves.
_NEVER_EXPORTED = frozenset({"obs", "opentelemetry"})

# The id of a request holds nothing that JSON escapes.
_REQUEST_ID = "http.request.id"
_SHARED_IN_A_REQUEST = SHARED | {"http"}

# Names of loggers come from the application's code; more than this are not remembered.
_TEMPLATES_KEPT = 1024


class Service(NamedTuple):
    """Who writes.

    Args:
        name: The service's name.
        version: Its version; empty when unknown.
        environment: Such as ``production``; empty when unknown.
        node: The id of this instance.
    """

    name: str
    version: str
    environment: str
    node: str

    def fields(self) -> Fields:
        """The fields that every record of this process has."""
        service: Fields = {"name": self.name}
        if self.version:
            service["version"] = self.version
        if self.environment:
            service["environment"] = self.environment
        service["node"] = {"name": self.node}
        return {"service": service, "process": {"pid": os.getpid()}, "ecs": {"version": ecs.VERSION}}


class Record(NamedTuple):
    """One finished record, as outputs take it.

    Args:
        nanoseconds: When, since 1970.
        level: One of `LEVELS`.
        logger: The logger's name; empty when it has none.
        body: The JSON object of its message and fields, redacted.
        event_id: Its id in hex.
        trace_id: In hex; empty when there is none.
        span_id: In hex; empty when there is none.
    """

    nanoseconds: int
    level: str
    logger: str
    body: bytes
    event_id: bytes
    trace_id: bytes
    span_id: bytes


class AccessLine:
    """What the lines of all requests of one kind have in common.

    Args:
        level: ``info`` or ``error``.
        message: The method, the route and the status.
        fields: Scalars by their dotted names, without ``url.path`` and what begins with ``event.``.
    """

    __slots__ = ("fields", "level", "made_with", "message", "template")

    def __init__(self, level: str, message: str, fields: Fields) -> None:
        self.level = level
        self.message = message
        self.fields = fields
        # What a pipeline made of it for its process: everything but the values that differ.
        self.template = b""
        self.made_with: bytes | None = None


class Sink(Protocol):
    """Takes finished records elsewhere than to standard output, such as to the exporter's queue."""

    def __call__(self, record: Record, /) -> None:
        """Take one record; never blocks."""


class Pipeline:
    """Writes records.

    Args:
        service: Who writes.
        redactor: What is a secret.
        write: Takes a whole line; None when nothing goes to standard output.
        render: Makes a line for a person out of a record; None for JSON.
        sinks: Further outputs.
        count: Counts a record of a level.
        ids: The current trace and span id, 0 when there is none, and the id of the request.
    """

    def __init__(
        self,
        *,
        service: Service,
        redactor: Redactor,
        write: Callable[[bytes], None] | None,
        render: Callable[[Record], bytes] | None,
        sinks: tuple[Sink, ...],
        count: Mapping[str, Callable[[], None]],
        ids: Callable[[], tuple[int, int, str]],
    ) -> None:
        self._service = service
        self._encoder = Encoder(redactor)
        self._redactor = redactor
        self._write = write
        self._render = render
        self._sinks = sinks
        self._count = count
        self._ids = ids
        # Where a line goes when nothing else needs the record.
        self._lines_only = write if render is None and not sinks else None
        # By level and logger: what is the same in each line, around places for what differs.
        self._templates: dict[tuple[str, str, bool, bool], bytes] = {}
        self.renew()

    def redact_with(self, redactor: Redactor) -> None:
        """Take out other secrets from here on."""
        self._redactor = redactor
        self._encoder = Encoder(redactor)
        # Access lines are prepared anew.
        self.renew()

    def renew(self) -> None:
        """Work out what is the same in every record of this process; anew in a forked child."""
        common = self._service.fields()
        self._common = common
        self._end = b"," + orjson.dumps(common)[1:] + b"\n"
        self._dataset = orjson.dumps(self._service.name)
        self._templates.clear()

    def emit(self, level: str, logger: str, message: object, event: Mapping[Any, Any], error: Fields | None) -> None:
        """Write one record; never raises.

        Args:
            level: One of `LEVELS`.
            logger: The logger's name; empty when it has none.
            message: What happened.
            event: The caller's fields.
            error: What is to be told of an exception.
        """
        try:
            trace, span, request = self._ids()
            if self._lines_only is not None:
                body, fields = self._encoder.encode(message, event, error)
                if fields.keys().isdisjoint(_SHARED_IN_A_REQUEST if request else SHARED):
                    key = level, logger, trace != 0, request != ""
                    template = self._templates.get(key) or self._line_template(*key)
                    values: tuple[Any, ...] = timestamp(time.time_ns()), body[1:-1], new_id()
                    if trace:
                        values = (*values, trace, span, request.encode()) if request else (*values, trace, span)
                    self._lines_only(template % values)
                    self._count[level]()
                    return
            if request:
                event = {**event, _REQUEST_ID: request}
            body, fields = self._encoder.encode(message, event, error)
            trace_id, span_id = _hex(trace, span)
            self._put(Record(time.time_ns(), level, logger, body, b"%032x" % new_id(), trace_id, span_id), fields)
        except Exception as failure:  # noqa: BLE001 - telemetry never raises into the application
            swallow("logs", failure)

    def _line_template(self, level: str, logger: str, traced: bool, requested: bool) -> bytes:
        """What is the same in each line of a logger and a level that shares no group with what obs adds."""
        named = b',"log":{"logger":%b}' % orjson.dumps(logger) if logger else b""
        event = b',"event":{"dataset":%b,"id":"' % self._dataset
        ids = b',"trace":{"id":"%032x"},"span":{"id":"%016x"}' if traced else b""
        ids += b',"http":{"request":{"id":"%b"}}' if requested else b""
        start = b'{"@timestamp":"%%b","log.level":"%b",%%b' % _LEVEL_BYTES[level]
        template = start + _literal(named + event) + b'%032x"}' + ids + _literal(self._end)
        if len(self._templates) < _TEMPLATES_KEPT:
            self._templates[level, logger, traced, requested] = template
        return template

    def access(
        self,
        line: AccessLine,
        path: str,
        duration: int,
        trace_id: int,
        span_id: int,
        request_id: str,
        error: Fields | None,
    ) -> None:
        """Write the line that tells of one request; never raises. See `obs.logs.access`."""
        try:
            if error is None and self._lines_only is not None and len(path) <= _LONGEST_ACCESS:
                if line.made_with is not self._end:
                    self._prepare(line)
                if line.template and (quoted := _quoted(path)):
                    own = request_id.encode(), quoted, duration, new_id(), trace_id, span_id
                    self._lines_only(line.template % (timestamp(time.time_ns()), *own))
                    self._count[line.level]()
                    return
            fields = {
                **line.fields,
                _REQUEST_ID: request_id,
                "url.path": path,
                "event.duration": duration,
                **(error or {}),
            }
            self._emit_with_ids(line.level, line.message, fields, trace_id, span_id)
        except Exception as failure:  # noqa: BLE001 - telemetry never raises into the application
            swallow("logs.access", failure)

    def _prepare(self, line: AccessLine) -> None:
        """Render what is the same in each line of its kind; nothing where a secret has to be taken out of it."""
        line.made_with = self._end
        fields = {"message": line.message, **line.fields}
        same = self._redactor.mapping(fields) == fields and type(line.level) is str
        line.template = self._template(line) if same else b""

    def _template(self, line: AccessLine) -> bytes:
        known = {_REQUEST_ID: b'"%b"', **{name: _literal(orjson.dumps(value)) for name, value in line.fields.items()}}
        event = {"event.duration": b"%d", "event.dataset": _literal(self._dataset), "event.id": b'"%032x"'}
        ids = {"trace.id": b'"%032x"', "span.id": b'"%016x"'}
        body = template_of(
            {"message": _literal(orjson.dumps(line.message)), **known, "url.path": b"%b", **event, **ids}
        )
        start = b'{"@timestamp":"%%b","log.level":"%b",' % _LEVEL_BYTES[line.level]
        return start + body[1:-1] + _literal(self._end)

    def _emit_with_ids(self, level: str, message: str, fields: Fields, trace_id: int, span_id: int) -> None:
        body, placed = self._encoder.encode(message, fields)
        self._put(Record(time.time_ns(), level, "", body, b"%032x" % new_id(), *_hex(trace_id, span_id)), placed)

    def _put(self, record: Record, fields: Fields) -> None:
        if self._write is None or self._render is not None:
            self._finish(record, b"")
        elif fields.keys().isdisjoint(SHARED):
            self._finish(record, self._line(record))
        else:
            self._finish(record, self._merged(record, fields))

    def _line(self, record: Record) -> bytes:
        """The line of a record that shares no group with what obs adds: joined, not encoded again."""
        logger = b',"log":{"logger":%b}' % orjson.dumps(record.logger) if record.logger else b""
        event = b',"event":{"dataset":%b,"id":"%b"}' % (self._dataset, record.event_id)
        start, trace = _start(record.nanoseconds, record.level), _trace(record.trace_id, record.span_id)
        return b"".join((start, record.body[1:-1], logger, event, trace, self._end))

    def _merged(self, record: Record, fields: Fields) -> bytes:
        own = dict(self._common)
        own["event"] = {"dataset": self._service.name, "id": record.event_id.decode()}
        if record.logger:
            own["log"] = {"logger": record.logger}
        if record.trace_id:
            own["trace"] = {"id": record.trace_id.decode()}
            own["span"] = {"id": record.span_id.decode()}
        merged = {**fields, **{group: _joined(fields.get(group), members) for group, members in own.items()}}
        return _start(record.nanoseconds, record.level) + orjson.dumps(merged)[1:] + b"\n"

    def _finish(self, record: Record, line: bytes) -> None:
        if self._write is not None:
            self._write(self._render(record) if self._render is not None else line)
        if self._sinks and record.logger.partition(".")[0] not in _NEVER_EXPORTED:
            for sink in self._sinks:
                sink(record)
        self._count[record.level]()


def _hex(trace_id: int, span_id: int) -> tuple[bytes, bytes]:
    return (b"%032x" % trace_id, b"%016x" % span_id) if trace_id else (b"", b"")


def _start(nanoseconds: int, level: str) -> bytes:
    return b'{"@timestamp":"%b","log.level":"%b",' % (timestamp(nanoseconds), _LEVEL_BYTES[level])


def _trace(trace_id: bytes, span_id: bytes) -> bytes:
    return b',"trace":{"id":"%b"},"span":{"id":"%b"}' % (trace_id, span_id) if trace_id else b""


def _joined(theirs: Any, ours: Fields) -> Fields:
    """Two groups of fields as one; what obs says of itself stands."""
    if type(theirs) is not dict:
        return ours
    out = {**theirs, **ours}
    for name, value in ours.items():
        if type(value) is dict and type(theirs.get(name)) is dict:
            out[name] = {**theirs[name], **value}
    return out


def _quoted(text: str) -> bytes:
    """The text as JSON; empty for a lone surrogate, which takes the long way."""
    try:
        return orjson.dumps(text)
    except TypeError:
        return b""


def _literal(text: bytes) -> bytes:
    """The text as it stands in a template for the operator `%`."""
    return text.replace(b"%", b"%%")


def template_of(values: Mapping[str, bytes]) -> bytes:
    """The JSON of fields with these dotted names, around values that are JSON or places for it.

    Args:
        values: Names of one group must stand together, for places are filled in this order.

    Example:
        >>> template_of({"a.b": b"1", "event.duration": b"%d", "event.id": b'"%b"'})
        b'{"a":{"b":1},"event":{"duration":%d,"id":"%b"}}'
    """
    tree: dict[str, Any] = {}
    for name, value in values.items():
        *parents, last = name.split(".")
        target = tree
        for parent in parents:
            target = target.setdefault(parent, {})
        target[last] = value
    return _rendered(tree)


def _rendered(tree: Mapping[str, Any]) -> bytes:
    parts = [
        b"%b:%b" % (_literal(orjson.dumps(name)), value if type(value) is bytes else _rendered(value))
        for name, value in tree.items()
    ]
    return b"{" + b",".join(parts) + b"}"

"""Records as OTLP: the parts of an `ExportLogsServiceRequest`, written without protobuf's runtime.

Field numbers come from `opentelemetry/proto/logs/v1/logs.proto` of OTLP 1.x, which never changes them.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import orjson

from obs.logs.flat import flattened
from obs.logs.pipeline import Record, Sink
from obs.runtime.export_queue import Item
from obs.runtime.protobuf import any_value, attributes, fixed64, key_value, length, text, uint
from obs.runtime.resource import resource_attributes

if TYPE_CHECKING:
    from obs.runtime.export import Exporter
    from obs.runtime.target import Target
    from obs.settings import Settings

PATH = "/v1/logs"

_SCOPES_KEPT = 1024

# Source: OpenTelemetry, logs data model, SeverityNumber.
_SEVERITY = {"debug": 5, "info": 9, "warning": 13, "error": 17, "critical": 21}
_HEAD = {level: uint(2, number) + text(3, level) for level, number in _SEVERITY.items()}


class LogEncoder:
    """Encodes records of one service.

    Args:
        settings: Whose `resource_attributes` are included.
        target: Who the service is.
    """

    def __init__(self, settings: Settings, target: Target) -> None:
        self._settings = settings
        self._target = target
        self._resource: tuple[int, bytes] = (0, b"")
        self._scopes: dict[str, bytes] = {}

    def encode(self, record: Record) -> Item:
        """Encode a record, in the group of its logger."""
        scope = self._scopes.get(record.logger)
        if scope is None:
            scope = length(1, text(1, record.logger))
            if len(self._scopes) < _SCOPES_KEPT:
                self._scopes[record.logger] = scope
        return Item(self._own_resource(), scope, length(2, encode_record(record)))

    def _own_resource(self) -> bytes:
        pid, encoded = self._resource
        if pid != os.getpid():
            encoded = length(1, attributes(1, resource_attributes(self._settings, self._target)))
            self._resource = (os.getpid(), encoded)
        return encoded


def encode_record(record: Record) -> bytes:
    """Encode one LogRecord: the message as its body, every other field as an attribute with its dotted ECS name."""
    fields: dict[str, Any] = orjson.loads(record.body)
    message = fields.pop("message", "")
    pairs = dict(flattened(fields))
    pairs["event.id"] = record.event_id.decode()
    if record.logger:
        pairs["log.logger"] = record.logger
    parts = [fixed64(1, record.nanoseconds), _HEAD[record.level], length(5, any_value(message))]
    parts += [length(6, key_value(name, value)) for name, value in pairs.items() if value is not None]
    if record.trace_id:
        parts += [
            length(9, bytes.fromhex(record.trace_id.decode())),
            length(10, bytes.fromhex(record.span_id.decode())),
        ]
    parts.append(fixed64(11, record.nanoseconds))
    return b"".join(parts)


def to_exporter(settings: Settings, target: Target, exporter: Exporter) -> Sink:
    """What puts records into the exporter's queue of logs."""
    return exporter.register("logs", PATH, LogEncoder(settings, target).encode)

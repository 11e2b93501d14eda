"""OTLP's log records as ECS documents, the form in which the services themselves write them."""

from __future__ import annotations

import hashlib
import time
from collections import Counter

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from obs_stack.receiver.moments import LATEST, iso
from obs_stack.receiver.otlp.values import Json, attributes, cut, flat, plain, to_json
from obs_stack.receiver.storage.logs import LogRow

# OpenTelemetry's names whose ECS name differs. Source: Elastic Common Schema, "ECS and OpenTelemetry".
_ECS_NAMES = {
    "exception.type": "error.type",
    "exception.message": "error.message",
    "exception.stacktrace": "error.stack_trace",
    "deployment.environment.name": "service.environment",
    "deployment.environment": "service.environment",
    "service.instance.id": "service.node.name",
}
# Severity numbers in groups of four. Source: OpenTelemetry's logs data model, "SeverityNumber".
_LEVELS = ("debug", "debug", "info", "warning", "error", "critical")
_SAME_LEVEL = {"warn": "warning", "fatal": "critical", "trace": "debug", "information": "info", "err": "error"}


def log_rows(request: ExportLogsServiceRequest) -> list[LogRow]:
    """A row for each record of a request; there is none that cannot be stored."""
    rows: list[LogRow] = []
    seen: Counter[str] = Counter()
    now = time.time_ns()
    for resource_logs in request.resource_logs:
        resource = _ecs(attributes(resource_logs.resource.attributes))
        for scope_logs in resource_logs.scope_logs:
            rows.extend(_row(record, resource, scope_logs.scope.name, seen, now) for record in scope_logs.log_records)
    return rows


def _row(record: LogRecord, resource: dict[str, Json], scope: str, seen: Counter[str], now: int) -> LogRow:
    when = record.time_unix_nano or record.observed_time_unix_nano or now
    when = when if when <= LATEST else now
    document: dict[str, Json] = {**resource, **_ecs(attributes(record.attributes))}
    message = plain(record.body)
    if isinstance(message, dict):
        document = {**flat(message), **document}
        message = document.get("message", "")
    text = cut(message if isinstance(message, str) else to_json(message)) if message is not None else ""
    document["@timestamp"] = iso(when)
    document["message"] = text
    document["log.level"] = level = _level(record)
    if scope:
        document.setdefault("log.logger", scope)
    trace_id = record.trace_id.hex() if len(record.trace_id) == 16 and any(record.trace_id) else ""
    span_id = record.span_id.hex() if len(record.span_id) == 8 and any(record.span_id) else ""
    for name, value in (("trace.id", trace_id), ("span.id", span_id)):
        if value:
            document[name] = value
    document["event.id"] = event_id = str(document.get("event.id") or "")[:200] or _event_id(record, document, seen)
    return LogRow(
        time_unix_nano=when,
        event_id=event_id,
        service=str(document.get("service.name", "")),
        level=level,
        message=text,
        error_message=str(document.get("error.message", "")),
        stack_trace=str(document.get("error.stack_trace", "")),
        trace_id=trace_id or str(document.get("trace.id", "")),
        span_id=span_id or str(document.get("span.id", "")),
        dataset=str(document.get("event.dataset", "")),
        record=to_json(document),
    )


def _ecs(found: dict[str, Json]) -> dict[str, Json]:
    return {_ECS_NAMES.get(name, name): value for name, value in flat(found).items()}


def _level(record: LogRecord) -> str:
    written = record.severity_text.strip().lower()[:40]
    if written:
        return _SAME_LEVEL.get(written, written)
    number = min(max(record.severity_number, 0), 24)
    return _LEVELS[(number - 1) // 4] if number else "info"


def _event_id(record: LogRecord, document: dict[str, Json], seen: Counter[str]) -> str:
    """An id made of the content, so that a sender without ids of its own can send a batch again.

    Equal records of one batch are told apart by how many came before.
    """
    content = record.SerializeToString(deterministic=True) + to_json(document.get("service.node.name")).encode()
    digest = hashlib.blake2b(content + str(document.get("service.name", "")).encode(), digest_size=16).hexdigest()
    seen[digest] += 1
    return digest if seen[digest] == 1 else f"{digest}-{seen[digest]}"

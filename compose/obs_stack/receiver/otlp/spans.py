"""OTLP's spans as rows."""

from __future__ import annotations

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from obs_stack.receiver.moments import LATEST
from obs_stack.receiver.otlp.values import attributes, cut, to_json
from obs_stack.receiver.storage.traces import SpanRow

_KINDS = ("internal", "internal", "server", "client", "producer", "consumer")
_STATUSES = {Status.STATUS_CODE_UNSET: "unset", Status.STATUS_CODE_OK: "ok", Status.STATUS_CODE_ERROR: "error"}
_MOST_EVENTS = 512


def span_rows(request: ExportTraceServiceRequest) -> tuple[list[SpanRow], str]:
    """A row for each usable span of a request, and why the others are not; empty when all are."""
    rows: list[SpanRow] = []
    problem = ""
    for resource_spans in request.resource_spans:
        resource = attributes(resource_spans.resource.attributes)
        service, resource_json = str(resource.get("service.name", "")), to_json(resource)
        for scope_spans in resource_spans.scope_spans:
            for span in scope_spans.spans:
                fault = _fault(span)
                if fault:
                    problem = problem or fault
                else:
                    rows.append(_row(span, service, resource_json))
    return rows, problem


def _fault(span: Span) -> str:
    if len(span.trace_id) != 16 or not any(span.trace_id):
        return f"span {span.name[:80]!r} has no trace id of 16 bytes"
    if len(span.span_id) != 8 or not any(span.span_id):
        return f"span {span.name[:80]!r} has no span id of 8 bytes"
    if not 0 < span.start_time_unix_nano <= LATEST:
        return f"span {span.name[:80]!r} has no start time"
    return ""


def _row(span: Span, service: str, resource: str) -> SpanRow:
    start = span.start_time_unix_nano
    end = span.end_time_unix_nano
    events = [
        {"time_unix_nano": event.time_unix_nano, "name": cut(event.name), "attributes": attributes(event.attributes)}
        for event in span.events[:_MOST_EVENTS]
    ]
    links = [
        {"trace_id": link.trace_id.hex(), "span_id": link.span_id.hex(), "attributes": attributes(link.attributes)}
        for link in span.links[:_MOST_EVENTS]
    ]
    return SpanRow(
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_span_id=span.parent_span_id.hex() if len(span.parent_span_id) == 8 and any(span.parent_span_id) else "",
        service=service,
        name=cut(span.name),
        kind=_KINDS[span.kind] if 0 <= span.kind < len(_KINDS) else "internal",
        start_unix_nano=start,
        # A clock that was set back must not make a span end before it began.
        end_unix_nano=end if start <= end <= LATEST else start,
        status=_STATUSES.get(span.status.code, "unset"),
        status_message=cut(span.status.message),
        attributes=to_json(attributes(span.attributes)),
        events=to_json(events),
        links=to_json(links),
        resource=resource,
    )

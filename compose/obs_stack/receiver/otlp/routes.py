"""The addresses that OTLP's senders post to."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import orjson
from google.protobuf import json_format
from google.protobuf.message import Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from obs.runtime.protobuf import text, uint
from obs_stack.receiver.otlp.body import RefusedError, read_body
from obs_stack.receiver.otlp.decode import JSON, PROTOBUF, decode
from obs_stack.receiver.otlp.logs import log_rows
from obs_stack.receiver.otlp.spans import span_rows
from obs_stack.receiver.storage.writer import OverloadedError, Writer
from obs_stack.receiver.telemetry import Telemetry

_METRICS_HINT = (
    "metrics are not pushed here, Prometheus scrapes them from the service; set OTEL_METRICS_EXPORTER=none or leave "
    "the metrics endpoint unset"
)
# google.rpc.Code by HTTP status.
_CODES = {400: 3, 404: 5, 413: 8, 415: 3, 503: 14}


@dataclass(frozen=True, slots=True)
class _Batch:
    """Rows of one request, how many records it had, what it is answered with when all is stored, and a problem."""

    signal: str
    rows: Sequence[tuple[object, ...]]
    sent: int
    answer: ExportLogsServiceResponse | ExportTraceServiceResponse
    problem: str = ""


def routes(writer: Writer, telemetry: Telemetry, max_body: int) -> list[Route]:
    """The routes.

    Args:
        writer: Where rows go.
        telemetry: Where bytes and unusable records are counted.
        max_body: The largest body, in bytes.
    """

    async def export(request: Request, signal: str, read: Callable[[bytes, str], _Batch]) -> Response:
        content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        try:
            if content_type not in {PROTOBUF, JSON}:
                raise RefusedError(415, f"content-type {content_type[:60]!r}: send {PROTOBUF} or {JSON}")  # noqa: TRY301
            body = await read_body(request, max_body)
            telemetry.received.labels(signal).inc(len(body))
            batch = await asyncio.to_thread(read, body, content_type)
            await writer.write(signal, batch.rows)
        except RefusedError as error:
            return _error(error.status, error.problem, content_type)
        except OverloadedError as error:
            return _error(503, str(error), content_type)
        return _stored(batch, content_type, telemetry)

    async def traces(request: Request) -> Response:
        return await export(request, "traces", _read_traces)

    async def logs(request: Request) -> Response:
        return await export(request, "logs", _read_logs)

    async def metrics(request: Request) -> Response:
        return _error(404, _METRICS_HINT, request.headers.get("content-type", ""))

    posts: dict[str, Callable[[Request], Awaitable[Response]]] = {"traces": traces, "logs": logs, "metrics": metrics}
    return [Route(f"/v1/{signal}", handler, methods=["POST"]) for signal, handler in posts.items()]


def _read_traces(body: bytes, content_type: str) -> _Batch:
    request = decode(body, content_type, ExportTraceServiceRequest())
    rows, problem = span_rows(request)
    sent = sum(len(scope.spans) for resource in request.resource_spans for scope in resource.scope_spans)
    return _Batch("traces", rows, sent, ExportTraceServiceResponse(), problem)


def _read_logs(body: bytes, content_type: str) -> _Batch:
    rows = log_rows(decode(body, content_type, ExportLogsServiceRequest()))
    return _Batch("logs", rows, len(rows), ExportLogsServiceResponse())


def _stored(batch: _Batch, content_type: str, telemetry: Telemetry) -> Response:
    rejected = batch.sent - len(batch.rows)
    if rejected and isinstance(batch.answer, ExportTraceServiceResponse):
        telemetry.dropped.labels(batch.signal, "invalid").inc(rejected)
        batch.answer.partial_success.rejected_spans = rejected
        batch.answer.partial_success.error_message = batch.problem
    return _response(200, batch.answer, content_type)


def _response(status: int, message: Message, content_type: str) -> Response:
    if content_type == JSON:
        return Response(json_format.MessageToJson(message, indent=None), status, media_type=JSON)
    return Response(message.SerializeToString(), status, media_type=PROTOBUF)


def _error(status: int, problem: str, content_type: str) -> Response:
    """An error as OTLP has it: google.rpc.Status, with fields 1 (code) and 2 (message)."""
    headers = {"retry-after": "1"} if status == 503 else None
    code = _CODES[status]
    if content_type == PROTOBUF:
        return Response(uint(1, code) + text(2, problem), status, headers, media_type=PROTOBUF)
    return Response(orjson.dumps({"code": code, "message": problem}), status, headers, media_type=JSON)

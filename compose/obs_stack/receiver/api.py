"""The JSON API: logs, traces and services, for programs and for the pages."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from obs_stack.receiver import questions
from obs_stack.receiver.otlp.values import nested
from obs_stack.receiver.storage.keeping import Keeping
from obs_stack.receiver.storage.logs import count_logs, find_logs, log_counts
from obs_stack.receiver.storage.traces import SpanRow, find_spans, find_traces, span_counts

MOST_SPANS = 10_000


def routes(keeping: Keeping) -> list[Route]:
    """The routes, over what is kept."""

    async def logs(request: Request) -> Response:
        wanted = questions.log_filter(request.query_params)
        limit, order = questions.limit(request.query_params), questions.order(request.query_params)
        page = await keeping.logs.ask(lambda connection: find_logs(connection, wanted, limit, order))
        return answer({"logs": [nested(orjson.loads(record)) for record in page.records], "total": page.total})

    async def count(request: Request) -> Response:
        wanted = questions.log_filter(request.query_params)
        return answer({"total": await keeping.logs.ask(lambda connection: count_logs(connection, wanted))})

    async def traces(request: Request) -> Response:
        wanted, limit = questions.trace_filter(request.query_params), questions.limit(request.query_params)
        page = await keeping.traces.ask(lambda connection: find_traces(connection, wanted, limit))
        return answer({"traces": [asdict(trace) for trace in page.traces], "total": page.total})

    async def trace(request: Request) -> Response:
        trace_id = questions.trace_id(request.path_params["trace_id"])
        spans = await keeping.traces.ask(lambda connection: find_spans(connection, trace_id, MOST_SPANS))
        if not spans:
            return answer({"error": f"no span of trace {trace_id} has arrived"}, 404)
        services = sorted({span.service for span in spans})
        return answer({"trace_id": trace_id, "spans": [span_document(span) for span in spans], "services": services})

    async def services(_: Request) -> Response:
        return answer({"services": await count_services(keeping)})

    return [
        Route("/api/logs", logs),
        Route("/api/logs/count", count),
        Route("/api/traces", traces),
        Route("/api/traces/{trace_id}", trace),
        Route("/api/services", services),
    ]


def answer(document: object, status: int = 200) -> Response:
    """A JSON answer."""
    return Response(orjson.dumps(document), status, media_type="application/json")


def span_document(span: SpanRow) -> dict[str, Any]:
    """A span as the API shows it."""
    return {
        "trace_id": span.trace_id,
        "span_id": span.span_id,
        "parent_span_id": span.parent_span_id,
        "service": span.service,
        "name": span.name,
        "kind": span.kind,
        "start_unix_nano": span.start_unix_nano,
        "end_unix_nano": span.end_unix_nano,
        "duration_ms": (span.end_unix_nano - span.start_unix_nano) / 1e6,
        "status": span.status,
        "status_message": span.status_message,
        "attributes": orjson.loads(span.attributes),
        "events": orjson.loads(span.events),
        "links": orjson.loads(span.links),
        "resource": orjson.loads(span.resource),
    }


async def count_services(keeping: Keeping) -> list[dict[str, Any]]:
    """Every service that something has arrived of, and how much."""
    logs, spans = await keeping.logs.ask(log_counts), await keeping.traces.ask(span_counts)
    return [
        {"name": name, "logs": logs.get(name, 0), "spans": spans.get(name, 0)} for name in sorted(logs.keys() | spans)
    ]

"""One trace: its spans as bars on one time axis, and the log lines that were written during it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from obs_stack.receiver import questions
from obs_stack.receiver.pages.frame import clock, counted, logs_address, milliseconds, page, problem, term, trace_link
from obs_stack.receiver.pages.html import Child, Html, join, table, tag
from obs_stack.receiver.pages.logs import lines
from obs_stack.receiver.storage.keeping import Keeping
from obs_stack.receiver.storage.logs import LogFilter, LogPage, find_logs
from obs_stack.receiver.storage.traces import SpanRow, find_spans

_SPANS = 1000
_LINES = 500
_DEEPEST_INDENT = 8
_AXIS = 1000


def route(keeping: Keeping) -> Route:
    """The route of the page."""

    async def trace(request: Request) -> Response:
        trace_id = questions.trace_id(request.path_params["trace_id"])
        spans = await keeping.traces.ask(lambda connection: find_spans(connection, trace_id, _SPANS + 1))
        found = await keeping.logs.ask(
            lambda connection: find_logs(connection, LogFilter(trace_id=trace_id), _LINES, "asc")
        )
        if not spans and not found.records:
            return problem(404, f"nothing of trace {trace_id} has arrived")
        return page(f"Trace {trace_id}", _spans(spans[:_SPANS], len(spans) > _SPANS), _logs(found, trace_id))

    return Route("/trace/{trace_id}", trace)


def _spans(spans: Sequence[SpanRow], cut: bool) -> Child:
    if not spans:
        return [tag("h2", "Spans"), tag("p", "No span of this trace has arrived: it was not sampled.", class_="soft")]
    start = min(span.start_unix_nano for span in spans)
    length = max(max(span.end_unix_nano for span in spans) - start, 1)
    failed = sum(span.status == "error" for span in spans)
    services = ", ".join(sorted({span.service for span in spans}))
    rows = [
        (_name(span, depth), span.service, _bar(span, start, length), milliseconds(_duration(span)))
        for span, depth in in_order(spans)
    ]
    return [
        tag(
            "p",
            clock(start),
            f" · {milliseconds(length / 1e6)} · {counted(len(spans), 'span')} · {services}",
            class_="soft",
        ),
        tag("p", f"{failed} failed", class_="error") if failed else None,
        table(("Span", "Service", "When", "Duration"), rows, class_="waterfall"),
        tag("p", f"Only the first {_SPANS} spans are shown; the API has more.", class_="soft") if cut else None,
    ]


def in_order(spans: Sequence[SpanRow]) -> Iterator[tuple[SpanRow, int]]:
    """Spans below their parents, by their start, each with its depth; one whose parent is missing stands as a root.

    Spans that are each other's parents come last, so that every span is shown exactly once.
    """
    known = {span.span_id for span in spans}
    below: dict[str, list[SpanRow]] = {}
    for span in spans:
        parent = span.parent_span_id if span.parent_span_id in known else ""
        below.setdefault(parent, []).append(span)
    shown: set[str] = set()
    waiting = [(span, 0) for span in reversed(below.get("", []))]
    rest = iter(spans)
    while True:
        while waiting:
            span, depth = waiting.pop()
            if span.span_id in shown:
                continue
            shown.add(span.span_id)
            yield span, depth
            waiting.extend((child, depth + 1) for child in reversed(below.get(span.span_id, [])))
        left = next((span for span in rest if span.span_id not in shown), None)
        if left is None:
            return
        waiting.append((left, 0))


def _name(span: SpanRow, depth: int) -> Html:
    attributes = orjson.loads(span.attributes)
    told = [f"{name}: {_value(value)}" for name, value in attributes.items()]
    told += [f"event {event['name']}: {_value(event['attributes'])}" for event in orjson.loads(span.events)]
    told += [f"status: {span.status} {span.status_message}".rstrip(), f"span.id: {span.span_id}", f"kind: {span.kind}"]
    links = [tag("p", "linked to ", trace_link(link["trace_id"])) for link in orjson.loads(span.links)]
    title = tag("span", span.name or "(no name)", class_="error" if span.status == "error" else None)
    inner = tag("details", tag("summary", title), tag("pre", "\n".join(told)), links)
    return tag("div", inner, class_=f"d{min(depth, _DEEPEST_INDENT)}")


def _value(value: object) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _bar(span: SpanRow, start: int, length: int) -> Html:
    left = (span.start_unix_nano - start) * _AXIS / length
    width = max((span.end_unix_nano - span.start_unix_nano) * _AXIS / length, 2)
    kind = "bar failed" if span.status == "error" else "bar"
    bars = join(
        (
            tag("rect", class_="track", x=0, y=5, width=_AXIS, height=4),
            tag("rect", class_=kind, x=f"{min(left, _AXIS - 2):.1f}", y=1, width=f"{width:.1f}", height=12),
        )
    )
    return tag("svg", bars, viewBox=f"0 0 {_AXIS} 14", preserveAspectRatio="none", aria_hidden="true")


def _duration(span: SpanRow) -> float:
    return (span.end_unix_nano - span.start_unix_nano) / 1e6


def _logs(found: LogPage, trace_id: str) -> Child:
    heading = tag("h2", "Log lines")
    if not found.records:
        return [heading, tag("p", "No log line with this trace id has arrived.", class_="soft")]
    every = tag("a", f"{counted(found.total, 'line')} in the logs", href=logs_address(term("trace.id", trace_id)))
    return [heading, lines(found.records), tag("p", every)]

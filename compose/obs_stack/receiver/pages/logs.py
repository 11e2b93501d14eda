"""Log lines that a query finds, newest first, each with all its fields and the way to its trace."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import orjson
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from obs_stack.receiver import questions
from obs_stack.receiver.lucene import LuceneError
from obs_stack.receiver.pages.frame import counted, note, page, trace_link
from obs_stack.receiver.pages.html import Child, Html, table, tag
from obs_stack.receiver.storage.keeping import Keeping
from obs_stack.receiver.storage.logs import LogPage, find_logs

_LINES = 200
_LONGEST = 300
_LEVELS = frozenset({"debug", "info", "warning", "error", "critical"})
_EXAMPLES = (
    "log.level:(error OR critical)",
    "http.response.status_code:[500 TO 599]",
    'service.name:"gateway" AND timeout',
    "_exists_:error.type",
)


def route(keeping: Keeping) -> Route:
    """The route of the page."""

    async def logs(request: Request) -> Response:
        parameters = request.query_params
        try:
            wanted, limit = questions.log_filter(parameters), questions.limit(parameters, _LINES)
        except (LuceneError, questions.QuestionError) as error:
            return page("Logs", _form(parameters), note(f"{error}.", "bad"), _examples(), status=400)
        found = await keeping.logs.ask(lambda connection: find_logs(connection, wanted, limit))
        return page("Logs", _form(parameters), _found(found, parameters))

    return Route("/logs", logs)


def lines(records: tuple[str, ...]) -> Html:
    """Records as a table.

    Args:
        records: The flat JSON of each.
    """
    rows = [_line(orjson.loads(record)) for record in records]
    return table(("Time", "Level", "Service", "Message", "Trace"), rows, class_="lines")


def _line(record: dict[str, Any]) -> tuple[Child, ...]:
    said = str(record.get("message", ""))
    failed = record.get("error.type") or record.get("error.message")
    short = said if len(said) <= _LONGEST else said[:_LONGEST] + "…"
    level, trace_id = str(record.get("log.level", "")), str(record.get("trace.id", ""))
    fields = "\n".join(f"{name}: {_value(value)}" for name, value in sorted(record.items()))
    return (
        tag("time", str(record.get("@timestamp", ""))[:23].replace("T", " ")),
        tag("span", level, class_=level if level in _LEVELS else None),
        str(record.get("service.name", "")),
        tag("details", tag("summary", short or "(no message)", f" · {failed}" if failed else None), tag("pre", fields)),
        trace_link(trace_id) if trace_id else "",
    )


def _value(value: object) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _form(parameters: QueryParams) -> Html:
    kept = [
        tag("input", type="hidden", name=name, value=parameters[name])
        for name in ("service", "level", "trace_id", "since")
        if name in parameters
    ]
    query = tag(
        "input",
        name="q",
        value=parameters.get("q", ""),
        placeholder="Lucene: log.level:error AND timeout",
        aria_label="Query",
        autofocus=True,
    )
    return tag("form", query, kept, tag("button", "Search"), action="/logs")


def _found(found: LogPage, parameters: QueryParams) -> Child:
    if not found.records:
        return [note("No line was found."), _examples()]
    last = orjson.loads(found.records[-1]).get("@timestamp", "")
    older = urlencode([*((name, value) for name, value in parameters.items() if name != "until"), ("until", last)])
    more = tag("a", "Older lines", href=f"/logs?{older}") if found.total > len(found.records) else None
    summary = tag("p", f"{len(found.records)} of {counted(found.total, 'line')}, newest first.", class_="soft")
    return [summary, lines(found.records), tag("p", more)]


def _examples() -> Child:
    links = [tag("li", tag("a", tag("code", text), href="/logs?" + urlencode({"q": text}))) for text in _EXAMPLES]
    return [tag("p", "Queries that work:", class_="soft"), tag("ul", links)]

"""The first page: what is wrong, what arrived of each service, and the newest traces."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from obs_dashboards.links import HTTP_SERVICE
from obs_stack.receiver import questions
from obs_stack.receiver.api import count_services
from obs_stack.receiver.options import Options
from obs_stack.receiver.pages.dashboard import dashboards
from obs_stack.receiver.pages.frame import clock, logs_address, milliseconds, note, page, term, trace_link
from obs_stack.receiver.pages.html import Child, Html, table, tag
from obs_stack.receiver.prometheus import ActiveAlert, Prometheus, PrometheusError
from obs_stack.receiver.storage.keeping import Keeping
from obs_stack.receiver.storage.traces import TraceSummary, find_traces

_TRACES = 30
_REFRESH_SECONDS = 10


def route(keeping: Keeping, options: Options, prometheus: Prometheus | None) -> Route:
    """The route of the page."""

    async def overview(request: Request) -> Response:
        wanted = questions.trace_filter(request.query_params)
        found = await keeping.traces.ask(lambda connection: find_traces(connection, wanted, _TRACES))
        return page(
            "Overview",
            await _alerts(prometheus),
            _services(await count_services(keeping), options, str(request.base_url).rstrip("/")),
            _dashboards(options),
            _traces(found.traces, found.total, wanted.service),
            refresh=_REFRESH_SECONDS,
        )

    return Route("/", overview)


async def _alerts(prometheus: Prometheus | None) -> Child:
    if prometheus is None:
        return None
    try:
        # The Watchdog always fires: that it does is how one sees that alerts arrive.
        active = [alert for alert in await prometheus.alerts() if alert.name != "Watchdog"]
    except PrometheusError as error:
        return [tag("h2", "Alerts"), note(str(error), "bad")]
    if not active:
        return [tag("h2", "Alerts"), tag("p", "No alert is pending or firing.", class_="soft")]
    return [tag("h2", "Alerts"), table(("State", "Alert", "Service", "What", "Go to"), map(_alert, active))]


def _alert(alert: ActiveAlert) -> tuple[Child, ...]:
    said = alert.annotations
    links = [
        tag("a", name, href=said[key])
        for key, name in (("dashboard_url", "dashboard"), ("logs_url", "logs"), ("runbook_url", "runbook"))
        if said.get(key, "").startswith(("http://", "https://"))
    ]
    state = tag("span", alert.state, class_=alert.state)
    return (
        state,
        alert.name,
        alert.labels.get("service", ""),
        said.get("summary", ""),
        tag("span", links, class_="links"),
    )


def _services(arrived: Sequence[dict[str, Any]], options: Options, here: str) -> Child:
    counts = {service["name"]: service for service in arrived}
    declared = options.manifest.services if options.manifest else ()
    owners = {service.name: service.owner for service in declared}
    names = sorted(counts.keys() | owners)
    if not names:
        return [
            tag("h2", "Services"),
            note("Nothing has arrived yet. In a service, call obs.init() and set:"),
            _how(here),
        ]
    has_dashboard = any(board.uid == HTTP_SERVICE for board in dashboards(options.dashboards))
    rows = [_service(name, owners.get(name, ""), counts.get(name), has_dashboard) for name in names]
    missing = [name for name in names if name not in counts]
    hint = (
        [note(f"Nothing has arrived from {', '.join(missing)}. The service must have:"), _how(here)]
        if missing
        else None
    )
    return [tag("h2", "Services"), table(("Service", "Owner", "Log lines", "Spans"), rows), hint]


def _service(name: str, owner: str, counts: dict[str, Any] | None, has_dashboard: bool) -> tuple[Child, ...]:
    logs, spans = (counts["logs"], counts["spans"]) if counts else (0, 0)
    logs_link = tag("a", f"{logs:,}", href=logs_address(term("service.name", name)))
    spans_link = tag("a", f"{spans:,}", href="/?" + urlencode({"service": name}))
    shown: Child = name or "(no name)"
    if has_dashboard and name:
        shown = tag("a", name, href=f"/d/{HTTP_SERVICE}?" + urlencode({"var-job": name}))
    return (shown, owner, logs_link, spans_link)


def _how(here: str) -> Html:
    return tag("pre", f"OTEL_EXPORTER_OTLP_ENDPOINT={here}\nOBS_LOGS_TO=otlp")


def _dashboards(options: Options) -> Child:
    links = [
        tag("li", tag("a", board.title, href=f"/d/{board.uid}"), " ", tag("span", board.description, class_="soft"))
        for board in dashboards(options.dashboards)
    ]
    programs = [
        tag("li", tag("a", name, href=url), " ", tag("span", url, class_="soft"))
        for name, url in (("Prometheus", options.prometheus), ("Alertmanager", options.alertmanager))
        if url
    ]
    return [tag("h2", "Dashboards and programs"), tag("ul", links, programs)] if links or programs else None


def _traces(found: Sequence[TraceSummary], total: int, service: str) -> Child:
    heading = tag("h2", f"Newest traces of {service}" if service else "Newest traces")
    if not found:
        return [heading, tag("p", "No trace has arrived yet.", class_="soft")]
    rows = [
        (
            clock(trace.start_unix_nano),
            trace_link(trace.trace_id, trace.name or "(no name)"),
            ", ".join(trace.services),
            milliseconds(trace.duration_ms),
            trace.spans,
            tag("span", trace.errors, class_="error") if trace.errors else "",
        )
        for trace in found
    ]
    return [
        heading,
        table(("Start", "Trace", "Services", "Duration", "Spans", "Errors"), rows),
        tag("p", f"{len(found)} of {total:,}.", class_="soft"),
    ]

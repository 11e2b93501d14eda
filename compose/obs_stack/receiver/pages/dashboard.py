"""A generated dashboard without drawing: each panel's description, query and current values."""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from obs_dashboards.variables import substitute
from obs_stack.receiver.lucene import LuceneError, translate
from obs_stack.receiver.pages.frame import counted, logs_address, note, page, problem
from obs_stack.receiver.pages.html import Child, Html, table, tag
from obs_stack.receiver.pages.values import shown
from obs_stack.receiver.prometheus import Prometheus, PrometheusError, Sample
from obs_stack.receiver.storage.keeping import Keeping
from obs_stack.receiver.storage.logs import LogFilter, count_logs

_SERIES = 8
_BUILT_IN = {
    "__rate_interval": "1m",
    "__interval": "1m",
    "__range": "1h",
    "__range_s": "3600",
    "__interval_ms": "60000",
}
_REFRESH_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Board:
    """A dashboard as it is generated.

    Args:
        uid: What its address ends in.
        title: Its title.
        description: What it is for.
        document: All of it.
    """

    uid: str
    title: str
    description: str
    document: dict[str, Any] = field(repr=False)

    def panels(self) -> Iterator[dict[str, Any]]:
        """Its rows and panels in their order, those of folded rows too."""
        for panel in self.document.get("panels", []):
            yield panel
            yield from panel.get("panels", [])

    def variables(self, asked: QueryParams, *, for_lucene: bool) -> dict[str, str]:
        """The value of each variable, as Grafana would put it into a query."""
        found = dict(_BUILT_IN)
        for variable in self.document.get("templating", {}).get("list", []):
            name = variable.get("name", "")
            chosen = asked.getlist(f"var-{name}") or _list(variable.get("current", {}).get("value"))
            if not chosen or "$__all" in chosen or "All" in chosen:
                found[name] = variable.get("allValue") or ".+"
            elif for_lucene or variable.get("multi") or variable.get("includeAll"):
                escaped = [_pattern(value, for_lucene=for_lucene) for value in chosen]
                found[name] = escaped[0] if len(escaped) == 1 else f"({'|'.join(escaped)})"
            else:
                found[name] = chosen[0].replace("\\", "\\\\").replace('"', '\\"')
        return found


def dashboards(directory: Path | None) -> list[Board]:
    """The dashboards in a directory, by title; a file that is none is left out."""
    found = []
    for path in sorted(directory.glob("*.json")) if directory and directory.is_dir() else ():
        try:
            document = orjson.loads(path.read_bytes())
            found.append(Board(document["uid"], document["title"], document.get("description", ""), document))
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return sorted(found, key=lambda board: board.title)


def route(keeping: Keeping, directory: Path | None, prometheus: Prometheus | None) -> Route:
    """The route of the page."""

    async def dashboard(request: Request) -> Response:
        uid = request.path_params["uid"]
        board = next((board for board in dashboards(directory) if board.uid == uid), None)
        if board is None:
            return problem(404, f"there is no dashboard {uid[:80]!r}")
        queries = _Queries(keeping, prometheus, board, request.query_params)
        sections = await asyncio.gather(*(queries.panel(panel) for panel in board.panels()))
        chosen = {name.removeprefix("var-"): text for name, text in request.query_params.items() if name[:4] == "var-"}
        filters = " · ".join(f"{name}: {text}" for name, text in chosen.items())
        missing = (
            note("Values are not shown: the receiver was started without --prometheus.") if not prometheus else None
        )
        return page(
            board.title,
            tag("p", board.description, class_="soft"),
            tag("p", filters) if filters else None,
            missing,
            _grouped(sections),
            refresh=_REFRESH_SECONDS,
        )

    return Route("/d/{uid}", dashboard)


@dataclass(frozen=True, slots=True)
class _Section:
    """A panel's HTML, or the heading of a row."""

    html: Html
    heading: bool = False


class _Queries:
    """Asks for what the panels of one dashboard show."""

    def __init__(self, keeping: Keeping, prometheus: Prometheus | None, board: Board, asked: QueryParams) -> None:
        self._keeping = keeping
        self._prometheus = prometheus
        self._values = board.variables(asked, for_lucene=False)
        self._lucene_values = board.variables(asked, for_lucene=True)

    async def panel(self, panel: Mapping[str, Any]) -> _Section:
        """A panel with what each of its queries gives now."""
        title = substitute(str(panel.get("title", "")), self._values)
        if panel.get("type") == "row":
            return _Section(tag("h2", title), heading=True)
        # A heatmap's unit is that of its buckets; its values are how many fell into each.
        counts = panel.get("type") == "heatmap"
        unit = "" if counts else panel.get("fieldConfig", {}).get("defaults", {}).get("unit", "")
        answers = [await self._target(target, unit) for target in panel.get("targets", [])]
        says = panel.get("description") or panel.get("options", {}).get("content", "")
        return _Section(tag("section", tag("h3", title), answers, tag("p", says, class_="soft"), class_="panel"))

    async def _target(self, target: Mapping[str, Any], unit: str) -> Child:
        if expression := target.get("expr"):
            expression = substitute(str(expression), self._values)
            return [await self._values_of(expression, str(target.get("legendFormat", "")), unit), _query(expression)]
        if "query" in target:
            query = substitute(str(target["query"]), self._lucene_values)
            return [await self._lines_of(query), _query(query)]
        return None

    async def _values_of(self, expression: str, legend: str, unit: str) -> Child:
        if self._prometheus is None:
            return None
        try:
            samples = await self._prometheus.query(expression)
        except PrometheusError as error:
            return note(str(error), "bad")
        if not samples:
            return tag("p", "No data.", class_="soft")
        if len(samples) == 1:
            label = _legend(samples[0], legend)
            return tag("p", tag("span", shown(samples[0].value, unit), class_="big"), " ", label)
        rows = [(_legend(sample, legend), shown(sample.value, unit)) for sample in _first(samples)]
        more = len(samples) - _SERIES
        return [table(("Series", "Now"), rows), tag("p", f"and {more} more", class_="soft") if more > 0 else None]

    async def _lines_of(self, query: str) -> Child:
        try:
            wanted = LogFilter(translate(query))
        except LuceneError as error:
            return note(str(error), "bad")
        count = await self._keeping.logs.ask(lambda connection: count_logs(connection, wanted))
        return tag("p", tag("a", counted(count, "log line"), href=logs_address(query)))


def _grouped(sections: list[_Section]) -> Iterator[Html]:
    """Panels between two headings share a grid."""
    group: list[Html] = []
    for section in sections:
        if section.heading:
            yield tag("div", group, class_="panels")
            group = []
            yield section.html
        else:
            group.append(section.html)
    yield tag("div", group, class_="panels")


def _legend(sample: Sample, template: str) -> str:
    if template and template != "__auto":
        return re.sub(r"\{\{\s*([\w.]+)\s*\}\}", lambda found: sample.labels.get(found[1], ""), template)
    return ", ".join(f"{name}={value}" for name, value in sample.labels.items() if name != "__name__")


def _first(samples: list[Sample]) -> list[Sample]:
    """The series that are shown: buckets from the lowest up; of many others those with the largest values."""
    if all("le" in sample.labels for sample in samples):
        return sorted(samples, key=_bound)[:_SERIES]
    if len(samples) > _SERIES:
        return sorted(samples, key=_size, reverse=True)[:_SERIES]
    return samples


def _bound(sample: Sample) -> float:
    """The upper bound of a bucket; what is no number comes last."""
    try:
        return float(sample.labels["le"])
    except ValueError:
        return math.inf


def _size(sample: Sample) -> float:
    """What series are ordered by; one without a value comes last."""
    number = float(sample.value)
    return -math.inf if math.isnan(number) else number


def _query(text: str) -> Html:
    return tag("details", tag("summary", "Query", class_="soft"), tag("pre", text))


def _list(value: object) -> list[str]:
    if isinstance(value, list):
        return [str(item) for item in value]
    return [str(value)] if value else []


def _pattern(value: str, *, for_lucene: bool) -> str:
    """A regular expression that matches the value alone, as it stands in a query's text."""
    if for_lucene:
        return re.sub(r"[^\w\s-]", r"\\\g<0>", value)
    pattern = re.sub(r"[\\^$*+?.()|{}\[\]]", r"\\\g<0>", value)
    return pattern.replace("\\", "\\\\").replace('"', '\\"')

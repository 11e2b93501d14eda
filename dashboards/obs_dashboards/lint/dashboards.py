"""Rules about a dashboard as a whole: who owns it, in which schema it is, and where its panels stand."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any

from obs_dashboards.layout import COLUMNS, Box
from obs_dashboards.lint.model import Dashboard, Finding, Panel, Place, Rule

SCHEMA_VERSION = 42
LARGEST_ID = 2**31 - 1

# Panels that Grafana no longer has, since they were written for Angular.
ANGULAR = frozenset(
    {
        "ae3e-plotly-panel",
        "flant-statusmap-panel",
        "grafana-piechart-panel",
        "grafana-worldmap-panel",
        "graph",
        "larona-epict-panel",
        "marcuscalidus-svg-panel",
        "natel-discrete-panel",
        "singlestat",
        "table-old",
    }
)


def uneditable(dashboard: Dashboard) -> Iterator[Finding]:
    """A generated dashboard is not edited by hand."""
    if dashboard.json.get("editable", True) is not False:
        yield Finding("uneditable-dashboard", "editable", "set editable to false", dashboard.place)


def current_schema(dashboard: Dashboard) -> Iterator[Finding]:
    """Grafana has nothing to migrate when it loads the dashboard."""
    version = dashboard.json.get("schemaVersion")
    if version != SCHEMA_VERSION:
        yield _schema(f"schemaVersion is {version}; write {SCHEMA_VERSION}", dashboard.place)
    for variable in dashboard.variables_of_type("query"):
        if not _is_reference(variable.get("datasource")):
            yield _schema("its data source is no {type, uid}", dashboard.place_of(variable))
    for panel in dashboard.panels:
        yield from (_schema(fault, panel.place) for fault in _panel_faults(panel))


def _panel_faults(panel: Panel) -> Iterator[str]:
    if not panel.json.get("pluginVersion"):
        yield "pluginVersion is missing"
    if not all(_is_reference(each.get("datasource")) for each in (panel.json, *panel.json.get("targets", ()))):
        yield "a data source is no {type, uid}"
    config = panel.json.get("fieldConfig", {})
    if not isinstance(config.get("overrides"), list):
        yield "fieldConfig.overrides is no list"
    if not isinstance(config.get("defaults", {}).get("thresholds", {}).get("steps"), list):
        yield "the thresholds' steps are no list"
    if "showLegend" not in panel.json.get("options", {}).get("legend", {"showLegend": True}) and _draws_lines(panel):
        yield "options.legend.showLegend is missing"


def _draws_lines(panel: Panel) -> bool:
    return panel.json.get("type") == "timeseries"


def _is_reference(source: Any) -> bool:
    return isinstance(source, Mapping) and bool(source.get("type")) and bool(source.get("uid"))


def _schema(sentence: str, place: Place) -> Finding:
    return Finding("current-schema", "old schema", sentence, place)


def unique_ids(dashboard: Dashboard) -> Iterator[Finding]:
    """Panels and the queries of a panel can be told apart."""
    every = [(each.get("id"), str(each.get("title", ""))) for each in _with_rows(dashboard)]
    times = Tally(number for number, _ in every)
    for number, title in every:
        place = Place(dashboard.place.dashboard, title)
        if times[number] > 1:
            yield Finding("unique-ids", "id used twice", f"id {number} belongs to {times[number]} panels", place)
        if not isinstance(number, int) or not 0 < number <= LARGEST_ID:
            yield Finding("unique-ids", "invalid id", f"{number!r} is no number from 1 to {LARGEST_ID}", place)
    for panel in dashboard.panels:
        for ref, count in Tally(str(each.json.get("refId", "")) for each in panel.targets).items():
            if count > 1 or not ref:
                yield Finding("unique-ids", "refId used twice", f"{count} queries are called {ref!r}", panel.place)


def _with_rows(dashboard: Dashboard) -> Iterator[Mapping[str, Any]]:
    for panel in dashboard.json.get("panels", ()):
        yield panel
        yield from panel.get("panels", ())


def grid(dashboard: Dashboard) -> Iterator[Finding]:
    """No panel covers another, leaves the grid or stands below a gap, which Grafana closes."""
    boxes = [(str(each.get("title", "")), _box(each)) for each in dashboard.json.get("panels", ())]
    uid = dashboard.place.dashboard
    for title, box in boxes:
        if box.width < 1 or box.height < 1 or box.x < 0 or box.x + box.width > COLUMNS:
            yield Finding("grid", "outside of the grid", f"{box} leaves the {COLUMNS} columns", Place(uid, title))
        if box.y > 0 and not any(box.stands_on(another) for _, another in boxes):
            yield Finding(
                "grid", "gap above", "nothing stands right above it, so Grafana moves it up", Place(uid, title)
            )
    for (title, box), (other, another) in combinations(boxes, 2):
        if box.overlaps(another):
            yield Finding("grid", "panels overlap", f"it covers a part of {other!r}", Place(uid, title))


def _box(panel: Mapping[str, Any]) -> Box:
    place = panel.get("gridPos") or {}
    return Box(*(int(place.get(key, 0)) for key in ("x", "y", "w", "h")))


def living_types(dashboard: Dashboard) -> Iterator[Finding]:
    """Every type of panel is one that Grafana still has."""
    for panel in dashboard.panels:
        kind = panel.json.get("type")
        if kind in ANGULAR:
            yield Finding("living-types", "removed panel type", f"Grafana no longer has {kind}", panel.place)


RULES = (
    Rule("uneditable-dashboard", "A change by hand is lost at the next start.", uneditable, "dashboard-linter"),
    Rule("current-schema", "Grafana's migrations silently lose settings.", current_schema, "obs"),
    Rule("unique-ids", "A link to a panel opens another one.", unique_ids, "obs"),
    Rule("grid", "Panels jump when the dashboard opens.", grid, "obs"),
    Rule("living-types", "The panel shows an error.", living_types, "obs"),
)

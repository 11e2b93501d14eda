"""Panels as Grafana's JSON of today, on top of grafanalib.

grafanalib 0.7.1 writes the schema of Grafana 5. What it leaves out is added here, and what Grafana would migrate or
misread is taken away: names of data sources instead of references, a fixed number of points, empty thresholds, columns
of the old table, the old shape of the heatmap.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from string import ascii_uppercase

from grafanalib import core

from obs_dashboards.frame import ELASTICSEARCH, PROMETHEUS, Json
from obs_dashboards.layout import Box, Placed
from obs_dashboards.lucene import LogQuery
from obs_dashboards.panels import TRACE_PAGE, Column, Panel, Threshold
from obs_dashboards.queries import Query

TIMESTAMP = "@timestamp"
PLUGIN_VERSION = "12.4.0"
_EXEMPLAR = Column("trace_id", link=TRACE_PAGE, link_title="Show this trace")

# Keys of grafanalib's panels that Grafana no longer knows, or that only repeat a default.
_LEGACY = frozenset(
    {
        "cacheTimeout",
        "color",
        "columns",
        "editable",
        "error",
        "fontSize",
        "height",
        "hideTimeOverride",
        "mappings",
        "maxDataPoints",
        "maxPerRow",
        "minSpan",
        "repeat",
        "repeatDirection",
        "span",
        "timeFrom",
        "timeShift",
        "transparent",
    }
)


def panel_id(uid: str, row: str, title: str) -> int:
    """A panel's number, which stays the same when panels are added, removed or moved around it.

    Args:
        uid: The dashboard's uid.
        row: The title of the panel's row.
        title: The panel's title; empty for the row itself.

    Returns:
        A number from 1 to 2**31 - 1, made of the SHA-256 of the three.
    """
    digest = hashlib.sha256(f"{uid}\0{row}\0{title}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % (2**31 - 1) + 1


def panel_json(placed: Placed, uid: str, traces: str) -> Json:
    """A row's heading or a panel, as Grafana reads it.

    Args:
        placed: The heading or panel and its place.
        uid: The dashboard's uid.
        traces: The address under which a trace is shown, without the trace's id.
    """
    place = _grid(placed.box)
    if placed.panel is None:
        heading = core.RowPanel(title=placed.row.title).to_json_data()
        kept = {key: heading[key] for key in ("collapsed", "panels", "title", "type")}
        return {**kept, "gridPos": place, "id": panel_id(uid, placed.row.title, "")}
    panel = placed.panel
    return {
        **_modern(_DRAWN[panel.kind](panel)),
        "gridPos": place,
        "id": panel_id(uid, placed.row.title, panel.title),
        "fieldConfig": _field_config(panel, traces),
        "pluginVersion": PLUGIN_VERSION,
    }


def _grid(box: Box) -> Json:
    position: Json = core.GridPos(h=box.height, w=box.width, x=box.x, y=box.y).to_json_data()
    return position


def _modern(panel: Json) -> Json:
    return {key: value for key, value in panel.items() if key not in _LEGACY and value not in (None, [])}


def _common(panel: Panel) -> Json:
    """What every grafanalib panel is given."""
    targets = [_target(query, ref) for query, ref in zip(panel.shows, ascii_uppercase, strict=False)]
    return {
        "title": panel.title,
        "description": panel.text,
        "dataSource": targets[0]["datasource"],
        "targets": targets,
    }


def _target(query: Query | LogQuery, ref: str) -> Json:
    if isinstance(query, LogQuery):
        size = "limit" if query.shape == "logs" else "size"
        return {
            "bucketAggs": [],
            "datasource": ELASTICSEARCH,
            "metrics": [{"id": "1", "settings": {size: str(query.limit)}, "type": query.shape}],
            "query": query.text,
            "refId": ref,
            "timeField": TIMESTAMP,
        }
    return {
        "datasource": PROMETHEUS,
        "editorMode": "code",
        "exemplar": query.exemplar,
        "expr": str(query.expression),
        "format": query.format,
        "instant": query.instant,
        "legendFormat": query.legend,
        "range": not query.instant,
        "refId": ref,
    }


def _timeseries(panel: Panel) -> Json:
    drawn: Json = core.TimeSeries(**_common(panel)).to_json_data()
    drawn["options"] = {
        "legend": {"calcs": ["lastNotNull", "max"], "displayMode": "list", "placement": "bottom", "showLegend": True},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
    return drawn


def _stat(panel: Panel) -> Json:
    drawn: Json = core.Stat(**_common(panel), reduceCalc="lastNotNull").to_json_data()
    drawn["options"] |= {
        "colorMode": "value" if panel.thresholds else "none",
        "percentChangeColorMode": "standard",
        "showPercentChange": False,
        "wideLayout": True,
    }
    return drawn


def _heatmap(panel: Panel) -> Json:
    options = {
        "calculate": False,
        "cellGap": 1,
        "color": {
            "exponent": 0.5,
            "fill": "dark-orange",
            "mode": "scheme",
            "reverse": False,
            "scale": "exponential",
            "scheme": "Oranges",
            "steps": 64,
        },
        "exemplars": {"color": "rgba(31, 120, 193, 0.9)"},
        "filterValues": {"le": 1e-09},
        "legend": {"show": True},
        "rowsFrame": {"layout": "auto"},
        "showValue": "never",
        "tooltip": {"mode": "single", "showColorScale": True, "yHistogram": True},
        "yAxis": {"axisPlacement": "left", "reverse": False, "unit": panel.unit},
    }
    drawn: Json = core.Panel(**_common(panel)).panel_json({"type": "heatmap", "options": options})
    return drawn


def _table(panel: Panel) -> Json:
    drawn: Json = core.Table(**_common(panel)).to_json_data()
    drawn["options"] = {"cellHeight": "sm", "frameIndex": 0, "showHeader": True, "sortBy": _sort(panel)}
    drawn["transformations"] = _columns(panel)
    return drawn


def _logs(panel: Panel) -> Json:
    drawn: Json = core.Logs(
        **_common(panel), showTime=True, wrapLogMessages=True, enableLogDetails=True, prettifyLogMessage=False
    ).to_json_data()
    drawn["options"] |= {"showControls": True, "showLevel": True, "showLogContextToggle": True}
    return drawn


_DRAWN = {"timeseries": _timeseries, "stat": _stat, "heatmap": _heatmap, "table": _table, "logs": _logs}


def _sort(panel: Panel) -> list[Json]:
    """The newest record stands on top, or the largest number of the first numeric column."""
    first = [column.title for field, column in panel.columns.items() if column.unit or field == TIMESTAMP]
    return [{"desc": True, "displayName": first[0]}] if first else []


def _columns(panel: Panel) -> list[Json]:
    """Join the queries' answers and keep the declared columns, in their order, under their headings."""
    fields = list(panel.columns)
    return [
        {"id": "merge", "options": {}},
        {"id": "filterFieldsByName", "options": {"include": {"names": fields}}},
        {
            "id": "organize",
            "options": {
                "excludeByName": {},
                "indexByName": {name: position for position, name in enumerate(fields)},
                "renameByName": {name: column.title for name, column in panel.columns.items()},
            },
        },
    ]


def _field_config(panel: Panel, traces: str) -> Json:
    defaults: Json = {
        "color": {"mode": "thresholds" if panel.kind in {"stat", "table"} else "palette-classic"},
        "custom": _CUSTOM[panel.kind](panel),
        "mappings": [],
        "thresholds": {"mode": "absolute", "steps": _steps(panel.thresholds)},
        "unit": panel.unit,
    }
    if panel.unit == "percentunit":
        defaults["min"] = 0
    if panel.links:
        defaults["links"] = [{"targetBlank": False, "title": each.title, "url": each.url} for each in panel.links]
    columns = [*panel.columns.values()]
    if any(isinstance(query, Query) and query.exemplar for query in panel.shows):
        columns.append(_EXEMPLAR)
    overrides = [_override(column, traces) for column in columns if column.unit or column.link]
    return {"defaults": defaults, "overrides": overrides}


def _override(column: Column, traces: str) -> Json:
    properties: list[Json] = []
    if column.unit:
        properties.append({"id": "unit", "value": column.unit})
    if column.link:
        url = column.link.replace("{traces}", traces)
        link = {"targetBlank": False, "title": column.link_title, "url": url}
        properties.append({"id": "links", "value": [link]})
    return {"matcher": {"id": "byName", "options": column.title}, "properties": properties}


def _steps(thresholds: tuple[Threshold, ...]) -> list[Json]:
    base = "green" if thresholds else "text"
    return [{"color": base, "value": None}, *({"color": each.colour, "value": each.value} for each in thresholds)]


def _line(panel: Panel) -> Json:
    return {
        "axisBorderShow": False,
        "axisCenteredZero": False,
        "axisPlacement": "auto",
        "axisSoftMin": 0,
        "drawStyle": "line",
        "fillOpacity": 10,
        "gradientMode": "none",
        "hideFrom": {"legend": False, "tooltip": False, "viz": False},
        "insertNulls": False,
        "lineInterpolation": "linear",
        "lineWidth": 1,
        "pointSize": 5,
        "scaleDistribution": {"type": "linear"},
        "showPoints": "auto",
        "spanNulls": False,
        "stacking": {"group": "A", "mode": "none"},
        "thresholdsStyle": {"mode": "dashed" if panel.thresholds else "off"},
    }


def _cell(_: Panel) -> Json:
    return {"align": "auto", "cellOptions": {"type": "auto"}, "filterable": False, "inspect": False}


def _cloud(_: Panel) -> Json:
    return {"hideFrom": {"legend": False, "tooltip": False, "viz": False}, "scaleDistribution": {"type": "linear"}}


def _none(_: Panel) -> Mapping[str, object]:
    return {}


_CUSTOM = {"timeseries": _line, "stat": _none, "heatmap": _cloud, "table": _cell, "logs": _none}

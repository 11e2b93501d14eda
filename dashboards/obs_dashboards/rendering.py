"""A dashboard as the text of a file that Grafana provisions, in the schema of today."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from grafanalib import core

from obs_dashboards import frame
from obs_dashboards.dashboard import Dashboard
from obs_dashboards.layout import place
from obs_dashboards.panel_json import panel_json

if TYPE_CHECKING:
    from obs.manifest import Links

SCHEMA_VERSION = 42
SHARED_CROSSHAIR = 1

# What is left out is either unknown to Grafana by now or set by it when it stores the dashboard.
_KEPT = (
    "annotations",
    "description",
    "editable",
    "graphTooltip",
    "links",
    "panels",
    "refresh",
    "schemaVersion",
    "tags",
    "templating",
    "time",
    "timezone",
    "title",
    "uid",
)


def render(dashboard: Dashboard, links: Links) -> str:
    """The dashboard's JSON: sorted keys, two spaces, one final line feed.

    Args:
        dashboard: The dashboard.
        links: Where traces, logs and other dashboards are shown.
    """
    traces = links.traces.rstrip("/")
    built = core.Dashboard(
        title=dashboard.title,
        uid=dashboard.uid,
        description=dashboard.description,
        editable=False,
        graphTooltip=SHARED_CROSSHAIR,
        links=frame.links(links),
        panels=[panel_json(placed, dashboard.uid, traces) for placed in place(dashboard.rows)],
        refresh="30s",
        schemaVersion=SCHEMA_VERSION,
        tags=[frame.TAG, *dashboard.tags],
        templating=core.Templating(list=frame.variables(dashboard)),
        annotations=core.Annotations(list=frame.marks()),
        timezone="browser",
    ).to_json_data()
    kept = {key: built[key] for key in _KEPT} | {"timepicker": {}}
    return json.dumps(kept, default=_plain, ensure_ascii=False, indent=2, sort_keys=True) + "\n"


def _plain(part: object) -> object:
    return part.to_json_data()  # type: ignore[attr-defined]

"""What stands around the panels of every dashboard: variables, marks on the time axis and links."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from obs.signals import process
from obs_dashboards.dashboard import Choice, Dashboard
from obs_dashboards.expressions import Aggregate, Binary, Match, Number, Selector
from obs_dashboards.lucene import of_service
from obs_dashboards.queries import BOUND, INSTANCE, JOB

if TYPE_CHECKING:
    from obs.manifest import Links

Json = dict[str, Any]

TAG = "obs"
ON_TIME_RANGE_CHANGE = 2
PROMETHEUS: Json = {"type": "prometheus", "uid": "${prometheus_datasource}"}
ELASTICSEARCH: Json = {"type": "elasticsearch", "uid": "${elasticsearch_datasource}"}


def variables(dashboard: Dashboard) -> list[Json]:
    """The data sources, the service, its targets, and what the dashboard adds.

    Args:
        dashboard: The dashboard.
    """
    series = dashboard.source.samples[-1]
    only = (Match(JOB.name, "=", dashboard.only),) if dashboard.only else ()
    return [
        _data_source("prometheus", "Prometheus data source"),
        _data_source("elasticsearch", "Elasticsearch data source"),
        _choice(Choice("job", "Job", JOB), Selector(series, only), chosen=dashboard.only),
        _choice(Choice("instance", "Instance", INSTANCE), Selector(series, BOUND[:1])),
        *(_choice(each, Selector(series, BOUND)) for each in dashboard.choices),
    ]


def marks() -> list[Json]:
    """Grafana's own marks, and one where each target started: a deployment, a restart or a crash."""
    started = Aggregate("min", (JOB.name, INSTANCE.name), Selector(process.START_TIME.family, BOUND))
    own = {
        "builtIn": 1,
        "datasource": {"type": "grafana", "uid": "-- Grafana --"},
        "enable": True,
        "hide": True,
        "iconColor": "rgba(0, 211, 255, 1)",
        "name": "Annotations & Alerts",
        "type": "dashboard",
    }
    starts = {
        "datasource": PROMETHEUS,
        "enable": True,
        "hide": False,
        "iconColor": "blue",
        "name": "Starts",
        "tagKeys": "job",
        "target": {"expr": str(Binary(started, "*", Number("1000"))), "refId": "Starts"},
        "textFormat": "{{instance}} started",
        "titleFormat": "{{job}}",
        "useValueForTime": True,
    }
    return [own, starts]


def links(where: Links) -> list[Json]:
    """The way to the other dashboards, and to the logs and traces of the services in view.

    Args:
        where: Where logs and traces are shown.
    """
    logs = f"{where.logs.rstrip('/')}?q={of_service()}"
    traces = f"{where.traces.rstrip('/')}?service=${{job:csv}}"
    others = _link("Dashboards", "dashboards", "dashboard") | {"asDropdown": True, "includeVars": True, "tags": [TAG]}
    return [
        others,
        _link("Logs", "link", "doc", logs, "Every log line of these services"),
        _link("Traces", "link", "external link", traces, "The newest traces of these services"),
    ]


def _link(title: str, kind: str, icon: str, url: str = "", tooltip: str = "") -> Json:
    return {
        "asDropdown": False,
        "icon": icon,
        "includeVars": False,
        "keepTime": True,
        "tags": [],
        "targetBlank": False,
        "title": title,
        "tooltip": tooltip,
        "type": kind,
        "url": url,
    }


def _data_source(kind: str, label: str) -> Json:
    return {
        "hide": 0,
        "includeAll": False,
        "label": label,
        "multi": False,
        "name": f"{kind}_datasource",
        "options": [],
        "query": kind,
        "refresh": 1,
        "regex": "",
        "type": "datasource",
    }


def _choice(choice: Choice, series: Selector, chosen: str = "") -> Json:
    query = f"label_values({series}, {choice.label.name})"
    return {
        "allValue": choice.all_value,
        "current": {"text": [chosen or "All"], "value": [chosen or "$__all"]},
        "datasource": PROMETHEUS,
        "hide": 0,
        "includeAll": True,
        "label": choice.title,
        "multi": True,
        "name": choice.name,
        "options": [],
        "query": {"query": query, "refId": f"{choice.name}-values"},
        "refresh": ON_TIME_RANGE_CHANGE,
        "regex": "",
        "sort": 1,
        "type": "query",
    }

"""One dashboard for each service that declares metrics of its own: the kind of a metric decides how it is shown."""

from __future__ import annotations

import hashlib
import re

from obs.manifest import Manifest, Service
from obs.signals.model import Counter, Gauge, Histogram, Info, Metric
from obs_dashboards.dashboard import LONGEST_UID, Dashboard
from obs_dashboards.layout import Row
from obs_dashboards.links import HTTP_SERVICE
from obs_dashboards.lucene import LogQuery, of_service
from obs_dashboards.panels import Column, Link, Panel, heat, logs, table, timeseries
from obs_dashboards.queries import INSTANCE, JOB, facts, heatmap, quantiles, rate, value

PREFIX = "obs-service-"


def for_manifest(manifest: Manifest) -> tuple[Dashboard, ...]:
    """The dashboards of the services that declare metrics.

    Args:
        manifest: The services and what they declare.
    """
    return tuple(_dashboard(service) for service in manifest.services if service.signals)


def uid_of(service: str) -> str:
    """The uid of a service's own dashboard; a name that is too long for a uid is cut and told apart by a hash.

    Args:
        service: The service's name.

    Example:
        >>> uid_of("orders")
        'obs-service-orders'
    """
    uid = PREFIX + service
    if len(uid) <= LONGEST_UID and re.fullmatch(r"[A-Za-z0-9_-]+", service):
        return uid
    digest = hashlib.sha256(service.encode()).hexdigest()[:8]
    return f"{re.sub('[^A-Za-z0-9_-]', '-', uid)[: LONGEST_UID - 9]}-{digest}"


def _dashboard(service: Service) -> Dashboard:
    return Dashboard(
        uid=uid_of(service.name),
        title=f"Service {service.name}",
        description=service.description or f"What {service.name} counts and measures itself.",
        source=service.signals[0],
        only=service.name,
        rows=(*(_row(signal) for signal in service.signals), _LOGS),
        tags=("service",),
    )


def _row(signal: Metric) -> Row:
    title = _title(signal)
    by = (JOB, *(label for label in signal.labels if label not in (JOB, INSTANCE)))
    links = (_HTTP,)
    panels: tuple[Panel, ...]
    match signal:
        case Counter():
            panels = (timeseries(f"{title} a second", rate(signal, by=by), width=24, links=links),)
        case Gauge():
            panels = (timeseries(title, value(signal, by=by), width=24, links=links),)
        case Histogram():
            panels = (
                timeseries(f"{title}: quantiles", *quantiles(signal), width=12, links=links),
                heat(f"{title}: distribution", heatmap(signal), width=12),
            )
        case Info():
            columns = {label.name: Column(label.name) for label in (JOB, INSTANCE, *signal.labels)}
            panels = (table(title, facts(signal), columns=columns),)
        case _:
            raise TypeError(f"{signal.name}: no panel shows a {type(signal).__name__}")
    return Row(title, panels)


def _title(signal: Metric) -> str:
    """``orders.placed`` becomes "Orders placed"."""
    words = re.sub(r"[._]+", " ", signal.name).strip()
    return words[:1].upper() + words[1:]


_HTTP = Link("Requests of this service", f"/d/{HTTP_SERVICE}?var-job=${{__field.labels.job}}&${{__url_time_range}}")

_LOGS = Row("Logs", panels=(logs("Logs", LogQuery(of_service()), says="Every line of the service, newest first."),))

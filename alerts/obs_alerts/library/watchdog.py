"""An alert that always fires, so that its silence tells that alerting itself is broken."""

from obs_alerts.cases import Case
from obs_alerts.library.model import ServiceAlert
from obs_dashboards.links import HTTP_SERVICE

ALERT = ServiceAlert(
    name="Watchdog",
    expr="vector(1)",
    severity="none",
    summary="Alerting works.",
    description="This alert always fires and goes to the dead-man's receiver, which raises the alarm when it stops "
    "arriving. First step, when it stopped: see whether Prometheus and Alertmanager run.",
    dashboard=HTTP_SERVICE,
    everywhere=True,
    fires=Case("nothing is wrong", series={}, fires_at="1m"),
    silent=None,
    resolves=None,
)

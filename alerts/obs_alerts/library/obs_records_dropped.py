"""A service gives up logs or traces instead of delivering them."""

from obs.signals.own_health import DROPPED, SIGNAL
from obs_alerts.cases import Case
from obs_alerts.library.model import ServiceAlert
from obs_dashboards.links import PYTHON_RUNTIME

_LOGS = f'{DROPPED.total}{{job="$service",signal="logs",reason="queue_full"}}'

ALERT = ServiceAlert(
    name="ObsRecordsDropped",
    expr=f'sum by ({SIGNAL.name}) (rate({DROPPED.total}{{job="$service"}}[5m])) > 0',
    hold="10m",
    keep="10m",
    python_only=True,
    severity="ticket",
    summary="Users of $service feel nothing, but its {{ $labels.signal }} have gaps.",
    description="$service has been giving up {{ $labels.signal }} for 10m instead of delivering them. "
    "First step: see whether the endpoint that it exports to answers.",
    dashboard=PYTHON_RUNTIME,
    fires=Case(
        "the backend is too slow for the logs",
        series={_LOGS: "0x2 0+30x30"},
        fires_at="20m",
        labels={"signal": "logs"},
    ),
    silent=Case(
        "a queue that is full for four minutes while the backend restarts",
        series={_LOGS: "0x2 200+200x3 800x40"},
        quiet_at="15m",
    ),
    resolves=Case(
        "the backend keeps up again",
        series={_LOGS: "0x2 0+30x20 600x40"},
        fires_at="20m",
        still_at="35m",
        quiet_at="45m",
        labels={"signal": "logs"},
    ),
)

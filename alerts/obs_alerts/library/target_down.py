"""A target of a service does not answer Prometheus."""

from obs_alerts.cases import Case
from obs_alerts.library.model import ServiceAlert
from obs_dashboards.links import PYTHON_RUNTIME

_A = 'up{job="$service",instance="a"}'
_B = 'up{job="$service",instance="b"}'

ALERT = ServiceAlert(
    name="TargetDown",
    expr='up{job="$service"} == 0',
    hold="5m",
    keep="5m",
    severity="page",
    summary="A part of $service is down or cannot be reached; its users may get errors.",
    description="Target {{ $labels.instance }} of $service has not answered Prometheus for 5m. "
    "First step: see whether its process is still alive, and read the last lines that it logged.",
    dashboard=PYTHON_RUNTIME,
    fires=Case(
        "one of two targets stops answering",
        series={_A: "1x2 0x20", _B: "1x22"},
        fires_at="10m",
        labels={"job": "$service", "instance": "a"},
    ),
    silent=Case(
        "a restart takes four minutes",
        series={_A: "1x2 0x3 1x20", _B: "1x25"},
        quiet_at="9m",
    ),
    resolves=Case(
        "the target comes back",
        series={_A: "1x2 0x9 1x20", _B: "1x32"},
        fires_at="10m",
        still_at="16m",
        quiet_at="20m",
        labels={"job": "$service", "instance": "a"},
    ),
)

"""Metrics: instruments that keep their numbers where every worker's scrape finds them, and one /metrics a target."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from obs.metrics.app import MetricsApp
    from obs.metrics.room import MetricsRoom
    from obs.runtime.target import Target
    from obs.settings import Settings


def _no_trace() -> tuple[int, int]:
    return 0, 0


# The trace and span that a public record belongs to; the runtime points it at the traces room. (0, 0): none.
current_trace: Callable[[], tuple[int, int]] = _no_trace


def _tell_nobody(_: str) -> None:
    return None


# Where a person is told of a metric that has too many series; the runtime points it at the logs.
warn: Callable[[str], None] = _tell_nobody

from obs.metrics.children import CounterChild, GaugeChild, HistogramChild  # noqa: E402
from obs.metrics.declare import counter, declared, gauge, histogram  # noqa: E402 - they look current_trace up here
from obs.metrics.instruments import Counter, Gauge, Histogram, instrument  # noqa: E402

__all__ = [
    "Counter",
    "CounterChild",
    "Gauge",
    "GaugeChild",
    "Histogram",
    "HistogramChild",
    "counter",
    "current_trace",
    "declared",
    "gauge",
    "histogram",
    "instrument",
    "metrics_app",
    "start",
    "warn",
]


def start(settings: Settings, target: Target) -> MetricsRoom:
    """Start the metrics room; one that runs is stopped first.

    Args:
        settings: `metrics_host`, `metrics_port` (0: no server), `metrics_path` and `service`.
        target: Found by `obs.runtime.target.find_target`.

    Returns:
        The room: `.port`, `.warnings`, `.target`, `.flush()`, `.stop()`, `.after_fork_in_child()`.
    """
    from obs.metrics import room

    return room.start(settings, target)


def metrics_app() -> MetricsApp:
    """/metrics as an application to mount on a route of one's own; ASGI and WSGI in one object.

    Example:
        >>> app = metrics_app()  # FastAPI().mount("/metrics", app), or DispatcherMiddleware(wsgi, {"/metrics": app})
    """
    from obs.metrics import room

    return room.metrics_app()

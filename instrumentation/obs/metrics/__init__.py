"""Metrics: instruments that keep their numbers where every worker's scrape finds them, and one /metrics a target."""

from __future__ import annotations

from collections.abc import Callable


def _no_trace() -> tuple[int, int]:
    return 0, 0


# The trace and span that a public record belongs to; the runtime points it at the traces room. (0, 0): none.
current_trace: Callable[[], tuple[int, int]] = _no_trace

from obs.metrics.declare import counter, declared, gauge, histogram  # noqa: E402 - they look current_trace up here
from obs.metrics.instruments import Counter, Gauge, Histogram, instrument  # noqa: E402

__all__ = [
    "Counter",
    "Gauge",
    "Histogram",
    "counter",
    "current_trace",
    "declared",
    "gauge",
    "histogram",
    "instrument",
]

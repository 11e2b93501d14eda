"""Reading what a service promises, and refusing what can be neither kept nor watched."""

from __future__ import annotations

from decimal import Decimal

from obs.manifest.durations import duration_seconds, duration_text
from obs.manifest.model import Slo
from obs.manifest.table import Table
from obs.signals.http import METHODS, SERVER_DURATION

WINDOWS = ("7d", "28d", "30d", "90d")

_MOST_DECIMALS = 6
_FINEST = Decimal(1).scaleb(-_MOST_DECIMALS)  # a budget of one request in a hundred million; nobody measures finer

# The fastest burn-rate alert fires when this part of the budget goes within one hour.
# Source: Google's "The Site Reliability Workbook", chapter "Alerting on SLOs".
_FASTEST_SHARE = Decimal("0.02")


def read_slo(table: Table, service: str) -> Slo:
    """One `[[services.slos]]`; what is wrong goes to the table's faults.

    Args:
        table: The table.
        service: The name of the service that promises it.
    """
    kind = table.choice("kind", ("availability", "latency"))
    window = table.choice("window", WINDOWS, "30d")
    slo = Slo(
        service=service,
        name=table.name("name"),
        kind=kind,
        objective=_objective(table, window),
        threshold=_threshold(table, kind),
        window=window,
        route=table.text("route", ""),
        method=table.choice("method", METHODS, ""),
    )
    table.finish()
    return slo


def _objective(table: Table, window: str) -> Decimal:
    objective = table.number("objective")
    if objective is None:
        return Decimal("99.9")
    if not 0 < objective < 100:
        what = "leaves no request that may fail" if objective >= 100 else "promises nothing"
        table.fault("objective", f"{objective} {what}", "write a percentage above 0 and below 100, such as 99.9")
        return objective
    if objective != objective.quantize(_FINEST):
        what = f"has more than {_MOST_DECIMALS} digits after the point"
        table.fault("objective", what, f"write at most {_MOST_DECIMALS}, such as 99.9")
        return objective
    # Factor of the fastest tier: share of the budget * window / one hour. It must be reachable with less than every
    # request failing: factor * (100 - objective) / 100 < 1.
    factor = _FASTEST_SHARE * duration_seconds(window) / 3600
    if factor * (100 - objective) >= 100:
        lowest = 100 - 100 / factor
        table.fault(
            "objective",
            f"{objective} over {window} is impossible to watch: its fastest alert needs {factor.normalize():f} times "
            f"the budget of {100 - objective} %, which is every request or more",
            f"write more than {lowest:.2f} or a shorter window",
        )
    return objective


def _threshold(table: Table, kind: str) -> Decimal | None:
    if kind != "latency":
        if table.text("threshold", ""):
            table.fault("threshold", "an availability promise has none", 'remove it or write kind = "latency"')
        return None
    threshold = table.duration("threshold", "250ms")
    buckets = [Decimal(str(bucket)) for bucket in SERVER_DURATION.buckets]
    if threshold is not None and threshold not in buckets:
        below = [bucket for bucket in buckets if bucket < threshold][-1:]
        above = [bucket for bucket in buckets if bucket > threshold][:1]
        nearest = " or ".join(f'"{duration_text(bucket)}"' for bucket in (*below, *above))
        table.fault(
            "threshold", f"{duration_text(threshold)} is no bucket of {SERVER_DURATION.family}", f"use {nearest}"
        )
    return threshold

"""Made-up traffic of a service, as the series that an SLO reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from obs.signals.http import METHOD, ROUTE, SERVER_DURATION, STATUS
from obs_alerts.exact import number, quoted

if TYPE_CHECKING:
    from obs.manifest import Slo


@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch of even traffic.

    Args:
        minutes: How long it lasts.
        requests: Requests a minute.
        failures: Those of them that break the promise.
    """

    minutes: int
    requests: Decimal = Decimal(0)
    failures: Decimal = Decimal(0)


def traffic(slo: Slo, *phases: Phase, gone: int = 0, born_late: bool = False) -> dict[str, str]:
    """The series of a service that lives through some phases, in promtool's notation.

    Args:
        slo: What is promised; it decides what a failure is.
        *phases: In order, from minute 0.
        gone: Minutes after the phases during which the service is not there; it comes back where it was.
        born_late: The failures' series, where it has one of its own, does not exist during the first phase.
    """
    done = [phase.requests - phase.failures for phase in phases]
    kept = _values(zip((phase.minutes for phase in phases), done, strict=True), gone)
    every = _values(((phase.minutes, phase.requests) for phase in phases), gone)
    failed = _values(((phase.minutes, phase.failures) for phase in phases), gone)
    if slo.kind == "latency":
        return {_series(slo, SERVER_DURATION.count, "200"): every, _series(slo, SERVER_DURATION.bucket, "200"): kept}
    if born_late:
        after = _values(((phase.minutes, phase.failures) for phase in phases[1:]), gone)
        failed = f"_x{phases[0].minutes} {after}"
    return {_series(slo, SERVER_DURATION.count, "200"): kept, _series(slo, SERVER_DURATION.count, "500"): failed}


def _series(slo: Slo, name: str, status: str) -> str:
    labels = {
        "job": slo.service,
        ROUTE.name: slo.route or "/",
        METHOD.name: slo.method or "GET",
        STATUS.name: status,
    }
    if name == SERVER_DURATION.bucket:
        labels["le"] = number(slo.threshold or Decimal(0))
    matchers = ",".join(f"{key}={quoted(value)}" for key, value in labels.items())
    return f"{name}{{{matchers}}}"


def _values(stretches: Iterable[tuple[int, Decimal]], gone: int) -> str:
    return " ".join(_stretches(stretches, gone))


def _stretches(stretches: Iterable[tuple[int, Decimal]], gone: int) -> Iterator[str]:
    """Values a minute apart: ``0`` for minute 0, then ``start+step xN`` for each stretch."""
    reached = Decimal(0)
    yield "0"
    for minutes, step in stretches:
        yield f"{number(reached + step)}+{number(step)}x{minutes - 1}"
        reached += step * minutes
    if gone:
        yield f"stale _x{gone - 1} {number(reached)}x60"

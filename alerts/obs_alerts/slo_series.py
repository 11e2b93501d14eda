"""The series that an SLO records: requests and failures, their ratio over each window, and what is left of the budget.

Two series are counted from the service's own metrics, the requests and the failures a second over 5 minutes. Every
longer window is a sum over these two, so it costs the same for one route as for a thousand, and busy minutes weigh more
than quiet ones. Names keep their nominal window when a demo runs faster (`rate5m` is then over 5 seconds).
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from obs.signals.http import METHOD, ROUTE, SERVER_DURATION, STATUS
from obs_alerts.burn_rates import TIERS, error_budget
from obs_alerts.exact import Clock, milliseconds, number, quoted
from obs_alerts.rules import Recording

if TYPE_CHECKING:
    from obs.manifest import Slo

REQUESTS = "slo:requests:rate5m"
FAILURES = "slo:failures:rate5m"
BUDGET_REMAINING = "slo:error_budget_remaining:ratio"

# How often the two counted series and the short windows are evaluated, and how often the long ones. Both stay below
# five minutes, after which Prometheus no longer shows a series.
OFTEN = "1m"
SELDOM = "2m"

_SHORT = tuple(dict.fromkeys(window for tier in TIERS if tier.severity == "page" for window in tier.windows))
_LONG = tuple(dict.fromkeys(window for tier in TIERS for window in tier.windows if window not in _SHORT))

_SERVER_ERROR = f'{STATUS.name}=~"5.."'
_NO_SERVER_ERROR = f'{STATUS.name}!~"5.."'


def ratio(window: str) -> str:
    """The name of the series with the part of requests that failed within a window."""
    return f"slo:failures_per_requests:ratio_rate{window}"


def failures(window: str) -> str:
    """The name of the series with the number of requests that failed within a window."""
    return f"slo:failures:increase{window}"


def requests(window: str) -> str:
    """The name of the series with the number of requests within a window."""
    return f"slo:requests:increase{window}"


def identity(slo: Slo) -> dict[str, str]:
    """The labels that every series of an SLO carries.

    The owner is not among them: a service that changes hands keeps its history. `slo:objective:info` has it.
    """
    return {"service": slo.service, "slo": slo.name}


def selector(slo: Slo) -> str:
    """The matchers of the series of an SLO, as they stand between braces."""
    return ",".join(f"{name}={quoted(value)}" for name, value in identity(slo).items())


def watched(slo: Slo) -> str:
    """The series without which the SLO is blind: its requests, or those of its bucket."""
    if slo.kind == "latency":
        return f"{SERVER_DURATION.bucket}{{{_source(slo)},{_bucket(slo)}}}"
    return f"{SERVER_DURATION.count}{{{_source(slo)}}}"


def short_recordings(slo: Slo, clock: Clock) -> list[Recording]:
    """The counted series and the windows of the two tiers that page."""
    return [
        _record(slo, REQUESTS, clock.ranges(_requests(slo))),
        _record(slo, FAILURES, clock.ranges(_failures(slo))),
        _record(slo, ratio("5m"), _divided(f"{FAILURES}{{{selector(slo)}}}", f"{REQUESTS}{{{selector(slo)}}}")),
        *(_record(slo, ratio(window), _ratio(slo, window, clock)) for window in _SHORT if window != "5m"),
        *(_record(slo, failures(window), _count(slo, FAILURES, window, clock)) for window in _judged("page")),
    ]


def long_recordings(slo: Slo, clock: Clock) -> list[Recording]:
    """The windows of the two tiers that make a ticket, the budget, and what the SLO promises."""
    judged = _judged("ticket")
    return [
        *(_record(slo, ratio(window), _ratio(slo, window, clock)) for window in (*_LONG, slo.window)),
        *(_record(slo, failures(window), _count(slo, FAILURES, window, clock)) for window in judged),
        _record(slo, requests(judged[0]), _count(slo, REQUESTS, judged[0], clock)),
        _record(
            slo,
            BUDGET_REMAINING,
            f"1 - {ratio(slo.window)}{{{selector(slo)}}} / {number(error_budget(slo.objective))}",
        ),
        _record(slo, "slo:objective:ratio", f"vector({number(slo.objective / 100)})"),
        _record(slo, "slo:error_budget:ratio", f"vector({number(error_budget(slo.objective))})"),
        _record(slo, "slo:period:days", f"vector({milliseconds(slo.window) // 86_400_000})"),
    ]


def info(slo: Slo, owner: str) -> Recording:
    """The facts of an SLO as labels, to join on service and slo."""
    facts = {"owner": owner, "kind": slo.kind, "objective": number(slo.objective), "period": slo.window}
    return Recording("slo:objective:info", "vector(1)", identity(slo) | facts)


def _judged(severity: str) -> list[str]:
    return [tier.long for tier in TIERS if tier.severity == severity]


def _record(slo: Slo, name: str, expr: str) -> Recording:
    return Recording(name, expr, identity(slo))


def _source(slo: Slo) -> str:
    chosen = {"job": slo.service, ROUTE.name: slo.route, METHOD.name: slo.method}
    return ",".join(f"{name}={quoted(value)}" for name, value in chosen.items() if value)


def _bucket(slo: Slo) -> str:
    """The bucket of the threshold. Prometheus 2 keeps a whole bound as it was exposed, 3 writes "1" as "1.0"."""
    bound = number(slo.threshold or Decimal(0))
    return f'le="{bound}"' if "." in bound else rf'le=~"{bound}(\\.0)?"'


def _requests(slo: Slo) -> str:
    """All requests; for latency those without a server error, since a failure burns the budget of availability."""
    chosen = _source(slo) if slo.kind == "availability" else f"{_source(slo)},{_NO_SERVER_ERROR}"
    return f"sum(rate({SERVER_DURATION.count}{{{chosen}}}[5m]))"


def _failures(slo: Slo) -> str:
    """Requests that broke the promise; 0 instead of nothing before the first one."""
    if slo.kind == "availability":
        broken = f"sum(rate({SERVER_DURATION.count}{{{_source(slo)},{_SERVER_ERROR}}}[5m]))"
        return f"{broken}\nor\n0 * {_requests(slo)}"
    kept = f"sum(rate({SERVER_DURATION.bucket}{{{_source(slo)},{_NO_SERVER_ERROR},{_bucket(slo)}}}[5m]))"
    return f"clamp_min(\n  {_requests(slo)}\n  - {kept},\n  0\n)"


def _ratio(slo: Slo, window: str, clock: Clock) -> str:
    over = f"{{{selector(slo)}}}[{clock(window)}]"
    return _divided(f"sum_over_time({FAILURES}{over})", f"sum_over_time({REQUESTS}{over})")


def _divided(part: str, whole: str) -> str:
    """Part by whole; 0 without traffic, since where nobody asked nothing failed."""
    return f"{part}\n/\n({whole} > 0)\nor\n0 * {part}"


def _count(slo: Slo, series: str, window: str, clock: Clock) -> str:
    """How many: the rates times the seconds between them.

    Unlike `increase` over the source, the cost does not grow with the number of series; unlike a mean times the window,
    a service that started an hour ago is not credited with failures of the days before.
    """
    step = number(Decimal(milliseconds(clock(OFTEN))) / 1000)
    return f"sum_over_time({series}{{{selector(slo)}}}[{clock(window)}]) * {step}"

"""The stories that an SLO's alerts are held against, made from the SLO itself."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from decimal import ROUND_DOWN, ROUND_UP, Decimal
from typing import TYPE_CHECKING

from obs.signals.http import METHOD, ROUTE
from obs_alerts.burn_rates import LEAST_FAILURES, TIERS, Tier, error_budget, factor
from obs_alerts.cases import Case, Fact, Kind, Story
from obs_alerts.exact import milliseconds, number
from obs_alerts.rules import Alert
from obs_alerts.slo_alerts import ABSENT, ABSENT_HOLD, BURN, LOW_TRAFFIC, QUIET_FAILURES, QUIET_HOLD
from obs_alerts.slo_series import BUDGET_REMAINING, failures, identity, ratio, selector
from obs_alerts.traffic import Phase, traffic

if TYPE_CHECKING:
    from obs.manifest import Slo

# How far above and below its threshold a tier is tried, and how much later than promised it may fire.
ABOVE = Decimal("1.25")
BELOW = Decimal("0.8")
MARGIN = 5


def stories(slo: Slo, alerts: Sequence[Alert]) -> list[Story]:
    """Every story of an SLO: three for each of its alerts, and the numbers that must come out.

    Args:
        slo: What is promised.
        alerts: Its alerts at real speed.
    """
    burns = {alert.labels["burn_tier"]: alert for alert in alerts if alert.name == BURN}
    named = {alert.name: alert for alert in alerts}
    return [
        *(story for tier in TIERS for story in _tier_stories(slo, tier, burns)),
        *_low_traffic_stories(slo, named[LOW_TRAFFIC]),
        *_absent_stories(slo, named[ABSENT]),
        *_numbers(slo),
    ]


def _tier_stories(slo: Slo, tier: Tier, burns: dict[str, Alert]) -> list[Story]:
    limit = factor(tier, slo.window)
    above, below, fires = _possible(slo, limit * ABOVE), limit * BELOW, _minutes(tier.hold) + MARGIN
    burning = _burning(slo, fires, above)
    # After a quarter of their time without more of them, failures at 1.25 times the threshold are below it on average;
    # then the alert is kept as long as the short window, and the counted rates look back 5 minutes.
    clean = math.ceil(fires * (ABOVE - 1)) + _minutes(tier.keep) + 2 * MARGIN
    value = burning.failures / burning.requests
    told: list[tuple[Kind, Case]] = [
        ("fires", Case(_pace(above), traffic(slo, burning), fires_at=f"{fires}m", value=value)),
        ("stays silent", Case(_pace(below), traffic(slo, _burning(slo, fires, below)), quiet_at=f"{fires}m")),
        ("stays silent", Case("not yet for long enough", traffic(slo, burning), quiet_at=tier.hold)),
        ("stays silent", _too_few(slo, 3 * fires, above)),
        (
            "resolves",
            Case(
                "the failures stop",
                traffic(slo, burning, Phase(clean, burning.requests)),
                fires_at=f"{fires}m",
                still_at=f"{fires + _minutes(tier.keep)}m",
                quiet_at=f"{fires + clean}m",
                value=value,
            ),
        ),
    ]
    if tier.severity == "page":
        told += [("stays silent", _spike(slo, tier)), ("resolves", _aftermath(slo, tier))]
    firing = [
        burns[other.name] for other in TIERS if factor(other, slo.window) < above and _minutes(other.hold) < fires
    ]
    return _stories(f"{BURN} {tier.name}", slo, told, burns[tier.name], firing)


def _possible(slo: Slo, pace: Decimal) -> Decimal:
    """A pace, or that of every request failing where it is less."""
    return min(pace, 1 / error_budget(slo.objective))


def _stories(
    about: str, slo: Slo, told: list[tuple[Kind, Case]], alert: Alert, firing: Sequence[Alert] = ()
) -> list[Story]:
    return [Story(f"{about} of {slo.service} {slo.name}", kind, case, alert, firing) for kind, case in told]


def _pace(times: Decimal) -> str:
    return f"failures at {number(times)} times the allowed pace"


def _burning(slo: Slo, minutes: int, pace: Decimal) -> Phase:
    """Traffic so heavy that the budget alone is 600 requests a minute, of which some times that many fail."""
    requests = Decimal(math.ceil(600 / error_budget(slo.objective)))
    return Phase(minutes, requests, round(requests * error_budget(slo.objective) * pace, 0))


def _too_few(slo: Slo, minutes: int, pace: Decimal) -> Case:
    """Nearly as many failures as must be seen, of so few requests that each weighs much."""
    failed = (Decimal(LEAST_FAILURES - 1) / minutes).quantize(Decimal("0.0001"), ROUND_DOWN)
    asked = (failed / error_budget(slo.objective) / pace).quantize(Decimal("0.0001"), ROUND_UP)
    few = Phase(minutes, max(asked, failed), failed)
    return Case(f"no more than {LEAST_FAILURES - 1} failures", traffic(slo, few), quiet_at=f"{minutes}m")


def _spike(slo: Slo, tier: Tier) -> Case:
    """Failures that fill the short window, and so little of the long one that it stays just below."""
    spike = _outbreak(slo, tier)
    pace = spike.failures / spike.requests / error_budget(slo.objective) / factor(tier, slo.window)
    good = math.ceil(spike.minutes * (pace / BELOW - 1))
    series = traffic(slo, Phase(good, spike.requests), spike)
    return Case("a spike after a long good time", series, quiet_at=f"{good + spike.minutes}m")


def _aftermath(slo: Slo, tier: Tier) -> Case:
    """Failures that fill both windows, and then so few that the short one stays just below."""
    outbreak = _outbreak(slo, tier)
    after = _minutes(tier.short) + _minutes(tier.keep) + 2 * MARGIN
    rest = replace(outbreak, minutes=after, failures=_burning(slo, after, factor(tier, slo.window) * BELOW).failures)
    return Case(
        "only a few failures are left",
        traffic(slo, outbreak, rest),
        still_at=f"{outbreak.minutes}m",
        quiet_at=f"{outbreak.minutes + after}m",
    )


def _outbreak(slo: Slo, tier: Tier) -> Phase:
    """Two and a half times the pace of the tier, or every request, until the short window is full and held."""
    minutes = _minutes(tier.short) + _minutes(tier.hold) + MARGIN
    return _burning(slo, minutes, _possible(slo, factor(tier, slo.window) * Decimal("2.5")))


def _low_traffic_stories(slo: Slo, alert: Alert) -> list[Story]:
    """A request every eight minutes, as at night."""
    rare = Decimal("0.125")
    fires = 8 * QUIET_FAILURES + _minutes(QUIET_HOLD) + 2 * MARGIN
    outage, few = Phase(fires, rare, rare), Phase(8 * (QUIET_FAILURES - 1), rare, rare)
    recovery = Phase(60, _burning(slo, 1, Decimal(0)).requests)
    failing = Case("every request fails", traffic(slo, outage), fires_at=f"{fires}m", value=Decimal(1))
    chance = Case("two requests fail and no more come", traffic(slo, few, Phase(fires)), quiet_at=f"{fires}m")
    recovering = replace(
        failing,
        claim="many requests succeed",
        series=traffic(slo, outage, recovery),
        quiet_at=f"{fires + recovery.minutes}m",
    )
    told: list[tuple[Kind, Case]] = [("fires", failing), ("stays silent", chance), ("resolves", recovering)]
    return _stories(LOW_TRAFFIC, slo, told, alert)


def _absent_stories(slo: Slo, alert: Alert) -> list[Story]:
    busy, hold = Phase(10, Decimal(60)), _minutes(ABSENT_HOLD)
    fires, gone = busy.minutes + hold + MARGIN, hold + 2 * MARGIN
    vanished = Case(
        "the metric vanishes", traffic(slo, busy, gone=2 * hold), fires_at=f"{fires}m", labels=_equalities(slo)
    )
    idle = Case("the service is there and nobody asks", traffic(slo, Phase(2 * fires)), quiet_at=f"{fires}m")
    back = replace(
        vanished,
        claim="the metric comes back",
        series=traffic(slo, busy, gone=gone),
        quiet_at=f"{busy.minutes + gone + MARGIN}m",
    )
    short = hold - 2
    blink = Case(
        "the metric is away for less than that", traffic(slo, busy, gone=short), quiet_at=f"{busy.minutes + short}m"
    )
    told: list[tuple[Kind, Case]] = [
        ("fires", vanished),
        ("stays silent", idle),
        ("stays silent", blink),
        ("resolves", back),
    ]
    return _stories(ABSENT, slo, told, alert)


def _numbers(slo: Slo) -> Iterator[Story]:
    yield _weighted(slo)
    yield _chance(slo)
    yield _burst(slo)


def _weighted(slo: Slo) -> Story:
    """Six hours of 6000 requests a minute, of which 600 fail in each of ten minutes: 0.28 % of all."""
    steady = Phase(300, Decimal(6000))
    bad = Phase(10, Decimal(6000), Decimal(600))
    rest = Phase(50, Decimal(6000))
    part = Decimal(600 * 10) / Decimal(6000 * 360)
    near = Decimal("0.0003")
    budget = error_budget(slo.objective)
    chosen, labels = f"{{{selector(slo)}}}", identity(slo)
    left = (1 - part / budget).quantize(Decimal("0.0001"))
    return Story(
        f"{slo.service} {slo.name}",
        "",
        Case(
            "a burst of ten minutes weighs as many requests as it had, and its budget is right",
            traffic(slo, steady, bad, rest, born_late=True),
        ),
        facts=(
            Fact(f"{ratio(slo.window)}{chosen}", "6h", part.quantize(Decimal("0.00001")), near, labels),
            Fact(f"{BUDGET_REMAINING}{chosen}", "6h", left, near / budget, labels),
            Fact(f"{ratio('1h')}{chosen}", "4h", Decimal(0), near, labels),
        ),
    )


def _chance(slo: Slo) -> Story:
    """Three requests in an hour, of which the last one fails."""
    one, failed = Phase(1, Decimal(1)), Phase(1, Decimal(1), Decimal(1))
    return Story(
        f"{slo.service} {slo.name}",
        "",
        Case(
            "one failure of three requests in an hour alerts nobody",
            traffic(slo, one, Phase(29), one, Phase(23), failed, Phase(10)),
            quiet_at="59m",
        ),
    )


def _burst(slo: Slo) -> Story:
    """Failures that all come between two scrapes, on a series that stood at 0 before."""
    # Prometheus 3 leaves out the sample on the early edge of a window and never extrapolates below 0: with five scrapes
    # a window it counts four fifths. In use there are twenty.
    near = Decimal(125)
    burst = Phase(1, Decimal(500), Decimal(500))
    return Story(
        f"{slo.service} {slo.name}",
        "",
        Case("a burst on a series that was born at 0 is counted", traffic(slo, Phase(10), burst, Phase(40))),
        facts=(Fact(f"{failures('1h')}{{{selector(slo)}}}", "30m", Decimal(500), near, identity(slo)),),
    )


def _equalities(slo: Slo) -> dict[str, str]:
    """What `absent` takes over from its matchers: those that say equal."""
    labels = {"job": slo.service, ROUTE.name: slo.route, METHOD.name: slo.method}
    bound = number(slo.threshold or Decimal(0))
    if "." in bound:
        labels["le"] = bound
    return {name: value for name, value in labels.items() if value}


def _minutes(length: str) -> int:
    return milliseconds(length) // 60_000

"""The alerts of an SLO: its budget burns, a quiet service fails, or nobody can tell."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from obs_alerts.annotations import VALUE, annotate
from obs_alerts.burn_rates import LEAST_FAILURES, TIERS, Tier, error_budget, factor, threshold
from obs_alerts.exact import Clock, milliseconds, number
from obs_alerts.rules import Alert
from obs_alerts.slo_series import failures, identity, ratio, requests, selector, watched
from obs_dashboards.links import HTTP_SERVICE

if TYPE_CHECKING:
    from obs.manifest import Links, Slo

BURN = "SloErrorBudgetBurn"
LOW_TRAFFIC = "SloLowTrafficErrors"
ABSENT = "SloMetricAbsent"

# A quiet service is judged over the window of the first tier that makes a ticket, without a short window, since hours
# may pass between two of its requests; two failures a day may still be chance.
QUIET_TIER: Tier = next(tier for tier in TIERS if tier.severity == "ticket")
QUIET_FAILURES = 3

QUIET_HOLD = "1h"
ABSENT_HOLD = "10m"


def page_alerts(slo: Slo, owner: str, links: Links, clock: Clock) -> list[Alert]:
    """The alerts that wake somebody: the fast tiers, and blindness."""
    return [*_burns(slo, owner, links, clock, "page"), _absent(slo, owner, links, clock)]


def ticket_alerts(slo: Slo, owner: str, links: Links, clock: Clock) -> list[Alert]:
    """The alerts that wait for the morning: the slow tiers, and failures of a quiet service."""
    return [*_burns(slo, owner, links, clock, "ticket"), _low_traffic(slo, owner, links, clock)]


def _burns(slo: Slo, owner: str, links: Links, clock: Clock, severity: str) -> Sequence[Alert]:
    return [burn(slo, tier, owner, links, clock) for tier in TIERS if tier.severity == severity]


def burn(slo: Slo, tier: Tier, owner: str, links: Links, clock: Clock) -> Alert:
    """The alert of one tier."""
    limit = number(threshold(tier, slo.window, slo.objective))
    return Alert(
        BURN,
        f"{ratio(tier.long)}{{{selector(slo)}}} > {limit}\n"
        f"and\n{ratio(tier.short)}{{{selector(slo)}}} > {limit}\n"
        f"and\n{failures(tier.long)}{{{selector(slo)}}} >= {LEAST_FAILURES}",
        labels=_labels(slo, owner, tier.severity) | {"burn_tier": tier.name},
        annotations=annotate(
            links,
            alert=BURN,
            service=slo.service,
            summary=_felt(slo),
            description=f"{VALUE} of requests {_failed(slo)} in the last {tier.long}; the objective allows "
            f"{_percent(error_budget(slo.objective))}. All of the {_days(slo)}-day budget is gone in "
            f"{_exhausted(slo, tier)} or less at this rate. "
            "First step: open the dashboard and find the route that stands out.",
            dashboard=HTTP_SERVICE,
        ),
        hold=clock(tier.hold),
        keep=clock(tier.keep),
    )


def _low_traffic(slo: Slo, owner: str, links: Links, clock: Clock) -> Alert:
    window = QUIET_TIER.long
    limit = number(threshold(QUIET_TIER, slo.window, slo.objective))
    return Alert(
        LOW_TRAFFIC,
        f"{ratio(window)}{{{selector(slo)}}} > {limit}\n"
        f"and\n{failures(window)}{{{selector(slo)}}} >= {QUIET_FAILURES}\n"
        f"and\n{requests(window)}{{{selector(slo)}}} * {limit} < {LEAST_FAILURES}",
        labels=_labels(slo, owner, "ticket"),
        annotations=annotate(
            links,
            alert=LOW_TRAFFIC,
            service=slo.service,
            summary=_felt(slo),
            description=f"{VALUE} of requests {_failed(slo)} in the last {window}, at least {QUIET_FAILURES} of them; "
            f"the objective allows {_percent(error_budget(slo.objective))}. There are too few requests for the "
            "burn-rate alerts to judge. First step: open the logs and read what these requests have in common.",
            dashboard=HTTP_SERVICE,
        ),
        hold=clock(QUIET_HOLD),
    )


def _absent(slo: Slo, owner: str, links: Links, clock: Clock) -> Alert:
    return Alert(
        ABSENT,
        f"absent({watched(slo)})",
        labels=_labels(slo, owner, "page"),
        annotations=annotate(
            links,
            alert=ABSENT,
            service=slo.service,
            summary=f"Nobody can tell whether users of {slo.service} are served: its request metric is gone.",
            description=f"The metric behind the objective {slo.name} of {slo.service} has been missing for "
            f"{ABSENT_HOLD}; until it is back none of its other alerts can fire. "
            "First step: look whether Prometheus still has the service among its targets.",
            dashboard=HTTP_SERVICE,
        ),
        hold=clock(ABSENT_HOLD),
    )


def _labels(slo: Slo, owner: str, severity: str) -> dict[str, str]:
    return identity(slo) | {"severity": severity, "owner": owner}


def _felt(slo: Slo) -> str:
    asked = " ".join(part for part in (slo.method, slo.route) if part)
    where = f" on {asked}" if asked else ""
    if slo.kind == "availability":
        return f"Users of {slo.service} get errors{where}."
    return f"Users of {slo.service} wait longer than {_wait(slo)}{where}."


def _failed(slo: Slo) -> str:
    return "failed" if slo.kind == "availability" else f"took longer than {_wait(slo)}"


def _wait(slo: Slo) -> str:
    seconds = slo.threshold or Decimal(0)
    return f"{number(seconds)} s" if seconds >= 1 else f"{number(seconds * 1000)} ms"


def _percent(part: Decimal) -> str:
    return f"{number(part * 100)}%"


def _days(slo: Slo) -> int:
    return milliseconds(slo.window) // 86_400_000


def _exhausted(slo: Slo, tier: Tier) -> str:
    days = _days(slo) / factor(tier, slo.window)
    return f"{days:.0f} days" if days == days.to_integral_value() else f"about {days:.0f} days"

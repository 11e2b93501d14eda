"""From an SLO to its rule file: what is recorded and who is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from obs_alerts.burn_rates import refuse_impossible
from obs_alerts.exact import Clock
from obs_alerts.rules import Alert, Group, Recording
from obs_alerts.slo_alerts import page_alerts, ticket_alerts
from obs_alerts.slo_series import OFTEN, SELDOM, info, long_recordings, short_recordings

if TYPE_CHECKING:
    from obs.manifest import Links, Slo


def slo_groups(slo: Slo, owner: str, links: Links, clock: Clock) -> list[Group]:
    """The groups of an SLO: one that is evaluated often and pages, one that is evaluated seldom and makes tickets.

    Args:
        slo: What is promised.
        owner: Who is called when the promise breaks.
        links: Where dashboards, logs and runbooks are.
        clock: How fast time runs.

    Raises:
        ValueError: The objective is impossible for one of the tiers.
    """
    refuse_impossible(slo.objective, slo.window)
    name = f"slo-{slo.service}-{slo.name}"
    short: list[Recording | Alert] = [*short_recordings(slo, clock), *page_alerts(slo, owner, links, clock)]
    long: list[Recording | Alert] = [
        *long_recordings(slo, clock),
        info(slo, owner),
        *ticket_alerts(slo, owner, links, clock),
    ]
    return [Group(f"{name}-short", clock(OFTEN), short), Group(f"{name}-long", clock(SELDOM), long)]

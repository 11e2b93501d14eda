"""Burn rates: how fast an error budget may go before somebody is told, as a table."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from obs_alerts.exact import milliseconds, number


@dataclass(frozen=True, slots=True)
class Tier:
    """One pace of burning, seen over a long and a short window at once.

    The long window proves that enough of the budget has gone, the short one that it is still going.

    Args:
        name: The value of the label ``burn_tier``.
        short: The short window.
        long: The long window.
        budget_share: The part of the whole budget that may go within the long window.
        hold: How long both windows must agree before the alert fires.
        severity: ``page`` wakes somebody, ``ticket`` waits for the morning.
    """

    name: str
    short: str
    long: str
    budget_share: Decimal
    hold: str
    severity: str

    @property
    def windows(self) -> tuple[str, str]:
        """The short and the long window."""
        return self.short, self.long

    @property
    def keep(self) -> str:
        """How long the alert keeps firing after the windows are clean again: once more the short window.

        After that time the short window holds nothing of the incident, so failures that come in waves closer together
        than this stay one incident instead of a page for each wave.
        """
        return self.short


# Source of shares and windows: Google's "The Site Reliability Workbook", chapter "Alerting on SLOs"
# (sre.google/workbook/alerting-on-slos), table of recommended parameters for multiwindow, multi-burn-rate alerts.
# Source of the holds: kubernetes-mixin, SLOs.apiserver.windows in config.libsonnet.
TIERS = (
    Tier("fast", "5m", "1h", Decimal("0.02"), "2m", "page"),
    Tier("medium", "30m", "6h", Decimal("0.05"), "15m", "page"),
    Tier("slow", "2h", "1d", Decimal("0.10"), "1h", "ticket"),
    Tier("creeping", "6h", "3d", Decimal("0.10"), "3h", "ticket"),
)

# Fewer failures than this in the long window say nothing: one failed request of three is not a trend.
LEAST_FAILURES = 10

PERIODS = ("7d", "28d", "30d", "90d")


def error_budget(objective: Decimal) -> Decimal:
    """The part of all requests that may fail.

    Args:
        objective: In percent, such as ``Decimal("99.9")``.

    Example:
        >>> error_budget(Decimal("99.9"))
        Decimal('0.001')
    """
    return (100 - objective) / 100


def factor(tier: Tier, period: str) -> Decimal:
    """How many times the allowed pace the tier stands for, exactly.

    Formula: ``budget_share * period / long window``, but never below 1, since a budget that goes slower than its
    period is being kept. For 30 days this gives 14.4, 6, 3 and 1.

    Args:
        tier: A row of `TIERS`.
        period: One of `PERIODS`.

    Source:
        Google's "The Site Reliability Workbook", chapter "Alerting on SLOs", section "Alerting on burn rate".

    Example:
        >>> [number(factor(tier, "28d")) for tier in TIERS]
        ['13.44', '5.6', '2.8', '1']
    """
    pace = tier.budget_share * milliseconds(period) / milliseconds(tier.long)
    return max(Decimal(1), pace).normalize()


def threshold(tier: Tier, period: str, objective: Decimal) -> Decimal:
    """The part of requests that fail at which the tier's alert fires.

    Example:
        >>> number(threshold(TIERS[0], "30d", Decimal("99.9")))
        '0.0144'
    """
    return factor(tier, period) * error_budget(objective)


def refuse_impossible(objective: Decimal, period: str) -> None:
    """Refuse an objective with a tier that can never fire, since it would need more than every request to fail.

    Args:
        objective: In percent.
        period: One of `PERIODS`.

    Raises:
        ValueError: The objective is out of range or too low, or the period is unknown; it says what to use instead.
    """
    if period not in PERIODS:
        raise ValueError(f"window {period!r} is unknown; use {', '.join(PERIODS)}")
    if not 0 < objective < 100:
        raise ValueError(f"objective {number(objective)} must be above 0 and below 100")
    fastest = max(factor(tier, period) for tier in TIERS)
    if fastest * error_budget(objective) >= 1:
        lowest = 100 - 100 / fastest
        raise ValueError(
            f"objective {number(objective)} over {period} is too low: its fastest alert needs {number(fastest)} times "
            f"the budget, more than every request; use an objective above {lowest:.2f}"
        )

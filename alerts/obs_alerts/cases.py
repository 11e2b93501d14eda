"""What an alert is held against: a story told by series, and when it is seen firing or quiet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from obs_alerts.rules import Alert

Kind = Literal["fires", "stays silent", "resolves"]


@dataclass(frozen=True, slots=True)
class Case:
    """A story, and what the alert does in it.

    Args:
        claim: The story in a few words; it completes "TargetDown fires: ...".
        series: Values by series in promtool's notation, a minute apart, starting at 0.
        fires_at: When the alert is seen firing; empty: never.
        still_at: When it is seen firing while others may be too, such as when the trouble is over and it is kept;
            empty: never.
        quiet_at: When it is seen not firing; empty: never.
        labels: What the query's result adds to the alert's own labels.
        value: What the query returned, for the text of the annotations.
    """

    claim: str
    series: Mapping[str, str]
    fires_at: str = ""
    still_at: str = ""
    quiet_at: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    value: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class Fact:
    """A query and the number it gives, within a tolerance.

    Args:
        expr: The query; it gives one series.
        at: When it is asked.
        about: The number.
        within: How far off it may be.
        labels: What the series carries.
    """

    expr: str
    at: str
    about: Decimal
    within: Decimal
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Story:
    """One entry of a promtool file.

    Args:
        subject: What it is about, such as ``TargetDown of gateway``.
        kind: What the alert does, or empty when the story is about numbers.
        case: The series and the times.
        firing: The alerts of one name that are firing at ``fires_at``, all of them.
        alert: The alert that is held against the story; None: no alert at all may fire at ``quiet_at``.
        facts: Numbers that must come out.
    """

    subject: str
    kind: Kind | Literal[""]
    case: Case
    alert: Alert | None = None
    firing: Sequence[Alert] = ()
    facts: Sequence[Fact] = ()

"""What a rule is, and how groups of rules become a file that Prometheus loads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from obs_alerts.yaml_text import to_yaml


@dataclass(frozen=True, slots=True)
class Recording:
    """A query whose result is stored as a series of its own.

    Args:
        name: In the form ``level:metric:operations``.
        expr: The query.
        labels: What its series carry.
    """

    name: str
    expr: str
    labels: Mapping[str, str]

    def as_yaml(self) -> dict[str, object]:
        """The rule in Prometheus' keys."""
        return {"record": self.name, "expr": self.expr, "labels": dict(self.labels)}


@dataclass(frozen=True, slots=True)
class Alert:
    """A query that tells somebody when it returns something.

    Args:
        name: In CamelCase; the runbook has the same name.
        expr: The query; it holds a comparison.
        hold: How long it must hold before the alert fires; empty: at once.
        keep: How long the alert keeps firing afterwards; empty: not at all.
        labels: Severity, owner and what else routes it.
        annotations: What a person reads and where the links lead.
    """

    name: str
    expr: str
    labels: dict[str, str]
    annotations: Mapping[str, str]
    hold: str = ""
    keep: str = ""

    def as_yaml(self) -> dict[str, object]:
        """The rule in Prometheus' keys."""
        times = {"for": self.hold, "keep_firing_for": self.keep}
        return {
            "alert": self.name,
            "expr": self.expr,
            **{key: value for key, value in times.items() if value},
            "labels": dict(self.labels),
            "annotations": dict(self.annotations),
        }


@dataclass(frozen=True, slots=True)
class Group:
    """Rules that are evaluated together, in order.

    Args:
        name: Unique in its file.
        interval: How often.
        rules: In the order of evaluation: what records comes before what reads.
    """

    name: str
    interval: str
    rules: Sequence[Recording | Alert] = field(default_factory=tuple)

    def as_yaml(self) -> dict[str, object]:
        """The group in Prometheus' keys."""
        return {"name": self.name, "interval": self.interval, "rules": [rule.as_yaml() for rule in self.rules]}


def rule_file(groups: Sequence[Group]) -> str:
    """The text of a rule file."""
    return to_yaml({"groups": [group.as_yaml() for group in groups]})

"""What a file of the library declares."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from obs_alerts.annotations import annotate
from obs_alerts.cases import Case
from obs_alerts.exact import Clock
from obs_alerts.rules import Alert

if TYPE_CHECKING:
    from obs.manifest import Links

SERVICE = "$service"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceAlert:
    """An alert that every service of the manifest gets; ``$service`` in any text becomes the service's name.

    Args:
        name: In CamelCase; the runbook has the same name.
        expr: The query, with nominal windows.
        severity: ``page`` wakes somebody, ``ticket`` waits for the morning, ``none`` is no trouble at all.
        summary: What users feel, one sentence.
        description: How bad it is, and the first step.
        dashboard: The uid of the dashboard to open.
        fires: A story in which it fires.
        silent: A story close to it in which it does not; None only for an alert that always fires.
        resolves: A story in which it fires and ends; None only for an alert that always fires.
        hold: How long the query must hold before it fires.
        keep: How long it keeps firing afterwards.
        everywhere: One alert for the whole project instead of one for each service.
    """

    name: str
    expr: str
    severity: Literal["page", "ticket", "none"]
    summary: str
    description: str
    dashboard: str
    fires: Case
    silent: Case | None
    resolves: Case | None
    hold: str = ""
    keep: str = ""
    everywhere: bool = False

    def alert(self, service: str, owner: str, links: Links, clock: Clock) -> Alert:
        """The rule for a service.

        Args:
            service: Its name; empty for an alert of the whole project.
            owner: Who is called.
            links: Where dashboards, logs and runbooks are.
            clock: How fast time runs.
        """
        whose = {"service": service, "owner": owner} if service else {}
        text = annotate(
            links,
            alert=self.name,
            service=service,
            summary=of(self.summary, service),
            description=of(self.description, service),
            dashboard=self.dashboard,
        )
        return Alert(
            self.name,
            clock.ranges(of(self.expr, service)),
            labels=whose | {"severity": self.severity},
            annotations=text,
            hold=self.hold and clock(self.hold),
            keep=self.keep and clock(self.keep),
        )


def of(text: str, service: str) -> str:
    """A text of the library with the service's name in it."""
    return text.replace(SERVICE, service)


def case_of(case: Case, service: str) -> Case:
    """A case of the library with the service's name in it."""
    return replace(
        case,
        series={of(name, service): values for name, values in case.series.items()},
        labels={name: of(value, service) for name, value in case.labels.items()},
    )

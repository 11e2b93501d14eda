"""What a file of the library declares."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from obs_alerts.annotations import annotate
from obs_alerts.cases import Case
from obs_alerts.exact import Clock
from obs_alerts.rules import Alert
from obs_dashboards.links import HTTP_SERVICE

if TYPE_CHECKING:
    from obs.manifest import Links, Service

SERVICE = "$service"
PYTHON = "python"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceAlert:
    """An alert that every service of the manifest gets; ``$service`` in any text becomes the service's name.

    Args:
        name: In CamelCase; the runbook has the same name.
        expr: The query, with nominal windows.
        severity: ``page`` wakes somebody, ``ticket`` waits for the morning, ``none`` is no trouble at all.
        summary: What users feel, one sentence.
        description: How bad it is, and the first step.
        dashboard: The uid of the dashboard to open; for a service in another language than Python that of its
            requests, which every language has.
        fires: A story in which it fires.
        silent: A story close to it in which it does not; None only for an alert that always fires.
        resolves: A story in which it fires and ends; None only for an alert that always fires.
        hold: How long the query must hold before it fires.
        keep: How long it keeps firing afterwards.
        everywhere: One alert for the whole project instead of one for each service.
        python_only: It watches what only `obs` emits, so that in another language it could never fire.
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
    python_only: bool = False

    def of_project(self, links: Links, clock: Clock) -> Alert:
        """The rule for the whole project.

        Args:
            links: Where dashboards, logs and runbooks are.
            clock: How fast time runs.
        """
        return self._alert("", {}, self.dashboard, links, clock)

    def of_service(self, service: Service, links: Links, clock: Clock) -> Alert:
        """The rule for a service.

        Args:
            service: Whose alert it is.
            links: Where dashboards, logs and runbooks are.
            clock: How fast time runs.
        """
        whose = {"service": service.name, "owner": service.owner}
        dashboard = self.dashboard if service.language == PYTHON else HTTP_SERVICE
        return self._alert(service.name, whose, dashboard, links, clock)

    def _alert(self, service: str, whose: dict[str, str], dashboard: str, links: Links, clock: Clock) -> Alert:
        text = annotate(
            links,
            alert=self.name,
            service=service,
            summary=of(self.summary, service),
            description=of(self.description, service),
            dashboard=dashboard,
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

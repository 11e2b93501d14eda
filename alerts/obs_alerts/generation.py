"""From the manifest to every file of this room."""

from __future__ import annotations

from typing import TYPE_CHECKING

from obs_alerts import library
from obs_alerts.alertmanager import alertmanager
from obs_alerts.cases import Case, Kind, Story
from obs_alerts.exact import Clock
from obs_alerts.library.model import PYTHON, ServiceAlert, case_of
from obs_alerts.promtool_tests import promtool_file
from obs_alerts.rules import Alert, Group, rule_file
from obs_alerts.slo import slo_groups
from obs_alerts.slo_cases import stories

if TYPE_CHECKING:
    from obs.manifest import Links, Manifest, Service, Slo

LIBRARY = "library.yaml"


def generate(manifest: Manifest, *, speed: int = 1, links: Links | None = None) -> dict[str, str]:
    """Rules, their tests and the Alertmanager configuration; the same text for the same manifest.

    Args:
        manifest: Services, SLOs and receivers.
        speed: Divides every duration of rules and routes, for a demo. Tests are always those of speed 1, which is
            what they prove.
        links: Where dashboards, logs and runbooks are; the manifest's own when not given.

    Returns:
        Text by file: ``rules/slo-<service>-<slo>.yaml``, ``rules/library.yaml``, ``tests/`` with the same names, and
        ``alertmanager.yaml``. A test looks for its rules in ``../generated/``.

    Raises:
        ValueError: An SLO is impossible, two SLOs have one file name, or the speed divides a duration unevenly.
    """
    where = links or manifest.links
    clock = Clock(speed)
    slos = [(service, slo) for service in manifest.services for slo in service.slos]
    files = {f"rules/{LIBRARY}": rule_file(_library_groups(manifest, where, clock))}
    files[f"tests/{LIBRARY}"] = promtool_file(LIBRARY, _library_stories(manifest, where))
    for service, slo in slos:
        name = f"slo-{service.name}-{slo.name}.yaml"
        if f"rules/{name}" in files:
            raise ValueError(f"two SLOs have the file {name}; rename {slo.name} of {service.name}")
        files[f"rules/{name}"] = rule_file(slo_groups(slo, service.owner, where, clock))
        files[f"tests/{name}"] = promtool_file(name, _slo_stories(service, slo, where))
    files["alertmanager.yaml"] = alertmanager(manifest, speed=speed)
    return dict(sorted(files.items()))


def _slo_stories(service: Service, slo: Slo, links: Links) -> list[Story]:
    rules = [rule for group in slo_groups(slo, service.owner, links, Clock()) for rule in group.rules]
    return stories(slo, [rule for rule in rules if isinstance(rule, Alert)])


def _library_groups(manifest: Manifest, links: Links, clock: Clock) -> list[Group]:
    project = [each.of_project(links, clock) for each in library.alerts() if each.everywhere]
    groups = [Group("library", clock("1m"), project)]
    for service in manifest.services:
        rules = [each.of_service(service, links, clock) for each in library.alerts() if _watches(each, service)]
        groups.append(Group(f"library-{service.name}", clock("1m"), rules))
    return groups


def _watches(each: ServiceAlert, service: Service) -> bool:
    return not each.everywhere and (service.language == PYTHON or not each.python_only)


def _library_stories(manifest: Manifest, links: Links) -> list[Story]:
    told = []
    for each in library.alerts():
        if each.everywhere:
            told += _stories_of(each, "", each.of_project(links, Clock()))
        for service in manifest.services:
            if _watches(each, service):
                told += _stories_of(each, service.name, each.of_service(service, links, Clock()))
    return told


def _stories_of(each: ServiceAlert, service: str, alert: Alert) -> list[Story]:
    cases: list[tuple[Kind, Case | None]] = [
        ("fires", each.fires),
        ("stays silent", each.silent),
        ("resolves", each.resolves),
    ]
    subject = f"{each.name} of {service}" if service else each.name
    return [Story(subject, kind, case_of(case, service), alert) for kind, case in cases if case]

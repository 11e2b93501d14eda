"""Series that a recording rule writes: which labels a query on them must be bound to."""

from __future__ import annotations

from collections.abc import Iterator

from obs_dashboards import promql
from obs_dashboards.lint.model import Dashboard, Place, Target

BINDING = ("job", "instance")


def required(dashboard: Dashboard, series: str, label: str) -> tuple[str, ...]:
    """The labels that a selector must match where a rule asks for one of job and instance.

    Args:
        dashboard: The dashboard, which knows the recorded series.
        series: The series' name.
        label: ``job`` or ``instance``.

    Returns:
        The label itself where the series has it; else every label that the recording rule keeps, without the other of
        the two.
    """
    kept = dashboard.recorded.get(series)
    if kept is None or label in kept:
        return (label,)
    return tuple(sorted(kept - set(BINDING)))


def adapted(dashboard: Dashboard) -> Iterator[Place]:
    """The queries on series that lack job or instance."""
    for target in (*dashboard.targets, *dashboard.annotations):
        if any(_lacks(dashboard, each.name) for each in selectors(target)):
            yield target.place


def selectors(target: Target) -> tuple[promql.Selected, ...]:
    """The selectors of a PromQL query; none where it is in another language or does not parse."""
    if target.kind != "prometheus":
        return ()
    try:
        return promql.selected(promql.parse(target.text))
    except ValueError:
        return ()


def _lacks(dashboard: Dashboard, series: str) -> bool:
    kept = dashboard.recorded.get(series)
    return kept is not None and not kept.issuperset(BINDING)

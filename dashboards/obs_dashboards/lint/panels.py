"""Rules about panels, of every type: each says what it shows, in which unit, from which chosen data source."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from obs_dashboards.lint.model import Dashboard, Finding, Panel, Rule
from obs_dashboards.lint.units import UNITS


def data_source(dashboard: Dashboard) -> Iterator[Finding]:
    """A panel's data source is one of the dashboard's variables."""
    names = [str(each.get("name")) for each in dashboard.variables_of_type("datasource")]
    allowed = {spelling for name in names for spelling in (f"${name}", f"${{{name}}}")}
    for panel in dashboard.panels:
        source = panel.json.get("datasource")
        uid = source.get("uid") if isinstance(source, Mapping) else source
        if uid not in allowed:
            yield Finding(
                "panel-datasource", "fixed data source", f"uses {uid!r}; use one of the variables", panel.place
            )


def title_description(dashboard: Dashboard) -> Iterator[Finding]:
    """A panel has a title and a description."""
    for panel in dashboard.panels:
        for key in ("title", "description"):
            if not str(panel.json.get(key) or "").strip():
                yield Finding(
                    "panel-title-description",
                    f"no {key}",
                    f"panel {panel.json.get('id')} has no {key}; say what is normal and what to do",
                    panel.place,
                )


def units(dashboard: Dashboard) -> Iterator[Finding]:
    """A panel has a unit, and every unit in it is one that Grafana knows."""
    for panel in dashboard.panels:
        used = tuple(_units(panel))
        if not used:
            yield Finding("panel-units", "no unit", "set fieldConfig.defaults.unit", panel.place)
        for unit in used:
            if unit not in UNITS:
                yield Finding("panel-units", "unknown unit", f"Grafana has no unit {unit!r}", panel.place)


def _units(panel: Panel) -> Iterator[str]:
    config = panel.json.get("fieldConfig", {})
    default = config.get("defaults", {}).get("unit")
    if default:
        yield default
    for override in config.get("overrides") or ():
        yield from (str(each["value"]) for each in override.get("properties", ()) if each.get("id") == "unit")


def no_targets(dashboard: Dashboard) -> Iterator[Finding]:
    """A panel asks something."""
    for panel in dashboard.panels:
        if not panel.targets:
            yield Finding("panel-no-targets", "no query", "has no query; add one or remove the panel", panel.place)


RULES = (
    Rule("panel-datasource", "The variable changes and the panel does not.", data_source, "dashboard-linter"),
    Rule("panel-title-description", "A reader has to guess what is normal.", title_description, "dashboard-linter"),
    Rule("panel-units", "A number without a unit is read wrongly.", units, "dashboard-linter"),
    Rule("panel-no-targets", "The panel stays empty for ever.", no_targets, "dashboard-linter"),
)

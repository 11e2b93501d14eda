"""What the lint looks at, a dashboard's JSON, and what it reports."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a dashboard something is.

    Args:
        dashboard: The dashboard's uid.
        panel: The panel's title, or what a variable or an annotation is called; empty for the dashboard itself.
        ref: The query's letter; empty for the panel itself.
    """

    dashboard: str
    panel: str = ""
    ref: str = ""

    def __str__(self) -> str:
        return "/".join(part for part in (self.dashboard, self.panel, self.ref) if part)


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault.

    Args:
        rule: The rule that found it.
        summary: A few words that are the same for every finding of their kind.
        sentence: What is wrong here and what to do.
        place: Where.
    """

    rule: str
    summary: str
    sentence: str
    place: Place

    def __str__(self) -> str:
        return f"{self.place}: {self.summary}: {self.sentence} ({self.rule})"


@dataclass(frozen=True, slots=True)
class Target:
    """One query of a panel, a variable or an annotation.

    Args:
        json: The query as the panel holds it.
        place: Where it is.
        kind: Which language it is in: the type of its data source.
        text: The query's text.
    """

    json: Json
    place: Place
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel that shows data, of whatever type."""

    json: Json
    place: Place

    @property
    def targets(self) -> tuple[Target, ...]:
        """Its queries."""
        return tuple(_target(each, self.place, self.json) for each in self.json.get("targets") or ())


@dataclass(frozen=True, slots=True)
class Dashboard:
    """A dashboard's JSON with names for what the rules ask for.

    Args:
        json: The dashboard.
        recorded: The labels that each recorded series keeps, by the series' name.
    """

    json: Json
    recorded: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @property
    def place(self) -> Place:
        """The dashboard itself."""
        return Place(str(self.json.get("uid", "")))

    @property
    def panels(self) -> tuple[Panel, ...]:
        """Every panel that shows data, those inside rows included; a row is a heading and no panel."""
        flat = (inner for panel in self.json.get("panels", ()) for inner in (panel, *panel.get("panels", ())))
        uid = self.place.dashboard
        return tuple(Panel(each, Place(uid, str(each.get("title", "")))) for each in flat if each.get("type") != "row")

    @property
    def variables(self) -> tuple[Json, ...]:
        """Its variables, in order."""
        return tuple(self.json.get("templating", {}).get("list", ()))

    @property
    def targets(self) -> tuple[Target, ...]:
        """Every query of a panel."""
        return tuple(target for panel in self.panels for target in panel.targets)

    @property
    def annotations(self) -> tuple[Target, ...]:
        """The queries that put marks on the time axis."""
        uid = self.place.dashboard
        found = (each for each in self.json.get("annotations", {}).get("list", ()) if each.get("target"))
        return tuple(_target(each["target"], Place(uid, str(each.get("name", ""))), each) for each in found)

    def variables_of_type(self, kind: str) -> tuple[Json, ...]:
        """The variables of one type, such as ``query`` or ``datasource``."""
        return tuple(each for each in self.variables if each.get("type") == kind)

    def place_of(self, variable: Json) -> Place:
        """Where a variable is."""
        return Place(self.place.dashboard, f"${variable.get('name', '')}")


Check = Callable[[Dashboard], Iterator[Finding]]


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule.

    Args:
        name: Its name; the 17 of dashboard-linter keep theirs.
        why: What goes wrong for a reader when it is broken, one sentence.
        check: Finds the faults of a dashboard.
        origin: Whether dashboard-linter has it as well.
    """

    name: str
    why: str
    check: Check
    origin: Literal["dashboard-linter", "obs"]


def parse(text: str, recorded: Mapping[str, frozenset[str]] | None = None) -> Dashboard:
    """Read a dashboard's file.

    Args:
        text: The JSON.
        recorded: The labels that each recorded series keeps, by the series' name.
    """
    return Dashboard(json.loads(text), recorded or {})


def _target(target: Json, owner: Place, holder: Json) -> Target:
    source = target.get("datasource") or holder.get("datasource") or {}
    kind = str(source.get("type", "")) if isinstance(source, Mapping) else ""
    place = Place(owner.dashboard, owner.panel, str(target.get("refId", "")))
    return Target(target, place, kind, str(target.get("expr", target.get("query", ""))))

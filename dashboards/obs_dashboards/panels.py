"""What a panel is, as plain data: its queries, and how they are drawn and explained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from obs_dashboards.lucene import LogQuery
from obs_dashboards.queries import Query

Kind = Literal["timeseries", "stat", "heatmap", "table", "logs"]
Colour = Literal["text", "green", "yellow", "orange", "red", "blue"]

MAY_BE_EMPTY = "May be empty: "
TRACE_PAGE = "{traces}/${__value.raw}"  # the manifest's page of traces, and the id that was clicked


@dataclass(frozen=True, slots=True)
class Threshold:
    """From this value on, a panel shows this colour."""

    value: float
    colour: Colour


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table.

    Args:
        title: Its heading.
        unit: Grafana's id of its unit; empty for text.
        link: Where a click on a cell leads, such as :data:`TRACE_PAGE`; empty for nowhere.
        link_title: What the link is called.
    """

    title: str
    unit: str = ""
    link: str = ""
    link_title: str = ""


@dataclass(frozen=True, slots=True)
class Link:
    """An entry in the menu that a click on a series opens."""

    title: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One panel.

    Args:
        title: Its heading, unique within its row.
        kind: How it is drawn.
        shows: What it asks, all of one data source.
        description: What is normal and what to do when it is not.
        unit: Grafana's id of the axis' unit.
        width: Columns out of 24.
        height: Grid units of 30 pixels.
        thresholds: Where the colour changes, ascending.
        columns: Columns of a table by the field they show, in order; others are hidden.
        links: Where a click on a series leads.
        may_be_empty: Why no data is normal; empty when it is not.
    """

    title: str
    kind: Kind
    shows: tuple[Query | LogQuery, ...]
    description: str
    unit: str
    width: int = 8
    height: int = 8
    thresholds: tuple[Threshold, ...] = ()
    columns: Mapping[str, Column] = field(default_factory=dict)
    links: tuple[Link, ...] = ()
    may_be_empty: str = ""

    @property
    def text(self) -> str:
        """The description as a reader sees it, with the reason why no data may be normal."""
        reason = f"{MAY_BE_EMPTY}{self.may_be_empty}" if self.may_be_empty else ""
        return "\n\n".join(part for part in (self.description, reason) if part)


def timeseries(
    title: str,
    *shows: Query,
    says: str = "",
    unit: str = "",
    width: int = 8,
    thresholds: tuple[Threshold, ...] = (),
    links: tuple[Link, ...] = (),
    may_be_empty: str = "",
) -> Panel:
    """Lines over time.

    Args:
        title: The panel's heading.
        *shows: Queries of one unit.
        says: What is normal and what to do; by default what the signals say about themselves.
        unit: Grafana's unit id where the queries' own does not fit.
        width: Columns out of 24.
        thresholds: Where the colour changes.
        links: Where a click on a line leads.
        may_be_empty: Why no data is normal.
    """
    return Panel(
        title=title,
        kind="timeseries",
        shows=shows,
        description=says or meaning(shows),
        unit=unit or shows[0].unit,
        width=width,
        thresholds=thresholds,
        links=links,
        may_be_empty=may_be_empty,
    )


def stat(
    title: str, show: Query, *, says: str = "", unit: str = "", thresholds: tuple[Threshold, ...] = (), width: int = 6
) -> Panel:
    """One number with its recent past behind it."""
    return Panel(
        title=title,
        kind="stat",
        shows=(show,),
        description=says or meaning((show,)),
        unit=unit or show.unit,
        width=width,
        height=4,
        thresholds=thresholds,
    )


def heat(title: str, show: Query, *, says: str = "", width: int = 8) -> Panel:
    """A distribution over time."""
    return Panel(
        title=title, kind="heatmap", shows=(show,), description=says or meaning((show,)), unit=show.unit, width=width
    )


def table(
    title: str,
    *shows: Query,
    columns: Mapping[str, Column],
    says: str = "",
    width: int = 24,
    links: tuple[Link, ...] = (),
) -> Panel:
    """Rows of numbers or facts; several queries are joined on the labels they share."""
    return Panel(
        title=title,
        kind="table",
        shows=tuple(replace(query, format="table", instant=True) for query in shows),
        description=says or meaning(shows),
        unit="short",
        width=width,
        columns=columns,
        links=links,
    )


def logs(title: str, show: LogQuery, *, says: str, width: int = 24, may_be_empty: str = "") -> Panel:
    """Log lines to read."""
    return Panel(
        title=title,
        kind="logs",
        shows=(show,),
        description=says,
        unit="string",
        width=width,
        height=10,
        may_be_empty=may_be_empty,
    )


def records(
    title: str, show: LogQuery, *, columns: Mapping[str, Column], says: str, width: int = 24, may_be_empty: str = ""
) -> Panel:
    """A table of log records, one row each."""
    return Panel(
        title=title,
        kind="table",
        shows=(show,),
        description=says,
        unit="short",
        width=width,
        columns=columns,
        may_be_empty=may_be_empty,
    )


def meaning(shows: tuple[Query, ...]) -> str:
    """What the signals behind some queries say about themselves, each once.

    Args:
        shows: The queries of a panel.
    """
    signals = dict.fromkeys(signal for query in shows for signal in query.signals)
    return "\n\n".join(f"{signal.help} {signal.means}".strip() for signal in signals)

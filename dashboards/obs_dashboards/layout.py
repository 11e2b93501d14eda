"""Where panels stand: rows of panels flow into Grafana's grid of 24 columns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from obs_dashboards.panels import Panel

COLUMNS = 24
ROW_HEIGHT = 1


@dataclass(frozen=True, slots=True)
class Row:
    """A heading and the panels under it.

    Args:
        title: The heading, unique within a dashboard.
        panels: The panels, in reading order.
    """

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True)
class Box:
    """A place in the grid, in grid units from the top left."""

    x: int
    y: int
    width: int
    height: int

    @property
    def bottom(self) -> int:
        """The first line below it."""
        return self.y + self.height

    def stands_on(self, other: Box) -> bool:
        """Whether this place begins where another ends, in a column that both have."""
        return self.y == other.bottom and self.x < other.x + other.width and other.x < self.x + self.width

    def overlaps(self, other: Box) -> bool:
        """Whether two places share a cell."""
        return (
            self.x < other.x + other.width
            and other.x < self.x + self.width
            and self.y < other.y + other.height
            and other.y < self.y + self.height
        )


@dataclass(frozen=True, slots=True)
class Placed:
    """A row's heading (no panel) or one of its panels, with its place."""

    row: Row
    panel: Panel | None
    box: Box


def place(rows: tuple[Row, ...]) -> Iterator[Placed]:
    """Lay rows below one another and the panels of each side by side, a new line where the width is used up.

    Panels side by side are all as high as the highest of them: Grafana would move what stands under a lower one up.

    Args:
        rows: The rows, top first.

    Yields:
        Every heading and panel with its place, in reading order.
    """
    y = 0
    for row in rows:
        yield Placed(row, None, Box(0, y, COLUMNS, ROW_HEIGHT))
        y += ROW_HEIGHT
        for line in _lines(row.panels):
            x, height = 0, max(panel.height for panel in line)
            for panel in line:
                yield Placed(row, panel, Box(x, y, panel.width, height))
                x += panel.width
            y += height


def _lines(panels: tuple[Panel, ...]) -> Iterator[list[Panel]]:
    line: list[Panel] = []
    for panel in panels:
        if not 0 < panel.width <= COLUMNS:
            raise ValueError(f"panel {panel.title!r} is {panel.width} columns wide; 1 to {COLUMNS} are there")
        if line and sum(each.width for each in line) + panel.width > COLUMNS:
            yield line
            line = []
        line.append(panel)
    if line:
        yield line

"""What a dashboard is, as plain data: rows of panels, and the variables that they are bound to."""

from __future__ import annotations

import re
from collections import Counter as Tally
from dataclasses import dataclass

from obs.signals.model import Label, Metric
from obs_dashboards.layout import Row

LONGEST_UID = 40


@dataclass(frozen=True, slots=True)
class Choice:
    """A variable whose values are those of one label.

    Args:
        name: The variable's name, without the dollar sign.
        title: What stands before the menu.
        label: The label.
        all_value: What stands for all of them in a query; ``.*`` includes series without the label.
    """

    name: str
    title: str
    label: Label
    all_value: str = ".+"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dashboard:
    """One dashboard.

    Args:
        uid: Its stable name in links; at most 40 characters.
        title: Its heading.
        description: What it is for.
        source: The metric whose series say which services and targets there are.
        rows: What it shows.
        choices: Variables beside service and target.
        only: The one service that it is about; empty for all that have the source.
        tags: Words to find it by.

    Raises:
        ValueError: The uid is no name for a link, or two panels of one row have the same title.
    """

    uid: str
    title: str
    description: str
    source: Metric
    rows: tuple[Row, ...]
    choices: tuple[Choice, ...] = ()
    only: str = ""
    tags: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not re.fullmatch(rf"[A-Za-z0-9_-]{{1,{LONGEST_UID}}}", self.uid):
            raise ValueError(
                f"dashboard uid {self.uid!r}: use 1 to {LONGEST_UID} letters, digits, hyphens and underscores"
            )
        titles = Tally((row.title, panel.title) for row in self.rows for panel in row.panels)
        for (row, title), times in titles.items():
            if times > 1:
                raise ValueError(f"dashboard {self.uid}, row {row!r}: {times} panels are called {title!r}")

"""Text for people: aligned columns, and bold where a terminal shows it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TextIO


def bold(text: str, stream: TextIO) -> str:
    """The text in bold on a terminal, as it is elsewhere and where `NO_COLOR` is set.

    Args:
        text: What is written.
        stream: Where to.
    """
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" or not stream.isatty()
    return text if plain else f"\x1b[1m{text}\x1b[0m"


def columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines in which the cells of a column stand below one another; the last column is as long as it is.

    Args:
        rows: Cells; all rows have the same number.

    Example:
        >>> columns([("a", "1"), ("bcd", "2")])
        ['a    1', 'bcd  2']
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)][:-1]
    return [
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]]).rstrip()
        for row in rows
    ]

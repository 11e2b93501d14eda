"""HTML out of Python values: whatever is not marked as HTML already is escaped, so that telemetry shows as text."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

_VOID = frozenset({"br", "hr", "input", "link", "meta"})


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


Child = str | int | float | Iterable["Child"] | None


def tag(element: str, *children: Child, **attributes: str | float | bool | None) -> Html:
    """An element.

    Args:
        element: Its name.
        *children: What is in it; text is escaped, lists are joined, None is left out.
        **attributes: Its attributes; an underscore at the end is dropped, others become hyphens; None and False are
            left out.

    Example:
        >>> tag("a", "<b>", href="/?a=1&b=2")
        '<a href="/?a=1&amp;b=2">&lt;b&gt;</a>'
    """
    written = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{escape("" if value is True else str(value))}"'
        for name, value in attributes.items()
        if value is not None and value is not False
    )
    inner = "" if element in _VOID else f"{join(children)}</{element}>"
    return Html(f"<{element}{written}>{inner}")


def join(children: Iterable[Child]) -> Html:
    """Children one after the other."""
    return Html("".join(_child(child) for child in children))


def table(headings: Iterable[Child], rows: Iterable[Iterable[Child]], **attributes: str) -> Html:
    """A table; each row is its cells."""
    head = tag("tr", [tag("th", heading, scope="col") for heading in headings])
    body = [tag("tr", [tag("td", cell) for cell in row]) for row in rows]
    return tag("div", tag("table", tag("thead", head), tag("tbody", body), **attributes), class_="wide")


def _child(child: Child) -> str:
    if child is None:
        return ""
    if isinstance(child, Html):
        return child
    if isinstance(child, (str, int, float)):
        return escape(str(child))
    return join(child)

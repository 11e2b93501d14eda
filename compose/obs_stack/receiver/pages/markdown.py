"""The Markdown that runbooks are written in: headings, paragraphs, lists, tables, code, emphasis and links."""

from __future__ import annotations

import re
from collections.abc import Iterator

from obs_stack.receiver.pages.html import Child, Html, join, table, tag

_INLINE = re.compile(
    r"`(?P<code>[^`]+)`|\*\*(?P<strong>[^*]+)\*\*|\*(?P<em>[^*\s][^*]*)\*|<(?P<bare>https?://[^>\s]+)>"
    r"|\[(?P<text>[^\]]+)\]\((?P<url>[^)\s]+)\)"
)
_HEADING = re.compile(r"(#{1,6})\s+(.*)")
_ITEM = re.compile(r"\s*(?:[-*+]|(?P<number>\d+)[.)])\s+(.*)")
_RULE = re.compile(r"\s*\|?[\s:|-]+\|?\s*")
_SAFE_URL = re.compile(r"https?://|/(?!/)|#|[\w.-]+(?:/|$)")


def render(text: str) -> Html:
    """Render Markdown; HTML in it shows as text.

    Example:
        >>> render("**Look** at `up`.")
        '<p><strong>Look</strong> at <code>up</code>.</p>'
    """
    return join(_blocks(text.splitlines()))


def _blocks(lines: list[str]) -> Iterator[Html]:
    position = 0
    while position < len(lines):
        end = _end_of_block(lines, position)
        if lines[position].strip():
            yield _block(lines[position:end])
        position = end


def _end_of_block(lines: list[str], start: int) -> int:
    line = lines[start]
    if line.lstrip().startswith("```"):
        closing = (at for at in range(start + 1, len(lines)) if lines[at].lstrip().startswith("```"))
        return next(closing, len(lines) - 1) + 1
    if _HEADING.match(line) or not line.strip():
        return start + 1
    listed = _ITEM.match(line) is not None
    end = start + 1
    while end < len(lines) and lines[end].strip():
        following = lines[end]
        if _HEADING.match(following) or following.startswith("```") or (not listed and _ITEM.match(following)):
            break
        end += 1
    return end


def _block(lines: list[str]) -> Html:
    first = lines[0]
    if first.lstrip().startswith("```"):
        return tag("pre", tag("code", "\n".join(line for line in lines[1:] if not line.lstrip().startswith("```"))))
    if heading := _HEADING.match(first):
        # The page's own title is the first level.
        return tag(f"h{min(max(len(heading[1]), 2), 4)}", _inline(heading[2]))
    if item := _ITEM.match(first):
        return tag("ol" if item["number"] else "ul", [tag("li", _inline(text)) for text in _items(lines)])
    if first.lstrip().startswith("|") and len(lines) > 1 and _RULE.fullmatch(lines[1]):
        head, *rows = [_cells(line) for line in (first, *lines[2:])]
        return table(map(_inline, head), [[_inline(cell) for cell in row] for row in rows])
    if first.startswith(">"):
        return tag("blockquote", _inline(" ".join(line.lstrip("> ") for line in lines)))
    return tag("p", _inline(" ".join(line.strip() for line in lines)))


def _items(lines: list[str]) -> list[str]:
    items: list[str] = []
    for line in lines:
        if found := _ITEM.match(line):
            items.append(found[2])
        else:
            items[-1] += " " + line.strip()
    return items


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def _inline(text: str) -> Child:
    parts: list[Child] = []
    position = 0
    for found in _INLINE.finditer(text):
        parts += [text[position : found.start()], _marked(found)]
        position = found.end()
    return [*parts, text[position:]]


def _marked(found: re.Match[str]) -> Child:
    for element in ("code", "strong", "em"):
        if found[element] is not None:
            return tag(element, found[element])
    url = found["bare"] or found["url"]
    text = found["bare"] or found["text"]
    return tag("a", text, href=url) if _SAFE_URL.match(url) else f"{text} ({url})"

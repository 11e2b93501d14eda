"""Rules about queries of Loki, for dashboards that people add; obs keeps its own logs elsewhere.

There is no grammar of LogQL for Python, so the first rule looks at what a query cannot be without: a stream selector
with at least one matcher, closed quotes and matching brackets.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from obs_dashboards.lint.model import Dashboard, Finding, Rule, Target

_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"|`[^`]*`')
_STREAM = re.compile(r'\{\s*\w+\s*(?:=~|!~|!=|=)\s*""(?:\s*,\s*\w+\s*(?:=~|!~|!=|=)\s*"")*\s*,?\s*\}')
_WINDOW = re.compile(r"\[(?P<window>[^\]]*)\]")
_PAIRS = {")": "(", "]": "[", "}": "{"}


def _queries(dashboard: Dashboard) -> Iterator[Target]:
    for target in (*dashboard.targets, *dashboard.annotations):
        if target.kind == "loki" and not target.json.get("hide"):
            yield target


def parses(dashboard: Dashboard) -> Iterator[Finding]:
    """A query has the shape of LogQL."""
    for target in _queries(dashboard):
        fault = _fault(_QUOTED.sub('""', target.text))
        if fault:
            yield Finding("target-logql", "no LogQL", f"{target.text!r}: {fault}", target.place)


def _fault(bare: str) -> str:
    if bare.replace('""', "").count('"') or "`" in bare:
        return "a quote is not closed"
    opened: list[str] = []
    for character in bare:
        if character in _PAIRS.values():
            opened.append(character)
        elif character in _PAIRS and (not opened or opened.pop() != _PAIRS[character]):
            return f"{character} closes nothing"
    if opened:
        return f"{opened[-1]} is not closed"
    return "" if _STREAM.search(bare) else 'it has no stream selector such as {app="shop"}'


def auto(dashboard: Dashboard) -> Iterator[Finding]:
    """A window follows the zoom."""
    for target in _queries(dashboard):
        for window in _WINDOW.finditer(_QUOTED.sub('""', target.text)):
            if window["window"].strip() not in {"$__auto", "${__auto}"}:
                yield Finding(
                    "target-logql-auto", "fixed window", f"[{window['window']}] is fixed; use [$__auto]", target.place
                )


RULES = (
    Rule("target-logql", "The panel shows an error.", parses, "dashboard-linter"),
    Rule("target-logql-auto", "Zoomed out, most of the lines are left out.", auto, "dashboard-linter"),
)

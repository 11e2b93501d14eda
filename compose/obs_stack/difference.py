"""The difference of two generated files as a person reads it: which panel or alert, what before, what after."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from obs_stack.generation import Change

# `---`, `+++` and the first `@@`, which `difflib` puts in front.
_HEAD_LINES = 3

# What a list item is called by, the best name first.
_NAMES = ("title", "alert", "record", "name", "job_name", "refId")


def describe(change: Change, path: str) -> list[str]:
    """The lines that say how a file differs, in the form of a unified difference.

    Args:
        change: What differs.
        path: What the file is called.

    Returns:
        For JSON and YAML one hunk a value, headed by its place; else the difference of the text.

    Example:
        >>> before, after = '{"panels": [{"title": "Rate", "max": 1}]}', '{"panels": [{"title": "Rate", "max": 2}]}'
        >>> for line in describe(Change(Path("a.json"), before, after), "a.json"):
        ...     print(line)
        --- a.json (is)
        +++ a.json (must be)
        @@ panels > Rate > max @@
        -1
        +2
    """
    if change.before is None:
        return [f"{path} is missing"]
    if change.after is None:
        return [f"{path} is no longer generated"]
    head = [f"--- {path} (is)", f"+++ {path} (must be)"]
    try:
        before, after = (dict(_leaves(_parse(change.path, text))) for text in (change.before, change.after))
    except (ValueError, yaml.YAMLError):
        before, after = {}, {}
    hunks = [line for place in {**before, **after} for line in _hunk(place, before.get(place), after.get(place))]
    return head + (hunks or _lines(change.before, change.after))


def _parse(path: Path, text: str) -> object:
    return json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)


def _leaves(value: object, place: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """Each value that holds no other, by the names that lead to it."""
    if isinstance(value, dict) and value:
        for key, part in value.items():
            yield from _leaves(part, (*place, str(key)))
    elif isinstance(value, list) and value:
        for name, part in zip(_item_names(value), value, strict=True):
            yield from _leaves(part, (*place, name))
    else:
        yield place, value if isinstance(value, str) else json.dumps(value, default=str)


def _item_names(items: list[Any]) -> Iterator[str]:
    """A name for each item of a list, no two the same."""
    seen: dict[str, int] = {}
    for number, item in enumerate(items):
        found = _name(item) if isinstance(item, dict) else ""
        found = found or f"[{number}]"
        seen[found] = seen.get(found, 0) + 1
        yield found if seen[found] == 1 else f"{found} ({seen[found]})"


def _name(item: dict[str, Any]) -> str:
    """What an item is called; the alerts of one objective share a name and differ by their tier."""
    labels = item.get("labels")
    tier = labels.get("burn_tier") if isinstance(labels, dict) else None
    found = next((str(item[key]) for key in _NAMES if item.get(key)), "")
    return f"{found} ({tier})" if found and tier else found


def _hunk(place: tuple[str, ...], before: str | None, after: str | None) -> list[str]:
    if before == after:
        return []
    was = [] if before is None else before.splitlines() or [""]
    is_now = [] if after is None else after.splitlines() or [""]
    changed = list(difflib.unified_diff(was, is_now, lineterm="", n=len(was)))[_HEAD_LINES:]
    return [f"@@ {' > '.join(place)} @@", *changed]


def _lines(before: str, after: str) -> list[str]:
    difference = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=1)
    return list(difference)[_HEAD_LINES - 1 :] or ["only line ends differ"]

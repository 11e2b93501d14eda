"""Reading one table of the manifest: each question checks a value, and every fault is kept with its line."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from urllib.parse import urlsplit

from obs.manifest.durations import duration_seconds
from obs.manifest.faults import Fault
from obs.manifest.lines import KeyPath, line_of
from obs.nearest_name import nearest_name

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_LONGEST_NAME = 80  # two of them, and what is put around them, are the name of a file
_PLAIN_KEY = re.compile(r"[A-Za-z0-9_-]+")
_LONGEST_DURATION = "36500d"  # Prometheus counts nanoseconds in 64 bits, which end at 292 years
_TYPES = {bool: "true or false", int: "a number", Decimal: "a number", str: "a text", list: "a list", dict: "a table"}


@dataclass(frozen=True, slots=True)
class Source:
    """The file that is read.

    Args:
        file: Its path, as faults show it.
        lines: The line of each key.
        faults: What was found wrong so far.
    """

    file: Path
    lines: dict[KeyPath, int]
    faults: list[Fault] = field(default_factory=list)

    def fault(self, path: KeyPath, problem: str, remedy: str) -> None:
        """Keep a fault at a path."""
        self.faults.append(Fault(self.file, line_of(path, self.lines), _spelt(path), problem, remedy))


def _spelt(path: KeyPath) -> str:
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{_key(part)}" for part in path)
    return text.removeprefix(".")


def _key(part: str) -> str:
    """A key as TOML writes it: in quotes, on one line and without control characters where it is no plain word."""
    return part if _PLAIN_KEY.fullmatch(part) else json.dumps(part, ensure_ascii=not part.isprintable())


class Table:
    """One table; a question answers with the default where the value is missing or was refused.

    Args:
        source: The file.
        path: Where the table stands in it.
        values: Its keys and values; None when something else stands in its place, which was told already.
    """

    def __init__(self, source: Source, path: KeyPath, values: Mapping[str, object] | None) -> None:
        self.source = source
        self.path = path
        self._values = values
        self._asked: list[str] = []

    def fault(self, key: str, problem: str, remedy: str) -> None:
        """Keep a fault of one of the table's keys."""
        self.source.fault((*self.path, key), problem, remedy)

    def text(self, key: str, default: str | None = None) -> str:
        """A printable text; without a default it must be there and not be empty."""
        value = self._of_type(key, (str,), f'write {key} = "..."', required=default is None)
        if value is None:
            return default or ""
        if isinstance(value, str) and value.isprintable() and (value.strip() or default is not None):
            return value.strip()
        self.fault(key, f"{value!r} is empty or not printable", "write a text on one line")
        return default or ""

    def name(self, key: str) -> str:
        """A name that can stand in labels, file names and addresses; it must be there."""
        value = self.text(key)
        if value and not _NAME.fullmatch(value):
            self.fault(key, f"{value!r} is no name", "use letters, digits, `.`, `_` and `-`, a letter or digit first")
        if len(value) > _LONGEST_NAME:
            self.fault(key, f"has {len(value)} characters", f"use at most {_LONGEST_NAME}")
        return value

    def choice(self, key: str, words: Sequence[str], default: str | None = None) -> str:
        """One of a few words."""
        value = self.text(key, default)
        if value and value not in words:
            self.fault(key, f"{value!r} is unknown", _use(value, words))
            return default or words[0]
        return value

    def words(self, key: str, words: Sequence[str], default: tuple[str, ...]) -> tuple[str, ...]:
        """A list of some of these words."""
        value = self._of_type(key, (list,), f"write {key} = [{', '.join(map(_quoted, words))}]")
        if not isinstance(value, list):
            return default
        for index, word in enumerate(value):
            if word not in words:
                self.source.fault((*self.path, key, index), f"{word!r} is unknown", _use(word, words))
        return tuple(word for word in value if word in words)

    def number(self, key: str) -> Decimal | None:
        """An exact number; it must be there."""
        value = self._of_type(key, (int, Decimal), f"write {key} = 99.9", required=True)
        if isinstance(value, (int, Decimal)) and Decimal(value).is_finite():
            return Decimal(value)
        if value is not None:
            self.fault(key, f"{value} is no finite number", f"write {key} = 99.9")
        return None

    def duration(self, key: str, example: str, default: str | None = None) -> Decimal | None:
        """A duration above zero in seconds; without a default it must be there."""
        value = self.text(key, default)
        try:
            seconds = duration_seconds(value) if value else None
        except ValueError:
            seconds = Decimal(0)
        problem = "" if seconds is None else _duration_problem(value, seconds)
        if problem:
            self.fault(key, problem, f"write {key} = {_quoted(example)}")
            return None
        return seconds

    def url(self, key: str, default: str | None = None, *, query: bool = False) -> str:
        """An http or https URL without user and password; a query only where it is called as it is."""
        value = self.text(key, default)
        if value and not _is_url(value, query=query):
            remedy = "write an http:// or https:// URL without user" + ("" if query else ", query and fragment")
            self.fault(key, f"{value.rpartition('@')[2]!r} is no usable URL", remedy)
            return default or ""
        return value.rstrip("/")

    def table(self, key: str) -> Table:
        """A table; an empty one where there is none."""
        value = self._of_type(key, (dict,), f"write [{key}]")
        wrong = value is None and key in (self._values or {})
        return Table(self.source, (*self.path, key), value if isinstance(value, dict) else None if wrong else {})

    def tables(self, key: str, needs: str = "") -> list[Table]:
        """The tables of an array.

        Args:
            key: The array's key.
            needs: The keys that each must have, told when there must be a table and is none.
        """
        path = (*self.path, key)
        remedy = f"write [[{'.'.join(part for part in path if isinstance(part, str))}]]"
        value = self._of_type(key, (list,), remedy)
        if needs and (value == [] or key not in (self._values or {})):
            self.fault(key, "there is none", f"{remedy} with {needs}")
        found = []
        for index, item in enumerate(value if isinstance(value, list) else []):
            if isinstance(item, dict):
                found.append(Table(self.source, (*path, index), item))
            else:
                self.source.fault((*path, index), f"is {_type(item)}, not a table", remedy)
        return found

    def finish(self) -> None:
        """Complain of every key that nobody asked for."""
        for key in self._values or {}:
            if key not in self._asked:
                self.fault(key, "is an unknown key", _use(key, self._asked, spelt=str))

    def _of_type(self, key: str, types: tuple[type, ...], remedy: str, *, required: bool = False) -> object:
        self._asked.append(key)
        if self._values is None:
            return None
        value = self._values.get(key)
        if value is None:
            if required:
                self.fault(key, "is missing", remedy)
        elif type(value) not in types:
            self.fault(key, f"is {_type(value)}, not {_TYPES[types[0]]}", remedy)
            return None
        return value


def _duration_problem(text: str, seconds: Decimal) -> str:
    """Why Prometheus could not use a duration; empty when it can."""
    if seconds == 0:
        return f"{text!r} is no duration above zero"
    if seconds > duration_seconds(_LONGEST_DURATION):
        return f"is longer than {_LONGEST_DURATION}"
    return f"{text!r} is no whole number of milliseconds" if seconds * 1000 % 1 else ""


def _is_url(text: str, *, query: bool) -> bool:
    try:
        parts = urlsplit(text)
        whole = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    bare = query or not (parts.query or parts.fragment)
    return whole and bare and "@" not in parts.netloc and not set(text) & set(" \"'<>\\")


def _type(value: object) -> str:
    return _TYPES.get(type(value), "a date or time")


def _quoted(word: str) -> str:
    return f'"{word}"'


def _use(given: object, known: Sequence[str], spelt: Callable[[str], str] = _quoted) -> str:
    near = nearest_name(given, known)
    return f"use {spelt(near)}" if near else f"use one of {', '.join(map(spelt, known))}"

"""On which line of a TOML document each key stands, which the standard library's parser does not tell."""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_right
from collections.abc import Iterator

KeyPath = tuple[str | int, ...]

_SKIPPED = re.compile(r"(?:[\s,]|#[^\n]*)*")
_QUOTED = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}(?!")' r"|'''.*?'{3,5}(?!')" r'|"(?:[^"\\\n]|\\.)*"' r"|'[^'\n]*'", re.DOTALL
)
_BARE = re.compile(r"[^,\]}#\n]+")
_KEY = re.compile(r"""(?:[^"'=\]\n]|"(?:[^"\\\n]|\\.)*"|'[^'\n]*')+""")


def key_lines(text: str) -> dict[KeyPath, int]:
    r"""The line of every table, key and array item.

    Args:
        text: A document that `tomllib` accepts.

    Returns:
        Lines, from 1, by the path of keys and indices.

    Example:
        >>> key_lines('[[a]]\nb = {c = 1}')
        {('a', 0): 1, ('a', 0, 'b'): 2, ('a', 0, 'b', 'c'): 2}
    """
    lines: dict[KeyPath, int] = {}
    for path, line in _Scanner(text).paths():
        lines.setdefault(path, line)
    return lines


def line_of(path: KeyPath, lines: dict[KeyPath, int]) -> int:
    """The line of a path, or of the nearest table around it that has one, else 1."""
    return next((lines[path[:length]] for length in range(len(path), 0, -1) if path[:length] in lines), 1)


class _Scanner:
    """Walks over a valid document once; values are skipped, their keys noted."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self._ends = [end.start() for end in re.finditer("\n", text)]
        self._lengths: dict[KeyPath, int] = {}

    def paths(self) -> Iterator[tuple[KeyPath, int]]:
        table: KeyPath = ()
        while self._skip() < len(self.text):
            line = self._line()
            if self.text[self.at] == "[":
                table = self._header()
                yield table, line
            else:
                yield from self._pair(table)

    def _line(self) -> int:
        return bisect_right(self._ends, self.at - 1) + 1

    def _skip(self) -> int:
        found = _SKIPPED.match(self.text, self.at)
        self.at = found.end() if found else self.at
        return self.at

    def _take(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self.text, self.at)
        self.at = found.end() if found else len(self.text)
        return found[0] if found else ""

    def _header(self) -> KeyPath:
        opening = 2 if self.text.startswith("[[", self.at) else 1
        self.at += opening
        path: KeyPath = ()
        *outer, last = self._key()
        for part in outer:
            path = self._inside((*path, part))
        path = (*path, last)
        self.at += opening
        if opening == 1:
            return self._inside(path)
        self._lengths[path] = self._lengths.get(path, 0) + 1
        return self._inside(path)

    def _inside(self, path: KeyPath) -> KeyPath:
        """The newest item of an array of tables, any other path as it is."""
        return (*path, self._lengths[path] - 1) if path in self._lengths else path

    def _key(self) -> list[str]:
        """The parts of a dotted key, spelt as the parser understands them."""
        document = tomllib.loads(f"{self._take(_KEY)} = 0")
        parts: list[str] = []
        value: object = document
        while isinstance(value, dict):
            part, value = next(iter(value.items()))
            parts.append(part)
        return parts

    def _pair(self, table: KeyPath) -> Iterator[tuple[KeyPath, int]]:
        line = self._line()
        path = table
        for part in self._key():
            path = (*path, part)
            yield path, line
        self.at = self.text.index("=", self.at) + 1
        yield from self._value(path)

    def _value(self, path: KeyPath) -> Iterator[tuple[KeyPath, int]]:
        self._skip()
        opening = self.text[self.at]
        if opening == "[":
            yield from self._items(path, "]")
        elif opening == "{":
            yield from self._items(path, "}")
        else:
            self._take(_QUOTED if opening in "\"'" else _BARE)

    def _items(self, path: KeyPath, closing: str) -> Iterator[tuple[KeyPath, int]]:
        self.at += 1
        index = 0
        self._skip()
        while self.text[self.at] != closing:
            if closing == "}":
                yield from self._pair(path)
            else:
                yield (*path, index), self._line()
                yield from self._value((*path, index))
                index += 1
            self._skip()
        self.at += 1

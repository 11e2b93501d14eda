"""What stands in a query as a word: its text without escapes, its wildcards, its number."""

from __future__ import annotations

import re
from dataclasses import dataclass

_NUMBER = re.compile(r"-?\d{1,300}(?:\.\d{1,300})?(?:[eE][+-]?\d{1,3})?")
_INT64 = range(-(2**63), 2**63)
_GLOB_SPECIAL = "*?["


@dataclass(frozen=True, slots=True)
class Text:
    """A word or a phrase.

    Args:
        parts: Each character, and whether it is a wildcard.
    """

    parts: tuple[tuple[str, bool], ...]

    @property
    def literal(self) -> str:
        """The text itself."""
        return "".join(character for character, _ in self.parts)

    @property
    def wildcards(self) -> int:
        """How many wildcards are in it."""
        return sum(wild for _, wild in self.parts)

    @property
    def anything(self) -> bool:
        """Whether it is a lone asterisk."""
        return self.parts == (("*", True),)

    @property
    def prefix(self) -> str:
        """What stands before its only wildcard, an asterisk at its end; empty when it is not of that form."""
        ends_open = self.wildcards == 1 and self.parts[-1] == ("*", True)
        return self.literal[:-1] if ends_open else ""

    @property
    def glob(self) -> str:
        """The pattern for SQLite's GLOB."""
        return "".join(
            f"[{character}]" if character in _GLOB_SPECIAL and not wild else character for character, wild in self.parts
        )


def word(written: str) -> Text:
    r"""Read a word as it stands in a query: ``\*`` is an asterisk, ``*`` is anything.

    Example:
        >>> word("pay*").prefix
        'pay'
    """
    parts: list[tuple[str, bool]] = []
    characters = iter(written)
    for character in characters:
        if character == "\\":
            parts.append((next(characters, "\\"), False))
        elif character in "*?":
            # Several asterisks in a row mean what one means, and cost more.
            if not (character == "*" and parts and parts[-1] == ("*", True)):
                parts.append((character, True))
        else:
            parts.append((character, False))
    return Text(tuple(parts))


def phrase(quoted: str) -> Text:
    """Read a phrase with its quotation marks; it has no wildcards."""
    inner = quoted[1:-1]
    return Text(tuple((character, False) for character in re.sub(r"\\(.)", r"\1", inner, flags=re.DOTALL)))


def number(text: str) -> int | float | None:
    """The number that a text is, or None.

    Example:
        >>> number("500"), number("0.5"), number("n/a")
        (500, 0.5, None)
    """
    if not _NUMBER.fullmatch(text):
        return None
    if text.lstrip("-").isdigit():
        whole = int(text)
        return whole if whole in _INT64 else float(whole)
    return float(text)

"""Numbers, durations and label values as exact text: no float noise, no rounding, no lost character."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

_MILLISECONDS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
_WRITTEN = ("d", "h", "m", "s", "ms")
_PART = re.compile(r"(\d+)(ms|[smhdw])")
_RANGE = re.compile(r"\[((?:\d+(?:ms|[smhdw]))+)\]")


def number(value: Decimal) -> str:
    """A decimal as Prometheus reads it, with every digit and no exponent.

    Example:
        >>> number(Decimal("14.40") * Decimal("0.001"))
        '0.0144'
    """
    return format(value.normalize(), "f")


def quoted(value: str) -> str:
    r"""A label's value as Prometheus reads it.

    Every letter stays as it is: JSON's escapes come in pairs beyond the basic plane, which Prometheus refuses.

    Example:
        >>> print(quoted('/say/"hi"'))
        "/say/\"hi\""
    """
    return json.dumps(value, ensure_ascii=False)


def milliseconds(duration: str) -> int:
    """How long a Prometheus duration is.

    Args:
        duration: Such as ``5m``, ``1h30m`` or ``250ms``.

    Raises:
        ValueError: It is no duration.

    Example:
        >>> milliseconds("1h30m")
        5400000
    """
    parts = list(_parts(duration))
    if not parts or "".join(f"{count}{unit}" for count, unit in parts) != duration:
        raise ValueError(f"{duration!r} is no duration; write it as 250ms, 30s, 5m, 6h, 3d or 1h30m")
    return sum(count * _MILLISECONDS[unit] for count, unit in parts)


def _parts(duration: str) -> Iterator[tuple[int, str]]:
    for count, unit in _PART.findall(duration):
        yield int(count), unit


def duration(length: int) -> str:
    """Milliseconds as a Prometheus duration in the largest unit that divides them.

    Example:
        >>> duration(7_200_000), duration(5_400_000), duration(250)
        ('2h', '90m', '250ms')
    """
    unit = next(unit for unit in _WRITTEN if length % _MILLISECONDS[unit] == 0) if length else "s"
    return f"{length // _MILLISECONDS[unit]}{unit}"


@dataclass(frozen=True, slots=True)
class Clock:
    """How fast time runs: every duration of a rule is divided by the speed, exactly.

    Args:
        speed: 1 for real use; more lets a demo see in minutes what takes hours.

    Raises:
        ValueError: The speed is not a whole number above 0.
    """

    speed: int = 1

    def __post_init__(self) -> None:
        if self.speed < 1:
            raise ValueError(f"speed: {self.speed} is not allowed; it is a whole number from 1")

    def __call__(self, length: str) -> str:
        """The duration at this speed.

        Raises:
            ValueError: It does not divide into whole milliseconds.

        Example:
            >>> Clock(60)("5m"), Clock(60)("15s")
            ('5s', '250ms')
        """
        quotient, rest = divmod(milliseconds(length), self.speed)
        if rest:
            raise ValueError(f"speed: {length} divided by {self.speed} is no whole number of milliseconds; use 60")
        return duration(quotient)

    def ranges(self, expression: str) -> str:
        """An expression whose range selectors run at this speed.

        Example:
            >>> Clock(60).ranges("rate(jobs_total[5m])")
            'rate(jobs_total[5s])'
        """
        return _RANGE.sub(lambda found: f"[{self(found[1])}]", expression)

"""Durations such as `250ms`, `5m` or `1h30m`, as exact decimals."""

from __future__ import annotations

import re
from decimal import Decimal

# A week is written as days, and a year has no fixed length.
_UNITS = {"d": Decimal(86400), "h": Decimal(3600), "m": Decimal(60), "s": Decimal(1), "ms": Decimal("0.001")}
_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|[dhms])")
_WHOLE = re.compile(f"(?:{_PART.pattern})+")


def duration_seconds(text: str) -> Decimal:
    """A duration in seconds, exactly.

    Args:
        text: Numbers with the units `ms`, `s`, `m`, `h`, `d`, one after the other.

    Raises:
        ValueError: It is no duration.

    Example:
        >>> duration_seconds("250ms"), duration_seconds("1h30m")
        (Decimal('0.25'), Decimal('5400'))
    """
    if not _WHOLE.fullmatch(text):
        raise ValueError(f"{text!r} is no duration")
    seconds = sum((Decimal(number) * _UNITS[unit] for number, unit in _PART.findall(text)), Decimal(0))
    return Decimal(f"{seconds.normalize():f}")


def duration_text(seconds: Decimal) -> str:
    """A duration in the largest unit that gives a whole number, else in milliseconds.

    Args:
        seconds: Zero or more.

    Example:
        >>> duration_text(Decimal("0.25")), duration_text(Decimal(5400)), duration_text(Decimal(172800))
        ('250ms', '90m', '2d')
    """
    for unit, size in _UNITS.items():
        if seconds and seconds % size == 0:
            return f"{seconds // size:f}{unit}"
    return f"{(seconds / _UNITS['ms']).normalize():f}ms"

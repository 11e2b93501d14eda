"""A sample's value as people read it, in the unit that its panel names."""

from __future__ import annotations

import math

_BYTES = ("B", "KiB", "MiB", "GiB", "TiB")
_SUFFIXES = {"reqps": " req/s", "cps": " /s", "ops": " /s", "percent": " %"}


def shown(value: str, unit: str) -> str:
    """Show a value.

    Args:
        value: As Prometheus writes it.
        unit: Grafana's unit id, such as ``s``, ``bytes``, ``percentunit`` or ``reqps``.

    Example:
        >>> shown("0.0421", "s"), shown("0.5", "percentunit"), shown("2048", "bytes")
        ('42.1 ms', '50 %', '2 KiB')
    """
    try:
        number = float(value)
    except ValueError:
        return value
    if not math.isfinite(number):
        return {"NaN": "no value"}.get(value, value)
    if unit == "s":
        return _seconds(number)
    if unit == "percentunit":
        return f"{number * 100:.4g} %"
    if unit in {"bytes", "Bps"}:
        return _bytes(number) + ("/s" if unit == "Bps" else "")
    return f"{_plain(number)}{_SUFFIXES.get(unit, '')}"


def _plain(number: float) -> str:
    """Whole numbers as they are, others to four digits."""
    return f"{number:,.0f}" if number.is_integer() or abs(number) >= 1e4 else f"{number:.4g}"


def _seconds(number: float) -> str:
    if number == 0:
        return "0 s"
    for factor, name in ((1, "s"), (1e3, "ms"), (1e6, "µs")):
        if abs(number) * factor >= 1:
            return f"{number * factor:.4g} {name}"
    return f"{number * 1e9:.4g} ns"


def _bytes(number: float) -> str:
    position = min(int(math.log(abs(number), 1024)), len(_BYTES) - 1) if abs(number) >= 1 else 0
    return f"{number / 1024**position:.4g} {_BYTES[position]}"

"""What the receiver can be told, and how sizes and durations are written."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from obs.manifest import Manifest

DEFAULT_MAX_BYTES = 512 * 1024**2
LEAST_BYTES = 32 * 1024**2
DEFAULT_MAX_AGE = 3 * 86400.0

_SIZES = {"": 1, "B": 1, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3, "kB": 1000, "MB": 1000**2, "GB": 1000**3}
_DURATIONS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_QUANTITY = re.compile(r"(\d+(?:\.\d+)?)\s*([A-Za-z]*)")


@dataclass(frozen=True, slots=True)
class Options:
    """The receiver's options.

    Args:
        data: The directory that holds everything it keeps.
        host: The address to bind; loopback unless the user decides otherwise.
        port: The port to bind; 0 takes a free one.
        max_bytes: The most that the data may take on disk, in bytes.
        max_age: The age in seconds at which a record is removed, by signal.
        max_body: The largest body that is accepted, before and after decompression, in bytes.
        max_waiting: The most records that may wait for the writer; more are refused with 503.
        manifest: What the project's `obs.toml` says; the first page lists its services.
        dashboards: The directory of generated dashboards.
        prometheus: Prometheus' URL, empty when there is none.
        alertmanager: Alertmanager's URL, empty when there is none.
    """

    data: Path
    host: str = "127.0.0.1"
    port: int = 4318
    max_bytes: int = DEFAULT_MAX_BYTES
    max_age: dict[str, float] = field(default_factory=lambda: {"logs": DEFAULT_MAX_AGE, "traces": DEFAULT_MAX_AGE})
    max_body: int = 16 * 1024**2
    max_waiting: int = 50_000
    manifest: Manifest | None = None
    dashboards: Path | None = None
    prometheus: str = ""
    alertmanager: str = ""


def size(text: str) -> int:
    """Read a size.

    Args:
        text: A number with ``B``, ``KiB``, ``MiB``, ``GiB``, ``kB``, ``MB`` or ``GB``; bytes without a unit.

    Returns:
        Bytes.

    Raises:
        ValueError: It is no size.

    Example:
        >>> size("512MiB")
        536870912
    """
    return int(_quantity(text, _SIZES, "size", "512MiB"))


def duration(text: str) -> float:
    """Read a duration.

    Args:
        text: A number with ``ms``, ``s``, ``m``, ``h``, ``d`` or ``w``.

    Returns:
        Seconds.

    Raises:
        ValueError: It is no duration.

    Example:
        >>> duration("3d")
        259200.0
    """
    return _quantity(text, _DURATIONS, "duration", "3d")


def _quantity(text: str, units: dict[str, int] | dict[str, float], what: str, example: str) -> float:
    found = _QUANTITY.fullmatch(text.strip())
    factor = units.get(found[2]) if found else None
    if found is None or factor is None:
        raise ValueError(f"{text!r} is no {what}; write one such as {example}")
    return float(found[1]) * factor

"""Points in time as people and links write them."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from obs_stack.receiver.options import duration

NANOSECONDS = 1_000_000_000
LATEST = 2**63 - 1

_NUMBER = re.compile(r"\d{1,19}(?:\.\d{1,9})?")
_RELATIVE = re.compile(r"(?:now-)?(\d{1,6}(?:ms|s|m|h|d|w))")


def moment(text: str, now: int) -> int:
    """Read a point in time.

    Args:
        text: ISO 8601 (UTC where it names no zone); seconds, milliseconds or nanoseconds since 1970, told apart by
            their size; ``now``; or a duration ago, such as ``15m`` or ``now-15m``.
        now: The present, in nanoseconds since 1970.

    Returns:
        Nanoseconds since 1970.

    Raises:
        ValueError: It is no point in time.

    Example:
        >>> moment("1970-01-01T00:00:01Z", now=0)
        1000000000
    """
    text = text.strip()
    if text == "now":
        return now
    if relative := _RELATIVE.fullmatch(text):
        return max(0, now - int(duration(relative[1]) * NANOSECONDS))
    if _NUMBER.fullmatch(text):
        return _since_1970(text)
    try:
        read = datetime.fromisoformat(text)
        return max(0, _nanoseconds(read if read.tzinfo else read.replace(tzinfo=UTC)))
    except (ValueError, OverflowError):
        raise ValueError(
            f"{text[:40]!r} is no point in time; write one such as 2026-01-31T12:00:00Z, 1769860800 or 15m"
        ) from None


def iso(unix_nano: int) -> str:
    """A point in time in ISO 8601, in UTC, to the microsecond.

    Example:
        >>> iso(1_000_000_000)
        '1970-01-01T00:00:01.000000Z'
    """
    seconds, rest = divmod(unix_nano, NANOSECONDS)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest // 1000:06d}Z"


def _since_1970(text: str) -> int:
    whole = int(text.partition(".")[0])
    if whole >= 10**17:
        return min(whole, LATEST)
    return int(float(text) * (10**6 if whole >= 10**11 else NANOSECONDS))


def _nanoseconds(read: datetime) -> int:
    since = read - datetime(1970, 1, 1, tzinfo=UTC)
    return ((since.days * 86400 + since.seconds) * 10**6 + since.microseconds) * 1000

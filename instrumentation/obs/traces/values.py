"""Attribute values of any origin made safe: bounded, independent of the application's objects, and never raising."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from opentelemetry.trace import Status

# The status of every span that says nothing of how it went.
UNSET = Status()

MOST_ATTRIBUTES = 128
MOST_EVENTS = 128
MOST_LINKS = 128
LONGEST_VALUE = 4096

_MOST_ITEMS = 1000
_DEEPEST = 8

PLAIN = frozenset((bool, int, float))


def safe_text(value: object) -> str:
    """Say what a value is, whatever its own `__str__` does, in at most 4096 characters."""
    try:
        text = value if isinstance(value, str) else str(value)
        return text[:LONGEST_VALUE] if len(text) > LONGEST_VALUE else str.__str__(text)
    except (Exception, SystemExit, GeneratorExit) as error:  # noqa: BLE001 - a caller's own __str__ may raise anything
        return f"<unrepresentable {type(value).__name__}: {type(error).__name__}>"


def safe_value(value: object) -> object:
    """Copy a value into what OpenTelemetry takes as an attribute; what it has no type for becomes text.

    Sequences and mappings are copied up to 1000 items in all and 8 levels; what lies beyond becomes an ellipsis.
    """
    kind = type(value)
    if kind is str:
        return value[:LONGEST_VALUE] if len(value) > LONGEST_VALUE else value  # type: ignore[arg-type,index]
    if kind in PLAIN:
        return value
    return _copied(value, _DEEPEST, [_MOST_ITEMS])


def _copied(value: object, depth: int, left: list[int]) -> object:
    """Copy a value; `left` holds how many items may still come, for the whole of it."""
    if left[0] <= 0:
        return "…"
    left[0] -= 1
    if type(value) in PLAIN or value is None:
        return value
    try:
        if isinstance(value, (bytes, bytearray)):
            return bytes(value[:LONGEST_VALUE])
        if isinstance(value, (Mapping, Sequence, set, frozenset)) and not isinstance(value, str):
            return _nested(value, depth - 1, left) if depth else "…"
    except (Exception, SystemExit, GeneratorExit) as error:  # noqa: BLE001 - a caller's own container may raise anything
        return f"<unrepresentable {type(value).__name__}: {type(error).__name__}>"
    return safe_text(value)


def _nested(
    value: Mapping[object, object] | Sequence[object] | set[object] | frozenset[object], depth: int, left: list[int]
) -> object:
    most = left[0] + 1
    if isinstance(value, Mapping):
        return {safe_text(key): _copied(item, depth, left) for key, item in list(value.items())[:most]}
    return tuple([_copied(item, depth, left) for item in list(value)[:most]])


def safe_attributes(attributes: object, into: dict[str, object], most: int = MOST_ATTRIBUTES) -> int:
    """Copy attributes; a name that is no text and a value that is None are left out.

    Args:
        attributes: A mapping; anything else holds no attributes.
        into: Where they go.
        most: The most that `into` may hold.

    Returns:
        How many were dropped.
    """
    if not isinstance(attributes, Mapping):
        return 0
    dropped = 0
    for key, value in list(attributes.items()):
        if value is None:
            continue
        if not isinstance(key, str) or not key or (len(into) >= most and key not in into):
            dropped += 1
        else:
            into[key] = safe_value(value)
    return dropped

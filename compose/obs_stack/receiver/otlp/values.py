"""OpenTelemetry's values as Python's and JSON's, within limits."""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import orjson
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

LONGEST_TEXT = 64 * 1024
MOST_ATTRIBUTES = 512
DEEPEST = 16

Json = str | int | float | bool | list[Any] | dict[str, Any] | None


def plain(value: AnyValue, depth: int = DEEPEST) -> Json:
    """The value in Python; long text is cut, what is nested too deep becomes an ellipsis."""
    kind = value.WhichOneof("value")
    read = _SCALARS.get(kind) if kind else None
    if read is not None:
        return read(value)
    if depth <= 0:
        return "…"
    if kind == "array_value":
        return [plain(item, depth - 1) for item in value.array_value.values]
    return attributes(value.kvlist_value.values, depth - 1) if kind == "kvlist_value" else None


def attributes(pairs: Iterable[KeyValue], depth: int = DEEPEST) -> dict[str, Json]:
    """Attributes as a dictionary; the first 512."""
    found: dict[str, Json] = {}
    for pair in pairs:
        if len(found) == MOST_ATTRIBUTES:
            break
        found[pair.key] = plain(pair.value, depth)
    return found


def flat(values: Mapping[str, Json], prefix: str = "") -> dict[str, Json]:
    """Nested mappings as one, the names joined by dots; empty ones and those without a value are left out.

    Example:
        >>> flat({"error": {"type": "ValueError"}})
        {'error.type': 'ValueError'}
    """
    found: dict[str, Json] = {}
    for key, value in values.items():
        if isinstance(value, dict):
            found.update(flat(value, f"{prefix}{key}."))
        elif value is not None:
            found[prefix + key] = value
    return found


def nested(values: Mapping[str, Json]) -> dict[str, Json]:
    """The contrary of `flat`: names with dots as nested mappings; a name that is taken by a value keeps its dots.

    Example:
        >>> nested({"error.type": "ValueError"})
        {'error': {'type': 'ValueError'}}
    """
    found: dict[str, Json] = {}
    for name in sorted(values):
        here, rest = found, name
        while "." in rest:
            head, tail = rest.split(".", 1)
            below = here.setdefault(head, {})
            if not isinstance(below, dict):
                break
            here, rest = below, tail
        if rest in here:
            here, rest = found, name
        here[rest] = values[name]
    return found


def cut(text: str) -> str:
    """At most so much of a text as is kept; an ellipsis shows that something is missing.

    NUL, which ends a text in SQL, becomes U+FFFD.
    """
    text = text.replace("\0", "\ufffd")
    return text if len(text) <= LONGEST_TEXT else text[: LONGEST_TEXT - 1] + "…"


def to_json(value: object) -> str:
    """Strict JSON."""
    return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS).decode()


# JSON has no word for infinity and "not a number".
_SCALARS: dict[str, Callable[[AnyValue], Json]] = {
    "string_value": lambda value: cut(value.string_value),
    "int_value": lambda value: value.int_value,
    "bool_value": lambda value: value.bool_value,
    "double_value": lambda value: value.double_value if math.isfinite(value.double_value) else str(value.double_value),
    "bytes_value": lambda value: cut(base64.b64encode(value.bytes_value).decode()),
}

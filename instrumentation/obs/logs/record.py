"""Where a caller's field goes in a record of the Elastic Common Schema.

A field keeps its name where ECS has none of that name or where its value fits the type there, and goes under `labels`
where it would clash: Elasticsearch refuses a whole record for one `http="GET"`, since `http` is a group of fields.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import orjson

from obs.logs import ecs
from obs.logs.values import INT64_MAX, INT64_MIN, unused

# What only obs writes.
_RESERVED = (
    "@timestamp message log.level log.logger ecs.version service.name service.version service.environment "
    "service.node.name event.id event.dataset trace.id span.id process.pid labels obs"
)
RESERVED = frozenset(_RESERVED.split())
# The groups that hold one of these, so that a caller's field may have to share them.
SHARED = frozenset({"log", "event", "trace", "span", "service", "ecs", "process"})

_DATE = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d)?)?")
_WRONG = object()


class Place(NamedTuple):
    """Where the fields of one name go.

    Args:
        path: The name in its parts.
        type: Its type in ECS; empty for the caller's own.
        simple: It goes to the top as it is.
        clashes: It goes under `labels` whatever its value is.
        group: It holds other fields in ECS, so only a dict can stand there.
    """

    path: tuple[str, ...]
    type: str
    simple: bool
    clashes: bool
    group: bool


def place_of(name: str) -> Place:
    """Where a field of this name goes.

    Example:
        >>> place_of("order").simple, place_of("http").group, place_of("http.request.method").type
        (True, True, 'keyword')
    """
    path = tuple(name.split("."))
    prefixes = {".".join(path[:size]) for size in range(1, len(path))}
    kind = ecs.TYPES.get(name, "")
    inside_a_value = any(ecs.TYPES.get(prefix, "object") != "object" for prefix in prefixes)
    clashes = name in RESERVED or path[0] == "obs" or not all(path) or inside_a_value
    group = name in ecs.OBJECTS
    simple = not (kind or group or clashes) and len(path) == 1
    return Place(path, kind, simple, clashes, group)


class Placing:
    """Puts fields into one record.

    Args:
        fields: The record so far.
        find: Gives the place of a name.
    """

    __slots__ = ("_find", "fields")

    def __init__(self, fields: dict[str, Any], find: Callable[[str], Place] = place_of) -> None:
        self.fields = fields
        self._find = find

    def put(self, name: str, value: Any, place: Place | None = None) -> None:
        """Put one field where it fits, else under `labels`; its value is plain data."""
        place = place or self._find(name)
        if place.path[0] == "labels" and type(value) is dict and len(place.path) == 1:
            for inner, item in value.items():
                self._label(inner, item)
        elif place.path[0] == "labels" and len(place.path) > 1:
            self._label(name.removeprefix("labels."), value)
        elif place.clashes:
            self._label(name, value)
        elif place.group:
            self._put_group(name, value)
        else:
            fitting = fit(place.type, value) if place.type else value
            if fitting is _WRONG or not self._nest(place.path, fitting):
                self._label(name, value)

    def _put_group(self, name: str, value: Any) -> None:
        if type(value) is not dict:
            self._label(name, value)
            return
        for inner, item in value.items():
            self.put(f"{name}.{inner}", item)

    def _nest(self, path: tuple[str, ...], value: Any) -> bool:
        target = self.fields
        for part in path[:-1]:
            inner = target.setdefault(part, {})
            if type(inner) is not dict:
                return False
            target = inner
        last = path[-1]
        if last not in target:
            target[last] = value
            return True
        present = target[last]
        if type(present) is dict and type(value) is dict and present.keys().isdisjoint(value):
            present.update(value)
            return True
        return False

    def _label(self, name: str, value: Any) -> None:
        labels = self.fields.setdefault("labels", {})
        labels[unused(labels, name.replace(".", "_") or "_")] = as_keyword(value)


def as_keyword(value: Any) -> str | None:
    """The value as the text that a keyword field holds."""
    if value is None or type(value) is str:
        return value
    return orjson.dumps(value).decode()


def fit(kind: str, value: Any) -> Any:
    """The value as this ECS type holds it, or a mark that it does not fit."""
    if value is None:
        return None
    if type(value) is list and kind not in {"object", "geo"}:
        items = [_WRONG if type(item) is list else fit(kind, item) for item in value]
        return _WRONG if _WRONG in items else items
    return _FITS[kind](value)


def _fit_keyword(value: Any) -> Any:
    if type(value) is dict or type(value) is list:
        return _WRONG
    return as_keyword(value)


def _fit_long(value: Any) -> Any:
    if type(value) is str and len(value) <= 18 and value.isascii() and value.removeprefix("-").isdigit():
        value = int(value)
    if type(value) is float and value.is_integer():
        value = int(value)
    return value if type(value) is int and INT64_MIN <= value <= INT64_MAX else _WRONG


def _fit_float(value: Any) -> Any:
    return value if type(value) in {int, float} else _WRONG


def _fit_boolean(value: Any) -> Any:
    if value in ("true", "false"):
        return value == "true"
    return value if type(value) is bool else _WRONG


def _fit_date(value: Any) -> Any:
    if type(value) is int or (type(value) is str and _DATE.fullmatch(value)):
        return value
    return _WRONG


@lru_cache(maxsize=1024)
def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return "%" not in text


def _fit_ip(value: Any) -> Any:
    return value if type(value) is str and len(value) <= 45 and _is_ip(value) else _WRONG


def _fit_object(value: Any) -> Any:
    if type(value) is dict or (type(value) is list and value and all(type(item) is dict for item in value)):
        return value
    return _WRONG


_FITS: dict[str, Callable[[Any], Any]] = {
    "keyword": _fit_keyword,
    "text": _fit_keyword,
    "long": _fit_long,
    "float": _fit_float,
    "boolean": _fit_boolean,
    "date": _fit_date,
    "ip": _fit_ip,
    "object": _fit_object,
    "geo": _fit_object,
}

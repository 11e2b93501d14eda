"""Routes as settings name them, such as `GET /items/{item_id}`: known by the path, before an application routes it."""

from __future__ import annotations

import re
from typing import NamedTuple

_ROUTE = re.compile(r"(?:([A-Z]{1,32}) +)?(/[!-~]{0,511})")
# A variable part as FastAPI and Starlette write it, or as Flask does; `*` is the rest of the path.
_PLACE = re.compile(r"\{\w+(?::(\w+))?\}|<(?:(\w+)(?:\([^()<>]*\))?:)?\w+>|(\*)")
_CONVERTERS_OF_PATHS = {"path"}


class Route(NamedTuple):
    """Requests that are told by their method and path.

    Args:
        method: The method; empty is every one.
        path: What the whole path matches.
    """

    method: str
    path: re.Pattern[str]


def read_route(text: str) -> Route:
    """Read `[METHOD ]/path`, whose variable parts are `{name}` or `<name>` for a segment, and `*` for any rest.

    Args:
        text: The template as the framework writes it. A segment has one variable part at most, and one part of the
            whole path may span segments, so that any path is matched in linear time.

    Raises:
        ValueError: It is no such route.

    Example:
        >>> route = read_route("GET /items/{item_id}")
        >>> route.method, bool(route.path.fullmatch("/items/7")), bool(route.path.fullmatch("/items/7/parts"))
        ('GET', True, False)
    """
    match = _ROUTE.fullmatch(text)
    if match is None:
        raise ValueError
    method, path = match[1] or "", match[2]
    pattern, rests = "", 0
    for segment in path[1:].split("/"):
        places = list(_PLACE.finditer(segment))
        literal = _PLACE.sub("", segment)
        if len(places) > 1 or set(literal) & set("{}<>"):
            raise ValueError
        if not places:
            pattern += "/" + re.escape(segment)
            continue
        place = places[0]
        spans = place[3] is not None or _CONVERTERS_OF_PATHS & {place[1], place[2]}
        rests += bool(spans)
        before, after = segment[: place.start()], segment[place.end() :]
        pattern += "/" + re.escape(before) + (".*" if spans else "[^/]+") + re.escape(after)
    if rests > 1:
        raise ValueError
    return Route(method, re.compile(pattern, re.DOTALL))

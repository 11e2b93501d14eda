"""The routes of an ASGI application, so that their errors exist at zero before the first request."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from obs.requests.observation import declare_route

_IMPLIED = {"HEAD"}


def declare_asgi_routes(routes: Iterable[Any], prefix: str = "") -> None:
    """Declare every route of Starlette's or FastAPI's routing tables, mounted ones with their prefix.

    Args:
        routes: What `app.routes` holds.
        prefix: The template that stands before them.
    """
    for route in routes:
        nested = _nested(route)
        if nested is not None:
            declare_asgi_routes(nested[0], prefix + nested[1])
        elif getattr(route, "methods", None):
            declare_route(prefix + route.path_format, tuple(sorted(set(route.methods) - _IMPLIED)))


def _nested(route: Any) -> tuple[Iterable[Any], str] | None:
    """The routes below a mount or an included router, and the prefix that is theirs."""
    included = getattr(route, "include_context", None)
    if included is not None:
        return route.original_router.routes, str(included.prefix)
    inner = getattr(route, "routes", None)
    return (inner, str(getattr(route, "path", ""))) if inner else None

"""FastAPI: as Starlette, with its own telemetry stepping aside so that a request has one SERVER span."""

from __future__ import annotations

from typing import Any

from obs.integrations import Library, genuine
from obs.requests import asgi
from obs.runtime.patcher import Patcher
from obs.signals import http

LIBRARY = Library("fastapi", "fastapi", "0.110", signals=(http.SERVER_DURATION, http.ACTIVE_REQUESTS))


def install(patch: Patcher) -> None:
    """Observe `FastAPI.__call__` before FastAPI's own telemetry sees the request."""
    from fastapi import FastAPI
    from fastapi.routing import APIRoute

    patch.wrap(genuine(FastAPI), "__call__", asgi.observed_call)
    patch.wrap(APIRoute, "handle", _routed)


def _routed(original: Any) -> Any:
    def handle(self: Any, scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> Any:
        observation = scope.get(asgi.KEY)
        if observation is not None:
            observation.route = observation.prefix + _template(self, scope)
        return original(self, scope, receive, send)

    return handle


def _template(route: Any, scope: asgi.Scope) -> str:
    """The route's template; that of an included router (0.14x and later) stands in the scope with its prefix."""
    context = scope.get("fastapi", {}).get("effective_route_context")
    if context is not None and context.original_route is route:
        return str(context.path_format)
    return str(route.path_format)

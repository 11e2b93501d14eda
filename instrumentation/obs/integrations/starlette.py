"""Starlette: every request to an application is observed once, with the template of its route."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from obs.integrations import Library, genuine
from obs.requests import asgi, wsgi
from obs.runtime.patcher import Patcher
from obs.signals import http

LIBRARY = Library("starlette", "starlette", "0.37", signals=(http.SERVER_DURATION, http.ACTIVE_REQUESTS))


def install(patch: Patcher) -> None:
    """Observe `Starlette.__call__`, and learn the template from the route that handles the request."""
    from starlette.applications import Starlette
    from starlette.routing import Mount, Route

    patch.wrap(genuine(Starlette), "__call__", asgi.observed_call)
    patch.wrap(Route, "handle", routed)
    patch.wrap(Mount, "handle", _mounted)


def routed(original: Any) -> Any:
    """A route's `handle` that tells the observation its template."""

    def handle(self: Any, scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> Any:
        observation = scope.get(asgi.KEY)
        if observation is not None:
            observation.route = observation.prefix + self.path_format
        return original(self, scope, receive, send)

    return handle


def _mounted(original: Any) -> Any:
    async def handle(self: Any, scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        observation = scope.get(asgi.KEY)
        if observation is None:
            await original(self, scope, receive, send)
            return
        observation.prefix += self.path
        observation.route = observation.prefix
        token = wsgi.handed_on.set(observation)
        try:
            await original(self, scope, receive, send)
        finally:
            # A request that is collected unfinished ends in another context.
            with suppress(ValueError):
                wsgi.handed_on.reset(token)

    return handle

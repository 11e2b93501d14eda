"""Observing an ASGI application: one observation a request, whatever is mounted or wrapped inside it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from obs.requests.observation import Observation
from obs.runtime.guard import Guard

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

# Where a request's observation travels; inner applications that find it leave the request alone.
KEY = "obs.observation"

_WANTED = {b"traceparent": 0, b"tracestate": 1, b"baggage": 2, b"host": 3}


def begin(scope: Scope) -> Observation | None:
    """Start to observe the request of a scope.

    Returns:
        The observation, or None where the scope is no request, is observed already, or obs itself failed.
    """
    if scope["type"] != "http" or KEY in scope:
        return None
    with Guard("asgi"):
        found: list[str | None] = [None, None, None, None]
        for name, value in scope["headers"]:
            position = _WANTED.get(name)
            if position is not None:
                found[position] = value.decode("latin-1")
        host = found[3] or ""
        observation = Observation(
            scope["method"],
            scope["path"],
            scope.get("scheme", "http"),
            host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host,
            *found[:3],
        )
        scope[KEY] = observation
        return observation
    return None


def watched(observation: Observation, send: Send) -> Send:
    """The `send` of an observed request, which sees its status and its last byte."""

    async def observed_send(message: Message) -> None:
        kind = message["type"]
        if kind == "http.response.start":
            observation.status = message["status"]
        try:
            await send(message)
        except OSError:
            observation.client_left = True
            raise
        # A failed request is finished by the exception that follows; a background task may follow any other.
        if kind == "http.response.body" and not message.get("more_body") and observation.status < 500:
            observation.finish()

    return observed_send

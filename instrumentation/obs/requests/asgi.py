"""Observing an ASGI application: one observation a request, whatever is mounted or wrapped inside it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from obs.requests.observation import Observation, without_port
from obs.runtime.guard import swallow

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

# Where a request's observation travels; inner applications that find it leave the request alone.
KEY = "obs.observation"

_WANTED = {b"traceparent": 0, b"tracestate": 1, b"baggage": 2, b"host": 3}

# Hosts without their ports; a service is asked by few names, unless somebody invents them.
_hosts: dict[bytes, str] = {}
_HOSTS_KEPT = 64


def begin(scope: Scope) -> Observation | None:
    """Start to observe the request of a scope.

    Returns:
        The observation, or None where the scope is no request, is observed already, or obs itself failed.
    """
    if scope["type"] != "http" or KEY in scope:
        return None
    try:
        found: list[bytes | None] = [None, None, None, None]
        for name, value in scope["headers"]:
            if name in _WANTED:
                found[_WANTED[name]] = value
        traceparent, tracestate, baggage, asked = found
        observation = Observation(
            scope["method"],
            scope["path"],
            scope.get("scheme", "http"),
            "" if asked is None else _hosts.get(asked) or _host(asked),
            None if traceparent is None else traceparent.decode("latin-1"),
            None if tracestate is None else tracestate.decode("latin-1"),
            None if baggage is None else baggage.decode("latin-1"),
        )
        scope[KEY] = observation
    except Exception as error:  # noqa: BLE001 - telemetry never raises into the application
        swallow("asgi", error)
        return None
    return observation


def _host(asked: bytes) -> str:
    host = without_port(asked.decode("latin-1"))
    if len(_hosts) < _HOSTS_KEPT:
        _hosts[asked] = host
    return host


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

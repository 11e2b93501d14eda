"""Observing an ASGI application: one observation a request, whatever is mounted or wrapped inside it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from typing import Any

from obs.requests.left_out import LeftOut, is_left_out
from obs.requests.observation import Observation, without_port
from obs.requests.routes import declare_asgi_routes
from obs.runtime import lifecycle
from obs.runtime.guard import Guard, swallow

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

# Where a request's observation travels; inner applications that find it leave the request alone.
KEY = "obs.observation"

# FastAPI's own telemetry (0.142 and later) and Starlette's middleware leave a request alone that carries these.
_FASTAPI, _STARLETTE = "fastapi.telemetry", "starlette.opentelemetry"

_WANTED = {b"traceparent": 0, b"tracestate": 1, b"baggage": 2, b"host": 3, b"x-request-id": 4}

_REQUEST_ID = b"x-request-id"
# ASGI wants lower case; these are what people write, and quicker to know than any spelling.
_SPELLINGS = {_REQUEST_ID, b"X-Request-ID", b"X-Request-Id", b"X-REQUEST-ID"}

# What servers answer where an application has failed.
_FAILURE = b"Internal Server Error"
_FAILURE_HEADERS = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"%d" % len(_FAILURE))]

# Hosts without their ports; a service is asked by few names, unless somebody invents them.
_hosts: dict[bytes, str] = {}
_HOSTS_KEPT = 64


def begin(scope: Scope) -> Observation | LeftOut | None:
    """Start to observe the request of a scope.

    Returns:
        The observation, or None where the scope is no request, is observed already, or obs itself failed.
    """
    if scope["type"] != "http" or KEY in scope:
        return None
    try:
        found: list[bytes | None] = [None, None, None, None, None]
        for name, value in scope["headers"]:
            if name in _WANTED:
                found[_WANTED[name]] = value
        traceparent, tracestate, baggage, asked, request_id = found
        own_id = None if request_id is None else request_id.decode("latin-1")
        if is_left_out(scope["path"]):
            scope[KEY] = left_out = LeftOut(scope["path"], own_id)
            return left_out
        observation = Observation(
            scope["method"],
            scope["path"],
            scope.get("scheme", "http"),
            "" if asked is None else _hosts.get(asked) or _host(asked),
            None if traceparent is None else traceparent.decode("latin-1"),
            None if tracestate is None else tracestate.decode("latin-1"),
            None if baggage is None else baggage.decode("latin-1"),
            own_id,
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


def _with_request_id(message: Message, request_id: str) -> Message:
    """The beginning of an answer with the request's id among its headers; one that the application sent stands."""
    headers = [*(message.get("headers") or ())]
    for name, _ in headers:
        if name in _SPELLINGS:
            break
    else:
        headers.append((_REQUEST_ID, request_id.encode()))
    # The application may send the same message again, so it gets nothing of this request.
    answer = dict(message)
    answer["headers"] = headers
    return answer


def watched(observation: Observation | LeftOut, send: Send) -> Send:
    """The `send` of an observed request, which sees its status and its last byte."""

    async def observed_send(message: Message) -> None:
        kind = message["type"]
        if kind == "http.response.start":
            observation.status = message["status"]
            message = _with_request_id(message, observation.request_id)
        try:
            await send(message)
        except OSError:
            observation.client_left = True
            raise
        # A failed request is finished by the exception that follows; a background task may follow any other.
        if kind == "http.response.body" and not message.get("more_body") and observation.status < 500:
            observation.finish()

    return observed_send


async def _answer_failure(send: Send) -> None:
    """Answer for an application that has failed, since an answer of the server would not name the request."""
    with suppress(Exception):
        await send({"type": "http.response.start", "status": 500, "headers": _FAILURE_HEADERS})
        await send({"type": "http.response.body", "body": _FAILURE})


def observed_call(original: Any, *, answers: bool = False) -> Any:
    """An application's `__call__` that observes each request once.

    Args:
        original: The `__call__` that is replaced.
        answers: Nobody inside answers when the application fails.
    """

    async def __call__(self: Any, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: N807
        if scope["type"] == "lifespan":
            with Guard("routes"):
                declare_asgi_routes(self.routes)
            try:
                await original(self, scope, receive, send)
            finally:
                lifecycle.flush()
            return
        observation = begin(scope)
        if observation is None:
            await original(self, scope, receive, send)
            return
        scope[_FASTAPI] = None
        scope[_STARLETTE] = True
        observed_send = watched(observation, send)
        try:
            await original(self, scope, receive, observed_send)
        except BaseException as error:
            if answers and not observation.status and isinstance(error, Exception):
                await _answer_failure(observed_send)
            observation.finish(error)
            raise
        finally:
            observation.finish()
            observation.span.detach()

    return __call__


class ObservedASGI:
    """An ASGI application that is neither Starlette nor FastAPI, with every request observed once.

    Args:
        application: The application.
    """

    routes: tuple[Any, ...] = ()

    def __init__(self, application: Application) -> None:
        self._application = application

    async def _run(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._application(scope, receive, send)

    __call__ = observed_call(_run, answers=True)


def asgi(application: Application) -> ObservedASGI:
    """Observe an ASGI application that is neither Starlette nor FastAPI; those are observed without a word.

    Its requests have no template of a route: `http_route` is empty.

    Args:
        application: The application, as a server takes it.

    Returns:
        What to give to the server.

    Example:
        >>> async def shop(scope, receive, send): ...
        >>> application = asgi(shop)
    """
    return ObservedASGI(application)

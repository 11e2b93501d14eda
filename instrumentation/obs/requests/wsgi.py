"""Observing a WSGI application: from the call to the close of what it returned."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from typing import Any

from obs.requests.left_out import LeftOut, is_left_out
from obs.requests.observation import Observation, without_port
from obs.runtime.guard import Guard

Environ = dict[str, Any]
StartResponse = Callable[..., Callable[[bytes], object]]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]
RouteOf = Callable[[Environ], str]

# Where a request's observation travels; inner applications that find it leave the request alone.
KEY = "obs.observation"

_REQUEST_ID = "x-request-id"

# What servers answer where an application has failed.
_FAILURE = b"Internal Server Error"

# The request that an ASGI application hands on to what is mounted in it, which may be a WSGI application in an adapter.
handed_on: ContextVar[Observation | LeftOut | None] = ContextVar("obs_handed_on", default=None)


def begin(environ: Environ) -> Observation | LeftOut | None:
    """Start to observe the request of an environ.

    Returns:
        The observation, or None where the request is observed already, or obs itself failed.
    """
    if KEY in environ:
        return None
    with Guard("wsgi"):
        path = _path(environ)
        outer = handed_on.get()
        if outer is not None and not outer.finished and outer.path == path:
            environ[KEY] = outer
            return None
        if is_left_out(path):
            environ[KEY] = left_out = LeftOut(path, environ.get("HTTP_X_REQUEST_ID"))
            return left_out
        observation = Observation(
            environ["REQUEST_METHOD"],
            path,
            environ.get("wsgi.url_scheme", "http"),
            without_port(environ.get("HTTP_HOST", "")),
            environ.get("HTTP_TRACEPARENT"),
            environ.get("HTTP_TRACESTATE"),
            environ.get("HTTP_BAGGAGE"),
            environ.get("HTTP_X_REQUEST_ID"),
        )
        environ[KEY] = observation
        return observation
    return None


def _path(environ: Environ) -> str:
    """The path that was asked for; WSGI hands each of its bytes on as one character."""
    path: str = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
    return path if path.isascii() else path.encode("latin-1", "replace").decode("utf-8", "replace")


def wsgi(application: Application) -> Application:
    """Observe a WSGI application that is not Flask; that is observed without a word.

    Its requests have no template of a route: `http_route` is empty.

    Args:
        application: The application, as a server takes it.

    Returns:
        What to give to the server.

    Example:
        >>> def shop(environ, start_response): ...
        >>> application = wsgi(shop)
    """

    def observed(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        observation = begin(environ)
        if observation is None:
            return application(environ, start_response)
        return run(observation, application, environ, start_response, _no_route, answers=True)

    return observed


def _no_route(_environ: Environ) -> str:
    return ""


def run_inside(application: Application, environ: Environ, start_response: StartResponse, route_of: RouteOf) -> Any:
    """Run the application for a request that is observed already; its template follows that of where it is mounted.

    Args:
        application: The application.
        environ: The request.
        start_response: The server's.
        route_of: Gives the route's template once the application has answered.
    """
    body = application(environ, start_response)
    with Guard("wsgi"):
        outer = handed_on.get()
        is_part = environ.get(KEY) is outer
        if outer is not None and is_part:
            outer.route = outer.prefix + route_of(environ)
    return body


def run(
    observation: Observation | LeftOut,
    application: Application,
    environ: Environ,
    start_response: StartResponse,
    route_of: RouteOf,
    *,
    answers: bool = False,
) -> Iterable[bytes]:
    """Run the application for an observed request; the observation ends when the server closes the answer.

    Args:
        observation: What `begin` returned.
        application: The application.
        environ: The request.
        start_response: The server's.
        route_of: Gives the route's template once the application has answered.
        answers: Nobody inside answers when the application fails.
    """

    def observed_start_response(status: str, headers: Any, *more: Any) -> Callable[[bytes], object]:
        with Guard("wsgi"):
            observation.status = int(status[:3])
            observation.route = route_of(environ)
            headers = _with_request_id(headers, observation.request_id)
        return start_response(status, headers, *more)

    try:
        body = application(environ, observed_start_response)
    except BaseException as error:
        with Guard("wsgi"):
            observation.route = observation.route or route_of(environ)
        failed = _failure(error, observed_start_response) if answers else None
        observation.finish(error)
        observation.span.detach()
        if failed is not None:
            return failed
        raise
    return _ObservedBody(body, observation, observed_start_response if answers else None)


def _failure(error: BaseException, start_response: StartResponse) -> Iterator[bytes] | None:
    """Answer for an application that has failed, since an answer of the server would not name the request.

    Returns:
        The body, which raises the error at its end, for the server to log; None where an answer has begun already, or
        where the error ends the process.
    """
    if not isinstance(error, Exception):
        return None
    headers = [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(_FAILURE)))]
    try:
        start_response("500 Internal Server Error", headers, (type(error), error, error.__traceback__))
    except Exception:  # noqa: BLE001 - the server raises the error again where it has sent headers
        return None

    def body() -> Iterator[bytes]:
        yield _FAILURE
        raise error

    return body()


def _with_request_id(headers: Any, request_id: str) -> Any:
    """The headers of an answer with the request's id; one that the application sent stands."""
    if any(name.lower() == _REQUEST_ID for name, _ in headers):
        return headers
    return [*headers, (_REQUEST_ID, request_id)]


class _ObservedBody:
    """An answer's body that ends the observation when the server is done with it."""

    __slots__ = ("_answer", "_body", "_observation")

    def __init__(self, body: Iterable[bytes], observation: Observation | LeftOut, answer: StartResponse | None) -> None:
        self._body = body
        self._observation = observation
        # Begins an answer where the application, a generator, fails before it has begun one.
        self._answer = answer

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._body
        except BaseException as error:
            if isinstance(error, GeneratorExit):
                raise
            answer = None if self._observation.status else self._answer
            failed = _failure(error, answer) if answer is not None else None
            self._observation.finish(error)
            if failed is None:
                raise
            yield from failed
        self._observation.finish()

    def close(self) -> None:
        try:
            close = getattr(self._body, "close", None)
            if close is not None:
                close()
        except BaseException as error:
            self._observation.finish(error)
            raise
        finally:
            self._observation.finish()
            self._observation.span.detach()

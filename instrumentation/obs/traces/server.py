"""The span of a request that this process serves: begun from the caller's headers, current until it is detached."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextvars import Token
from typing import Any, Protocol

from opentelemetry import context as context_api
from opentelemetry import trace
from opentelemetry.baggage import _BAGGAGE_KEY
from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import Link, SpanContext, SpanKind, StatusCode, TraceFlags
from opentelemetry.trace.propagation import _SPAN_KEY

from obs.runtime.guard import Guard, swallow
from obs.traces.current import restore
from obs.traces.failures import remember
from obs.traces.ids import new_ids, new_span_id
from obs.traces.propagation import LONGEST_TRACESTATE, RemoteParent, parse_baggage, parse_traceparent, parse_tracestate
from obs.traces.request_id import KEY as REQUEST_ID
from obs.traces.span import FLAG_HELD, FLAG_RANDOM, FLAG_REMOTE, FLAG_SAMPLED, FastSpan
from obs.traces.tracer import Tracer
from obs.traces.values import LONGEST_VALUE, safe_text

_REQUEST_ID_ATTRIBUTE = "http.request.id"

# Until the route is known.
_NAME = "HTTP"
_SERVER, _INTERNAL = SpanKind.SERVER, SpanKind.INTERNAL

# The scopes of OpenTelemetry's published packages and of Starlette's own middleware, which may stand around a whole
# application; the inner one of two makes an INTERNAL span.
_AROUND = {"starlette"} | {
    f"opentelemetry.instrumentation.{name}" for name in ["asgi", "fastapi", "flask", "starlette", "wsgi"]
}
_SERVES = {_SERVER, _INTERNAL}

_get_current = context_api.get_current
_attach = context_api.attach


class Alike:
    """What the spans of all requests of one kind have in common, encoded once.

    Args:
        name: What they are called: method and route.
        attributes: Theirs, without ``url.path``.
        failed: The answer is an error of the server.
    """

    __slots__ = ("attributes", "encoded", "failed", "name")

    def __init__(self, name: str, attributes: dict[str, object], failed: bool) -> None:
        self.name = name
        self.attributes = {key: _short(value) for key, value in attributes.items()}
        self.failed = failed
        # What the exporter's encoder makes of it, with what it was made by.
        self.encoded: tuple[object, bytes] = (None, b"")


class ServerSpan(Protocol):
    """The span of a request, and its ids in the forms that a log line and an exemplar need."""

    @property
    def trace_id(self) -> int:
        """The trace."""

    @property
    def span_id(self) -> int:
        """The span."""

    @property
    def sampled(self) -> bool:
        """Whether the trace is kept."""

    @property
    def delivered(self) -> bool:
        """Whether it is delivered, once it has ended: it was sampled, or is kept."""

    @property
    def trace_hex(self) -> str:
        """The trace id in 32 hexadecimal digits."""

    @property
    def span_hex(self) -> str:
        """The span id in 16 hexadecimal digits."""

    def set_attribute(self, key: str, value: Any) -> None:
        """Set an attribute."""

    def update_name(self, name: str) -> None:
        """Call it something else."""

    def finish(
        self, name: str, attributes: dict[str, object], failed: bool, error: BaseException | None = None
    ) -> None:
        """End it; it stays current, for work that goes on after the answer belongs to the trace. Never raises.

        Args:
            name: What it is called at last: method and route.
            attributes: What is known of the request; the dictionary is the span's from now on. The secrets in its
                ``url.path`` must be out already.
            failed: The answer was an error of the server.
            error: The exception that ended the request, noted when `failed`.
        """

    def finish_alike(self, alike: Alike, path: str) -> None:
        """End it as all requests of its kind end; like `finish`.

        Args:
            alike: What they have in common.
            path: The ``url.path``; its secrets must be out already.
        """

    def detach(self) -> None:
        """Make what was current before it current again; never raises, and a second call does nothing."""


class FastServerSpan(FastSpan):
    """A server span of obs's own provider."""

    __slots__ = ("_token", "alike", "path")

    CLEAN = "url.path"

    _token: Token[Context] | None
    # What it has in common with others, until somebody asks for its attributes.
    alike: Alike | None
    path: str

    def finish(
        self, name: str, attributes: dict[str, object], failed: bool, error: BaseException | None = None
    ) -> None:
        """End it; never raises."""
        try:
            if error is not None:
                remember(error, self.trace_id, self.span_id)
            if self.is_recording():
                self._name = name
                self._take(attributes)
                if failed:
                    if error is not None:
                        self.fail(error)
                    else:
                        self.set_status(StatusCode.ERROR)
                self.end()
        except Exception as failure:  # noqa: BLE001 - telemetry never raises into the application
            swallow("server_span", failure)

    @property
    def delivered(self) -> bool:
        """Whether it is delivered, once it has ended: it was sampled, or is kept."""
        shelf = self._shelf
        return self.flags & FLAG_SAMPLED != 0 or (shelf is not None and shelf.kept != "")

    def finish_alike(self, alike: Alike, path: str) -> None:
        """End it as all requests of its kind end; never raises."""
        if self._tracer.source.processor is not None:
            # Somebody else looks at its attributes.
            self.finish(alike.name, {**alike.attributes, "url.path": path}, alike.failed)
            return
        try:
            if self.is_recording():
                self._name = alike.name
                if alike.failed:
                    self.set_status(StatusCode.ERROR)
                self.path = path if len(path) <= LONGEST_VALUE else path[:LONGEST_VALUE]
                self.alike = alike
                self.end()
        except Exception as failure:  # noqa: BLE001 - telemetry never raises into the application
            swallow("server_span", failure)

    @property
    def attributes(self) -> Mapping[str, Any] | None:
        """Its attributes, as the SDK gives them."""
        alike = self.alike
        if alike is not None:
            self.alike = None
            self._attributes = {**(self._attributes or {}), **alike.attributes, "url.path": self.path}
        return super().attributes

    def detach(self) -> None:
        """Make what was current before it current again; never raises, and a second call does nothing."""
        token, self._token = self._token, None
        if token is not None:
            restore(token)
        shelf = self._shelf
        if shelf is not None and shelf.over:
            # Nothing of the request comes any more that could have it kept.
            shelf.clear()

    def _take(self, attributes: dict[str, object]) -> None:
        taken = {key: _short(value) for key, value in attributes.items()}
        self._attributes = {**(self._attributes or {}), **taken}


def _short(value: object) -> object:
    return value[:LONGEST_VALUE] if type(value) is str else value


class JoinedServerSpan:
    """A server span of the application's own provider, whose sampler, processors and limits hold.

    Args:
        tracer: The provider's tracer.
        context: OpenTelemetry's context with the remote parent, if there is one.
        kind: SERVER, unless another's span is that already.
        links: Spans that it points at.
        request_id: The request's id; empty: the trace's id becomes it.
    """

    def __init__(
        self, tracer: trace.Tracer, context: Context, kind: SpanKind, links: Sequence[Link], request_id: str
    ) -> None:
        self._span = tracer.start_span(_NAME, context, kind, links=links)
        ids = self._span.get_span_context()
        self.trace_id, self.span_id = ids.trace_id, ids.span_id
        self.sampled = self.delivered = ids.trace_flags.sampled
        self.trace_hex, self.span_hex = f"{ids.trace_id:032x}", f"{ids.span_id:016x}"
        if request_id:
            self._span.set_attribute(_REQUEST_ID_ATTRIBUTE, request_id)
        context = trace.set_span_in_context(self._span, context)
        dict.__setitem__(context, REQUEST_ID, request_id or self.trace_hex)
        self._token: Token[Context] | None = _attach(context)

    def set_attribute(self, key: str, value: Any) -> None:
        """Set an attribute."""
        with Guard("server_span"):
            self._span.set_attribute(key, value)

    def update_name(self, name: str) -> None:
        """Call it something else."""
        with Guard("server_span"):
            self._span.update_name(name)

    def finish(self, name: str, attributes: dict[str, Any], failed: bool, error: BaseException | None = None) -> None:
        """End it; never raises."""
        with Guard("server_span"):
            span = self._span
            span.update_name(name)
            span.set_attributes(attributes)
            if failed and error is not None:
                span.record_exception(error, escaped=True)
                span.set_status(StatusCode.ERROR, f"{type(error).__name__}: {safe_text(error)}")
            elif failed:
                span.set_status(StatusCode.ERROR)
            span.end()

    def finish_alike(self, alike: Alike, path: str) -> None:
        """End it as all requests of its kind end; never raises."""
        self.finish(alike.name, {**alike.attributes, "url.path": path}, alike.failed)

    def detach(self) -> None:
        """Make what was current before it current again; never raises, and a second call does nothing."""
        token, self._token = self._token, None
        if token is not None:
            restore(token)


def begin_fast(
    tracer: Tracer,
    traceparent: str | None,
    tracestate: str | None,
    baggage: str | None,
    method: str = "",
    path: str = "",
    request_id: str = "",
) -> FastServerSpan:
    """Begin a server span of obs's own provider and make it current."""
    source = tracer.source
    current = _get_current()
    serving = _serving(current)
    parent = parse_traceparent(traceparent) if traceparent else None
    held = FLAG_HELD if source.keeper is not None else 0
    if serving is not None:
        span = _inner(tracer, *serving)
        flags = span.flags
    elif parent is None or source.edge:
        trace_id, span_id = new_ids()
        flags = FLAG_RANDOM | (FLAG_SAMPLED if source.sampler.begins(trace_id, method, path) else held)
        span = FastServerSpan(tracer, _NAME, _SERVER, trace_id, span_id, 0, 0, flags, None)
        if parent is not None:
            span.add_link(_context_of(parent, tracestate))
    else:
        trace_id, parent_id, parent_flags = parent
        kept = source.sampler.decide(trace_id, parent_flags, remote=True, method=method, path=path)
        flags = parent_flags & FLAG_RANDOM | (FLAG_SAMPLED if kept else held)
        span = FastServerSpan(
            tracer,
            _NAME,
            _SERVER,
            trace_id,
            new_span_id(),
            parent_id,
            parent_flags | FLAG_REMOTE,
            flags,
            tracestate if tracestate and len(tracestate) <= LONGEST_TRACESTATE else None,
        )
    span.alike = None
    context = Context({**current, _SPAN_KEY: span, REQUEST_ID: request_id or span.trace_hex})
    if request_id:
        span.set_attribute(_REQUEST_ID_ATTRIBUTE, request_id)
    if baggage and not source.edge:
        _carry(context, baggage)
    span._token = _attach(context)
    if source.processor is not None and flags & FLAG_SAMPLED:
        source.started(span, context)
    return span


def begin_joined(
    tracer: trace.Tracer,
    traceparent: str | None,
    tracestate: str | None,
    baggage: str | None,
    request_id: str = "",
    *,
    edge: bool,
) -> JoinedServerSpan:
    """Begin a server span of the application's own provider and make it current."""
    context = Context(_get_current())
    if _serving(context) is not None:
        return JoinedServerSpan(tracer, context, _INTERNAL, (), request_id)
    parent = parse_traceparent(traceparent) if traceparent else None
    remote = _context_of(parent, tracestate) if parent else None
    continued = trace.NonRecordingSpan(remote) if remote and not edge else trace.INVALID_SPAN
    dict.__setitem__(context, _SPAN_KEY, continued)
    if baggage and not edge:
        _carry(context, baggage)
    return JoinedServerSpan(tracer, context, _SERVER, (Link(remote),) if remote and edge else (), request_id)


def _serving(current: Context) -> tuple[ReadableSpan, SpanContext] | None:
    """The span of this request that another's middleware around the application has begun, if one has."""
    outer = current.get(_SPAN_KEY)
    if not isinstance(outer, ReadableSpan) or outer.kind not in _SERVES or outer.end_time is not None:
        return None
    scope, ids = outer.instrumentation_scope, outer.context
    if scope is None or ids is None or scope.name not in _AROUND:
        return None
    return outer, ids


def _inner(tracer: Tracer, outer: ReadableSpan, ids: SpanContext) -> FastServerSpan:
    """The span of a request within the one that serves it already; its decision is made."""
    span_id, state = new_span_id(), ids.trace_state.to_header() or None
    flags = outer.flags if isinstance(outer, FastSpan) else int(ids.trace_flags)
    span = FastServerSpan(tracer, _NAME, _INTERNAL, ids.trace_id, span_id, ids.span_id, flags, flags, state)
    keeper = tracer.source.keeper
    if isinstance(outer, FastSpan) and flags & FLAG_HELD and keeper is not None:
        span._shelf = keeper.shelf_of(outer, span_id)
    return span


def _context_of(parent: RemoteParent, tracestate: str | None) -> SpanContext:
    state = parse_tracestate(tracestate) if tracestate else None
    return SpanContext(parent.trace_id, parent.span_id, True, TraceFlags(parent.flags), state)


def _carry(context: Context, baggage: str) -> None:
    entries: Mapping[str, str] = parse_baggage(baggage)
    if entries:
        dict.__setitem__(context, _BAGGAGE_KEY, entries)

"""Which span is current, in the context that OpenTelemetry's API reads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import Token

from opentelemetry import context as context_api
from opentelemetry.context import Context
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext
from opentelemetry.trace.propagation import _SPAN_KEY

from obs.traces.failures import place_of
from obs.traces.ids import new_ids
from obs.traces.request_id import KEY as REQUEST_ID
from obs.traces.span import FastSpan

_get_current = context_api.get_current
_attach = context_api.attach


def make_current(span: Span) -> Token[Context]:
    """Make a span the parent of what comes; `restore` takes the token back."""
    context = Context(_get_current())
    dict.__setitem__(context, _SPAN_KEY, span)
    return _attach(context)


def restore(token: Token[Context]) -> None:
    """Make what was current before current again.

    A generator or a response body can be closed from another context than the one it began in. There, nothing of ours
    is current, and OpenTelemetry's own `detach` would log an error for it.
    """
    try:  # noqa: SIM105 - `suppress` costs as much as the rest of it
        context_api._RUNTIME_CONTEXT.detach(token)
    except (ValueError, RuntimeError):
        pass


@contextmanager
def within(error: BaseException) -> Iterator[None]:
    """Have the span that an exception has left be current, where no other one is; never raises by itself.

    Args:
        error: The exception.
    """
    trace_id, span_id = place_of(error)
    if not trace_id or current_ids()[0]:
        yield
        return
    token = make_current(NonRecordingSpan(SpanContext(trace_id, span_id, is_remote=False)))
    try:
        yield
    finally:
        restore(token)


def current_ids() -> tuple[int, int]:
    """The ids of the current trace and span as numbers; (0, 0) when there is none."""
    span = _get_current().get(_SPAN_KEY)
    if isinstance(span, FastSpan):
        return span.trace_id, span.span_id
    if not isinstance(span, Span):
        return 0, 0
    context = span.get_span_context()
    return (context.trace_id, context.span_id) if context.is_valid else (0, 0)


def ids_of_a_line() -> tuple[int, int, str]:
    """The ids of the current trace, span and request, for a log line; 0 and empty where there is none."""
    context = _get_current()
    span = context.get(_SPAN_KEY)
    if isinstance(span, FastSpan):
        return span.trace_id, span.span_id, context.get(REQUEST_ID, "")  # type: ignore[return-value]
    ids = (0, 0) if span is None else current_ids()
    return *ids, str(context.get(REQUEST_ID, ""))


class Unobserved:
    """What is current while a request is served that no signal tells of: nothing that follows is sampled.

    Args:
        request_id: The request's id; empty: the trace's id becomes it.
    """

    __slots__ = ("_token", "trace_hex")

    def __init__(self, request_id: str) -> None:
        trace_id, span_id = new_ids()
        self.trace_hex = f"{trace_id:032x}"
        span = NonRecordingSpan(SpanContext(trace_id, span_id, is_remote=False))
        context = {**_get_current(), _SPAN_KEY: span, REQUEST_ID: request_id or self.trace_hex}
        self._token: Token[Context] | None = _attach(Context(context))

    def detach(self) -> None:
        """Make what was current before it current again; never raises, and a second call does nothing."""
        token, self._token = self._token, None
        if token is not None:
            restore(token)


def sampled_ids() -> tuple[int, int]:
    """The ids of the current trace and span when the trace is kept, else (0, 0): an exemplar must lead somewhere."""
    span = _get_current().get(_SPAN_KEY)
    if isinstance(span, FastSpan):
        return (span.trace_id, span.span_id) if span.sampled else (0, 0)
    if not isinstance(span, Span):
        return 0, 0
    context = span.get_span_context()
    return (context.trace_id, context.span_id) if context.is_valid and context.trace_flags.sampled else (0, 0)


def current_trace_id() -> str:
    """The id of the current trace in 32 hexadecimal digits, to show to a user or to put in an answer.

    Returns:
        The id; empty when there is no trace.

    Example:
        >>> current_trace_id()
        ''
    """
    trace_id, _ = current_ids()
    return f"{trace_id:032x}" if trace_id else ""

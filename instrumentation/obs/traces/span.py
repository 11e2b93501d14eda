"""A span that costs little: raw fields now, OpenTelemetry's objects only when somebody asks for them."""

from __future__ import annotations

import time
import traceback
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar

from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.trace import Link, Span, SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState

from obs.runtime.guard import swallow
from obs.traces.failures import remember
from obs.traces.propagation import parse_tracestate
from obs.traces.values import (
    MOST_ATTRIBUTES,
    MOST_EVENTS,
    MOST_LINKS,
    PLAIN,
    UNSET,
    safe_attributes,
    safe_text,
    safe_value,
)

if TYPE_CHECKING:
    from obs.traces.keeping import Shelf
    from obs.traces.tracer import Tracer

FLAG_SAMPLED = 0x01
FLAG_RANDOM = 0x02
FLAG_REMOTE = 0x100
# It is not sampled, and yet recorded and held, because its trace may turn out to be one that is kept.
FLAG_HELD = 0x200
_RECORDED = FLAG_SAMPLED | FLAG_HELD

_FLAGS = tuple(TraceFlags(flags) for flags in range(4))
_FAILED = Status(StatusCode.ERROR)

_now = time.time_ns
_elapsed = time.perf_counter_ns


class FastSpan(Span, ReadableSpan):
    """A span of OpenTelemetry's API and SDK; every SpanProcessor and exporter of the SDK can take it.

    Its duration comes from a monotonic clock, so that a step of the system's clock does not show. It holds at most 128
    attributes, events and links each, and text of at most 4096 characters. Nothing that it is given makes it raise.

    Args:
        tracer: What made it, and what it goes to at its end.
        name: What it is called.
        kind: Its role in the trace.
        trace_id: The trace.
        span_id: This span.
        parent_id: The parent's span id; 0 for a root.
        parent_flags: The parent's W3C flags, and `FLAG_REMOTE` when it is in another process.
        flags: Its own W3C flags.
        state: The trace's state: parsed, or the header as it came.
    """

    # The key of an attribute whose secrets are taken out before it gets here.
    CLEAN: ClassVar[str] = ""

    # The names are those of the SDK's ReadableSpan, so that its methods work on them.
    __slots__ = (
        "_attributes",
        "_began",
        "_dropped",
        "_end_time",
        "_events",
        "_kind",
        "_links",
        "_name",
        "_own_context",
        "_shelf",
        "_start_time",
        "_status",
        "_trace_hex",
        "_tracer",
        "flags",
        "parent_flags",
        "parent_id",
        "span_id",
        "state",
        "trace_id",
    )

    def __init__(
        self,
        tracer: Tracer,
        name: str,
        kind: SpanKind,
        trace_id: int,
        span_id: int,
        parent_id: int,
        parent_flags: int,
        flags: int,
        state: TraceState | str | None,
    ) -> None:
        self._tracer = tracer
        self._name = name
        self._kind = kind
        self.trace_id = trace_id
        self.span_id = span_id
        self.parent_id = parent_id
        self.parent_flags = parent_flags
        self.flags = flags
        self.state = state
        self._own_context: SpanContext | None = None
        self._trace_hex = ""
        self._attributes: dict[str, Any] | None = None
        self._events: Sequence[Event] = ()
        self._links: Sequence[Link] = ()
        self._dropped: dict[str, int] | None = None
        self._status = UNSET
        self._end_time: int | None = None
        # Where it goes when it ends and is only held; None for the outermost span as long as it has no children.
        self._shelf: Shelf | None = None
        self._start_time = _now()
        self._began = _elapsed()

    @property
    def sampled(self) -> bool:
        """Whether the trace is kept."""
        return self.flags & FLAG_SAMPLED == FLAG_SAMPLED

    @property
    def trace_hex(self) -> str:
        """The trace id in 32 hexadecimal digits."""
        known = self._trace_hex
        if not known:
            known = self._trace_hex = f"{self.trace_id:032x}"
        return known

    @property
    def span_hex(self) -> str:
        """The span id in 16 hexadecimal digits."""
        return f"{self.span_id:016x}"

    @property
    def trace_state(self) -> TraceState | None:
        """The trace's state, if it has any."""
        state = self.state
        if isinstance(state, str):
            state = self.state = parse_tracestate(state)
        return state

    # What the SDK's ReadableSpan gives.

    @property
    def _context(self) -> SpanContext:  # type: ignore[override]
        context = self._own_context
        if context is None:
            context = SpanContext(self.trace_id, self.span_id, False, _FLAGS[self.flags & 3], self.trace_state)
            self._own_context = context
        return context

    @property
    def _parent(self) -> SpanContext | None:  # type: ignore[override]
        if not self.parent_id:
            return None
        flags = self.parent_flags
        remote = flags & FLAG_REMOTE == FLAG_REMOTE
        return SpanContext(self.trace_id, self.parent_id, remote, _FLAGS[flags & 3], self.trace_state)

    @property
    def _resource(self) -> Any:  # type: ignore[override]
        return self._tracer.source.resource

    @property
    def _instrumentation_scope(self) -> Any:  # type: ignore[override]
        return self._tracer.scope

    @property
    def _instrumentation_info(self) -> Any:  # type: ignore[override]
        return None

    @property
    def dropped_attributes(self) -> int:
        """How many attributes did not fit."""
        return self._dropped.get("attributes", 0) if self._dropped else 0

    @property
    def dropped_events(self) -> int:
        """How many events did not fit."""
        return self._dropped.get("events", 0) if self._dropped else 0

    @property
    def dropped_links(self) -> int:
        """How many links did not fit."""
        return self._dropped.get("links", 0) if self._dropped else 0

    # What OpenTelemetry's API asks of a span.

    def get_span_context(self) -> SpanContext:
        """The ids and flags that children and other processes get."""
        return self._context

    def is_recording(self) -> bool:
        """Whether it takes attributes and events: it is sampled or may yet be kept, and has not ended."""
        return self.flags & _RECORDED != 0 and self._end_time is None

    def set_attribute(self, key: str, value: object) -> None:
        """Set an attribute; the last value of a name stays."""
        if not self.is_recording():
            return
        attributes = self._attributes
        if attributes is None:
            attributes = self._attributes = {}
        if type(value) in PLAIN and type(key) is str and key and len(attributes) < MOST_ATTRIBUTES:
            attributes[key] = value
        else:
            self._drop("attributes", _checked({key: value}, attributes))

    def set_attributes(self, attributes: Mapping[str, Any]) -> None:
        """Set several attributes."""
        if self.is_recording():
            if self._attributes is None:
                self._attributes = {}
            self._drop("attributes", _checked(attributes, self._attributes))

    def add_event(self, name: str, attributes: Mapping[str, Any] | None = None, timestamp: int | None = None) -> None:
        """Note that something happened.

        Args:
            name: What happened.
            attributes: More about it.
            timestamp: When, in nanoseconds since 1970; None is now.
        """
        if not self.is_recording():
            return
        if len(self._events) >= MOST_EVENTS:
            self._drop("events", 1)
            return
        kept: dict[str, Any] = {}
        _checked(attributes, kept)
        when = timestamp if isinstance(timestamp, int) else self._clock()
        self._events = (*self._events, Event(safe_text(name), kept, when))

    def add_link(self, context: SpanContext, attributes: Mapping[str, Any] | None = None) -> None:
        """Point at a span of this or another trace."""
        if not self.is_recording() or not isinstance(context, SpanContext):
            return
        if len(self._links) >= MOST_LINKS:
            self._drop("links", 1)
            return
        kept: dict[str, Any] = {}
        _checked(attributes, kept)
        if context.is_valid or kept or context.trace_state:
            self._links = (*self._links, Link(context, kept))

    def update_name(self, name: str) -> None:
        """Call it something else."""
        if self.is_recording():
            self._name = safe_text(name)

    def set_status(self, status: Status | StatusCode, description: str | None = None) -> None:
        """Say how it went; OK is final, and UNSET changes nothing."""
        if not self.is_recording() or self._status.status_code is StatusCode.OK:
            return
        code = status.status_code if isinstance(status, Status) else status
        text = status.description if isinstance(status, Status) else description
        if code is StatusCode.ERROR:
            self._status = Status(code, safe_text(text)) if text else _FAILED
        elif code is StatusCode.OK:
            self._status = Status(code)

    def record_exception(
        self,
        exception: BaseException,
        attributes: Mapping[str, Any] | None = None,
        timestamp: int | None = None,
        escaped: bool = False,
    ) -> None:
        """Note an exception as an event, with its traceback."""
        remember(exception, self.trace_id, self.span_id)
        if self.is_recording():
            found = {**_described(exception), "exception.escaped": str(escaped)}
            _checked(attributes, found)
            self.add_event("exception", found, timestamp)

    def fail(self, error: BaseException) -> None:
        """Note the exception that ended it, and that it failed."""
        remember(error, self.trace_id, self.span_id)
        if self.is_recording():
            self.record_exception(error, escaped=True)
            self.set_status(StatusCode.ERROR, f"{type(error).__name__}: {safe_text(error)}")

    def end(self, end_time: int | None = None) -> None:
        """End it; a second call does nothing.

        Args:
            end_time: When, in nanoseconds since 1970; None is now.
        """
        if self._end_time is not None:
            return
        self._end_time = self._clock() if end_time is None else end_time
        if self.flags & FLAG_SAMPLED:
            self._tracer.source.ended(self)
        elif self.flags & FLAG_HELD:
            keeper = self._tracer.source.keeper
            if keeper is not None:
                keeper.ended(self)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, Exception):
            self.fail(error)
        self.end()

    def __repr__(self) -> str:
        return f"FastSpan({self._name!r}, {self.trace_hex}, {self.span_hex})"

    def started_at(self, start_time: int) -> None:
        """Take a start from the caller's own clock, whose end then comes from the system's clock.

        Args:
            start_time: In nanoseconds since 1970.
        """
        self._start_time, self._began = start_time, 0

    def _clock(self) -> int:
        began = self._began
        return (self._start_time or 0) + _elapsed() - began if began else _now()

    def _drop(self, what: str, count: int) -> None:
        if count:
            self._dropped = {**(self._dropped or {}), what: (self._dropped or {}).get(what, 0) + count}


def _checked(attributes: object, into: dict[str, Any]) -> int:
    """Copy attributes, and keep to ourselves what a hostile mapping raises."""
    try:
        return safe_attributes(attributes, into, MOST_ATTRIBUTES)
    except Exception as error:  # noqa: BLE001 - telemetry never raises into the application
        swallow("span.attributes", error)
        return 0


def _described(error: BaseException) -> dict[str, Any]:
    """An exception in OpenTelemetry's names."""
    kind = type(error)
    module = kind.__module__
    try:
        stack = "".join(traceback.format_exception(error))
    except (Exception, SystemExit, GeneratorExit):  # noqa: BLE001 - a caller's own __str__ may raise anything
        stack = ""
    return {
        "exception.type": kind.__qualname__ if module == "builtins" else f"{module}.{kind.__qualname__}",
        "exception.message": safe_text(error),
        # The innermost frames stand last.
        "exception.stacktrace": safe_value(stack[-4096:]),
    }

"""Captured spans."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan

from obs import logs
from obs.testing.found import Found


@dataclass(frozen=True, slots=True)
class Event:
    """What happened within a span.

    Args:
        name: What; an exception is called `exception`.
        attributes: More about it.
        nanoseconds: When, since 1970.
    """

    name: str
    attributes: Mapping[str, Any] = field(hash=False)
    nanoseconds: int


@dataclass(frozen=True, slots=True)
class Span:
    """One span that has ended, redacted as the backend gets it.

    Args:
        name: What it is called.
        kind: `internal`, `server`, `client`, `producer` or `consumer`.
        attributes: What is known of it.
        status: `unset`, `ok` or `error`.
        status_text: What went wrong; empty when nothing is said.
        events: What happened within it.
        nanoseconds: When it began, since 1970.
        duration: In seconds.
        trace_id: In 32 hexadecimal digits.
        span_id: In 16 hexadecimal digits.
        parent_id: The parent's span id, wherever the parent is; empty for the first span of a trace.
    """

    name: str
    kind: str
    attributes: Mapping[str, Any] = field(hash=False)
    status: str
    status_text: str
    events: Sequence[Event]
    nanoseconds: int
    duration: float
    trace_id: str
    span_id: str
    parent_id: str
    _known: Mapping[tuple[str, str], Span] = field(repr=False, compare=False)

    @property
    def parent(self) -> Span | None:
        """The parent; None when it is in another process, has not ended yet, or there is none."""
        return self._known.get((self.trace_id, self.parent_id))

    def __str__(self) -> str:
        below = f" below {self.parent.name!r}" if self.parent else ""
        shown = "".join(f" {name}={value!r}" for name, value in self.attributes.items())
        return f"{self.name!r} {self.kind} {self.status}{below}{shown}"


class Spans(Found[Span]):
    """The captured spans."""

    noun = "span"

    def where(
        self, name: str | None = None, *, kind: str | None = None, status: str | None = None, **attributes: object
    ) -> Spans:
        """Those that have all of this.

        Args:
            name: The whole name.
            kind: `internal`, `server`, `client`, `producer` or `consumer`.
            status: `unset`, `ok` or `error`.
            attributes: Attributes with their values; a name with dots goes in as `**{"http.route": "/"}`.
        """
        wanted = {"name": name, "kind": kind, "status": status}
        return Spans(self._matching(wanted, attributes))

    def one(
        self, name: str | None = None, *, kind: str | None = None, status: str | None = None, **attributes: object
    ) -> Span:
        """The one that has all of this; the arguments are those of `where`.

        Raises:
            AssertionError: There is none, or there are several; it names the nearest and lists what there is.
        """
        __tracebackhide__ = True
        return self._only({"name": name, "kind": kind, "status": status}, attributes)

    def tree(self) -> str:
        """The spans as lines, each below its parent: the name, a kind that is not internal, and what failed.

        Those that have one parent stand in the order in which they began.

        Example:
            >>> import obs
            >>> with obs.testing.observe() as observed, obs.span("order"), obs.span("charge card"):
            ...     pass
            >>> print(observed.spans.tree())
            order
              charge card
        """
        own = set(self)
        latest_first = sorted(self, key=lambda span: (span.nanoseconds, span.span_id), reverse=True)
        lines: list[str] = []
        waiting = [(span, 0) for span in latest_first if span.parent not in own]
        while waiting:
            span, depth = waiting.pop()
            lines.append("  " * depth + _line(span))
            waiting += [(child, depth + 1) for child in latest_first if child.parent == span]
        return "\n".join(lines)

    def _details(self, item: Span) -> Mapping[str, Any]:
        return item.attributes


def _line(span: Span) -> str:
    kind = "" if span.kind == "internal" else f" ({span.kind})"
    failed = f" failed: {span.status_text}".removesuffix(": ") if span.status == "error" else ""
    return f"{span.name}{kind}{failed}"


def span_of(span: ReadableSpan, known: Mapping[tuple[str, str], Span]) -> Span:
    """A span that has ended, obs's or the SDK's, as a test reads it.

    Args:
        span: It.
        known: All spans by their trace and span id, where its parent is found.
    """
    context, parent, text = span.context, span.parent, span.status.description
    return Span(
        name=span.name,
        kind=span.kind.name.lower(),
        attributes=_redacted(span.attributes),
        status=span.status.status_code.name.lower(),
        status_text=str(logs.redact({"message": text})["message"]) if text else "",
        events=tuple(Event(event.name, _redacted(event.attributes), event.timestamp) for event in span.events),
        nanoseconds=span.start_time or 0,
        duration=((span.end_time or 0) - (span.start_time or 0)) / 1_000_000_000,
        trace_id=f"{context.trace_id:032x}" if context else "",
        span_id=f"{context.span_id:016x}" if context else "",
        parent_id=f"{parent.span_id:016x}" if parent else "",
        _known=known,
    )


def _redacted(attributes: Mapping[str, Any] | None) -> dict[str, Any]:
    return dict(logs.redact(dict(attributes or {})))

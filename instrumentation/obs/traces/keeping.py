"""Errors and slow requests are kept whole, also when the share leaves out their trace.

The spans of such a trace are held as they are, without encoding them, until its part in this process has ended: the
request, or the work that began without a parent. When that failed, or is a slow request, all of them are delivered,
each with the reason in `obs.kept`; else they are let go. What is held has bounds; the outermost span is never held.

The trace stays unsampled for everybody else: the flag that is sent on is that of the ratio's decision.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from opentelemetry.trace import SpanKind, StatusCode

from obs import metrics
from obs.runtime.guard import swallow
from obs.signals import own_health
from obs.signals import traces as signals
from obs.traces.values import PLAIN, UNSET

if TYPE_CHECKING:
    from obs.traces.span import FastSpan

# What is held at most: of one trace, and of all traces together. A trace holds something only while it lasts.
MOST_SPANS = 512
MOST_BYTES_OF_A_TRACE = 2 * 1024 * 1024
MOST_TRACES = 4096
MOST_BYTES = 16 * 1024 * 1024

_KEPT = signals.KEPT.name
_MISSING = signals.MISSING.name

# What a span of no attributes takes, and each attribute beside its text; measured with tracemalloc, and rounded up.
_SPAN_BYTES = 700
_ITEM_BYTES = 100

# The gauge of held bytes moves in steps of 64 KiB.
_PAGE_BITS = 16

_SERVER = SpanKind.SERVER

_kept = metrics.instrument(own_health.TRACES_KEPT)
_held = metrics.instrument(own_health.HELD_BYTES)
_dropped = metrics.instrument(own_health.DROPPED)


class Shelf:
    """The spans of one trace that have ended in this process, while the outermost one has not.

    Args:
        keeper: Whose bounds hold.
        root: The id of the outermost span.
        before: The request that had ended when this work began: when the work fails, it is kept too.
    """

    __slots__ = ("before", "bytes", "keeper", "kept", "missing", "over", "root", "spans")

    def __init__(self, keeper: Keeper, root: int, before: FastSpan | None = None) -> None:
        self.keeper = keeper
        self.root = root
        self.before = before
        self.spans: list[FastSpan] = []
        self.bytes = 0
        self.missing = 0
        # The outermost span has ended; why the trace is kept, if it is.
        self.over = False
        self.kept = ""

    def clear(self) -> None:
        """Let go what is held."""
        self.spans.clear()
        size, self.bytes = self.bytes, 0
        if size:
            self.keeper.release(size)

    def __del__(self) -> None:
        # A span that is never ended gives back its room when nobody knows it any more.
        if self.bytes:
            self.keeper.release(self.bytes)


class Keeper:
    """Decides at the end of a trace's part in this process whether its spans are delivered after all.

    Args:
        put: Takes each span that is.
        slow: A request that takes as many seconds is kept.
        forked: This is a child of fork.
    """

    def __init__(self, put: Callable[[Any], object], slow: float, *, forked: bool = False) -> None:
        self._put = put
        self.slow = int(slow * 1e9)
        self.traces = 0
        self.bytes = 0
        self._shown = 0
        # Spans that began before are those of the process that this one was forked from: the parent ends them.
        self._since = time.time_ns() if forked else 0
        for why in own_health.KEPT_REASONS:
            _kept.zero(why)
        _dropped.zero("traces", "not_held")
        _held.child().set(0)

    def shelf_of(self, parent: FastSpan, span_id: int) -> Shelf | None:
        """Where a new span of an unsampled trace goes when it ends; None: it is the outermost itself.

        Args:
            parent: Its parent in this process.
            span_id: The new span.
        """
        if (parent._start_time or 0) < self._since:
            return None
        shelf = parent._shelf
        if shelf is not None and shelf.keeper is not self:
            return None
        if shelf is None:
            if parent._end_time is not None:
                return Shelf(self, span_id, parent)
            shelf = Shelf(self, parent.span_id)
            # Another thread may have been quicker; without a call in between no other comes in between.
            if parent._shelf is None:
                parent._shelf = shelf
            return parent._shelf
        if shelf.over and not shelf.kept:
            # Only one step back, so that work which starts its successor holds no endless chain.
            before = parent if parent.span_id == shelf.root and shelf.before is None else None
            return Shelf(self, span_id, before)
        return shelf

    def ended(self, span: FastSpan) -> None:
        """Take a span that has ended; never raises."""
        shelf = span._shelf
        if shelf is None and span._status is UNSET and not self._is_slow(span):
            return
        try:
            if (span._start_time or 0) >= self._since:
                self._take(span, shelf)
        except Exception as error:  # noqa: BLE001 - telemetry never raises into the application
            swallow("keeper", error)

    def _take(self, span: FastSpan, shelf: Shelf | None) -> None:
        if shelf is None or shelf.root == span.span_id:
            why = "error" if _failed(span) else "slow" if self._is_slow(span) else ""
            if why:
                self._keep(span, shelf, why)
            elif shelf is not None:
                shelf.over = True
                if span._kind is not _SERVER:
                    shelf.clear()
        elif shelf.kept:
            self._deliver(span, shelf.kept)
        elif shelf.over:
            # It outlived the request.
            if _failed(span):
                _kept.child("error").add(1)
                self._deliver(span, "error")
        else:
            self._hold(span, shelf)

    def release(self, size: int) -> None:
        """Take back the room of a trace."""
        self.traces -= 1
        self.bytes -= size
        self._show()

    def _show(self) -> None:
        """Set the gauge, where it would move by enough to be seen: the gauge costs more than all the rest."""
        pages = self.bytes >> _PAGE_BITS
        if pages != self._shown:
            self._shown = pages
            _held.child().set(pages << _PAGE_BITS)

    def _is_slow(self, span: FastSpan) -> bool:
        return span._kind is _SERVER and span._end_time - span._start_time >= self.slow  # type: ignore[operator]

    def _hold(self, span: FastSpan, shelf: Shelf) -> None:
        size = _weight(span)
        full = (
            len(shelf.spans) >= MOST_SPANS
            or shelf.bytes + size > MOST_BYTES_OF_A_TRACE
            or self.bytes + size > MOST_BYTES
            or (not shelf.bytes and self.traces >= MOST_TRACES)
        )
        if full:
            shelf.missing += 1
            return
        if not shelf.bytes:
            self.traces += 1
        shelf.bytes += size
        self.bytes += size
        self._show()
        shelf.spans.append(span)
        if shelf.kept:
            # The request was decided about meanwhile, by another thread.
            self._empty(shelf)

    def _keep(self, root: FastSpan, shelf: Shelf | None, why: str) -> None:
        if shelf is None:
            shelf = root._shelf = Shelf(self, root.span_id)
        shelf.kept = why
        shelf.over = True
        _kept.child(why).add(1)
        if shelf.missing:
            _dropped.child("traces", "not_held").add(shelf.missing)
            root._attributes = {**(root._attributes or {}), _MISSING: shelf.missing}
        self._deliver(root, why)
        self._empty(shelf)
        before, shelf.before = shelf.before, None
        if before is not None and (before._shelf is None or not before._shelf.kept):
            self._keep(before, before._shelf, why)

    def _empty(self, shelf: Shelf) -> None:
        spans = shelf.spans
        while spans:
            try:
                span = spans.pop()
            except IndexError:  # another thread empties it too
                break
            self._deliver(span, shelf.kept)
        shelf.clear()

    def _deliver(self, span: FastSpan, why: str) -> None:
        if span._attributes is None:
            span._attributes = {}
        span._attributes[_KEPT] = why
        self._put(span)


def _failed(span: FastSpan) -> bool:
    return span._status.status_code is StatusCode.ERROR


def _weight(span: FastSpan) -> int:
    """About how many bytes a span holds; most attributes are short, and this runs for every span that is held."""
    size = _SPAN_BYTES
    for key, value in (span._attributes or {}).items():
        kind = type(value)
        size += _ITEM_BYTES + len(key)
        if kind is str:
            size += len(value) if value.isascii() else 4 * len(value)
        elif kind not in PLAIN:
            size += _size_of(value)
    for event in span._events:
        size += _SPAN_BYTES + _size_of(event.attributes or {})
    return size + _SPAN_BYTES * len(span._links)


def _size_of(value: object) -> int:
    """About how many bytes a safe value takes; it is finite and shallow, see `obs.traces.values`."""
    if type(value) is str or type(value) is bytes:
        return sys.getsizeof(value)
    if isinstance(value, Mapping):
        return _ITEM_BYTES + sum([_ITEM_BYTES + _size_of(key) + _size_of(item) for key, item in value.items()])
    if type(value) is tuple:
        return _ITEM_BYTES + sum([_size_of(item) for item in value])
    return _ITEM_BYTES

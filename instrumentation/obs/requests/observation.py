"""What obs keeps of one request, and the three signals that it becomes when the request ends."""

from __future__ import annotations

import time
from typing import NamedTuple

from obs import logs, metrics, traces
from obs.metrics.children import HistogramChild
from obs.metrics.instruments import Gauge, Histogram
from obs.requests.left_out import is_left_out
from obs.runtime.guard import swallow
from obs.signals import http
from obs.traces.values import safe_text

_METHODS = frozenset(http.METHODS)
_OTHER = "_OTHER"

# A status that no server sends, for a client that went away before the answer began; nginx's convention.
CLIENT_CLOSED_REQUEST = 499

# Answers are grouped by these; more kinds than this are not remembered, only worked out anew.
_KINDS_KEPT = 4096
# The host comes from the client.
_HOSTS_KEPT = 16

_duration: Histogram = metrics.instrument(http.SERVER_DURATION)
_active: Gauge = metrics.instrument(http.ACTIVE_REQUESTS)


class _Kind(NamedTuple):
    """What all requests with the same method, route and status have in common."""

    duration: HistogramChild
    span_name: str
    line: logs.AccessLine
    failed: bool
    status: int
    # By the scheme and the host that were asked.
    spans: dict[tuple[str, str], traces.Alike]


_kinds: dict[tuple[str, str, int, bool], _Kind] = {}


def _kind(method: str, route: str, status: int, broken: bool) -> _Kind:
    """What such requests have in common; `broken` are those whose answer began well and ended in an exception."""
    key = (method, route, status, broken)
    kind = _kinds.get(key)
    if kind is None:
        name = "HTTP" if method == _OTHER else method
        span_name = f"{name} {route}" if route else name
        failed = broken or status >= 500
        fields = {"http.request.method": method, "http.route": route, "http.response.status_code": status}
        line = logs.AccessLine("error" if failed else "info", f"{span_name} {status}", fields)
        kind = _Kind(_duration.child(method, route, str(status)), span_name, line, failed, status, {})
        if len(_kinds) < _KINDS_KEPT:
            declare_route(route, (method,))
            _kinds[key] = kind
    return kind


def declare_route(route: str, methods: tuple[str, ...]) -> None:
    """Show a route's errors as zero before the first one happens.

    A counter that is born at 500 has an `increase()` of 0 in Prometheus, so the first burst of errors would be unseen.
    """
    if is_left_out(route):
        return
    for method in methods:
        _duration.zero(method if method in _METHODS else _OTHER, route, "500")


def without_port(host: str) -> str:
    """The name that a `Host` header asks for.

    Example:
        >>> without_port("shop.example:8443"), without_port("[::1]:80"), without_port("shop.example")
        ('shop.example', '[::1]', 'shop.example')
    """
    name, _, port = host.rpartition(":")
    return name if port.isdigit() else host


def forget() -> None:
    """Drop what was remembered, for a start with other settings."""
    _kinds.clear()


class Observation:
    """One request from its arrival to the last byte of its answer.

    Args:
        method: The request's method as the client sent it.
        path: The path that was asked for, without the query.
        scheme: ``http`` or ``https``.
        host: The host that was asked, without the port; empty when unknown.
        traceparent: The W3C header, or None.
        tracestate: The W3C header, or None.
        baggage: The W3C header, or None.
        request_id: `X-Request-ID` as it came, or None.
    """

    __slots__ = (
        "_active",
        "_started",
        "client_left",
        "finished",
        "host",
        "method",
        "path",
        "prefix",
        "request_id",
        "route",
        "scheme",
        "span",
        "status",
    )

    def __init__(
        self,
        method: str,
        path: str,
        scheme: str,
        host: str,
        traceparent: str | None,
        tracestate: str | None,
        baggage: str | None,
        request_id: str | None,
    ) -> None:
        self._started = time.perf_counter_ns()
        self.method = method if method in _METHODS else _OTHER
        self.path = path
        self.scheme = scheme
        self.host = host
        self.prefix = ""
        self.route = ""
        self.status = 0
        # Nobody is there any more to send to: what fails then is no fault of the application.
        self.client_left = False
        self.finished = False
        self._active = _active.child(self.method)
        self._active.add(1)
        accepted = traces.accepted(request_id) if request_id else ""
        self.span = traces.begin_server(traceparent, tracestate, baggage, self.method, path, accepted)
        # What is sent back, stands in every line of the request and goes out with its calls.
        self.request_id = accepted or self.span.trace_hex

    def finish(self, error: BaseException | None = None) -> None:
        """End the request: record its duration, write its access line and end its span. A second call does nothing.

        Args:
            error: The exception that ended it, if one did.
        """
        if self.finished:
            return
        self.finished = True
        try:
            elapsed = time.perf_counter_ns() - self._started
            self._active.add(-1)
            broken = isinstance(error, Exception) and not self.client_left
            status = self.status or (500 if broken else CLIENT_CLOSED_REQUEST)
            kind = _kind(self.method, self.route, status, broken)
            span = self.span
            path = logs.redact_field("url.path", self.path)
            ids = span.trace_id, span.span_id, self.request_id
            logs.access(kind.line, path, elapsed, *ids, _described(error))
            if error is None:
                span.finish_alike(kind.spans.get((self.scheme, self.host)) or self._alike(kind), path)
            else:
                attributes = {**self._attributes(kind), "url.path": path, "error.type": type(error).__qualname__}
                span.finish(kind.span_name, attributes, kind.failed, error)
            # An exemplar leads to the trace, so only one that is delivered has one.
            if span.delivered:
                kind.duration.record(elapsed / 1e9, span.trace_id, span.span_id)
            else:
                kind.duration.record(elapsed / 1e9)
        except Exception as failure:  # noqa: BLE001 - telemetry never raises into the application
            swallow("request", failure)

    def _alike(self, kind: _Kind) -> traces.Alike:
        alike = traces.Alike(kind.span_name, self._attributes(kind), kind.failed)
        if len(kind.spans) < _HOSTS_KEPT:
            kind.spans[self.scheme, self.host] = alike
        return alike

    def _attributes(self, kind: _Kind) -> dict[str, object]:
        attributes: dict[str, object] = {
            "http.request.method": self.method,
            "http.response.status_code": kind.status,
            "url.scheme": self.scheme,
        }
        if self.route:
            attributes["http.route"] = self.route
        if self.host:
            attributes["server.address"] = self.host
        if kind.failed:
            attributes["error.type"] = str(kind.status)
        return attributes


def _described(error: BaseException | None) -> dict[str, object] | None:
    return None if error is None else {"error.type": type(error).__qualname__, "error.message": safe_text(error)}

"""Signals of an HTTP server, in OpenTelemetry's stable names."""

from obs.signals.model import (
    LATENCY_BUCKETS,
    REQUESTS,
    SECONDS,
    Gauge,
    Histogram,
    Label,
    LogField,
    SpanAttribute,
)

METHODS = ("CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY", "TRACE", "_OTHER")

METHOD = Label("http_request_method", "The request's method; an invented one is `_OTHER`.", METHODS)
ROUTE = Label("http_route", "The route's template, such as `/items/{item_id}`; empty when no route matched.")
STATUS = Label("http_response_status_code", "The answer's status code.")

SERVER_DURATION = Histogram(
    name="http.server.request.duration",
    unit=SECONDS,
    buckets=LATENCY_BUCKETS,
    labels=(METHOD, ROUTE, STATUS),
    help="Time from the request's arrival to the last byte of its answer.",
    means="What users wait for. A rising p95 with flat traffic points at a dependency, a rising p95 with traffic at "
    "saturation.",
)

ACTIVE_REQUESTS = Gauge(
    name="http.server.active_requests",
    unit=REQUESTS,
    labels=(METHOD,),
    across="sum",
    help="Requests that have arrived and are not yet answered.",
    means="Follows traffic times latency. Growing while traffic is flat means that requests are piling up.",
)

FIELDS = (
    LogField("http.request.method", "keyword", "The request's method."),
    LogField("http.route", "keyword", "The route's template."),
    LogField("http.response.status_code", "long", "The answer's status code."),
    LogField("http.request.id", "keyword", "The request's id: the caller's `X-Request-ID`, else the trace's id."),
    LogField("url.path", "keyword", "The path that was asked for, without the query."),
    LogField("event.duration", "long", "How long the request took, in nanoseconds."),
)

ATTRIBUTES = (
    SpanAttribute("http.request.method", "string", "The request's method."),
    SpanAttribute("http.route", "string", "The route's template."),
    SpanAttribute("http.response.status_code", "int", "The answer's status code."),
    SpanAttribute("http.request.id", "string", "The caller's `X-Request-ID`, where it sent a valid one."),
    SpanAttribute("url.path", "string", "The path that was asked for."),
    SpanAttribute("url.scheme", "string", "http or https."),
    SpanAttribute("server.address", "string", "The host that was asked."),
    SpanAttribute("error.type", "string", "The class of the exception, or the status code, when the request failed."),
)

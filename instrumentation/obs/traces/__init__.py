"""Traces: spans of requests and of the application's own work, in OpenTelemetry's context and on their way by OTLP."""

from obs.traces.current import Unobserved, current_ids, current_trace_id, ids_of_a_line, sampled_ids, within
from obs.traces.decorators import counted, timed
from obs.traces.request_id import accepted, current_request_id
from obs.traces.room import TracesRoom, begin_server, start
from obs.traces.server import Alike, ServerSpan
from obs.traces.work import annotate, span, traced

__all__ = [
    "Alike",
    "ServerSpan",
    "TracesRoom",
    "Unobserved",
    "accepted",
    "annotate",
    "begin_server",
    "counted",
    "current_ids",
    "current_request_id",
    "current_trace_id",
    "ids_of_a_line",
    "sampled_ids",
    "span",
    "start",
    "timed",
    "traced",
    "within",
]

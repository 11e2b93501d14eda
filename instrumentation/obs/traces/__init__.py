"""Traces: spans of requests and of the application's own work, in OpenTelemetry's context and on their way by OTLP."""

from obs.traces.current import current_ids, current_trace_id, sampled_ids, within
from obs.traces.decorators import counted, timed
from obs.traces.room import TracesRoom, begin_server, start
from obs.traces.server import Alike, ServerSpan
from obs.traces.work import annotate, span, traced

__all__ = [
    "Alike",
    "ServerSpan",
    "TracesRoom",
    "annotate",
    "begin_server",
    "counted",
    "current_ids",
    "current_trace_id",
    "sampled_ids",
    "span",
    "start",
    "timed",
    "traced",
    "within",
]

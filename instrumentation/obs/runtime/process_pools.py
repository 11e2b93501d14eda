"""Process pools go on with the span and the bound fields of whoever gave them work, as far as these can travel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import structlog
from opentelemetry import context as context_api
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

from obs.runtime.guard import swallow
from obs.runtime.on_import import after_import
from obs.runtime.patcher import Patcher

_POOLS = "concurrent.futures.process"
# What needs nothing of the application's to be read in another process.
_TRAVELS = (str, int, float, bool)


class Sent:
    """A function that runs in another process under the span and with the fields of the moment when it was submitted.

    Args:
        function: What runs.
        span: Trace id, span id and W3C flags; zeros when there is no span.
        fields: The bound fields.
    """

    def __init__(self, function: Callable[..., Any], span: tuple[int, int, int], fields: dict[str, Any]) -> None:
        self.function = function
        self.span = span
        self.fields = fields

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the function, with nothing left of what was current when the process was forked."""
        trace_id, span_id, flags = self.span
        context = Context()
        if trace_id:
            # Another process of this service: its decision about the trace is followed.
            parent = SpanContext(trace_id, span_id, is_remote=False, trace_flags=TraceFlags(flags))
            context = trace.set_span_in_context(NonRecordingSpan(parent), context)
        token = context_api.attach(context)
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(**self.fields)
        try:
            return self.function(*args, **kwargs)
        finally:
            structlog.contextvars.clear_contextvars()
            context_api.detach(token)


def carry(patch: Patcher, bound_fields: Callable[[], dict[str, Any]]) -> None:
    """Have process pools carry span and bound fields, from now on or from their import on.

    Args:
        patch: Remembers what was replaced.
        bound_fields: Gives the fields that are bound now.
    """

    def submitting(original: Any) -> Any:
        def submit(self: Any, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
            try:
                ids = trace.get_current_span().get_span_context()
                fields = {name: value for name, value in bound_fields().items() if type(value) in _TRAVELS}
                fn = Sent(fn, (ids.trace_id, ids.span_id, int(ids.trace_flags)), fields)
            except Exception as error:  # noqa: BLE001 - telemetry never raises into the application
                swallow("process_pools", error)
            return original(self, fn, *args, **kwargs)

        return submit

    def join() -> None:
        from concurrent.futures import ProcessPoolExecutor

        patch.wrap(ProcessPoolExecutor, "submit", submitting)

    after_import(patch, _POOLS, join)

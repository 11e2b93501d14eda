"""httpx: outgoing requests get a CLIENT span and carry the trace on, by OpenTelemetry's published package."""

from __future__ import annotations

import os
from typing import Any

from obs.integrations import Library
from obs.runtime.patcher import Patcher

LIBRARY = Library(
    "httpx",
    "httpx",
    "0.18",
    needs=("opentelemetry-instrumentation-httpx", 'pip install "obs-kit[httpx]"'),
)

_OPT_IN = "OTEL_SEMCONV_STABILITY_OPT_IN"


def install(patch: Patcher) -> None:
    """Turn the package on, with OpenTelemetry's stable names."""
    from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
    from opentelemetry.metrics._internal import _PROXY_METER_PROVIDER

    instrumentor = HTTPXClientInstrumentor()
    if instrumentor.is_instrumented_by_opentelemetry:
        return
    # Where no MeterProvider is set yet, OpenTelemetry keeps each meter that was asked for.
    waiting: list[Any] = getattr(_PROXY_METER_PROVIDER, "_meters", [])
    known = list(waiting)
    chosen = os.environ.get(_OPT_IN)
    os.environ.setdefault(_OPT_IN, "http")
    try:
        instrumentor.instrument()
    finally:
        if chosen is None:
            del os.environ[_OPT_IN]
    own = [meter for meter in waiting if meter not in known]

    def restore() -> None:
        instrumentor.uninstrument()
        waiting[:] = [meter for meter in waiting if meter not in own]

    patch.on_restore(restore)

"""The same application with each way to observe it: nothing, obs, and its peers as their manuals say."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI

Log = Callable[[int], object]


@dataclass(frozen=True, slots=True)
class Prepared:
    """An application that is ready to be driven.

    Args:
        application: The ASGI application.
        flush: Delivers what a background thread still holds.
    """

    application: Any
    flush: Callable[[], object]


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to observe the application.

    Args:
        gives: The signals that it produces.
        prepare: Builds it, given the sink's URL and the file for log lines.
    """

    gives: str
    prepare: Callable[[str, str], Prepared]


def _application(log: Log) -> FastAPI:
    app = FastAPI()

    @app.get("/items/{item_id}")
    async def item(item_id: int) -> dict[str, int]:
        log(item_id)
        return {"item": item_id}

    return app


def _standard_library_log(log_file: str) -> Log:
    handler = logging.FileHandler(log_file)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logger = logging.getLogger("shop")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    return lambda item: logger.info("item shown item=%s colour=%s left=%s", item, "blue", 7)


def _bare(_sink: str, log_file: str) -> Prepared:
    return Prepared(_application(_standard_library_log(log_file)), lambda: None)


def _obs(sink: str, log_file: str, sample: float = 1.0) -> Prepared:
    import obs
    from obs import metrics
    from obs.signals import own_health

    # obs writes to standard output; here that is the file, as it is in a container.
    os.dup2(os.open(log_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND), sys.stdout.fileno())
    obs.init(service="shop", endpoint=sink, metrics_port=0, log_format="json", sample=sample)
    log = obs.get_logger("shop")
    app = _application(lambda item: log.info("item shown", item=item, colour="blue", left=7))

    def flush() -> None:
        obs.shutdown()
        lost = metrics.instrument(own_health.DROPPED)
        if any(lost.child("traces", reason).cells[0] for reason in own_health.DROP_REASONS):
            raise SystemExit("obs dropped spans: the figure would flatter it")

    return Prepared(app, flush)


def _obs_tenth(sink: str, log_file: str) -> Prepared:
    return _obs(sink, log_file, sample=0.1)


def _instrumentator(_sink: str, log_file: str) -> Prepared:
    from prometheus_fastapi_instrumentator import Instrumentator

    app = _application(_standard_library_log(log_file))
    Instrumentator().instrument(app).expose(app)
    return Prepared(app, lambda: None)


def _opentelemetry(sink: str, log_file: str) -> Prepared:
    from opentelemetry import metrics, trace
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"{sink}/v1/traces")))
    trace.set_tracer_provider(provider)
    metrics.set_meter_provider(MeterProvider([InMemoryMetricReader()]))
    app = _application(_standard_library_log(log_file))
    FastAPIInstrumentor.instrument_app(app)
    return Prepared(app, provider.force_flush)


def _logfire(sink: str, log_file: str) -> Prepared:
    import logfire
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    logfire.configure(
        send_to_logfire=False,
        console=False,
        additional_span_processors=[BatchSpanProcessor(OTLPSpanExporter(f"{sink}/v1/traces"))],
    )
    write = _standard_library_log(log_file)

    def log(item: int) -> None:
        write(item)
        logfire.info("item shown", item=item, colour="blue", left=7)

    app = _application(log)
    logfire.instrument_fastapi(app)
    return Prepared(app, logfire.force_flush)


VARIANTS = {
    "bare, standard library logging": Variant("a log line", _bare),
    "obs": Variant("logs, metrics, traces", _obs),
    "obs, 10 % sampled": Variant("logs, metrics, traces", _obs_tenth),
    "prometheus-fastapi-instrumentator": Variant("metrics", _instrumentator),
    "opentelemetry-instrumentation-fastapi": Variant("traces, metrics", _opentelemetry),
    "logfire": Variant("logs, metrics, traces", _logfire),
}

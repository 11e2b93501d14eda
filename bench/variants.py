"""Each way to observe the application: nothing, obs, and its peers set up as their manuals say."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from bench import applications
from bench.applications import Application, Log

Framework = Literal["fastapi", "flask"]


@dataclass(frozen=True, slots=True)
class Prepared:
    """An application that is ready to be driven.

    Args:
        application: The ASGI or WSGI application.
        flush: Delivers what a background thread still holds.
    """

    application: Application
    flush: Callable[[], object]


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to observe the application.

    Args:
        gives: What it produces.
        prepare: Builds it, given the framework, the sink's URL and the file for log lines.
    """

    gives: str
    prepare: Callable[[Framework, str, str], Prepared]


def _application(framework: Framework, log: Log) -> Application:
    made: Mapping[str, Callable[[Log], Application]] = {
        "fastapi": applications.fastapi_application,
        "flask": applications.flask_application,
    }
    return made[framework](log)


def _no_line(framework: Framework, _sink: str, _log_file: str) -> Prepared:
    return Prepared(_application(framework, lambda _item, _note: None), _nothing)


def _bare(framework: Framework, _sink: str, log_file: str) -> Prepared:
    return Prepared(_application(framework, applications.standard_library_log(log_file)), _nothing)


def _bare_with_access_line(framework: Framework, sink: str, log_file: str) -> Prepared:
    application = _bare(framework, sink, log_file).application
    if framework == "fastapi":
        return Prepared(applications.asgi_with_access_line(application, log_file), _nothing)
    return Prepared(applications.wsgi_with_access_line(application, log_file), _nothing)


def _nothing() -> None:
    """What holds nothing has nothing to deliver."""


def _obs(framework: Framework, sink: str, log_file: str, sample: float = 1.0) -> Prepared:
    import obs
    from obs import metrics
    from obs.signals import own_health

    # obs writes to standard output; here that is the file, as it is in a container.
    os.dup2(os.open(log_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND), sys.stdout.fileno())
    obs.init(service="shop", endpoint=sink, metrics_port=0, log_format="json", log_storm=0, sample=sample)
    log = obs.get_logger("shop")
    application = _application(framework, lambda item, note: log.info("item shown", item=item, note=note, left=7))

    def flush() -> None:
        obs.shutdown()
        lost = metrics.instrument(own_health.DROPPED)
        if any(lost.child("traces", reason).cells[0] for reason in own_health.DROP_REASONS):
            raise SystemExit("obs dropped spans: the figure would flatter it")

    return Prepared(application, flush)


def _obs_tenth(framework: Framework, sink: str, log_file: str) -> Prepared:
    return _obs(framework, sink, log_file, sample=0.1)


def _metrics_only(application: Application, framework: Framework) -> None:
    if framework == "fastapi":
        from prometheus_fastapi_instrumentator import Instrumentator

        Instrumentator().instrument(application).expose(application)
    else:
        from prometheus_flask_exporter import PrometheusMetrics

        PrometheusMetrics(application, group_by="url_rule")


def _exporter(framework: Framework, _sink: str, log_file: str) -> Prepared:
    application = _application(framework, applications.standard_library_log(log_file))
    _metrics_only(application, framework)
    return Prepared(application, _nothing)


def _traced(application: Application, framework: Framework, sink: str, sample: float) -> Callable[[], object]:
    """OpenTelemetry's published instrumentation with its SDK and exporter; gives what flushes it."""
    from opentelemetry import trace
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased

    provider = TracerProvider(sampler=ParentBased(TraceIdRatioBased(sample)))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"{sink}/v1/traces")))
    trace.set_tracer_provider(provider)
    if framework == "fastapi":
        from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor

        FastAPIInstrumentor.instrument_app(application)
    else:
        from opentelemetry.instrumentation.flask import FlaskInstrumentor

        FlaskInstrumentor().instrument_app(application)  # type: ignore[no-untyped-call, unused-ignore]
    return provider.force_flush


def _opentelemetry(framework: Framework, sink: str, log_file: str) -> Prepared:
    from opentelemetry import metrics
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader

    metrics.set_meter_provider(MeterProvider([InMemoryMetricReader()]))
    application = _application(framework, applications.standard_library_log(log_file))
    return Prepared(application, _traced(application, framework, sink, 1.0))


def _by_hand(framework: Framework, sink: str, log_file: str, sample: float = 1.0) -> Prepared:
    import structlog
    from opentelemetry import trace

    def with_ids(_logger: Any, _method: str, event: Any) -> Any:
        ids = trace.get_current_span().get_span_context()
        if ids.is_valid:
            event["trace_id"], event["span_id"] = f"{ids.trace_id:032x}", f"{ids.span_id:016x}"
        return event

    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            with_ids,
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(open(log_file, "a")),  # noqa: SIM115, PTH123 - open as long as the process
        cache_logger_on_first_use=True,
    )
    log = structlog.get_logger("shop")
    application = _application(framework, lambda item, note: log.info("item shown", item=item, note=note, left=7))
    _metrics_only(application, framework)
    return Prepared(application, _traced(application, framework, sink, sample))


def _by_hand_tenth(framework: Framework, sink: str, log_file: str) -> Prepared:
    return _by_hand(framework, sink, log_file, sample=0.1)


def _logfire(framework: Framework, sink: str, log_file: str) -> Prepared:
    import logfire
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    logfire.configure(
        send_to_logfire=False,
        console=False,
        additional_span_processors=[BatchSpanProcessor(OTLPSpanExporter(f"{sink}/v1/traces"))],
    )
    write = applications.standard_library_log(log_file)

    def log(item: int, note: str) -> None:
        write(item, note)
        logfire.info("item shown", item=item, note=note, left=7)

    application = _application(framework, log)
    if framework == "fastapi":
        logfire.instrument_fastapi(application)
    else:
        logfire.instrument_flask(application)
    return Prepared(application, logfire.force_flush)


def _sentry(framework: Framework, sink: str, log_file: str) -> Prepared:
    import sentry_sdk

    sentry_sdk.init(dsn=sink.replace("://", "://key@") + "/1", traces_sample_rate=1.0)
    application = _application(framework, applications.standard_library_log(log_file))
    return Prepared(application, sentry_sdk.flush)


def _elastic(framework: Framework, sink: str, log_file: str) -> Prepared:
    import elasticapm

    application = _application(framework, applications.standard_library_log(log_file))
    settings = {"SERVICE_NAME": "shop", "SERVER_URL": sink, "CENTRAL_CONFIG": False, "CLOUD_PROVIDER": "none"}
    if framework == "fastapi":
        from elasticapm.contrib.starlette import ElasticAPM, make_apm_client

        application.add_middleware(ElasticAPM, client=make_apm_client(settings))
    else:
        from elasticapm.contrib.flask import ElasticAPM as FlaskAPM

        application.config["ELASTIC_APM"] = settings
        FlaskAPM(application)

    def flush() -> None:
        client = elasticapm.get_client()
        if client is not None:
            client._transport.flush()

    return Prepared(application, flush)


BARE = "bare"
VARIANTS = {
    BARE: Variant("a log line", _bare),
    "bare, no log line": Variant("nothing", _no_line),
    "bare, access line too": Variant("two log lines", _bare_with_access_line),
    "obs": Variant("two log lines, metrics, traces", _obs),
    "obs, 10 % sampled": Variant("two log lines, metrics, traces", _obs_tenth),
    "Prometheus exporter of the framework": Variant("a log line, metrics", _exporter),
    "OpenTelemetry contrib": Variant("a log line, metrics, traces", _opentelemetry),
    "structlog, exporter, OpenTelemetry by hand": Variant("a log line, metrics, traces", _by_hand),
    "the same by hand, 10 % sampled": Variant("a log line, metrics, traces", _by_hand_tenth),
    "logfire": Variant("two log lines, metrics, traces", _logfire),
    "sentry-sdk": Variant("a log line, traces", _sentry),
    "elastic-apm": Variant("a log line, traces", _elastic),
}

"""What `shutdown()` leaves behind: nothing, however often obs is started, and everything as it was before."""

from __future__ import annotations

import gc
import logging
import os
import signal
import sys
import threading
import types
from collections import Counter
from pathlib import Path
from typing import Any

import fastapi
import flask
import httpx
import loguru
import opentelemetry.metrics
import opentelemetry.propagate
import opentelemetry.trace
import prometheus_client
import pytest
import structlog
import uvicorn
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import obs

pytestmark = pytest.mark.usefixtures("initialised")

# Whatever obs might put a hand on; all of it is loaded, so that every integration is.
LIBRARIES = (fastapi, flask, httpx, loguru, opentelemetry, prometheus_client, structlog, uvicorn)
STANDARD = ("asyncio", "concurrent", "gc", "logging", "os", "signal", "sys", "threading", "warnings")
WATCHED = frozenset((*STANDARD, "starlette", *(library.__name__.partition(".")[0] for library in LIBRARIES)))


def attributes() -> dict[str, object]:
    """Every attribute of every module and class of these libraries, by its name."""
    found: dict[str, object] = {}
    for name, module in list(sys.modules.items()):
        if isinstance(module, types.ModuleType) and name.partition(".")[0] in WATCHED:
            for key, value in list(vars(module).items()):
                found[f"{name}.{key}"] = value
                if isinstance(value, type) and value.__module__ == name:
                    found.update({f"{name}.{key}.{inner}": one for inner, one in list(vars(value).items())})
    return found


def state() -> dict[str, object]:
    """What the process has set, beside attributes."""
    loggers = {"root": logging.getLogger(), **logging.Logger.manager.loggerDict}
    known = {name: one for name, one in loggers.items() if isinstance(one, logging.Logger)}
    return {
        "loggers": {
            name: (one.handlers[:], one.filters[:], one.level, one.propagate, one.disabled, one.__class__)
            for name, one in known.items()
            # They are made by whoever names them first, here obs, and are as new.
            if name not in {"gunicorn.access", "hypercorn.access"}
        },
        "signals": {number: signal.getsignal(number) for number in signal.valid_signals()},
        "finders": list(sys.meta_path),
        "collector": list(gc.callbacks),
        "structlog": vars(structlog._config._CONFIG).copy(),
        "propagator": opentelemetry.propagate.get_global_textmap(),
        "registry": (vars(prometheus_client.REGISTRY).keys(), list(prometheus_client.REGISTRY._collector_to_names)),
        "loguru": dict(loguru.logger._core.handlers),  # type: ignore[attr-defined]
        "environment": dict(os.environ),
        "folder": Path.cwd(),
        "threads": sorted(thread.name for thread in threading.enumerate()),
        "descriptors": sorted(path.name for path in Path("/dev/fd").iterdir()),
    }


def changed(before: dict[str, object], after: dict[str, object]) -> list[str]:
    """The names of what is another object than before."""
    return [name for name in before.keys() | after.keys() if before.get(name) is not after.get(name)]


def start(port: int = 0, **settings: Any) -> None:
    """Start obs with everything on, for a backend that nobody can reach, and use it."""
    endpoint = "http://127.0.0.1:9"
    obs.init(service="shop", metrics_port=port, endpoint=endpoint, exit_deadline=0, logs_to="both", **settings)
    with obs.span("work"):
        obs.get_logger().info("working")


def test_shutdown_gives_back_every_attribute_handler_hook_and_provider(unused_port: int) -> None:
    """Nothing that obs replaced anywhere in the process stays replaced, and nothing that it opened stays open."""
    start(unused_port)  # what is imported on the way is no change
    obs.shutdown()
    attributes_before, state_before = attributes(), state()
    start(unused_port)
    assert len(changed(attributes_before, attributes())) > 20
    obs.shutdown()
    assert changed(attributes_before, attributes()) == []
    assert state() == state_before


def test_a_second_start_gives_back_what_was_before_the_first(unused_port: int) -> None:
    """`init()` twice and `shutdown()` once leaves the process as before both."""
    start()
    obs.shutdown()
    attributes_before, state_before = attributes(), state()
    start()
    start(unused_port, log_level="debug")
    obs.shutdown()
    assert changed(attributes_before, attributes()) == []
    assert state() == state_before


def kinds() -> Counter[type]:
    """How many objects of each class live."""
    gc.collect()
    return Counter(type(one) for one in gc.get_objects())


@pytest.mark.parametrize("times", [5, pytest.param(100, marks=pytest.mark.long)])
def test_starting_and_stopping_leaks_nothing(times: int, unused_port: int, tmp_path: Path) -> None:
    """Neither objects nor threads, descriptors, files or bytes of files, after as many starts."""

    def after_as_many() -> tuple[str, Counter[type]]:
        for _ in range(times):
            start(unused_port)
            obs.shutdown()
        paths = sorted((tmp_path / "state").rglob("*"))
        # Claims are numbers, of which some are shorter than others.
        files = [(path.name, path.stat().st_size if ".metrics" in path.name else 0) for path in paths]
        return f"{files} {state()}", kinds()

    after_as_many()
    rest_before, kinds_before = after_as_many()
    rest_after, kinds_after = after_as_many()
    assert {kind: number for kind, number in (kinds_after - kinds_before).items() if number >= times} == {}
    assert rest_after == rest_before


def test_an_application_keeps_its_own_providers_and_gains_obs(
    sink: Any, unused_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its tracer and meter providers stay the global ones and see what they saw, and obs delivers beside them."""
    exporter, reader = InMemorySpanExporter(), InMemoryMetricReader()
    tracers, meters = TracerProvider(), MeterProvider([reader])
    tracers.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(opentelemetry.trace, "_TRACER_PROVIDER", tracers)
    monkeypatch.setattr(opentelemetry.metrics._internal, "_METER_PROVIDER", meters)
    processors = tracers._active_span_processor._span_processors
    obs.init(service="shop", metrics_port=unused_port, endpoint=sink.url)
    with obs.span("of obs"), opentelemetry.trace.get_tracer("shop").start_as_current_span("of the application"):
        opentelemetry.metrics.get_meter("shop").create_counter("sold").add(1)
    obs.shutdown()
    assert opentelemetry.trace.get_tracer_provider() is tracers
    assert opentelemetry.metrics.get_meter_provider() is meters
    assert tracers._active_span_processor._span_processors == processors
    names = ["of obs", "of the application"]
    assert sorted(span.name for span in exporter.get_finished_spans()) == names
    assert sorted(span.name for span in sink.spans) == names
    collected = reader.get_metrics_data()
    assert collected is not None
    assert "sold" in collected.to_json()

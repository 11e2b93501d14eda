"""What single operations cost: a log line, one that is filtered out, a span, a metric, a scrape of many series."""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench import sink
from bench.overhead import Figures, figures_of, interleaved

Operation = Callable[[int], object]

_REPEATS = 20_000
# Together 100,000 series.
_METRICS = 100
_SERIES = 1_000
_LABELS = ("method", "route", "status")


def _fields(number: int) -> dict[str, Any]:
    """Six fields, one of them a text that is another each time."""
    note = f"note-{number * 2654435761 % 2**32:08x}"
    return {"item": number, "note": note, "left": 7, "colour": "blue", "price": 12.5, "gift": False}


def _start_obs(url: str, log_file: str) -> None:
    import os

    import obs

    os.dup2(os.open(log_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND), sys.stdout.fileno())
    obs.init(service="shop", endpoint=url, metrics_port=0, log_format="json", log_storm=0)


def _logger(url: str, log_file: str, who: str) -> Any:
    if who == "obs":
        import obs

        _start_obs(url, log_file)
        return obs.get_logger("shop")
    import logging

    handler = logging.FileHandler(log_file)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logger = logging.getLogger("shop")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    return logger


_PLAIN = "item shown item=%s note=%s left=%s colour=%s price=%s gift=%s"


def _line(who: str) -> Callable[[str, str], Operation]:
    def prepare(url: str, log_file: str) -> Operation:
        log = _logger(url, log_file, who)
        if who == "obs":
            return lambda number: log.info("item shown", **_fields(number))
        return lambda number: log.info(_PLAIN, *_fields(number).values())

    return prepare


def _filtered(who: str) -> Callable[[str, str], Operation]:
    def prepare(url: str, log_file: str) -> Operation:
        log = _logger(url, log_file, who)
        if who == "obs":
            return lambda number: log.debug("item shown", item=number, left=7)
        return lambda number: log.debug("item shown item=%s left=%s", number, 7)

    return prepare


def _span_of_obs(url: str, log_file: str) -> Operation:
    import obs

    _start_obs(url, log_file)

    def operation(number: int) -> None:
        with obs.span("work", **_fields(number)):
            pass

    return operation


def _span_of_the_sdk(url: str, _log_file: str) -> Operation:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"{url}/v1/traces")))
    tracer = provider.get_tracer("shop")

    def operation(number: int) -> None:
        with tracer.start_as_current_span("work", attributes=_fields(number)):
            pass

    return operation


def _counter(who: str) -> Callable[[str, str], Operation]:
    def prepare(url: str, log_file: str) -> Operation:
        if who == "obs":
            import obs

            _start_obs(url, log_file)
            own = obs.counter("orders", labels=_LABELS)
            return lambda _number: own.add(1, method="GET", route="/items", status="200")
        from prometheus_client import Counter

        theirs = Counter("orders", "Orders", _LABELS)
        return lambda _number: theirs.labels("GET", "/items", "200").inc()

    return prepare


OPERATIONS: dict[str, Callable[[str, str], Operation]] = {
    "log line, six fields: standard library, plain": _line("logging"),
    "log line, six fields: obs": _line("obs"),
    "line below the level: standard library": _filtered("logging"),
    "line below the level: obs": _filtered("obs"),
    "span, six attributes: OpenTelemetry SDK": _span_of_the_sdk,
    "span, six attributes: obs": _span_of_obs,
    "counter, three labels: prometheus_client": _counter("prometheus_client"),
    "counter, three labels: obs": _counter("obs"),
}


def _microseconds(operation: Operation) -> float:
    for number in range(1_000):
        operation(number)
    began = time.process_time()
    for number in range(_REPEATS):
        operation(number)
    return (time.process_time() - began) / _REPEATS * 1e6


def _scrape(who: str) -> Figures:
    """Seconds of CPU that a scrape of many series takes, the second time: what is remembered in between counts."""
    if who == "obs":
        import obs

        url = obs.init(service="shop").metrics_url
        for metric in range(_METRICS):
            ours = obs.counter(f"orders{metric}", labels=("item",))
            for item in range(_SERIES):
                ours.add(1, item=str(item))
    else:
        from prometheus_client import Counter, start_http_server

        server, _thread = start_http_server(0, "127.0.0.1")
        url = f"http://127.0.0.1:{server.server_port}/metrics"
        for metric in range(_METRICS):
            theirs = Counter(f"orders{metric}", "Orders", ("item",))
            for item in range(_SERIES):
                theirs.labels(str(item)).inc()
    request = urllib.request.Request(url, headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    seconds = 0.0
    for _ in range(2):
        began = time.process_time()
        with urllib.request.urlopen(request) as answer:
            lines = answer.read().count(b"\norders")
        seconds = time.process_time() - began
    if lines < _METRICS * _SERIES:
        raise SystemExit(f"only {lines} series were shown")
    return {"figure": seconds}


SCRAPES = {
    "scrape of 100,000 series, seconds: prometheus_client": "prometheus_client",
    "scrape of 100,000 series, seconds: obs": "obs",
}


def _in_its_own_process(name: str, url: str, folder: str) -> Figures:
    return figures_of("bench.operations", name, "--one", name, url, str(Path(folder) / "lines.log"))


def main() -> int:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(prog="python -m bench.operations", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="how often each operation is measured (default: 5)")
    parser.add_argument("--one", nargs=3, metavar=("NAME", "SINK", "LOG_FILE"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        name, url, log_file = given.one
        if name in SCRAPES:
            figures = _scrape(SCRAPES[name])
        else:
            figures = {"figure": _microseconds(OPERATIONS[name](url, log_file))}
        sys.stderr.write("\n" + json.dumps(figures))
        return 0
    with tempfile.TemporaryDirectory() as folder, sink.running() as url:
        results = interleaved(
            [*OPERATIONS, *SCRAPES], given.rounds, lambda name: _in_its_own_process(name, url, folder)
        )
    print("| operation | CPU, microseconds | spread |\n|---|---|---|")
    for name, runs in results.items():
        spread = sorted(run["figure"] for run in runs)
        print(f"| {name} | {statistics.median(spread):.2f} | {spread[0]:.2f} to {spread[-1]:.2f} |")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

"""The proof of data against a real Prometheus that scrapes everything the catalogue declares."""

from __future__ import annotations

import json
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import product
from pathlib import Path

import pytest

import obs_dashboards
from obs.manifest import Manifest, Service
from obs.signals import catalogue
from obs.signals.model import Counter, Gauge, Histogram, Label, Metric
from obs_dashboards.proof import Proof, prove
from obs_dashboards.stores import StoreError
from obs_stack.programs import find

pytestmark = pytest.mark.live

OWN = (
    Counter(name="orders.placed", help="Orders.", labels=(Label("method", "How it was paid."),)),
    Histogram(name="order.lines", help="Lines of an order.", buckets=(1.0, 10.0)),
    Gauge(name="stock", help="Things left."),
)
MANIFEST = Manifest(project="shop", services=(Service(name="shop", owner="shop", signals=OWN),), path=Path("obs.toml"))
FILES = obs_dashboards.generate(MANIFEST)
DEADLINE_SECONDS = 30


def exposition(metrics: tuple[Metric, ...], scrapes: int) -> str:
    """A scrape's answer with every declared series, in which every counter has grown since the last."""
    lines = (f"{name}{{{','.join(labels)}}} {scrapes}" for metric in metrics for name, labels in series_of(metric))
    return "\n".join(lines) + "\n"


def series_of(metric: Metric) -> Iterator[tuple[str, list[str]]]:
    """The series of one metric, for some of the values of each label."""
    failed_too = {"http_response_status_code": ("200", "500")}
    choices = [failed_too.get(label.name, label.values[:2] or ("x",)) for label in metric.labels]
    for values in product(*choices):
        labels = [f'{name}="{value}"' for name, value in zip(metric.label_names, values, strict=True)]
        if not isinstance(metric, Histogram):
            yield metric.samples[0], labels
            continue
        yield metric.count, labels
        for bound in (*metric.buckets, "+Inf"):
            yield metric.bucket, [*labels, f'le="{bound}"']


@pytest.fixture
def metrics() -> list[Metric]:
    """What the scraped service shows; a test may take something away."""
    return [*catalogue(), *OWN]


@pytest.fixture
def service(metrics: list[Metric]) -> Iterator[str]:
    """The address of a service that shows the metrics."""
    scrapes = 0

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            nonlocal scrapes
            scrapes += 1
            text = exposition(tuple(metrics), scrapes).encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def prometheus(service: str, tmp_path: Path) -> Iterator[str]:
    """The address of a Prometheus that scrapes the service four times a second."""
    config = {
        "global": {"scrape_interval": "250ms", "scrape_timeout": "250ms"},
        "scrape_configs": [{"job_name": "shop", "static_configs": [{"targets": [service]}]}],
    }
    (tmp_path / "prometheus.yml").write_text(json.dumps(config))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    options = (f"--config.file={tmp_path}/prometheus.yml", f"--storage.tsdb.path={tmp_path}/data")
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [find("prometheus"), *options, f"--web.listen-address={address}"], stdout=log, stderr=log
        )
        yield f"http://{address}"
        process.terminate()
        process.wait(10)


def settled(prometheus: str, missing: set[str]) -> Proof:
    """The proof once nothing but the expected places is empty, or when the time is up."""
    end = time.monotonic() + DEADLINE_SECONDS
    while True:
        try:
            proof = prove(FILES, prometheus=prometheus)
        except StoreError:
            if time.monotonic() > end:
                raise
        else:
            if places(proof) == missing or time.monotonic() > end:
                return proof
        time.sleep(0.25)


def places(proof: Proof) -> set[str]:
    """Where data is missing."""
    return {str(answer.question.place) for answer in proof.missing}


def test_every_query_of_every_dashboard_returns_data(prometheus: str) -> None:
    """A real Prometheus accepts every generated query, and answers each from the declared series."""
    proof = settled(prometheus, set())
    assert [str(answer) for answer in proof.missing] == []
    assert proof.holds
    assert {answer.chosen.split()[0] for answer in proof.answers} == {"All", "shop"}


def test_a_metric_that_disappears_is_named_with_dashboard_panel_and_query(
    metrics: list[Metric], prometheus: str
) -> None:
    """Without one metric, exactly the queries that show it are reported."""
    metrics.remove(next(metric for metric in metrics if metric.name == "process.threads"))
    missing = {"obs-python-runtime/Threads/A"}
    assert places(settled(prometheus, missing)) == missing

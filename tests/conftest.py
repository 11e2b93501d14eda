"""What every test shares: a clean environment, and a failure for each error that obs kept from the application."""

from __future__ import annotations

import gzip
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import hypothesis
import pytest
from opentelemetry import trace
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from obs.runtime import guard

# How long examples take to make says how busy the machine is, and nothing about the code.
hypothesis.settings.register_profile("obs", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("obs")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start the tests that mostly wait for real programs first, so that the others fill their pauses."""
    items.sort(key=lambda item: "live" not in item.path.parts)


@pytest.fixture(autouse=True)
def swallowed() -> Iterator[list[BaseException]]:
    """What obs swallowed during the test; anything that the test leaves in it fails the test.

    A test that provokes an internal error takes it out with `swallowed.clear()` once it has looked at it.
    """
    kept: list[BaseException] = []
    guard.observed = kept
    yield kept
    guard.observed = None
    if kept:
        raise AssertionError(f"obs swallowed {len(kept)} error(s)") from kept[0]


@pytest.fixture(autouse=True)
def nothing_current() -> Iterator[None]:
    """Fails a test after which a span is still current: the next one's spans would be its children."""
    yield
    assert not trace.get_current_span().get_span_context().is_valid


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting of the machine reaches a test, and no test leaves anything in the user's folders."""
    for name in os.environ:
        if name.startswith(("OBS_", "OTEL_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("OBS_LOCAL_DIR", str(tmp_path / "state"))


@pytest.fixture
def initialised() -> Iterator[None]:
    """Shuts obs down after a test that calls `obs.init()`."""
    import obs

    yield
    obs.shutdown()


class Sink:
    """An OTLP/HTTP backend that keeps what arrives, decoded by OpenTelemetry's own definitions."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.logs: list[LogRecord] = []
        self.resources: list[dict[str, str]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                outer.keep(self.path, body)
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def keep(self, path: str, body: bytes) -> None:
        if path == "/v1/traces":
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                self.resources.append({item.key: item.value.string_value for item in resource.resource.attributes})
                self.spans.extend(span for scope in resource.scope_spans for span in scope.spans)
        if path == "/v1/logs":
            for logs in ExportLogsServiceRequest.FromString(body).resource_logs:
                self.logs.extend(record for scope in logs.scope_logs for record in scope.log_records)

    def server_spans(self) -> list[Span]:
        """The spans of kind SERVER."""
        return [span for span in self.spans if span.kind == Span.SPAN_KIND_SERVER]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def sink() -> Iterator[Sink]:
    """A backend for traces and logs; flush with `obs.shutdown()` before looking into it."""
    backend = Sink()
    yield backend
    backend.close()

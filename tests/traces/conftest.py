"""A real OTLP/HTTP endpoint in a thread, and obs's traces started against it."""

from __future__ import annotations

import gzip
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, Span

from obs.runtime.export import Exporter
from obs.runtime.target import Target
from obs.settings import Settings
from obs.traces import TracesRoom, start


@dataclass
class Answer:
    """What the endpoint answers once."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = ExportTraceServiceResponse().SerializeToString()


@dataclass
class Received:
    """A request as it came."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def message(self) -> ExportTraceServiceRequest:
        """The decoded body."""
        packed = self.headers.get("content-encoding") == "gzip"
        return ExportTraceServiceRequest.FromString(gzip.decompress(self.body) if packed else self.body)


class Sink:
    """An endpoint that keeps what it accepts, and gives prepared answers first.

    Args:
        url: Where it listens.
    """

    def __init__(self) -> None:
        self.url = ""
        self.answers: list[Answer] = []
        self.requests: list[Received] = []
        self.accepted: list[Received] = []
        self.changed = threading.Condition()

    def take(self, received: Received) -> Answer:
        """Answer a request."""
        with self.changed:
            answer = self.answers.pop(0) if self.answers else Answer()
            self.requests.append(received)
            if answer.status == 200:
                self.accepted.append(received)
            self.changed.notify_all()
            return answer

    @property
    def resources(self) -> list[ResourceSpans]:
        """What was accepted, by resource."""
        return [group for received in self.accepted for group in received.message.resource_spans]

    @property
    def spans(self) -> list[Span]:
        """The spans that were accepted."""
        return [span for group in self.resources for scope in group.scope_spans for span in scope.spans]

    @property
    def names(self) -> list[str]:
        """Their names, sorted."""
        return sorted(span.name for span in self.spans)

    def wait_for(self, condition: Callable[[], bool], seconds: float = 20) -> None:
        """Wait until something holds, asked again after each request."""
        until = time.monotonic() + seconds
        with self.changed:
            while not condition():
                left = until - time.monotonic()
                assert left > 0, f"the endpoint waited in vain; it has {self.names}"
                self.changed.wait(min(left, 0.1))


@pytest.fixture
def sink() -> Iterator[Sink]:
    """An endpoint on a free port."""
    kept = Sink()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            answer = kept.take(Received(self.path, headers, body))
            self.send_response(answer.status)
            for name, value in {**answer.headers, "Content-Length": str(len(answer.body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, *_: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False

        def handle_error(self, *_: Any) -> None:
            pass

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    kept.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield kept
    server.shutdown()
    server.server_close()
    thread.join()


@dataclass
class Started:
    """Traces as `obs.init()` starts them."""

    room: TracesRoom
    exporter: Exporter

    def flush(self) -> bool:
        """Deliver what is held."""
        self.room.flush(10)
        return self.exporter.flush(10)

    def stop(self, deadline: float = 3) -> None:
        """Stop as `obs.shutdown()` does."""
        self.room.stop(deadline)
        self.exporter.stop(deadline)

    def after_fork_in_child(self) -> None:
        """Start empty, as `obs.init()` arranges it."""
        self.exporter.after_fork_in_child()
        self.room.after_fork_in_child()


TARGET = Target("shop", "1.2.3", "test", "storefront", "host-1234", 1, None)


@pytest.fixture
def start_traces() -> Iterator[Callable[..., Started]]:
    """Starts traces with settings and stops them after the test."""
    running: list[Started] = []

    def begin(endpoint: str = "", **settings: Any) -> Started:
        given = Settings(service="shop", endpoint=endpoint, **settings)
        exporter = Exporter(given)
        running.append(Started(start(given, TARGET, exporter), exporter))
        return running[-1]

    yield begin
    for started in running:
        started.stop(0)

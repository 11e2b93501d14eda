"""A real receiver, in this process or one of its own, and senders that post what services post."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from obs_stack.receiver.app import create_app
from obs_stack.receiver.options import Options

PROTOBUF = {"content-type": "application/x-protobuf"}
TRACE = "0af7651916cd43dd8448eb211c80319c"
FOR_EVER = "36500d"
NOON = 1_767_268_800_000_000_000


class Receiver:
    """Where a receiver answers, and the senders that post to it."""

    def __init__(self, url: str, data: Path) -> None:
        self.url = url
        self.data = data
        self.client = httpx.Client(base_url=url, timeout=20, trust_env=False)

    def get(self, path: str, **parameters: Any) -> httpx.Response:
        return self.client.get(path, params=parameters or None)

    def post(self, path: str, body: bytes, **headers: str) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.post(path, content=body, headers={**PROTOBUF, **named})

    def logs(self, **parameters: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.get("/api/logs", **parameters).raise_for_status().json()["logs"]
        return found

    def messages(self, **parameters: Any) -> list[str]:
        return [record["message"] for record in self.logs(**parameters)]

    @staticmethod
    def log_body(*records: Mapping[str, Any], service: str = "shop") -> bytes:
        """A request with log records; each may have `message`, `level`, `time`, `trace_id` and attributes."""
        return _log_body(records, service)

    @staticmethod
    def span_body(*spans: Mapping[str, Any]) -> bytes:
        """A request with spans; each has an `id`, and what else a test is about."""
        return _span_body(spans)

    def send_logs(self, *records: Mapping[str, Any], service: str = "shop") -> None:
        self.post("/v1/logs", _log_body(records, service)).raise_for_status()

    def send_spans(self, *spans: Mapping[str, Any]) -> None:
        self.post("/v1/traces", _span_body(spans)).raise_for_status()

    def metric(self, sample: str) -> float:
        lines = self.get("/metrics").text.splitlines()
        return float(next(line.rsplit(" ", 1)[1] for line in lines if line.startswith(sample + " ")))


class Program(Receiver):
    """A receiver in a process of its own, as a user starts it."""

    def __init__(self, data: Path, arguments: tuple[str, ...]) -> None:
        begin = (sys.executable, "-m", "obs_stack.receiver", "--port", "0", "--data", str(data), "--max-age", FOR_EVER)
        self.process = subprocess.Popen((*begin, *arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.process.communicate()[1]
        super().__init__(line.split()[-1], data)

    def stop(self) -> int:
        self.client.close()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.errors = self.process.communicate(timeout=20)[1]
        return self.process.returncode


class _Server(uvicorn.Server):
    """A server in a thread of the tests' process, since a process for each test takes a second."""

    def __init__(self, options: Options) -> None:
        self.listening = socket.create_server(("127.0.0.1", 0))
        super().__init__(uvicorn.Config(create_app(options), log_level="warning", timeout_graceful_shutdown=3))
        self.thread = threading.Thread(target=self.run, args=([self.listening],))
        self.ready = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()


def _attributes(values: Mapping[str, object]) -> list[KeyValue]:
    return [KeyValue(key=key, value=_value(value)) for key, value in values.items()]


def _value(value: object) -> AnyValue:
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value)
    if isinstance(value, float):
        return AnyValue(double_value=value)
    if isinstance(value, list):
        found = AnyValue()
        found.array_value.values.extend(_value(item) for item in value)
        return found
    return AnyValue(string_value=str(value))


def _log_body(records: Iterable[Mapping[str, Any]], service: str) -> bytes:
    request = ExportLogsServiceRequest()
    group = request.resource_logs.add()
    group.resource.attributes.extend(_attributes({"service.name": service, "service.version": "1.2"}))
    scope = group.scope_logs.add()
    for record in records:
        rest = dict(record)
        added = scope.log_records.add()
        added.time_unix_nano = rest.pop("time", NOON)
        added.body.string_value = rest.pop("message", "hello")
        added.severity_text = rest.pop("level", "info")
        added.trace_id = bytes.fromhex(rest.pop("trace_id", ""))
        added.attributes.extend(_attributes(rest))
    return request.SerializeToString()


def _span_body(spans: Iterable[Mapping[str, Any]]) -> bytes:
    request = ExportTraceServiceRequest()
    for span in spans:
        group = request.resource_spans.add()
        group.resource.attributes.extend(_attributes({"service.name": span.get("service", "shop")}))
        added = group.scope_spans.add().spans.add()
        added.trace_id = bytes.fromhex(span.get("trace", TRACE))
        added.span_id = bytes.fromhex(span["id"])
        added.parent_span_id = bytes.fromhex(span.get("parent", ""))
        added.name = span.get("name", "GET /")
        added.kind = Span.SPAN_KIND_SERVER
        added.start_time_unix_nano = span.get("start", NOON)
        added.end_time_unix_nano = added.start_time_unix_nano + int(span.get("ms", 1) * 1e6)
        added.status.code = Status.STATUS_CODE_ERROR if span.get("failed") else Status.STATUS_CODE_UNSET
        added.attributes.extend(_attributes(span.get("attributes", {})))
    return request.SerializeToString()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Program]]:
    """Starts the program with more arguments; each is stopped after the test."""
    started: list[Program] = []

    def begin(*arguments: str, data: Path | None = None) -> Program:
        program = Program(data or tmp_path / "data", arguments)
        started.append(program)
        return program

    yield begin
    for program in started:
        program.stop()


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Receiver]]:
    """Serves receivers with options of their own; each is stopped after the test."""
    served: list[tuple[_Server, Receiver]] = []

    def begin(**options: Any) -> Receiver:
        chosen = {"data": tmp_path / "data", "max_age": dict.fromkeys(("logs", "traces"), 1e10), **options}
        server = _Server(Options(**chosen))
        server.thread.start()
        assert server.ready.wait(20)
        receiver = Receiver(f"http://127.0.0.1:{server.listening.getsockname()[1]}", chosen["data"])
        served.append((server, receiver))
        return receiver

    yield begin
    for server, receiver in served:
        receiver.client.close()
        server.should_exit = True
        server.thread.join(20)
        server.listening.close()


@pytest.fixture
def receiver(serve: Callable[..., Receiver]) -> Receiver:
    """A receiver with nothing in it."""
    return serve()

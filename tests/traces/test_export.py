"""Delivery loses nothing that it can deliver, gives up what nobody wants, counts it, and is never waited for."""

from __future__ import annotations

import contextlib
import http.client
import io
import socket
import ssl
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from opentelemetry import context as context_api
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceResponse,
)

from obs import metrics, traces
from obs.runtime import delivery
from obs.runtime.export import Exporter
from obs.runtime.export_queue import Item, joined
from obs.settings import Settings
from obs.signals import own_health


def spans(*names: str) -> None:
    """End some spans."""
    for name in names:
        with traces.span(name):
            pass


def numbered(count: int) -> None:
    """End many spans."""
    spans(*(f"{number:05}" for number in range(count)))


class Counts:
    """How far obs's own counters have moved."""

    def __init__(self) -> None:
        self._before = self._now()

    @staticmethod
    def _now() -> dict[str, float]:
        found = {"exported": metrics.instrument(own_health.EXPORTED).child("traces").cells[0]}
        for metric in (own_health.DROPPED, own_health.EXPORT_FAILURES):
            for reason in metric.labels[1].values:
                found[reason] = metrics.instrument(metric).child("traces", reason).cells[0]
        return found

    @property
    def moved(self) -> dict[str, float]:
        """What has grown, by how much."""
        now = self._now()
        return {name: now[name] - before for name, before in self._before.items() if now[name] != before}


@pytest.fixture
def moved() -> Counts:
    """The counters from here on."""
    return Counts()


@pytest.fixture
def silent() -> Iterator[str]:
    """An endpoint that accepts connections and never answers."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(64)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


@pytest.fixture
def dead() -> str:
    """An endpoint where nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"


def gauge(metric: Any) -> float:
    """The value of one of obs's gauges for traces."""
    return metrics.instrument(metric).child("traces").cells[0]  # type: ignore[no-any-return]


def test_spans_arrive_by_themselves(sink: Any, start_traces: Callable[..., Any], moved: Counts) -> None:
    """Nobody has to flush: a span is delivered about a second after it ended."""
    start_traces(sink.url)
    spans("one")
    sink.wait_for(lambda: sink.names == ["one"])
    sink.wait_for(lambda: moved.moved == {"exported": 1})
    assert gauge(own_health.QUEUE_CAPACITY) == 8192
    assert time.time() - gauge(own_health.LAST_EXPORT) < 60


def test_batches_share_a_connection_and_the_path_keeps_its_prefix(sink: Any, start_traces: Callable[..., Any]) -> None:
    """Many spans go in few requests of at most 2048 to the signal's path below the endpoint."""
    started = start_traces(sink.url + "/otlp/", otlp_headers={"api-key": "secret"})
    numbered(5000)
    assert started.flush()
    assert sink.names == [f"{number:05}" for number in range(5000)]
    assert {received.path for received in sink.requests} == {"/otlp/v1/traces"}
    sizes = [
        sum(len(scope.spans) for group in received.message.resource_spans for scope in group.scope_spans)
        for received in sink.requests
    ]
    assert max(sizes) == 2048
    assert len(sizes) <= 4
    headers = sink.requests[0].headers
    assert (headers["content-type"], headers["api-key"]) == ("application/x-protobuf", "secret")


def test_a_full_batch_does_not_wait_for_its_time(sink: Any, start_traces: Callable[..., Any], monkeypatch: Any) -> None:
    """2048 spans go out at once, however long the interval is."""
    monkeypatch.setattr(Exporter.__init__, "__kwdefaults__", {"capacity": 8192, "interval": 3600.0})
    start_traces(sink.url)
    numbered(2048)
    sink.wait_for(lambda: len(sink.spans) >= 2048)
    assert len(sink.spans) == 2048


def test_compression_is_announced_and_decodes(sink: Any, start_traces: Callable[..., Any]) -> None:
    """With gzip set, the body is packed and says so."""
    started = start_traces(sink.url, otlp_compression="gzip")
    spans("packed")
    assert started.flush()
    assert sink.requests[0].headers["content-encoding"] == "gzip"
    assert sink.names == ["packed"]


def test_a_connection_that_the_backend_closed_meanwhile_is_no_failure() -> None:
    """A kept-alive connection that timed out at the other end is opened anew, unnoticed."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer_and_close() -> None:
            for _ in range(2):
                near, _ = server.accept()
                with near:
                    near.recv(65536)
                    near.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

        thread = threading.Thread(target=answer_and_close)
        thread.start()
        endpoint = delivery.Endpoint(Settings(endpoint=f"http://127.0.0.1:{server.getsockname()[1]}"))
        verdicts = [endpoint.post("/v1/traces", b"x", 5).verdict for _ in range(2)]
        thread.join()
        endpoint.close()
    assert verdicts == ["accepted", "accepted"]


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_what_the_backend_cannot_take_now_is_tried_again(
    sink: Any, start_traces: Callable[..., Any], moved: Counts, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """A batch that met an overloaded backend arrives once, later; a person is told once."""
    answer = type(sink).take.__globals__["Answer"]
    sink.answers += [answer(status), answer(status, {"Retry-After": "0"})]
    started = start_traces(sink.url)
    spans("one", "two")
    assert started.flush()
    assert sink.names == ["one", "two"]
    assert len(sink.requests) == 3
    assert moved.moved == {"exported": 2, "status": 2}
    assert capsys.readouterr().err.count("HTTP status") == 1


def test_retry_after_is_honoured_and_bounded() -> None:
    """The backend's wish counts up to half a minute; a date or nonsense counts as none."""
    waits = {text: delivery.judge(503, text, b"").wait for text in ("7", "99999", "-1", "٣", "Wed, 21 Oct 2015", "")}
    assert waits == {"7": 7.0, "99999": 30.0, "-1": 0.0, "٣": 0.0, "Wed, 21 Oct 2015": 0.0, "": 0.0}


@pytest.mark.parametrize("status", [301, 302, 307, 400, 401, 404, 500])
def test_what_the_backend_refuses_is_given_up_and_counted(
    sink: Any, start_traces: Callable[..., Any], moved: Counts, status: int
) -> None:
    """A refusal or a redirect is final: nothing is sent to another address, and what comes next is delivered."""
    answer = type(sink).take.__globals__["Answer"]
    sink.answers.append(answer(status, {"Location": sink.url + "/elsewhere"}))
    started = start_traces(sink.url)
    spans("refused")
    assert started.flush()
    spans("next")
    assert started.flush()
    assert {received.path for received in sink.requests} == {"/v1/traces"}
    assert sink.names == ["next"]
    assert moved.moved == {"exported": 1, "rejected": 1, "status": 1}


def test_a_batch_that_is_too_large_is_halved(sink: Any, start_traces: Callable[..., Any], moved: Counts) -> None:
    """Status 413 costs nothing as long as one span alone is accepted."""
    answer = type(sink).take.__globals__["Answer"]
    sink.answers += [answer(413), answer(413)]
    started = start_traces(sink.url)
    numbered(8)
    assert started.flush()
    assert sink.names == [f"{number:05}" for number in range(8)]
    assert moved.moved == {"exported": 8, "status": 2}


def test_a_partial_success_is_counted(sink: Any, start_traces: Callable[..., Any], moved: Counts) -> None:
    """What an accepting backend says it refused is counted as rejected."""
    answer = type(sink).take.__globals__["Answer"]
    body = ExportTraceServiceResponse(partial_success=ExportTracePartialSuccess(rejected_spans=3, error_message="no"))
    sink.answers.append(answer(200, {}, body.SerializeToString()))
    started = start_traces(sink.url)
    numbered(5)
    assert started.flush()
    assert moved.moved == {"exported": 2, "rejected": 3}


def test_one_bad_record_loses_no_neighbour(sink: Any, moved: Counts, capsys: pytest.CaptureFixture[str]) -> None:
    """A record that cannot be encoded is dropped alone and counted."""
    exporter = Exporter(Settings(endpoint=sink.url))

    def encode(record: str) -> Item:
        if record == "bad":
            raise ValueError("bad")
        return Item(b"", b"", record.encode())

    put = exporter.register("traces", "/v1/traces", encode)
    for record in ("good", "bad", "good"):
        put(record)
    assert exporter.flush(10)
    exporter.stop(1)
    assert [received.body for received in sink.accepted] == [joined([encode("good"), encode("good")])]
    assert moved.moved == {"exported": 2, "unencodable": 1}
    assert "ValueError: bad" in capsys.readouterr().err


def test_a_full_queue_drops_the_newest_and_counts(dead: str, moved: Counts, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the backend is away memory is bounded, and the application is not slowed down."""
    kept: list[int] = []
    exporter = Exporter(Settings(endpoint=dead), capacity=100)

    def encode(record: int) -> Item:
        kept.append(record)
        return Item(b"", b"", b"")

    put = exporter.register("traces", "/v1/traces", encode)
    for number in range(5000):
        put(number)
    assert exporter.held <= 100 + 2048
    exporter.stop(0)
    assert moved.moved["queue_full"] >= 5000 - 100 - 2048
    assert moved.moved["queue_full"] + moved.moved["undelivered"] == 5000
    assert kept[:100] == list(range(100))


def test_a_queue_is_full_by_its_bytes_too(dead: str, moved: Counts) -> None:
    """Records that are large cost no more memory than many small ones."""
    exporter = Exporter(Settings(endpoint=dead))
    put = exporter.register("traces", "/v1/traces", lambda record: Item(b"", b"", record))
    large = bytes(1024 * 1024)
    for _ in range(200):
        put(large)
    assert exporter.held < 50
    exporter.stop(0)
    assert moved.moved["queue_full"] > 150
    assert moved.moved["queue_full"] + moved.moved["undelivered"] == 200


def test_room_in_a_queue_is_used_again(sink: Any, moved: Counts) -> None:
    """What is delivered makes room: more bytes than a queue may hold go through it, none are dropped."""
    exporter = Exporter(Settings(endpoint=sink.url))
    put = exporter.register("traces", "/v1/traces", lambda record: Item(b"", b"", record))
    for _ in range(10):
        for _ in range(5):
            put(bytes(1024 * 1024))
        assert exporter.flush(30)
    exporter.stop(1)
    assert moved.moved == {"exported": 50}


def test_delivery_goes_on_when_the_backend_returns(dead: str, sink: Any, start_traces: Callable[..., Any]) -> None:
    """What waited while nobody listened arrives."""
    port = int(dead.rpartition(":")[2])
    started = start_traces(dead)
    spans("waited")
    assert started.exporter.flush(0.3) is False
    back = socket.create_server(("127.0.0.1", port))
    target = int(sink.url.rpartition(":")[2])

    def relay() -> None:
        with contextlib.suppress(OSError):
            near, _ = back.accept()
            with near, socket.create_connection(("127.0.0.1", target)) as far:
                pump = threading.Thread(target=copy, args=(near, far), daemon=True)
                pump.start()
                copy(far, near)

    def copy(source: socket.socket, to: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                to.sendall(data)

    threading.Thread(target=relay, daemon=True).start()
    assert started.exporter.flush(20)
    back.close()
    assert sink.names == ["waited"]


@pytest.mark.timeout(20)
@pytest.mark.parametrize("endpoint", ["silent", "dead"])
def test_stop_keeps_its_deadline(
    request: pytest.FixtureRequest, start_traces: Callable[..., Any], moved: Counts, endpoint: str
) -> None:
    """A backend that never answers, or is not there, holds nobody up; what is left is counted."""
    started = start_traces(request.getfixturevalue(endpoint), otlp_timeout=3600.0)
    numbered(3)
    started.exporter.flush(0.05)
    started.stop(0.5)
    assert moved.moved["undelivered"] == 3
    spans("after")
    assert started.exporter.held == 0


def test_no_endpoint_starts_nothing(start_traces: Callable[..., Any]) -> None:
    """Without an endpoint there is no thread and nothing is kept."""
    started = start_traces("")
    numbered(3)
    assert started.exporter.held == 0
    assert started.flush()
    assert not [thread for thread in threading.enumerate() if thread.name == "obs-export"]


def test_no_thread_starts_before_the_first_span(sink: Any, start_traces: Callable[..., Any]) -> None:
    """A process that makes no span costs no thread."""
    start_traces(sink.url)
    assert not [thread for thread in threading.enumerate() if thread.name == "obs-export"]


def test_the_thread_survives_anything(
    sink: Any, start_traces: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Even SystemExit in the thread does not end delivery, and what was on its way arrives."""
    monkeypatch.setattr("obs.runtime.export._RESTART_SECONDS", 0.01)
    raised = [SystemExit(1), KeyboardInterrupt()]
    faults = metrics.instrument(own_health.INTERNAL_ERRORS).child("export")
    before = faults.cells[0]
    pack = delivery.Endpoint.pack

    def failing(self: delivery.Endpoint, body: bytes) -> bytes:
        if raised:
            raise raised.pop()
        return pack(self, body)

    monkeypatch.setattr(delivery.Endpoint, "pack", failing)
    started = start_traces(sink.url)
    numbered(3)
    assert started.flush()
    assert sink.names == ["00000", "00001", "00002"]
    assert not raised
    assert faults.cells[0] == before + 2
    assert "goes on" in capsys.readouterr().err


def test_what_a_span_held_when_it_ended_is_delivered(sink: Any, start_traces: Callable[..., Any]) -> None:
    """A list that the application goes on to use is not sent as it looks a second later."""
    started = start_traces(sink.url)
    seen = ["a"]
    with traces.span("work", seen=seen):
        pass
    seen.append("b")
    assert started.flush()
    (attribute,) = sink.spans[0].attributes
    assert [value.string_value for value in attribute.value.array_value.values] == ["a"]


def test_obs_does_not_trace_itself(
    sink: Any, start_traces: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Instrumentation of http.client sees that it is to keep out of obs's own requests."""
    seen: list[object] = []
    request = http.client.HTTPConnection.request

    def watched(*args: Any, **kwargs: Any) -> None:
        seen.append(context_api.get_value(context_api._SUPPRESS_INSTRUMENTATION_KEY))
        request(*args, **kwargs)

    monkeypatch.setattr(http.client.HTTPConnection, "request", watched)
    started = start_traces(sink.url)
    spans("one")
    assert started.flush()
    assert seen == [True]


def test_a_certificate_that_is_not_there_is_told(
    start_traces: Callable[..., Any], moved: Counts, capsys: pytest.CaptureFixture[str]
) -> None:
    """A wrong file is no reason for the application to stop; the option and the file are named."""
    started = start_traces("https://127.0.0.1:1", otlp_certificate="/no/such/file.pem")
    spans("one")
    started.exporter.flush(0.2)
    started.stop(0)
    assert "otlp_certificate '/no/such/file.pem' cannot be used: [Errno 2]" in capsys.readouterr().err


def test_a_strangers_certificate_is_refused(moved: Counts, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over https nothing is sent to whoever cannot prove who they are."""
    given: list[str | None] = []
    real = ssl.create_default_context

    def context(*, cafile: str | None = None) -> ssl.SSLContext:
        given.append(cafile)
        return real()

    monkeypatch.setattr(ssl, "create_default_context", context)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            with contextlib.suppress(OSError):
                near, _ = server.accept()
                near.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                near.close()

        threading.Thread(target=answer, daemon=True).start()
        url = f"https://127.0.0.1:{server.getsockname()[1]}"
        endpoint = delivery.Endpoint(Settings(endpoint=url, otlp_certificate="authorities.pem"))
        outcome = endpoint.post("/v1/traces", b"", 5)
    assert (outcome.verdict, outcome.reason) == ("again", "other")
    assert given == ["authorities.pem"]


@pytest.mark.timeout(30)
@pytest.mark.parametrize("endpoint", ["silent", "dead"])
def test_a_process_ends_in_time(request: pytest.FixtureRequest, endpoint: str) -> None:
    """A script whose backend hangs or is away ends within its deadline all the same."""
    program = """
        import atexit, sys
        from obs import traces
        from obs.runtime.export import Exporter
        from obs.runtime.target import Target
        from obs.settings import Settings

        settings = Settings(service="script", endpoint=sys.argv[1], exit_deadline=1.0, otlp_timeout=3600.0)
        exporter = Exporter(settings)
        traces.start(settings, Target("script", "", "", "", "1", 1, None), exporter)
        atexit.register(exporter.flush, settings.exit_deadline)
        with traces.span("work"):
            pass
    """
    url = request.getfixturevalue(endpoint)
    command = [sys.executable, "-c", textwrap.dedent(program), url]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=15, check=True)
    assert "Traceback" not in ended.stderr


def test_nothing_is_written_when_stderr_is_gone(
    dead: str,
    start_traces: Callable[..., Any],
    moved: Counts,
    monkeypatch: pytest.MonkeyPatch,
    swallowed: list[BaseException],
) -> None:
    """A closed standard error does not stop delivery: it was tried, and what is left is counted."""
    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr(sys, "stderr", closed)
    started = start_traces(dead)
    spans("one")
    started.exporter.flush(0.3)
    started.stop(0)
    assert moved.moved["connection"] >= 1
    assert moved.moved["undelivered"] == 1
    swallowed.clear()

"""The id of a request, the requests that are left out, and applications without a framework."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterator
from typing import Any
from wsgiref.simple_server import make_server

import httpx
import pytest
from fastapi import FastAPI
from flask import Flask
from opentelemetry import propagate
from starlette.testclient import TestClient
from werkzeug.test import Client

import obs

Ask = Callable[..., Any]
Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def started(sink: Any) -> Iterator[None]:
    """Obs, with records on standard output and spans to the sink."""
    obs.init(service="shop", endpoint=sink.url, metrics_port=0, log_format="json")
    yield
    obs.shutdown()


@pytest.fixture
def lines(capfd: pytest.CaptureFixture[str]) -> Lines:
    """The records that were written since it was last asked, without those of the client that asks."""

    def read() -> list[dict[str, Any]]:
        found = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
        return [record for record in found if record.get("log", {}).get("logger") != "httpx"]

    return read


def handler() -> str:
    """What each application does: log by each kind of logger, in a thread too, and say which request it serves."""
    obs.get_logger("shop").info("by obs", http={"version": "1.1"})
    obs.get_logger("shop").info("plain")
    logging.getLogger("shop").info("by logging")
    thread = threading.Thread(target=lambda: obs.get_logger("shop").info("by a thread"))
    thread.start()
    thread.join()
    return obs.current_request_id()


def fastapi() -> Ask:
    """Ask an application of FastAPI."""
    app = FastAPI()

    @app.get("/items")
    async def items() -> str:
        return handler()

    @app.get("/own")
    async def own() -> Any:
        from starlette.responses import PlainTextResponse

        return PlainTextResponse("", headers={"X-Request-ID": "mine"})

    @app.get("/broken")
    async def broken() -> None:
        raise RuntimeError("provoked")

    @app.get("/health")
    async def health() -> str:
        with obs.span("ping"):
            return "up"

    get: Ask = TestClient(app, raise_server_exceptions=False).get
    return get


def plain_asgi() -> Ask:
    """Ask an application that is nothing but a function."""

    async def app(scope: Any, _receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        headers = [(b"x-request-id", b"mine")] if scope["path"] == "/own" else []
        status = 500 if scope["path"] == "/broken" else 200
        with obs.span("ping"):
            body = json.dumps(handler()).encode() if scope["path"] == "/items" else b""
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    get: Ask = TestClient(obs.asgi(app)).get
    return get


def asking(app: Any) -> Ask:
    """Ask a WSGI application as a server does: the answer is read and closed."""

    def ask(path: str, **options: Any) -> Any:
        with Client(app).get(path, buffered=True, **options) as answer:
            return answer

    return ask


def flask() -> Ask:
    """Ask an application of Flask."""
    app = Flask("shop")
    app.add_url_rule("/items", view_func=lambda: json.dumps(handler()), endpoint="items")
    app.add_url_rule("/own", view_func=lambda: ("", {"X-Request-ID": "mine"}), endpoint="own")

    def broken() -> str:
        raise RuntimeError("provoked")

    app.add_url_rule("/broken", view_func=broken)

    def health() -> str:
        with obs.span("ping"):
            return "up"

    app.add_url_rule("/health", view_func=health)
    return asking(app)


def plain_wsgi() -> Ask:
    """Ask a WSGI application that is nothing but a function."""

    def app(environ: Any, start_response: Any) -> list[bytes]:
        path = environ["PATH_INFO"]
        headers = [("x-request-id", "mine")] if path == "/own" else []
        start_response("500 Oh" if path == "/broken" else "200 OK", headers)
        with obs.span("ping"):
            return [json.dumps(handler()).encode() if path == "/items" else b""]

    return asking(obs.wsgi(app))


KINDS = [fastapi, plain_asgi, flask, plain_wsgi]


@pytest.mark.usefixtures("started")
@pytest.mark.parametrize("kind", KINDS)
def test_id_of_the_caller_is_in_the_answer_and_in_every_line(kind: Callable[[], Ask], lines: Lines) -> None:
    """Whoever logs, in whichever thread, and whatever else stands in the same group of fields."""
    answer = kind()("/items", headers={"X-Request-ID": "order-7/a"})
    assert answer.headers["X-Request-ID"] == "order-7/a"
    assert json.loads(answer.text) == "order-7/a"
    written = lines()
    messages = [record["message"] for record in written]
    assert messages[:4] == ["by obs", "plain", "by logging", "by a thread"]
    assert [record["http"]["request"]["id"] for record in written] == ["order-7/a"] * 5
    assert written[0]["http"]["version"] == "1.1"
    assert obs.current_request_id() == ""


@pytest.mark.usefixtures("started")
@pytest.mark.parametrize("kind", KINDS)
def test_without_a_valid_id_it_is_that_of_the_trace(kind: Callable[[], Ask], lines: Lines) -> None:
    """Nothing that a caller sends goes into a line or back to it unless it is harmless."""
    ask = kind()
    for sent in (None, "", "two words", "x" * 129, "a\x1b[2J", '"}', "-" * 100_000):
        answer = ask("/items", headers={} if sent is None else {"X-Request-ID": sent})
        (access,) = [record for record in lines() if "url" in record]
        assert answer.headers["X-Request-ID"] == access["http"]["request"]["id"] == access["trace"]["id"]


@pytest.mark.usefixtures("started")
@pytest.mark.parametrize("kind", KINDS)
def test_failed_answer_has_it_and_the_applications_own_stands(kind: Callable[[], Ask], lines: Lines) -> None:
    """A user who reports an error can name the request."""
    ask = kind()
    answer = ask("/broken", headers={"X-Request-ID": "r-1"})
    assert (answer.status_code, answer.headers["X-Request-ID"]) == (500, "r-1")
    own = ask("/own", headers={"X-Request-ID": "r-2"})
    assert [value for name, value in own.headers.items() if name.lower() == "x-request-id"] == ["mine"]
    lines()


@pytest.mark.usefixtures("started")
def test_outgoing_calls_carry_it(lines: Lines) -> None:
    """Through whatever writes headers by OpenTelemetry's propagation; one that the call has already stands."""
    carried: list[dict[str, str]] = []

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        for headers in ({}, {"X-Request-ID": "of the call"}):
            propagate.inject(headers)
            carried.append(headers)
        async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
            await client.get("http://payments.example/")
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    def answer(request: httpx.Request) -> httpx.Response:
        carried.append(dict(request.headers))
        return httpx.Response(200)

    TestClient(obs.asgi(app)).get("/", headers={"X-Request-ID": "r-1"})
    assert carried[0]["x-request-id"] == "r-1"
    assert "traceparent" in carried[0]
    assert [value for name, value in carried[1].items() if name.lower() == "x-request-id"] == ["of the call"]
    outside: dict[str, str] = {}
    propagate.inject(outside)
    assert outside == {}
    lines()


def test_shutdown_gives_the_propagator_back() -> None:
    """What the application uses to write headers is as it was."""
    before = propagate.get_global_textmap()
    obs.init(service="shop", metrics_port=0)
    assert propagate.get_global_textmap() is not before
    obs.shutdown()
    assert propagate.get_global_textmap() is before


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("setting", "left_out"),
    [
        (None, True),
        pytest.param(["/other"], False, marks=pytest.mark.long),
        pytest.param(["/hea*"], True, marks=pytest.mark.long),
    ],
)
def test_health_checks_are_left_out_of_every_signal(
    kind: Callable[[], Ask], setting: list[str] | None, left_out: bool, sink: Any, lines: Lines
) -> None:
    """No line, no count and no span, of the work inside neither; one setting says which paths."""
    chosen: Any = {} if setting is None else {"ignore_paths": setting}
    obs.init(service="shop", endpoint=sink.url, metrics_port=0, log_format="json", **chosen)
    before = count_of("/health")
    assert kind()("/health").status_code == 200
    after = count_of("/health")
    obs.shutdown()
    expected = 0 if left_out else 1
    assert len(lines()) == expected
    assert after - before == expected
    assert len(sink.server_spans()) == expected
    assert len([span for span in sink.spans if span.name == "ping"]) == expected


def count_of(path: str) -> float:
    """How many requests without a template, or with this one, were counted."""
    shown = TestClient(obs.metrics_app()).get("/metrics").text
    return sum(
        float(line.rpartition(" ")[2])
        for line in shown.splitlines()
        if line.startswith("http_server_request_duration_seconds_count")
        and (f'http_route="{path}"' in line or 'http_route=""' in line)
    )


@pytest.mark.parametrize("kind", [plain_asgi, plain_wsgi])
def test_plain_application_is_observed_once(kind: Callable[[], Ask], sink: Any, lines: Lines) -> None:
    """One SERVER span with the work inside as its child, one line, and a route that is empty."""
    obs.init(service="shop", endpoint=sink.url, metrics_port=0, log_format="json")
    kind()("/own")
    obs.shutdown()
    (access,) = lines()
    assert access["message"] == "GET 200"
    (server,) = sink.server_spans()
    (ping,) = [span for span in sink.spans if span.name == "ping"]
    assert (server.name, ping.parent_span_id) == ("GET", server.span_id)


def test_plain_application_around_a_framework_is_observed_once(sink: Any, lines: Lines) -> None:
    """A wrapper around an application that is observed by itself changes nothing but who begins."""
    obs.init(service="shop", endpoint=sink.url, metrics_port=0, log_format="json")
    app = FastAPI()

    @app.get("/items/{item}")
    async def items(item: int) -> int:
        return item

    TestClient(obs.asgi(app)).get("/items/7")
    obs.shutdown()
    (access,) = lines()
    assert access["message"] == "GET /items/{item} 200"
    assert [span.name for span in sink.server_spans()] == ["GET /items/{item}"]


@pytest.mark.usefixtures("started")
def test_failed_plain_asgi_application_has_an_answer_with_the_id(lines: Lines) -> None:
    """Its answer has the id, in whatever letters headers are named, and the exception goes on to the server."""

    async def app(scope: Any, _receive: Any, send: Any) -> None:
        if scope["path"] == "/own":
            await send({"type": "http.response.start", "status": 200, "headers": iter([(b"X-Request-Id", b"mine")])})
            await send({"type": "http.response.body", "body": b""})
            return
        raise RuntimeError("provoked")

    client = TestClient(obs.asgi(app), raise_server_exceptions=False)
    answer = client.get("/", headers={"X-Request-ID": "r-1"})
    assert (answer.status_code, answer.text) == (500, "Internal Server Error")
    assert answer.headers["X-Request-ID"] == "r-1"
    (access,) = [record for record in lines() if "url" in record]
    assert (access["http"]["response"]["status_code"], access["error"]["type"]) == (500, "RuntimeError")
    assert client.get("/own").headers.get_list("X-Request-ID") == ["mine"]
    with pytest.raises(RuntimeError, match="provoked"):
        TestClient(obs.asgi(app)).get("/")
    lines()


def fails_when_called(_environ: Any, _start_response: Any) -> list[bytes]:
    """A WSGI application that fails at once."""
    raise RuntimeError("provoked")


def fails_when_read(environ: Any, _start_response: Any) -> Iterator[bytes]:
    """A WSGI application that fails when the server asks for its answer."""
    if environ:
        raise RuntimeError("provoked")
    yield b""


@pytest.mark.usefixtures("started")
@pytest.mark.parametrize("app", [fails_when_called, fails_when_read])
def test_failed_plain_wsgi_application_has_an_answer_with_the_id(app: Any, capfd: pytest.CaptureFixture[str]) -> None:
    """Its answer has the id, and the exception goes on to the server, which shows it as it shows any."""
    with make_server("127.0.0.1", 0, obs.wsgi(app)) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        answer = httpx.get(f"http://127.0.0.1:{server.server_port}/", headers={"X-Request-ID": "r-1"})
        thread.join()
    assert (answer.status_code, answer.text) == (500, "Internal Server Error")
    assert answer.headers.get_list("X-Request-ID") == ["r-1"]
    shown = capfd.readouterr()
    assert "RuntimeError: provoked" in shown.err
    (access,) = [record for record in map(json.loads, shown.out.splitlines()) if "url" in record]
    assert (access["http"]["response"]["status_code"], access["error"]["type"]) == (500, "RuntimeError")

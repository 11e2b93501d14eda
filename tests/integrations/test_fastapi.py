"""FastAPI and Starlette: one SERVER span, one access line and one count a request, whatever else is in the process."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from typing import Any

import httpx
import pytest
from fastapi import APIRouter, BackgroundTasks, FastAPI
from fastapi.responses import StreamingResponse
from opentelemetry import trace
from opentelemetry.proto.trace.v1.trace_pb2 import Status
from opentelemetry.sdk.trace import TracerProvider
from prometheus_client.parser import text_string_to_metric_families
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route

import obs

pytestmark = pytest.mark.usefixtures("initialised")


def ask(app: Any, *paths: str, method: str = "GET", headers: dict[str, str] | None = None) -> list[int]:
    """Ask an application for some paths and return the status codes; an unhandled exception counts as 500."""

    async def run() -> list[int]:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://shop.example") as client:
            return [(await client.request(method, path, headers=headers)).status_code for path in paths]

    return asyncio.run(run())


def counts() -> Counter[tuple[str, str, str]]:
    """How many requests the metrics show, by method, route and status; zeros are kept."""

    async def run() -> str:
        transport = httpx.ASGITransport(obs.metrics_app())
        async with httpx.AsyncClient(transport=transport, base_url="http://metrics.example") as client:
            return (await client.get("/metrics")).text

    found: Counter[tuple[str, str, str]] = Counter()
    for family in text_string_to_metric_families(asyncio.run(run())):
        for sample in family.samples:
            if sample.name == "http_server_request_duration_seconds_count":
                labels = sample.labels
                key = (labels["http_request_method"], labels["http_route"], labels["http_response_status_code"])
                found[key] = int(sample.value)
    return found


def shop() -> FastAPI:
    """An application with a plain, an included, a failing and a mounted route."""
    app = FastAPI()

    @app.get("/items/{item_id}")
    async def item(item_id: int) -> dict[str, int]:
        return {"item": item_id}

    @app.get("/broken")
    async def broken() -> None:
        raise RuntimeError("the shop is on fire")

    router = APIRouter(prefix="/api")

    @router.get("/deep/{name}")
    def deep(name: str) -> str:
        return name

    app.include_router(router, prefix="/v1")

    sub = FastAPI()

    @sub.get("/inner/{number}")
    async def inner(number: int) -> int:
        return number

    app.mount("/sub", sub)
    return app


@pytest.mark.parametrize("early", [True, False], ids=["init before the application", "init after the application"])
@pytest.mark.parametrize("native", [True, False], ids=["FastAPI's telemetry on", "FastAPI's telemetry off"])
@pytest.mark.parametrize("times", [1, 2])
def test_a_request_gives_exactly_one_server_span(sink: Any, early: bool, native: bool, times: int) -> None:
    """One SERVER span with the route's template, in every order of start and with FastAPI's own telemetry on or off."""

    def start() -> None:
        for _ in range(times):
            obs.init(service="shop", endpoint=sink.url, metrics_port=0)

    if early:
        start()
    app = FastAPI(telemetry={"tracing": native})

    @app.get("/items/{item_id}")
    async def item(item_id: int) -> int:
        return item_id

    if not early:
        start()
    assert ask(app, "/items/1") == [200]
    obs.shutdown()
    assert [span.name for span in sink.server_spans()] == ["GET /items/{item_id}"]


@pytest.mark.parametrize(
    ("path", "route", "status"),
    [
        ("/items/7", "/items/{item_id}", 200),
        ("/v1/api/deep/x", "/v1/api/deep/{name}", 200),
        ("/sub/inner/3", "/sub/inner/{number}", 200),
        ("/items/seven", "/items/{item_id}", 422),
        ("/nowhere/7", "", 404),
        ("/broken", "/broken", 500),
    ],
)
def test_span_metric_and_line_carry_the_same_route(
    sink: Any, capfd: pytest.CaptureFixture[str], path: str, route: str, status: int
) -> None:
    """The three signals of one request agree on route, status and trace."""
    obs.init(service="shop", endpoint=sink.url, metrics_port=0, log_format="json")
    app = shop()
    before = counts()
    assert ask(app, path) == [status]
    assert counts() - before == Counter({("GET", route, str(status)): 1})
    obs.shutdown()
    (span,) = sink.server_spans()
    assert span.name == f"GET {route}".strip()
    lines = [json.loads(line) for line in capfd.readouterr().out.splitlines() if line.startswith("{")]
    (line,) = [line for line in lines if line.get("http", {}).get("response")]
    assert (line["http"]["response"]["status_code"], line["trace"]["id"]) == (status, span.trace_id.hex())
    assert line["http"].get("route", "") == route


def test_errors_exist_at_zero_before_the_first_request() -> None:
    """Every known route shows its errors as zero once the application has started."""
    obs.init(service="shop", metrics_port=0)
    app = shop()

    async def start() -> None:
        async with app.router.lifespan_context(app):
            pass
        messages = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])

        async def receive() -> Any:
            return next(messages)

        async def send(_message: Any) -> None:
            return

        await app({"type": "lifespan", "asgi": {"version": "3.0"}}, receive, send)

    asyncio.run(start())
    routes = {"/items/{item_id}", "/v1/api/deep/{name}", "/sub/inner/{number}", "/broken"}
    assert {("GET", route, "500") for route in routes} <= set(counts())


def test_a_remote_trace_is_continued(sink: Any) -> None:
    """A valid traceparent gives the span its trace and its parent."""
    obs.init(service="shop", endpoint=sink.url, metrics_port=0)
    header = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    ask(shop(), "/items/1", headers={"traceparent": header})
    obs.shutdown()
    (span,) = sink.server_spans()
    assert (span.trace_id.hex(), span.parent_span_id.hex()) == (header[3:35], header[36:52])


@pytest.mark.parametrize("joined", [False, True])
def test_middleware_of_opentelemetry_around_the_application_serves_the_request(
    sink: Any, joined: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who wraps the application in it has its SERVER span already; obs's own is a part of that one."""
    if joined:
        monkeypatch.setattr(trace, "_TRACER_PROVIDER", TracerProvider())
    obs.init(service="shop", endpoint=sink.url, metrics_port=0)
    inner = shop()

    async def outer(scope: Any, receive: Any, send: Any) -> None:
        tracer = trace.get_tracer("opentelemetry.instrumentation.asgi")
        with tracer.start_as_current_span("GET /items/1", kind=trace.SpanKind.SERVER):
            await inner(scope, receive, send)

    assert ask(outer, "/items/1", headers={"traceparent": f"00-{'ab' * 16}-{'cd' * 8}-01"}) == [200]
    obs.shutdown()
    (server,) = sink.server_spans()
    (own,) = [span for span in sink.spans if span.name == "GET /items/{item_id}"]
    assert (server.name, own.parent_span_id, own.trace_id) == ("GET /items/1", server.span_id, server.trace_id)


def test_invented_methods_share_one_series(sink: Any) -> None:
    """A method that no standard knows is counted as `_OTHER`."""
    obs.init(service="shop", endpoint=sink.url, metrics_port=0)
    before = counts()
    for number in range(20):
        ask(shop(), "/items/1", method=f"INVENTED{number}")
    assert counts() - before == Counter({("_OTHER", "/items/{item_id}", "405"): 20})


def test_starlette_with_middleware_and_mount_is_observed_once(sink: Any) -> None:
    """A middleware that makes tasks of its own and a mounted application change nothing."""
    obs.init(service="shop", endpoint=sink.url, metrics_port=0)

    async def hello(request: Request) -> Response:
        return PlainTextResponse(str(request.path_params["name"]))

    async def pass_on(request: Request, call_next: Any) -> Response:
        answer: Response = await call_next(request)
        return answer

    app = Starlette(
        routes=[Mount("/{tenant}", Starlette(routes=[Route("/hello/{name}", hello)]))],
        middleware=[Middleware(BaseHTTPMiddleware, dispatch=pass_on)],
    )
    before = counts()
    assert ask(app, "/acme/hello/bob", "/other/hello/eve") == [200, 200]
    assert counts() - before == Counter({("GET", "/{tenant}/hello/{name}", "200"): 2})
    obs.shutdown()
    assert [span.name for span in sink.server_spans()] == ["GET /{tenant}/hello/{name}"] * 2


def test_an_unhandled_error_still_reaches_the_server(sink: Any, capfd: pytest.CaptureFixture[str]) -> None:
    """The exception passes through obs, and line and span name it."""
    obs.init(service="shop", endpoint=sink.url, metrics_port=0, log_format="json")

    async def run() -> None:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(shop()), base_url="http://shop.example") as client:
            await client.get("/broken")

    with pytest.raises(RuntimeError, match="on fire"):
        asyncio.run(run())
    obs.shutdown()
    (span,) = sink.server_spans()
    assert span.events[0].name == "exception"
    lines = [json.loads(line) for line in capfd.readouterr().out.splitlines() if line.startswith("{")]
    (line,) = [line for line in lines if line.get("http", {}).get("response")]
    assert (line["log.level"], line["error"]["type"]) == ("error", "RuntimeError")


def test_an_answer_that_breaks_after_it_began_is_an_error(sink: Any, capfd: pytest.CaptureFixture[str]) -> None:
    """The status was sent already and stays; line and span tell that the answer was not whole."""
    obs.init(service="shop", endpoint=sink.url, metrics_port=0, log_format="json")
    app = FastAPI()

    @app.get("/stream")
    async def stream() -> StreamingResponse:
        async def parts() -> Any:
            yield "half"
            raise RuntimeError("the other half is lost")

        return StreamingResponse(parts())

    assert ask(app, "/stream") == [200]
    obs.shutdown()
    (span,) = sink.server_spans()
    assert (span.status.code, span.events[0].name) == (Status.STATUS_CODE_ERROR, "exception")
    lines = [json.loads(line) for line in capfd.readouterr().out.splitlines() if line.startswith("{")]
    (line,) = [line for line in lines if line.get("http", {}).get("response")]
    assert (line["log.level"], line["message"]) == ("error", "GET /stream 200")
    assert line["error"] == {"type": "RuntimeError", "message": "the other half is lost"}


def test_a_client_that_leaves_is_no_error_of_the_application(sink: Any, capfd: pytest.CaptureFixture[str]) -> None:
    """A server whose client is gone refuses to send by an OSError, as the ASGI specification says."""
    obs.init(service="shop", endpoint=sink.url, metrics_port=0, log_format="json")

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.body":
            raise OSError("the client is gone")

    scope = {"type": "http", "method": "GET", "path": "/items/1", "headers": [], "query_string": b""}
    with pytest.raises(OSError, match="gone"):
        asyncio.run(shop()(scope, receive, send))
    obs.shutdown()
    (span,) = sink.server_spans()
    assert span.status.code == Status.STATUS_CODE_UNSET
    lines = [json.loads(line) for line in capfd.readouterr().out.splitlines() if line.startswith("{")]
    (line,) = [line for line in lines if line.get("http", {}).get("response")]
    assert (line["log.level"], line["error"]["type"]) == ("info", "OSError")


def test_a_streamed_answer_ends_with_its_last_part(sink: Any) -> None:
    """The duration covers the whole stream, and what the stream does belongs to the request's trace."""
    obs.init(service="shop", endpoint=sink.url, metrics_port=0)
    app = FastAPI()

    @app.get("/stream")
    async def stream() -> StreamingResponse:
        async def parts() -> Any:
            for number in range(3):
                with obs.span("part"):
                    yield str(number)

        return StreamingResponse(parts())

    assert ask(app, "/stream") == [200]
    obs.shutdown()
    (server,) = sink.server_spans()
    parts = [span for span in sink.spans if span.name == "part"]
    assert {span.parent_span_id for span in parts} == {server.span_id}
    assert max(span.end_time_unix_nano for span in parts) <= server.end_time_unix_nano


def test_a_background_task_is_not_part_of_what_the_user_waits_for(sink: Any) -> None:
    """The span ends with the answer, and the task's own spans still belong to the trace."""
    obs.init(service="shop", endpoint=sink.url, metrics_port=0)
    app = FastAPI()

    def later() -> None:
        with obs.span("later"):
            pass

    @app.get("/begin")
    async def begin(tasks: BackgroundTasks) -> None:
        tasks.add_task(later)

    assert ask(app, "/begin") == [200]
    obs.shutdown()
    (server,) = sink.server_spans()
    (task,) = [span for span in sink.spans if span.name == "later"]
    assert task.trace_id == server.trace_id
    assert server.end_time_unix_nano <= task.start_time_unix_nano


def test_shutdown_gives_the_methods_back() -> None:
    """After shutdown no method of the frameworks is replaced."""
    before = (FastAPI.__call__, Starlette.__call__, Route.handle, Mount.handle)
    obs.init(service="shop", metrics_port=0)
    assert FastAPI.__call__ is not before[0]
    obs.shutdown()
    assert (FastAPI.__call__, Starlette.__call__, Route.handle, Mount.handle) == before

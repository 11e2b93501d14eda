"""One SERVER span, one access line and one count a request, whoever else observes it and in whichever order."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import fastapi
import flask
import httpx
import pytest
import starlette.applications
from opentelemetry import trace
from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware as PublishedASGI
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from opentelemetry.instrumentation.flask import FlaskInstrumentor
from opentelemetry.instrumentation.starlette import StarletteInstrumentor
from opentelemetry.instrumentation.wsgi import OpenTelemetryMiddleware as PublishedWSGI
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from starlette.middleware.opentelemetry import OpenTelemetryMiddleware as Native
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
from werkzeug.middleware.dispatcher import DispatcherMiddleware

import obs

pytestmark = pytest.mark.usefixtures("initialised", "uninstrumented")


class Case(NamedTuple):
    """How a process is put together.

    Args:
        framework: Which one serves.
        published: How OpenTelemetry's published packages are used beside obs.
        start: When `obs.init()` is called.
        mounted: The route is one of a sub-application.
        native: The framework's own telemetry is on.
        middleware: Where Starlette's own middleware stands.
    """

    framework: str = "fastapi"
    published: str = "not"
    start: str = "before"
    mounted: bool = False
    native: bool = True
    middleware: str = "nowhere"


PUBLISHED = ("not", "class", "application", "around")
STARTS = ("before", "after", "twice")
MIDDLEWARE = ("nowhere", "inside", "around")
CASES = [
    *itertools.starmap(
        Case,
        itertools.product(["fastapi"], PUBLISHED, STARTS, [False, True], [True, False], MIDDLEWARE),
    ),
    *itertools.starmap(
        Case,
        itertools.product(["starlette", "plain asgi"], PUBLISHED, STARTS, [False, True], [False], MIDDLEWARE),
    ),
    *itertools.starmap(Case, itertools.product(["flask", "plain wsgi"], PUBLISHED, STARTS, [False, True])),
]
# One that has each thing at once.
EVERYTHING = {
    Case("fastapi", "application", "twice", mounted=True, native=True, middleware="inside"),
    Case("flask", "application", "twice", mounted=True),
}


@pytest.fixture
def uninstrumented() -> Iterator[None]:
    """Takes the published packages out again."""
    yield
    for instrumentor in (FastAPIInstrumentor(), StarletteInstrumentor(), FlaskInstrumentor()):
        if instrumentor.is_instrumented_by_opentelemetry:
            instrumentor.uninstrument()


@pytest.fixture
def own_provider() -> Iterator[None]:
    """A provider that the application has set before obs starts."""
    trace.set_tracer_provider(TracerProvider())
    yield
    obs.shutdown()
    trace._TRACER_PROVIDER = None
    trace._TRACER_PROVIDER_SET_ONCE._done = False


def fastapi_app(case: Case) -> Any:
    """An application of FastAPI, by whichever class stands under its name now."""
    telemetry: Any = None if case.native else {"tracing": False, "metrics": False, "logs": False}
    app = fastapi.FastAPI(telemetry=telemetry)
    inner = fastapi.FastAPI(telemetry=telemetry) if case.mounted else app

    @inner.get("/items/{item_id}")
    async def item(item_id: int) -> int:
        return item_id

    if case.mounted:
        app.mount("/sub", inner)
    if case.middleware == "inside":
        app.add_middleware(Native)
    return app


def starlette_app(case: Case) -> Any:
    """An application of Starlette."""

    async def item(_request: Request) -> PlainTextResponse:
        return PlainTextResponse("7")

    made = starlette.applications.Starlette
    app = made(routes=[Route("/items/{item_id}", item)])
    if case.mounted:
        app = made(routes=[Mount("/sub", app=app)])
    if case.middleware == "inside":
        app.add_middleware(Native)
    return app


def flask_app(case: Case) -> Any:
    """An application of Flask; a mounted one stands in the dispatcher of another."""
    app = flask.Flask("shop")
    app.add_url_rule("/items/<int:item_id>", view_func=lambda item_id: str(item_id), endpoint="item")
    if case.mounted:
        outer = flask.Flask("outer")
        outer.wsgi_app = DispatcherMiddleware(outer.wsgi_app, {"/sub": app})  # type: ignore[method-assign]
        return outer
    return app


def plain_asgi_app(case: Case) -> Any:
    """A function, with an application of FastAPI inside where it is mounted."""
    if case.mounted:
        return obs.asgi(fastapi_app(case))

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"7"})

    return obs.asgi(Native(app) if case.middleware == "inside" else app)


def plain_wsgi_app(case: Case) -> Any:
    """A function, with an application of Flask inside where it is mounted."""
    if case.mounted:
        return obs.wsgi(flask_app(case))

    def app(_environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return [b"7"]

    return obs.wsgi(app)


APPLICATIONS: dict[str, Callable[[Case], Any]] = {
    "fastapi": fastapi_app,
    "starlette": starlette_app,
    "flask": flask_app,
    "plain asgi": plain_asgi_app,
    "plain wsgi": plain_wsgi_app,
}
INSTRUMENTORS: dict[str, Any] = {
    "fastapi": FastAPIInstrumentor,
    "starlette": StarletteInstrumentor,
    "flask": FlaskInstrumentor,
}
OF_WSGI = {"flask", "plain wsgi"}


def put_together(case: Case) -> Any:
    """Make the application as a case says."""
    instrumentor = INSTRUMENTORS.get(case.framework)
    if case.published == "class" and instrumentor:
        instrumentor().instrument()
    app = APPLICATIONS[case.framework](case)
    if case.published == "application" and instrumentor:
        instrumentor().instrument_app(app)
    if case.published == "around":
        app = PublishedWSGI(app) if case.framework in OF_WSGI else PublishedASGI(app)
    return Native(app) if case.middleware == "around" else app


def ask(case: Case, app: Any) -> None:
    """Ask for the one route."""
    path = "/sub/items/7" if case.mounted else "/items/7"

    async def run() -> None:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop.example") as client:
            assert (await client.get(path)).text == "7"

    if case.framework in OF_WSGI:
        with httpx.Client(transport=httpx.WSGITransport(app), base_url="http://shop.example") as client:
            assert client.get(path).text == "7"
    else:
        asyncio.run(run())


def counted() -> float:
    """How many requests the metrics show."""
    body = obs.metrics_app()({"REQUEST_METHOD": "GET"}, lambda *_: None)
    lines = b"".join(body).decode().splitlines()
    name = "http_server_request_duration_seconds_count"
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, id="-".join(map(str, case)), marks=() if case in EVERYTHING else pytest.mark.long)
        for case in CASES
    ],
)
def test_a_request_is_observed_once(case: Case, capfd: pytest.CaptureFixture[str]) -> None:
    """Whoever makes the SERVER span, it is the only one; line and count are obs's."""
    if case.start != "after":
        obs.init(service="shop", metrics_port=0, log_format="json")
    app = put_together(case)
    if case.start != "before":
        obs.init(service="shop", metrics_port=0, log_format="json")
    observe_once(case, app, capfd)


@pytest.mark.parametrize("published", PUBLISHED)
@pytest.mark.parametrize("framework", ["fastapi", "starlette", "flask"])
def test_a_request_is_observed_once_by_an_own_provider(
    framework: str, published: str, own_provider: None, capfd: pytest.CaptureFixture[str]
) -> None:
    """An application that has set a provider of its own gets one SERVER span from it."""
    case = Case(framework, published)
    app = put_together(case)
    obs.init(service="shop", metrics_port=0, log_format="json")
    observe_once(case, app, capfd)


def observe_once(case: Case, app: Any, capfd: pytest.CaptureFixture[str]) -> None:
    """Ask once and see what comes of it."""
    ended = InMemorySpanExporter()
    trace.get_tracer_provider().add_span_processor(SimpleSpanProcessor(ended))  # type: ignore[attr-defined]
    before = counted()
    capfd.readouterr()
    ask(case, app)
    servers = [span for span in ended.get_finished_spans() if span.kind is trace.SpanKind.SERVER]
    access = [line for line in capfd.readouterr().out.splitlines() if "url" in json.loads(line)]
    assert (len(servers), len(access), counted() - before) == (1, 1, 1), [span.name for span in servers]
    assert len({span.context.trace_id for span in ended.get_finished_spans()}) == 1


@pytest.mark.parametrize("framework", INSTRUMENTORS)
def test_a_class_that_a_published_package_has_replaced_is_seen_through(framework: str) -> None:
    """An application of the genuine class is observed as well, though another class stands under the name."""
    app = APPLICATIONS[framework](Case(framework))
    INSTRUMENTORS[framework]().instrument()
    obs.init(service="shop", metrics_port=0)
    before = counted()
    ask(Case(framework), app)
    assert counted() - before == 1


LEFT_OUT = [Case(framework, published) for framework in INSTRUMENTORS for published in ("not", "class", "application")]


@pytest.mark.parametrize("case", [*LEFT_OUT, Case(middleware="inside"), Case("starlette", middleware="inside")])
def test_a_request_that_is_left_out_is_left_out_by_the_others_as_well(
    case: Case, capfd: pytest.CaptureFixture[str]
) -> None:
    """Nobody inside the application makes a span for a path of `ignore_paths`."""
    obs.init(service="shop", metrics_port=0, log_format="json", ignore_paths=("/items/*",))
    app = put_together(case)
    ended = InMemorySpanExporter()
    trace.get_tracer_provider().add_span_processor(SimpleSpanProcessor(ended))  # type: ignore[attr-defined]
    before = counted()
    capfd.readouterr()
    ask(case, app)
    access = [line for line in capfd.readouterr().out.splitlines() if "url" in json.loads(line)]
    assert (ended.get_finished_spans(), access, counted() - before) == ((), [], 0)

"""Flask: one SERVER span, one access line and one count a request."""

from __future__ import annotations

import asyncio
import json
import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from flask import Flask, Response
from prometheus_client.parser import text_string_to_metric_families
from starlette.applications import Starlette
from starlette.middleware.wsgi import WSGIMiddleware
from starlette.routing import Mount
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.serving import make_server
from werkzeug.test import Client

import obs
from obs.testing import observe

pytestmark = pytest.mark.usefixtures("initialised")


def counts() -> Counter[tuple[str, str, str]]:
    """How many requests the metrics show, by method, route and status; zeros are kept."""
    found: Counter[tuple[str, str, str]] = Counter()
    for family in text_string_to_metric_families(Client(obs.metrics_app()).get("/metrics").text):
        for sample in family.samples:
            if sample.name == "http_server_request_duration_seconds_count":
                labels = sample.labels
                key = (labels["http_request_method"], labels["http_route"], labels["http_response_status_code"])
                found[key] = int(sample.value)
    return found


def ask(app: Flask, path: str) -> int:
    """Ask an application once, as a server does: the answer is read and closed."""
    with Client(app).get(path, buffered=True) as answer:
        return answer.status_code


def shop() -> Flask:
    """An application with a plain, a failing and a streaming route."""
    app = Flask("shop")

    @app.get("/items/<int:item_id>")
    def item(item_id: int) -> dict[str, int]:
        return {"item": item_id}

    @app.get("/broken")
    def broken() -> str:
        raise RuntimeError("the shop is on fire")

    @app.get("/stream")
    def stream() -> Response:
        def parts() -> Iterator[str]:
            for number in range(3):
                with obs.span("part"):
                    yield str(number)

        return Response(parts())

    return app


@pytest.mark.parametrize("early", [True, False], ids=["init before the application", "init after the application"])
def test_a_request_gives_exactly_one_server_span(sink: Any, early: bool) -> None:
    """One SERVER span named by the rule, whether init() ran before or after the application was made."""
    if early:
        obs.init(service="shop", endpoint=sink.url, metrics_port=0)
    app = shop()
    if not early:
        obs.init(service="shop", endpoint=sink.url, metrics_port=0)
    assert ask(app, "/items/1") == 200
    obs.shutdown()
    assert [span.name for span in sink.server_spans()] == ["GET /items/<int:item_id>"]


@pytest.mark.parametrize(
    ("path", "route", "status"),
    [
        ("/items/7", "/items/<int:item_id>", 200),
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
    assert ask(app, path) == status
    assert counts() - before == Counter({("GET", route, str(status)): 1})
    obs.shutdown()
    (span,) = sink.server_spans()
    lines = [json.loads(line) for line in capfd.readouterr().out.splitlines() if line.startswith("{")]
    (line,) = [line for line in lines if line.get("http", {}).get("response")]
    assert (line["http"]["response"]["status_code"], line["trace"]["id"]) == (status, span.trace_id.hex())
    assert line["http"].get("route", "") == route


def test_middleware_around_wsgi_app_is_inside(sink: Any) -> None:
    """An application whose `wsgi_app` is wrapped is still observed once."""
    obs.init(service="shop", endpoint=sink.url, metrics_port=0)
    app = shop()
    app.wsgi_app = ProxyFix(app.wsgi_app)  # type: ignore[method-assign]
    assert ask(app, "/items/1") == 200
    obs.shutdown()
    assert len(sink.server_spans()) == 1


def test_errors_exist_at_zero_as_soon_as_the_routes_do() -> None:
    """A route's errors are shown as zero before the first request."""
    obs.init(service="shop", metrics_port=0)
    shop()
    assert ("GET", "/items/<int:item_id>", "500") in counts()


def test_a_streamed_answer_ends_with_its_last_part(sink: Any) -> None:
    """What the stream does belongs to the request's trace, and the span ends after it."""
    obs.init(service="shop", endpoint=sink.url, metrics_port=0)
    assert Client(shop()).get("/stream", buffered=True).text == "012"
    obs.shutdown()
    (server,) = sink.server_spans()
    parts = [span for span in sink.spans if span.name == "part"]
    assert {span.parent_span_id for span in parts} == {server.span_id}
    assert max(span.end_time_unix_nano for span in parts) <= server.end_time_unix_nano


def test_an_unhandled_error_still_reaches_the_server(sink: Any) -> None:
    """With exceptions propagated, the exception passes through obs and the span keeps its route."""
    obs.init(service="shop", endpoint=sink.url, metrics_port=0)
    app = shop()
    app.config["PROPAGATE_EXCEPTIONS"] = True
    with pytest.raises(RuntimeError, match="on fire"):
        Client(app).get("/broken")
    obs.shutdown()
    (span,) = sink.server_spans()
    assert (span.name, span.events[0].name) == ("GET /broken", "exception")


def test_shutdown_gives_the_methods_back() -> None:
    """After shutdown no method of Flask is replaced."""
    before = (Flask.__call__, Flask.add_url_rule)
    obs.init(service="shop", metrics_port=0)
    assert Flask.__call__ is not before[0]
    obs.shutdown()
    assert (Flask.__call__, Flask.add_url_rule) == before


def test_a_path_is_shown_as_the_client_meant_it(sink: Any, capfd: pytest.CaptureFixture[str]) -> None:
    """WSGI hands bytes on as characters; line and span show the text that they are in UTF-8."""
    obs.init(service="shop", endpoint=sink.url, metrics_port=0, log_format="json")
    assert ask(shop(), "/käse/%F0%9F%A7%80/%FF") == 404
    obs.shutdown()
    (span,) = sink.server_spans()
    (path,) = [item.value.string_value for item in span.attributes if item.key == "url.path"]
    (line,) = [json.loads(line) for line in capfd.readouterr().out.splitlines() if '"http"' in line]
    assert path == line["url"]["path"] == "/käse/🧀/�"


def test_flask_inside_an_asgi_application_is_observed_once(sink: Any) -> None:
    """Mounted by an adapter, which runs it in a thread, it is a part of the request; the route is that of both."""
    obs.init(service="shop", endpoint=sink.url, metrics_port=0)
    app = Starlette(routes=[Mount("/old", app=WSGIMiddleware(shop()))])
    before = counts()

    async def run() -> list[int]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop.example") as client:
            return [(await client.get(path)).status_code for path in ("/old/items/1", "/old/k%C3%A4se")]

    assert asyncio.run(run()) == [200, 404]
    assert counts() - before == Counter({("GET", "/old/items/<int:item_id>", "200"): 1, ("GET", "/old", "404"): 1})
    obs.shutdown()
    assert [span.name for span in sink.server_spans()] == ["GET /old/items/<int:item_id>", "GET /old"]


def test_the_development_server_writes_no_access_line_of_its_own() -> None:
    """A request has the one line of obs; one that obs does not see keeps that of the server."""
    app = Flask(__name__)

    @app.get("/items/<int:item>")
    def read(item: int) -> str:
        return str(item)

    def plain(_environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [("Content-Length", "0")])
        return []

    with observe() as observed:
        for application, path in ((app, "/items/7"), (app, "/healthz"), (plain, "/plain")):
            server = make_server("127.0.0.1", 0, application)
            thread = threading.Thread(target=server.handle_request)
            thread.start()
            httpx.get(f"http://127.0.0.1:{server.port}{path}")
            thread.join()
            server.server_close()
    first, second = [log.message for log in observed.logs.where(logger="")] + [
        log.message.partition("] ")[2] for log in observed.logs.where(logger="werkzeug")
    ]
    assert (first, second) == ("GET /items/<int:item> 200", '"GET /plain HTTP/1.1" 200 -')

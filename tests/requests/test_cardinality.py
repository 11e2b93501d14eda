"""What callers choose makes no series: ids, paths, methods, hosts and agents."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from flask import Flask
from prometheus_client.parser import text_string_to_metric_families

import obs

# Method, path, host and agent of a request.
Asked = tuple[str, str, str, str]


def hostile() -> Iterator[Asked]:
    """A thousand of each that a caller can invent."""
    for number in range(1000):
        yield "GET", f"/items/{number}", "shop.example", "curl"
        yield "GET", f"/unknown/{number}", "shop.example", "curl"
        yield f"M{number}", "/items/1", "shop.example", "curl"
        yield "GET", "/items/1", f"h{number}.example:{number}", "curl"
        yield "GET", "/items/1", "shop.example", f"agent/{number}"


def fastapi(asked: Iterator[Asked]) -> None:
    """Ask an application of FastAPI."""
    app = FastAPI()

    @app.get("/items/{item_id}")
    async def item(item_id: int) -> int:
        return item_id

    async def receive() -> dict[str, Any]:
        return {"type": "http.request"}

    async def send(_message: Any) -> None:
        return

    async def run() -> None:
        for method, path, host, agent in asked:
            headers = [(b"host", host.encode()), (b"user-agent", agent.encode())]
            scope = {"type": "http", "method": method, "path": path, "query_string": b"", "headers": headers}
            await app(scope, receive, send)

    asyncio.run(run())


def flask(asked: Iterator[Asked]) -> None:
    """Ask an application of Flask."""
    app = Flask("shop")
    app.add_url_rule("/items/<int:item_id>", view_func=lambda item_id: str(item_id), endpoint="item")
    for method, path, host, agent in asked:
        environ = {"REQUEST_METHOD": method, "PATH_INFO": path, "HTTP_HOST": host, "HTTP_USER_AGENT": agent}
        more = {"SERVER_NAME": "shop", "SERVER_PORT": "80", "wsgi.url_scheme": "http", "wsgi.errors": None}
        body: Any = app({**environ, **more}, lambda *_: lambda _: None)
        list(body)
        body.close()


def http_series() -> dict[tuple[str, ...], float]:
    """The label sets of all `http_*` metrics, the buckets of a histogram as one, with what each has counted."""
    body: Any = obs.metrics_app()({"REQUEST_METHOD": "GET"}, lambda *_: None)
    found: dict[tuple[str, ...], float] = {}
    for family in text_string_to_metric_families(b"".join(body).decode()):
        for sample in family.samples:
            if sample.name.startswith("http_") and "le" not in sample.labels and not sample.name.endswith("_sum"):
                found[(sample.name, *sample.labels.values())] = sample.value
    return found


@pytest.mark.usefixtures("initialised")
@pytest.mark.parametrize("ask", [fastapi, flask])
def test_five_thousand_hostile_requests_are_counted_in_few_series(ask: Callable[[Iterator[Asked]], None]) -> None:
    """At most sixty label sets over all metrics of HTTP are added, and every request is counted."""
    obs.init(service="shop", metrics_port=0, logs_to="otlp")
    before = http_series()
    ask(hostile())
    after = http_series()
    assert len(after.keys() - before.keys()) <= 60
    name = "http_server_request_duration_seconds_count"
    counted = [sum(value for key, value in series.items() if key[0] == name) for series in (before, after)]
    assert counted[1] - counted[0] == 5000

"""/metrics: the format and the encoding that the scraper asks for, by ASGI and WSGI."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Callable, MutableMapping
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient

from obs import metrics
from obs.metrics.exposition import wants_openmetrics
from obs.metrics.room import MetricsRoom

Start = Callable[..., MetricsRoom]
Scraped = Callable[..., str]

# Source: Prometheus 2.42 and 3, scrape/scrape.go, the Accept headers of a scrape.
PROMETHEUS_2 = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,"
    "text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)


def wsgi(**environ: str) -> tuple[str, dict[str, str], bytes]:
    """One request by WSGI: status, headers and body."""
    answered: list[Any] = []
    body = metrics.metrics_app()({"REQUEST_METHOD": "GET", **environ}, lambda *given: answered.extend(given))
    return answered[0], dict(answered[1]), b"".join(body)


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (PROMETHEUS_2, True),
        (PROMETHEUS_3, True),
        ("application/openmetrics-text", True),
        ("application/openmetrics-text;q=0.2,text/plain;q=0.5", False),
        ("application/openmetrics-text;q=0", False),
        ("application/openmetrics-text;q=bad", False),
        ("text/plain", False),
        ("text/html,*/*;q=0.8", False),
        ("", False),
    ],
)
def test_openmetrics_is_served_when_it_is_preferred(accept: str, expected: bool) -> None:
    """The scraper's weights decide; a browser gets the classic text."""
    assert wants_openmetrics(accept) is expected


def test_openmetrics_is_valid(start: Start, name: str) -> None:
    """What is served as OpenMetrics parses as OpenMetrics, with exemplars."""
    start()
    metrics.histogram(name, unit="s", buckets=(1,)).child().record(0.5, 0xABC, 0xDEF)
    metrics.counter(f"{name}_c", labels=("text",)).add(text='quote " slash \\ line \n end')
    _, headers, body = wsgi(HTTP_ACCEPT=PROMETHEUS_2)
    assert headers["Content-Type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    parsed = text_string_to_metric_families(body.decode())  # type: ignore[no-untyped-call]
    families = {family.name: family for family in parsed}
    (bucket,) = [sample for sample in families[f"{name}_seconds"].samples if sample.labels.get("le") == "1.0"]
    assert bucket.exemplar is not None
    assert bucket.exemplar.labels == {"trace_id": f"{0xABC:032x}", "span_id": f"{0xDEF:016x}"}
    assert families[f"{name}_c"].samples[0].labels == {"text": 'quote " slash \\ line \n end'}
    assert families["target"].samples[0].labels["service_name"] == "shop"
    assert families["service_build"].samples[0].value == 1
    assert families["python"].samples[0].labels["implementation"] == "CPython"


def test_classic_text_is_the_default(start: Start) -> None:
    """Without a wish the answer is what every Prometheus reads, without exemplars."""
    start()
    _, headers, body = wsgi()
    assert headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert b"# EOF" not in body
    assert b"trace_id" not in body


def test_answer_is_packed_when_asked(start: Start) -> None:
    """Gzip saves nine tenths of the bytes on the wire."""
    start()
    _, headers, body = wsgi(HTTP_ACCEPT_ENCODING="deflate, gzip;q=1.0")
    assert headers["Content-Encoding"] == "gzip"
    assert b"python_info" in gzip.decompress(body)
    assert "Content-Encoding" not in wsgi(HTTP_ACCEPT_ENCODING="gzip;q=0")[1]


def test_only_get_and_head_are_answered(start: Start) -> None:
    """HEAD has the length and no body; a POST is refused."""
    start()
    status, headers, body = wsgi(REQUEST_METHOD="HEAD")
    assert (status, body) == ("200 OK", b"")
    assert int(headers["Content-Length"]) > 1000
    assert wsgi(REQUEST_METHOD="POST")[0] == "405 Method Not Allowed"


def test_family_that_cannot_be_shown_takes_no_other_with_it(
    start: Start, name: str, monkeypatch: pytest.MonkeyPatch, swallowed: list[BaseException]
) -> None:
    """One bad family is left out and told of; the scrape succeeds."""
    from prometheus_client import exposition

    start()
    metrics.counter(name).add()
    metrics.counter(f"{name}_bad").add()
    real = exposition.generate_latest

    def generate(registry: Any) -> bytes:
        (family,) = registry.collect()
        if family.name.endswith("_bad"):
            raise RuntimeError("cannot be shown")
        return real(registry)

    monkeypatch.setattr("prometheus_client.generate_latest", generate)
    status, _, body = wsgi()
    assert status == "200 OK"
    assert f"{name}_total 1.0".encode() in body
    assert f"{name}_bad".encode() not in body
    assert str(swallowed.pop()) == "cannot be shown"


def test_mounted_in_an_asgi_application(start: Start, name: str) -> None:
    """The same object is an ASGI application."""
    start()
    metrics.counter(name).add(2)
    client = TestClient(Starlette(routes=[Mount("/metrics", app=metrics.metrics_app())]))
    answer = client.get("/metrics/", headers={"Accept": "application/openmetrics-text"})
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert f"{name}_total 2.0" in answer.text


def test_alone_under_an_asgi_server(start: Start) -> None:
    """It answers the lifespan of a server that runs nothing else, and ASGI 2's form of a call."""
    start()
    sent: list[MutableMapping[str, Any]] = []

    async def live() -> None:
        events = iter(({"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}))

        async def receive() -> MutableMapping[str, Any]:
            return next(events)

        async def send(message: MutableMapping[str, Any]) -> None:
            sent.append(message)

        await metrics.metrics_app()({"type": "lifespan"})(receive, send)

    asyncio.run(live())
    assert [message["type"] for message in sent] == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


def test_before_start_it_shows_what_the_process_counts(name: str, scraped: Scraped) -> None:
    """/metrics may be mounted and asked before `init()`."""
    metrics.counter(name).add()
    assert f"{name}_total 1.0" in scraped()

"""The pages: what a person finds behind each link, and that hostile telemetry shows as text."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest

from obs.manifest import load
from obs_stack.receiver.pages.markdown import render
from obs_stack.receiver.pages.trace import in_order
from obs_stack.receiver.pages.values import shown
from obs_stack.receiver.storage.traces import SpanRow

TRACE = "0af7651916cd43dd8448eb211c80319c"
NOON = 1_767_268_800_000_000_000
SCRIPT = "<script>alert('x')</script>"
BROKEN_OUT = '"><img src=x onerror=alert(1)>'

DASHBOARD = {
    "uid": "http",
    "title": "HTTP service",
    "description": "What users see.",
    "templating": {
        "list": [
            {"name": "job", "type": "query", "multi": True, "includeAll": True, "current": {"value": "$__all"}},
            {"name": "datasource", "type": "datasource", "current": {"value": "prometheus"}},
        ]
    },
    "panels": [
        {"type": "row", "title": "Traffic", "panels": []},
        {
            "type": "timeseries",
            "title": "Requests",
            "description": "How many arrive.",
            "fieldConfig": {"defaults": {"unit": "reqps"}},
            "targets": [
                {"expr": 'sum(rate(http_total{job=~"$job"}[$__rate_interval]))', "legendFormat": "{{http_route}}"}
            ],
        },
        {"type": "logs", "title": "Lines", "targets": [{"query": "service.name:/${job:regex}/"}]},
    ],
}  # fmt: skip


class FakePrometheus:
    """Answers like Prometheus, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.result: list[dict[str, Any]] = [{"metric": {"http_route": "/pay"}, "value": [0, "12.5"]}]
        self.alerts: list[dict[str, Any]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                url = urlsplit(self.path)
                if url.path == "/api/v1/alerts":
                    data: dict[str, Any] = {"alerts": outer.alerts}
                else:
                    outer.asked += parse_qs(url.query)["query"]
                    data = {"resultType": "vector", "result": outer.result}
                body = json.dumps({"status": "success", "data": data}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()


@pytest.fixture
def prometheus() -> Iterator[FakePrometheus]:
    """A program that answers like Prometheus."""
    fake = FakePrometheus()
    yield fake
    fake.server.shutdown()
    fake.server.server_close()


@pytest.fixture
def dashboards(tmp_path: Path) -> Path:
    """A directory with one dashboard, and files that are none."""
    directory = tmp_path / "dashboards"
    directory.mkdir()
    (directory / "http.json").write_text(json.dumps(DASHBOARD))
    (directory / "broken.json").write_text("{")
    (directory / "list.json").write_text("[]")
    return directory


def test_the_first_page_says_what_arrived_of_whom(serve: Callable[..., Any], tmp_path: Path) -> None:
    """Services of the manifest stand with their owners; for one that sends nothing it says what to set."""
    manifest = tmp_path / "obs.toml"
    manifest.write_text(
        '[project]\nname = "shop"\n[[services]]\nname = "gateway"\nowner = "storefront"\n'
        '[[services]]\nname = "orders"\nowner = "warehouse"\n'
    )
    receiver = serve(manifest=load(manifest))
    receiver.send_logs({}, {"message": "b"}, service="gateway")
    receiver.send_spans({"id": "b7ad6b7169203331", "service": "gateway", "name": "POST /checkout"})
    shown_page = receiver.get("/").text
    assert 'href="/logs?q=service.name%3A%22gateway%22">2</a>' in shown_page
    assert "storefront" in shown_page
    assert f'href="/trace/{TRACE}"' in shown_page
    assert "POST /checkout" in shown_page
    assert "Nothing has arrived from orders." in shown_page
    assert f"OTEL_EXPORTER_OTLP_ENDPOINT={receiver.url}" in shown_page


def test_an_empty_receiver_says_how_to_fill_it(receiver: Any) -> None:
    """The first page is never just empty."""
    shown_page = receiver.get("/").text
    assert "Nothing has arrived yet." in shown_page
    assert "OBS_LOGS_TO=otlp" in shown_page


def test_the_first_page_begins_with_what_is_wrong(serve: Callable[..., Any], prometheus: FakePrometheus) -> None:
    """Alerts stand with their links; the Watchdog, which always fires, does not."""
    prometheus.alerts = [
        {"labels": {"alertname": "Watchdog"}, "annotations": {}, "state": "firing"},
        {
            "labels": {"alertname": "TargetDown", "service": "orders"},
            "annotations": {"summary": "orders is gone", "runbook_url": "http://127.0.0.1:4318/runbooks/TargetDown",
                            "logs_url": "javascript:alert(1)"},
            "state": "firing",
        },
    ]  # fmt: skip
    shown_page = serve(prometheus=prometheus.url).get("/").text
    assert "TargetDown" in shown_page
    assert "orders is gone" in shown_page
    assert 'href="http://127.0.0.1:4318/runbooks/TargetDown"' in shown_page
    assert "Watchdog" not in shown_page
    assert "javascript:" not in shown_page


def test_a_dead_prometheus_is_told_and_the_page_still_answers(serve: Callable[..., Any], dashboards: Path) -> None:
    """The person sees what is missing and why."""
    receiver = serve(prometheus="http://127.0.0.1:1", dashboards=dashboards)
    for path in ("/", "/d/http"):
        answer = receiver.get(path)
        assert answer.status_code == 200
        assert "Prometheus at http://127.0.0.1:1 does not answer" in answer.text


def test_a_dashboards_link_shows_each_panel_with_its_value_now(
    serve: Callable[..., Any], dashboards: Path, prometheus: FakePrometheus
) -> None:
    """Variables of the address are put into the queries, and the answer is shown in the panel's unit."""
    receiver = serve(prometheus=prometheus.url, dashboards=dashboards)
    receiver.send_logs({}, service="gate.way")
    receiver.send_logs({}, service="gateXway")
    shown_page = receiver.get("/d/http", **{"var-job": "gate.way"}).text
    assert prometheus.asked == ['sum(rate(http_total{job=~"gate\\\\.way"}[1m]))']
    for part in ("HTTP service", "What users see.", "Traffic", "Requests", "How many arrive.", "12.5 req/s", "/pay"):
        assert part in shown_page
    assert ">1 log line</a>" in shown_page


def test_a_dashboard_without_chosen_variables_shows_all(
    serve: Callable[..., Any], dashboards: Path, prometheus: FakePrometheus
) -> None:
    """Where nothing is chosen any value is meant, and several are alternatives."""
    receiver = serve(prometheus=prometheus.url, dashboards=dashboards)
    receiver.get("/d/http")
    receiver.client.get("/d/http?var-job=a&var-job=b")
    assert prometheus.asked == [
        'sum(rate(http_total{job=~".+"}[1m]))',
        'sum(rate(http_total{job=~"(a|b)"}[1m]))',
    ]


def test_a_panel_of_many_series_shows_the_largest(
    serve: Callable[..., Any], dashboards: Path, prometheus: FakePrometheus
) -> None:
    """The route that stands out is seen, and not hidden behind idle ones and those without a value."""
    values = ["NaN", *"12345678", "900"]
    prometheus.result = [
        {"metric": {"http_route": f"/{value}"}, "value": [0, value]} for value in values
    ]  # fmt: skip
    shown_page = serve(prometheus=prometheus.url, dashboards=dashboards).get("/d/http").text
    assert re.findall(r"<td>/(\w+)</td>", shown_page) == ["900", *"8765432"]
    assert "and 2 more" in shown_page


def test_a_heatmaps_values_are_counts_from_the_lowest_bucket_up(
    serve: Callable[..., Any], dashboards: Path, prometheus: FakePrometheus
) -> None:
    """The unit of a heatmap is that of its buckets, not of how many fell into each."""
    panel = {"type": "heatmap", "title": "Durations", "targets": [{"expr": "buckets", "legendFormat": "{{le}}"}],
             "fieldConfig": {"defaults": {"unit": "s"}}}  # fmt: skip
    (dashboards / "http.json").write_text(json.dumps({**DASHBOARD, "panels": [panel]}))
    counts = {"+Inf": "1184", "10.0": "1100", "2.5": "900", "much": "0"}
    prometheus.result = [{"metric": {"le": bound}, "value": [0, count]} for bound, count in counts.items()]
    shown_page = serve(prometheus=prometheus.url, dashboards=dashboards).get("/d/http").text
    rows = re.findall(r"<tr><td>([^<]+)</td><td>([^<]+)</td></tr>", shown_page)
    assert rows == [("2.5", "900"), ("10.0", "1,100"), ("+Inf", "1,184"), ("much", "0")]


def test_a_panel_without_data_says_so(serve: Callable[..., Any], dashboards: Path, prometheus: FakePrometheus) -> None:
    """An empty panel is told apart from a broken one."""
    prometheus.result = []
    assert "No data." in serve(prometheus=prometheus.url, dashboards=dashboards).get("/d/http").text


def test_log_lines_are_found_and_lead_to_their_trace(receiver: Any) -> None:
    """The address that alerts use shows the lines, all their fields and the way to the trace."""
    receiver.send_logs({"message": "declined", "level": "error", "trace_id": TRACE, "error.type": "CardError"})
    receiver.send_logs({"message": "all is well"})
    shown_page = receiver.client.get("/logs?q=" + quote("service.name:shop AND log.level:error")).text
    assert "declined · CardError" in shown_page
    assert "all is well" not in shown_page
    assert f'href="/trace/{TRACE}"' in shown_page
    assert 'value="service.name:shop AND log.level:error"' in shown_page


def test_older_lines_are_one_link_away(receiver: Any) -> None:
    """What does not fit on a page is behind a link that keeps the query."""
    receiver.send_logs(*({"message": f"m{number}", "time": NOON + number * 10**9} for number in range(5)))
    shown_page = receiver.get("/logs", q="service.name:shop", limit=2).text
    assert "2 of 5 lines" in shown_page
    link = shown_page.split('href="/logs?q=service.name%3Ashop&amp;limit=2&amp;until=')[1].split('"')[0]
    older = receiver.client.get(f"/logs?q=service.name%3Ashop&limit=2&until={link}").text
    assert "m3" in older
    assert "m4" not in older


def test_a_wrong_query_keeps_what_was_typed_and_says_where(receiver: Any) -> None:
    """The person can correct the query instead of typing it again."""
    answer = receiver.get("/logs", q="a AND (b")
    assert answer.status_code == 400
    assert 'value="a AND (b"' in answer.text
    assert "close the bracket or write a value (at character 8)" in answer.text


def test_a_traces_page_shows_spans_below_their_parents_and_its_lines(receiver: Any) -> None:
    """Everything of one request is on one page."""
    receiver.send_spans(
        {"id": "b7ad6b7169203332", "parent": "b7ad6b7169203331", "service": "orders", "name": "child", "failed": True},
        {"id": "b7ad6b7169203331", "name": "parent", "ms": 1500, "start": NOON - 1},
    )
    receiver.send_logs({"message": "in the trace", "trace_id": TRACE}, {"message": "elsewhere"})
    shown_page = receiver.get(f"/trace/{TRACE}").text
    assert shown_page.index("parent") < shown_page.index("child")
    for part in ("1.50 s", "orders", "1 failed", "in the trace", 'class="bar failed"', "></rect><rect "):
        assert part in shown_page
    assert "elsewhere" not in shown_page


def test_a_trace_that_was_not_sampled_still_shows_its_lines(receiver: Any) -> None:
    """Log lines are found by the trace id without any span."""
    receiver.send_logs({"message": "only a line", "trace_id": TRACE})
    shown_page = receiver.get(f"/trace/{TRACE}").text
    assert "only a line" in shown_page
    assert "not sampled" in shown_page
    assert ">1 line in the logs</a>" in shown_page


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        (f"/trace/{TRACE}", 404, f"Nothing of trace {TRACE} has arrived."),
        ("/trace/xyz", 400, "is no trace id"),
        ("/d/nothing", 404, "There is no dashboard &#x27;nothing&#x27;."),
        ("/runbooks/TargetDwn", 404, "did you mean &#x27;TargetDown&#x27;?"),
        ("/runbooks/..%2f..%2fpyproject", 404, "There is nothing at this address."),
        ("/nothing", 404, "There is nothing at this address."),
    ],
)
def test_a_wrong_address_says_what_is_missing(receiver: Any, path: str, status: int, said: str) -> None:
    """Each is a page with the right status."""
    answer = receiver.get(path)
    assert answer.status_code == status
    assert said in answer.text


def test_a_runbook_is_shown_where_its_link_lands(receiver: Any) -> None:
    """The Markdown of the runbook is read as a page."""
    answer = receiver.get("/runbooks/TargetDown")
    assert answer.status_code == 200
    assert "<h1>Runbook: TargetDown</h1>" in answer.text
    assert "stands in for Grafana and Kibana" in answer.text
    assert "```" not in answer.text


@pytest.mark.parametrize("hostile", [SCRIPT, BROKEN_OUT])
def test_hostile_telemetry_shows_as_text(receiver: Any, hostile: str) -> None:
    """No field of a log record or a span, and no part of a query, becomes markup."""
    receiver.send_logs(
        {"message": hostile, "level": hostile, "trace_id": TRACE, hostile: hostile, "error.type": hostile},
        service=hostile,
    )
    receiver.send_spans(
        {"id": "b7ad6b7169203331", "service": hostile, "name": hostile, "attributes": {hostile: hostile}},
    )
    for path in ("/", "/logs", f"/trace/{TRACE}", "/logs?q=" + quote(hostile), "/?service=" + quote(hostile)):
        shown_page = receiver.get(path).text
        assert "<script" not in shown_page
        assert "<img" not in shown_page


def span(own: str, parent: str, start: int) -> SpanRow:
    """A span of which only its place in the trace matters."""
    return SpanRow("t", own, parent, "s", own, "server", start, start, "unset", "", "{}", "[]", "[]", "{}")


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        ([("a", "", 1), ("b", "a", 2), ("c", "b", 3), ("d", "a", 4)], [("a", 0), ("b", 1), ("c", 2), ("d", 1)]),
        ([("b", "missing", 1), ("a", "", 2)], [("b", 0), ("a", 0)]),
        ([("a", "b", 1), ("b", "a", 2)], [("a", 0), ("b", 1)]),
        ([("a", "a", 1)], [("a", 0)]),
    ],
    ids=["tree", "missing parent", "circle", "own parent"],
)
def test_every_span_is_shown_once(spans: list[tuple[str, str, int]], expected: list[tuple[str, int]]) -> None:
    """Missing parents, circles and spans that are their own parent lose nothing and never loop."""
    assert [(item.name, depth) for item, depth in in_order([span(*one) for one in spans])] == expected


def test_a_very_deep_trace_is_shown(receiver: Any) -> None:
    """A chain of spans that is deeper than any stack is a page like any other."""
    ids = [f"{number:016x}" for number in range(1, 900)]
    receiver.send_spans(*({"id": own, "parent": parent} for own, parent in zip(ids, ["", *ids], strict=False)))
    assert receiver.get(f"/trace/{TRACE}").status_code == 200


@pytest.mark.parametrize(
    ("markdown", "html"),
    [
        ("# Title", "<h2>Title</h2>"),
        ("## Part", "<h2>Part</h2>"),
        ("one\ntwo\n\nthree", "<p>one two</p><p>three</p>"),
        ("- a\n  more\n- `b`", "<ul><li>a more</li><li><code>b</code></li></ul>"),
        ("1. a\n2. b", "<ol><li>a</li><li>b</li></ol>"),
        ("text\n- a", "<p>text</p><ul><li>a</li></ul>"),
        ("```sh\nup < 1\n```", "<pre><code>up &lt; 1</code></pre>"),
        ("```\nno end", "<pre><code>no end</code></pre>"),
        ("[a](https://b.example)", '<p><a href="https://b.example">a</a></p>'),
        ("[a](javascript:alert(1))", "<p>a (javascript:alert(1))</p>"),
        ("[a](//evil.example)", "<p>a (//evil.example)</p>"),
        ("<b>&", "<p>&lt;b&gt;&amp;</p>"),
        ("> said", "<blockquote>said</blockquote>"),
        (
            "| `a` | b |\n|---|---|\n| 1 | **2** |",
            (
                '<div class="wide"><table><thead><tr><th scope="col"><code>a</code></th>'
                '<th scope="col">b</th></tr></thead>'
                "<tbody><tr><td>1</td><td><strong>2</strong></td></tr></tbody></table></div>"
            ),
        ),
    ],
)  # fmt: skip
def test_markdown_is_rendered(markdown: str, html: str) -> None:
    """Each form that runbooks use becomes this HTML."""
    assert render(markdown) == html


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        ("0", "s", "0 s"),
        ("0.00025", "s", "250 µs"),
        ("1.5", "s", "1.5 s"),
        ("0.0005", "percentunit", "0.05 %"),
        ("1536", "bytes", "1.5 KiB"),
        ("0", "bytes", "0 B"),
        ("1048576", "Bps", "1 MiB/s"),
        ("12", "reqps", "12 req/s"),
        ("3", "short", "3"),
        ("1234567", "short", "1,234,567"),
        ("0.386248", "reqps", "0.3862 req/s"),
        ("NaN", "s", "no value"),
        ("+Inf", "s", "+Inf"),
        ("text", "", "text"),
    ],
)
def test_a_value_is_shown_in_its_unit(value: str, unit: str, expected: str) -> None:
    """Numbers read as people say them."""
    assert shown(value, unit) == expected

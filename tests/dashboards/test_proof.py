"""The proof of data: every query and every selector alone is asked, and what is empty is named."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

import obs_dashboards
from obs.manifest import Manifest, Service
from obs.signals.model import Counter
from obs_dashboards.proof import Proof, prove, questions

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
MANIFEST = Manifest(
    project="shop",
    services=(Service(name="orders", owner="shop", signals=(Counter(name="orders.placed", help="Orders."),)),),
    path=Path("obs.toml"),
)
FILES = obs_dashboards.generate(MANIFEST)


class Stores:
    """Prometheus and the store of logs in one: everything has data, except for what a test takes away."""

    def __init__(self) -> None:
        self.empty: set[str] = set()
        self.not_a_number: set[str] = set()
        self.refused: set[str] = set()
        self.record: dict[str, Any] = {"trace.id": TRACE}
        self.spans = [{"name": "GET /"}]
        self.asked: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                asked = {key: values[0] for key, values in parse_qs(parts.query).items()}
                status, body = outer.answer(parts.path, asked)
                text = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_: object) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def answer(self, path: str, asked: dict[str, str]) -> tuple[int, object]:
        """The answer of one of the two stores."""
        if path == f"/api/traces/{TRACE}":
            return 200, {"trace_id": TRACE, "spans": self.spans}
        text = asked.get("query") or asked.get("match[]") or asked["q"]
        self.asked.append(text)
        if text in self.refused:
            return 400, {"error": "parse error"}
        gone = self.empty & set(re.findall(r"[a-z_]+", text))
        if path == "/api/logs":
            return 200, {"total": 0 if gone else 1, "logs": [] if gone else [self.record]}
        if path.startswith("/api/v1/label/"):
            return 200, {"data": [] if gone else ["one"]}
        number = "NaN" if self.not_a_number & set(re.findall(r"[a-z_]+", text)) else "1"
        series = {"metric": {"job": "orders", "instance": "i-1"}, "value": [0, number], "values": [[0, number]]}
        if path == "/api/v1/query":
            series.pop("values")
        return 200, {"data": {"result": [] if gone else [series]}}


@pytest.fixture
def stores() -> Iterator[Stores]:
    """Running stores."""
    running = Stores()
    yield running
    running.server.shutdown()
    running.server.server_close()


def proof_of(stores: Stores, files: dict[str, str] = FILES, **more: Any) -> Proof:
    """The proof against the stores."""
    return prove(files, prometheus=stores.address, receiver=stores.address, **more)


def test_everything_is_asked_with_all_chosen_and_with_one_service(stores: Stores) -> None:
    """Each query is answered twice, and the figure says N of N."""
    proof = proof_of(stores)
    assert proof.holds
    assert len(proof.answers) == 2 * len(questions(FILES))
    assert str(proof).startswith(f"{len(proof.answers)} of {len(proof.answers)} queries returned data")
    assert {answer.chosen for answer in proof.answers} == {"All", "orders i-1"}
    assert any('job=~"orders", instance=~"i-1"' in text for text in stores.asked)


def test_no_variable_is_left_in_what_is_asked(stores: Stores) -> None:
    """Grafana's variables are filled in before a store sees a query."""
    proof_of(stores)
    assert [text for text in stores.asked if "$" in text] == []


def test_every_kind_of_query_is_asked() -> None:
    """Panels, variables, annotations, log records and the traces behind them."""
    assert {question.kind for question in questions(FILES)} == {
        "panel",
        "variable",
        "annotation",
        "selector",
        "logs",
        "trace",
    }


def test_a_selector_is_asked_alone(stores: Stores) -> None:
    """The series inside of a sum, a rate and an `or` are asked by themselves, in a window where they stand in one."""
    proof_of(stores)
    alone = (
        'http_server_request_duration_seconds_count{job=~".+", instance=~".+", http_route=~".*", '
        'http_response_status_code=~"5.."}[900s]'
    )
    assert alone in stores.asked
    assert 'process_threads{job=~".+", instance=~".+"}' in stores.asked


def test_a_metric_that_nothing_emits_is_named_with_its_panel(stores: Stores) -> None:
    """One missing metric leaves exactly the places empty that show it."""
    stores.empty = {"process_threads"}
    proof = proof_of(stores)
    assert not proof.holds
    assert {str(answer.question.place) for answer in proof.missing} == {"obs-python-runtime/Threads/A"}
    assert {answer.question.kind for answer in proof.missing} == {"panel", "selector"}


def test_an_invented_zero_proves_nothing(stores: Stores) -> None:
    """A query that falls back to a constant is found out by its selector."""
    text = FILES["obs-python-runtime.json"].replace(
        '"expr": "max by (job, instance, worker) (process_threads{job=~\\"$job\\", instance=~\\"$instance\\"})"',
        '"expr": "max(process_threads{job=~\\"$job\\", instance=~\\"$instance\\"}) or vector(0)"',
    )

    def answer(path: str, asked: dict[str, str]) -> tuple[int, object]:
        hidden = "vector" in asked.get("query", "")
        stores.empty = set() if hidden else {"process_threads"}
        return Stores.answer(stores, path, asked)

    stores.answer = answer  # type: ignore[method-assign]
    missing = proof_of(stores, {"x.json": text}).missing
    assert {answer.question.kind for answer in missing} == {"selector"}


def test_not_a_number_is_no_data(stores: Stores) -> None:
    """The quantile of nothing is NaN, and a panel of it is empty."""
    stores.not_a_number = {"histogram_quantile"}
    panels = {answer.question.place.panel for answer in proof_of(stores).missing}
    assert panels == {"95th percentile of duration", "Duration", "95th percentile by route", "Top routes", "Pauses"}


def test_a_panel_with_a_reason_may_be_empty(stores: Stores) -> None:
    """What the demo cannot cause is excused by its panel, and counted."""
    stores.empty = {"obs_internal_errors_total"}
    proof = proof_of(stores)
    assert proof.holds
    assert 0 < proof.excused <= 0.05


def test_too_many_reasons_are_no_proof(stores: Stores) -> None:
    """More than one query in twenty may not be excused."""
    files = {
        name: text.replace('"description": "', '"description": "May be empty: always. ') for name, text in FILES.items()
    }
    proof = proof_of(stores, files)
    assert proof.missing == ()
    assert not proof.holds


def test_a_refused_query_is_a_fault_even_where_empty_is_normal(stores: Stores) -> None:
    """A query that Prometheus does not accept is named with its words."""
    text = 'obs_internal_errors_total{job=~".+", instance=~".+"}[900s]'
    stores.refused = {text}
    (missing,) = proof_of(stores).missing
    assert missing.asked + "[900s]" == text
    assert "400" in missing.fault


def test_a_trace_without_spans_is_named(stores: Stores) -> None:
    """The table of requests is proven to the spans behind its links."""
    stores.spans = []
    missing = proof_of(stores).missing
    assert {(answer.question.kind, answer.question.place.panel) for answer in missing} == {
        ("trace", "Failed or slow requests")
    }


@pytest.mark.parametrize("record", [{"trace": {"id": TRACE}}, {"trace.id": TRACE}])
def test_the_traces_id_is_found_dotted_and_nested(stores: Stores, record: dict[str, Any]) -> None:
    """A store may write fields with dots or as objects."""
    stores.record = record
    assert proof_of(stores).holds


def test_one_service_can_be_named(stores: Stores) -> None:
    """The caller can say which service is chosen where several are alive."""
    proof_of(stores, job="payments")
    assert 'count by (job, instance) (python_info{job=~"payments"})' in stores.asked


def test_a_store_that_is_down_fails_the_proof(stores: Stores) -> None:
    """Nothing is proven when Prometheus does not answer."""
    from obs_dashboards.stores import StoreError

    with pytest.raises(StoreError, match="no answer from http://127"):
        prove(FILES, prometheus="http://127.0.0.1:9")


def test_without_a_store_of_logs_its_queries_are_left_out(stores: Stores) -> None:
    """Metrics can be proven alone."""
    proof = prove(FILES, prometheus=stores.address)
    assert not {"logs", "trace"} & {answer.question.kind for answer in proof.answers}

"""The JSON API: logs by filter, traces by id and in a list, services and the receiver's own metrics."""

from __future__ import annotations

from typing import Any

import pytest

from obs.signals import catalogue
from obs.signals.receiver import SOURCE

TRACE = "0af7651916cd43dd8448eb211c80319c"
OTHER = "1af7651916cd43dd8448eb211c80319c"
NOON = 1_767_268_800_000_000_000
SECOND = 1_000_000_000


def test_logs_are_the_newest_first_and_counted_in_all(receiver: Any) -> None:
    """`limit` shortens the list, `order` turns it round, `total` counts what was not listed too."""
    receiver.send_logs(*({"message": f"m{number}", "time": NOON + number} for number in range(5)))
    answer = receiver.get("/api/logs", limit=2).json()
    assert ([record["message"] for record in answer["logs"]], answer["total"]) == (["m4", "m3"], 5)
    assert receiver.messages(order="asc", limit=2) == ["m0", "m1"]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"trace_id": TRACE}, ["b"]),
        ({"trace_id": TRACE.upper()}, ["b"]),
        ({"service": "other"}, ["c"]),
        ({"level": "error"}, ["b"]),
        ({"level": "error,info"}, ["c", "b", "a"]),
        ({"since": "2026-01-01T12:00:01Z"}, ["c", "b"]),
        ({"until": "1767268801"}, ["b", "a"]),
        ({"until": "1767268801000"}, ["b", "a"]),
        ({"since": NOON + 2 * SECOND}, ["c"]),
        ({"q": "message:a OR service.name:other"}, ["c", "a"]),
        ({"q": "a", "service": "other"}, []),
    ],
)
def test_each_filter_lets_its_records_through(receiver: Any, wanted: dict[str, str], found: list[str]) -> None:
    """Filters are joined by "and"."""
    receiver.send_logs({"message": "a"}, {"message": "b", "level": "error", "trace_id": TRACE, "time": NOON + SECOND})
    receiver.send_logs({"message": "c", "time": NOON + 2 * SECOND}, service="other")
    assert receiver.messages(**wanted) == found
    assert receiver.get("/api/logs/count", **wanted).json() == {"total": len(found)}


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/api/logs?limit=0", "limit: '0' is no number from 1 to 1000"),
        ("/api/logs?limit=x", "limit: 'x' is no number from 1 to 1000"),
        ("/api/logs?order=up", "order: 'up' is neither asc nor desc"),
        ("/api/logs?trace_id=abc", "trace_id: 'abc' is no trace id of 32 hexadecimal digits"),
        ("/api/logs?since=yesterday", "since: 'yesterday' is no point in time"),
        ("/api/logs?q=(", "the query ends too early"),
        ("/api/traces?error=maybe", "error: 'maybe' is neither true nor false"),
        ("/api/traces?min_duration_ms=-1", "min_duration_ms: '-1' is no number of milliseconds"),
        ("/api/traces/zz", "trace_id: 'zz' is no trace id of 32 hexadecimal digits"),
    ],
)
def test_a_wrong_parameter_is_named(receiver: Any, path: str, said: str) -> None:
    """A mistake is answered with 400 and one sentence that says what is allowed."""
    answer = receiver.get(path)
    assert answer.status_code == 400
    assert answer.json()["error"].startswith(said)


def test_a_trace_is_all_its_spans(receiver: Any) -> None:
    """Spans of several services come together by the trace id, by their start."""
    receiver.send_spans(
        {
            "id": "b7ad6b7169203332",
            "parent": "b7ad6b7169203331",
            "service": "orders",
            "start": NOON + 10,
            "failed": True,
        },
        {"id": "b7ad6b7169203331", "name": "POST /checkout", "ms": 5, "attributes": {"http.route": "/checkout"}},
    )
    answer = receiver.get(f"/api/traces/{TRACE}").json()
    assert answer["services"] == ["orders", "shop"]
    root, child = answer["spans"]
    assert root == {
        "trace_id": TRACE,
        "span_id": "b7ad6b7169203331",
        "parent_span_id": "",
        "service": "shop",
        "name": "POST /checkout",
        "kind": "server",
        "start_unix_nano": NOON,
        "end_unix_nano": NOON + 5_000_000,
        "duration_ms": 5.0,
        "status": "unset",
        "status_message": "",
        "attributes": {"http.route": "/checkout"},
        "events": [],
        "links": [],
        "resource": {"service.name": "shop"},
    }
    assert (child["parent_span_id"], child["service"], child["status"]) == (root["span_id"], "orders", "error")


def test_an_unknown_trace_is_not_found(receiver: Any) -> None:
    """A trace that nothing arrived of is 404 and says so."""
    answer = receiver.get(f"/api/traces/{TRACE}")
    assert (answer.status_code, answer.json()) == (404, {"error": f"no span of trace {TRACE} has arrived"})


def test_a_trace_is_summed_up_whatever_arrives_first(receiver: Any) -> None:
    """The root names the trace even when a child came before it in a batch of its own."""
    receiver.send_spans({"id": "b7ad6b7169203332", "parent": "b7ad6b7169203331", "service": "orders", "name": "child"})
    receiver.send_spans({"id": "b7ad6b7169203331", "name": "root", "start": NOON - SECOND, "ms": 3000})
    assert receiver.get("/api/traces").json() == {
        "traces": [
            {
                "trace_id": TRACE,
                "name": "root",
                "service": "shop",
                "start_unix_nano": NOON - SECOND,
                "duration_ms": 3000.0,
                "spans": 2,
                "errors": 0,
                "services": ["orders", "shop"],
            }
        ],
        "total": 1,
    }


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({}, ["slow", "fast"]),
        ({"limit": 1}, ["slow"]),
        ({"service": "orders"}, ["fast"]),
        ({"name": "slow"}, ["slow"]),
        ({"min_duration_ms": 100}, ["slow"]),
        ({"error": "true"}, ["slow"]),
        ({"error": "false"}, ["fast"]),
        ({"since": NOON + 1}, ["slow"]),
    ],
)
def test_traces_are_listed_by_what_they_are(receiver: Any, wanted: dict[str, str], found: list[str]) -> None:
    """The newest trace is the first, and `total` does not depend on the limit."""
    receiver.send_spans(
        {"trace": TRACE, "id": "b7ad6b7169203331", "name": "fast", "service": "orders"},
        {"trace": OTHER, "id": "b7ad6b7169203332", "name": "slow", "ms": 200, "failed": True, "start": NOON + SECOND},
    )
    answer = receiver.get("/api/traces", **wanted).json()
    assert [trace["name"] for trace in answer["traces"]] == found
    assert answer["total"] == (2 if "limit" in wanted else len(found))


def test_services_are_those_that_something_arrived_of(receiver: Any) -> None:
    """Each is listed with how much of each signal there is."""
    receiver.send_logs({}, {"message": "b"}, service="gateway")
    receiver.send_spans({"id": "b7ad6b7169203331", "service": "orders"})
    assert receiver.get("/api/services").json() == {
        "services": [{"name": "gateway", "logs": 2, "spans": 0}, {"name": "orders", "logs": 0, "spans": 1}]
    }


def test_every_declared_metric_of_the_receiver_is_emitted(receiver: Any) -> None:
    """What the catalogue declares with this source stands on /metrics, with the declared labels."""
    declared = [metric for metric in catalogue() if metric.source == SOURCE]
    receiver.send_logs({})
    exposed = receiver.get("/metrics").text
    assert declared
    for metric in declared:
        for sample in metric.samples:
            line = next(line for line in exposed.splitlines() if line.startswith((sample + " ", sample + "{")))
            assert all(f'{label}="' in line for label in metric.label_names)


def test_health_answers(receiver: Any) -> None:
    """A supervisor can see that it is up."""
    assert receiver.get("/health").json() == {"status": "ok"}

"""OTLP over HTTP: protobuf, JSON and gzip come in, are stored once, and are answered as the protocol says."""

from __future__ import annotations

import gzip
import json
import zlib
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

TRACE = "0af7651916cd43dd8448eb211c80319c"
JSON = "application/json"


def json_logs(**record: Any) -> bytes:
    """A request in OTLP's JSON with one record."""
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "go-shop"}}]}
    return json.dumps({"resourceLogs": [{"resource": resource, "scopeLogs": [{"logRecords": [record]}]}]}).encode()


def test_a_protobuf_log_record_becomes_its_ecs_document(receiver: Any) -> None:
    """Time, level, message, trace, resource and attributes are found again under their ECS names."""
    receiver.send_logs(
        {"message": "card declined", "level": "ERROR", "trace_id": TRACE, "event.id": "e1", "http.route": "/pay"}
    )
    (record,) = receiver.logs()
    assert record == {
        "@timestamp": "2026-01-01T12:00:00.000000Z",
        "message": "card declined",
        "log": {"level": "error"},
        "service": {"name": "shop", "version": "1.2"},
        "trace": {"id": TRACE},
        "event": {"id": "e1"},
        "http": {"route": "/pay"},
    }


def test_a_json_log_record_has_hexadecimal_ids(receiver: Any) -> None:
    """OTLP's JSON writes ids in hexadecimal and 64-bit numbers as strings."""
    body = json_logs(
        timeUnixNano="1767268800000000000", severityNumber=17, body={"stringValue": "from Go"}, traceId=TRACE.upper()
    )
    answer = receiver.post("/v1/logs", body, content_type=JSON)
    assert (answer.status_code, answer.headers["content-type"], answer.json()) == (200, JSON, {})
    (record,) = receiver.logs(service="go-shop")
    assert (record["message"], record["log"]["level"], record["trace"]["id"]) == ("from Go", "error", TRACE)


def test_an_exception_of_another_sdk_is_found_as_an_error(receiver: Any) -> None:
    """OpenTelemetry's `exception.*` is what ECS calls `error.*`."""
    receiver.send_logs({"exception.type": "KeyError", "exception.message": "tea", "exception.stacktrace": "Traceback"})
    assert receiver.logs(q="error.type:KeyError")[0]["error"] == {
        "type": "KeyError",
        "message": "tea",
        "stack_trace": "Traceback",
    }


def test_gzip_is_unpacked(receiver: Any) -> None:
    """A compressed body is stored like any other."""
    body = gzip.compress(receiver.log_body({"message": "squeezed"}))
    assert receiver.post("/v1/logs", body, content_encoding="gzip").status_code == 200
    assert receiver.messages() == ["squeezed"]


def test_the_answer_is_the_protocols_message(receiver: Any) -> None:
    """A sender that parses the answer finds an empty one where all is stored."""
    logs = receiver.post("/v1/logs", receiver.log_body({}))
    spans = receiver.post("/v1/traces", receiver.span_body({"id": "b7ad6b7169203331"}))
    assert ExportLogsServiceResponse.FromString(logs.content) == ExportLogsServiceResponse()
    assert ExportTraceServiceResponse.FromString(spans.content) == ExportTraceServiceResponse()
    assert logs.headers["content-type"] == "application/x-protobuf"


def test_a_batch_sent_twice_is_stored_once(receiver: Any) -> None:
    """A retry after a time-out makes no duplicate, and is counted."""
    body = receiver.log_body({"event.id": "one"}, {"event.id": "two"})
    spans = receiver.span_body({"id": "b7ad6b7169203331"}, {"id": "b7ad6b7169203332", "parent": "b7ad6b7169203331"})
    for _ in range(2):
        receiver.post("/v1/logs", body).raise_for_status()
        receiver.post("/v1/traces", spans).raise_for_status()
    assert receiver.get("/api/logs/count").json() == {"total": 2}
    (trace,) = receiver.get("/api/traces").json()["traces"]
    assert trace["spans"] == 2
    assert receiver.metric('obs_receiver_records_total{signal="logs"}') == 2
    assert receiver.metric('obs_receiver_duplicates_total{signal="logs"}') == 2
    assert receiver.metric('obs_receiver_duplicates_total{signal="traces"}') == 2


def test_equal_records_without_ids_are_each_stored_once(receiver: Any) -> None:
    """A sender without event ids can write the same line twice, and can send the batch again."""
    body = receiver.log_body({"message": "tick"}, {"message": "tick"})
    for _ in range(2):
        receiver.post("/v1/logs", body).raise_for_status()
    assert receiver.messages() == ["tick", "tick"]


def test_a_span_without_ids_is_rejected_and_the_others_are_stored(receiver: Any) -> None:
    """Partial success says how many were unusable and why."""
    body = receiver.span_body({"id": "b7ad6b7169203331"}, {"id": "", "name": "broken"})
    answer = receiver.post("/v1/traces", body)
    told = ExportTraceServiceResponse.FromString(answer.content).partial_success
    assert (answer.status_code, told.rejected_spans) == (200, 1)
    assert told.error_message == "span 'broken' has no span id of 8 bytes"
    assert receiver.get("/api/traces").json()["total"] == 1
    assert receiver.metric('obs_receiver_dropped_total{reason="invalid",signal="traces"}') == 1


@pytest.mark.parametrize(
    ("body", "headers", "status", "said"),
    [
        (b"\xff\xff\xff", {}, 400, "no ExportLogsServiceRequest"),
        (b"{", {"content_type": JSON}, 400, "no ExportLogsServiceRequest"),
        (b"[]", {"content_type": JSON}, 400, "no object"),
        (b'{"resourceLogs": 7}', {"content_type": JSON}, 400, "ExportLogsServiceRequest"),
        (b'{"resourceLogs": [7]}', {"content_type": JSON}, 400, "ExportLogsServiceRequest"),
        (b'{"a":' * 900 + b"1" + b"}" * 900, {"content_type": JSON}, 400, "ExportLogsServiceRequest"),
        (b"hello", {"content_type": "text/plain"}, 415, "application/x-protobuf"),
        (b"hello", {"content_encoding": "br"}, 415, "gzip"),
        (b"hello", {"content_encoding": "gzip"}, 400, "no gzip"),
        (gzip.compress(b"x" * 100)[:-9], {"content_encoding": "gzip"}, 400, "cut off"),
        (b"\0" * (16 * 1024**2 + 1), {}, 413, "larger than"),
        (zlib.compress(b"\0" * (64 * 1024**2), 9, 31), {"content_encoding": "gzip"}, 413, "larger than"),
    ],
    ids=[
        "protobuf", "json", "array", "number", "list", "deep", "type", "encoding", "no gzip", "cut", "large",
        "bomb",
    ],
)  # fmt: skip
def test_a_broken_request_is_refused_with_its_reason(
    receiver: Any, body: bytes, headers: dict[str, str], status: int, said: str
) -> None:
    """Nothing that cannot be read is accepted, however it is broken, and the receiver goes on."""
    answer = receiver.post("/v1/logs", body, **headers)
    assert answer.status_code == status
    assert said.encode() in answer.content
    receiver.send_logs({"message": "after"})
    assert receiver.messages() == ["after"]


def test_pushed_metrics_are_refused_with_what_to_do(receiver: Any) -> None:
    """Metrics are scraped, so pushing them is answered with how to stop it."""
    answer = receiver.post("/v1/metrics", b"{}", content_type=JSON)
    assert answer.status_code == 404
    assert "OTEL_METRICS_EXPORTER=none" in answer.json()["message"]


def test_odd_values_become_strict_json(receiver: Any) -> None:
    """Infinity, long text and impossible times are stored in a form that can be read."""
    receiver.send_logs({"ratio": float("inf"), "text": "x" * 100_000, "time": 2**64 - 1, "list": [1, "a", True]})
    (record,) = receiver.logs()
    assert record["ratio"] == "inf"
    assert (len(record["text"]), record["text"][-1]) == (65_536, "…")
    assert record["list"] == [1, "a", True]

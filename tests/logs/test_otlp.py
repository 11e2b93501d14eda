"""Records over OTLP hold what their lines hold; nothing is written twice or lost between the two ways."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from obs import logs
from obs.runtime.export import Exporter
from obs.runtime.export_queue import Item, joined
from obs.settings import resolve

Lines = Callable[[], list[dict[str, Any]]]
Start = Callable[..., logs.LogsRoom]


class Kept:
    """An exporter that keeps what it is given."""

    def __init__(self) -> None:
        self.items: list[Item] = []

    def register(self, signal: str, path: str, encode: Any) -> Any:
        """Take the encoder of logs."""
        assert (signal, path) == ("logs", "/v1/logs")
        return lambda record: self.items.append(encode(record))

    def request(self) -> ExportLogsServiceRequest:
        """What would be sent."""
        return ExportLogsServiceRequest.FromString(joined(self.items))


def plain(value: AnyValue) -> Any:
    """An attribute's value."""
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [plain(item) for item in value.array_value.values]
    return getattr(value, kind) if kind else None


def test_record_holds_what_the_line_holds(start: Start, lines: Lines) -> None:
    """Severity, body, ids and every field under its dotted name, with the event's id of the line."""
    kept = Kept()
    start(kept, logs_to="both", endpoint="http://127.0.0.1:9")
    logs.current_ids, before = (lambda: (0xAB, 0xCD, "")), logs.current_ids
    try:
        logs.get_logger("shop").warning("paid", order_id=7, tags=["a"], password="hunter2", **{"user.id": 5})
    finally:
        logs.current_ids = before
    (line,) = lines()
    (resource,) = kept.request().resource_logs
    (scope,) = resource.scope_logs
    (record,) = scope.log_records
    assert {pair.key: plain(pair.value) for pair in resource.resource.attributes}["service.name"] == "shop"
    assert scope.scope.name == "shop"
    assert (record.severity_number, record.severity_text, record.body.string_value) == (13, "warning", "paid")
    assert (record.trace_id, record.span_id) == ((0xAB).to_bytes(16, "big"), (0xCD).to_bytes(8, "big"))
    assert {pair.key: plain(pair.value) for pair in record.attributes} == {
        "order_id": 7,
        "tags": ["a"],
        "password": "[redacted]",
        "user.id": "5",
        "event.id": line["event"]["id"],
        "log.logger": "shop",
    }
    assert abs(record.time_unix_nano - record.observed_time_unix_nano) == 0
    assert record.time_unix_nano // 10**9 > 1_700_000_000


def test_access_line_and_exception_over_otlp(start: Start, lines: Lines) -> None:
    """The access line has one `event.id`, the exception its three fields."""
    kept = Kept()
    start(kept, logs_to="otlp", endpoint="http://127.0.0.1:9")
    logs.access(logs.AccessLine("info", "GET / 200", {}), "/", 5, int("ab" * 16, 16), int("cd" * 8, 16), "r-1")
    try:
        raise ValueError("x")
    except ValueError:
        logging.getLogger("lib").exception("failed")
    assert lines() == []
    (resource,) = kept.request().resource_logs
    access, failed = (record for scope in resource.scope_logs for record in scope.log_records)
    pairs = {pair.key: plain(pair.value) for pair in access.attributes}
    assert (pairs["url.path"], pairs["event.duration"], len(pairs["event.id"])) == ("/", 5, 32)
    assert access.trace_id.hex() == "ab" * 16
    assert {pair.key for pair in failed.attributes} >= {"error.type", "error.message", "error.stack_trace"}


@pytest.mark.parametrize(("logs_to", "stdout", "otlp"), [("stdout", 1, 0), ("otlp", 0, 1), ("both", 1, 1)])
def test_setting_says_where_logs_go(logs_to: str, stdout: int, otlp: int, start: Start, lines: Lines) -> None:
    """`logs_to` decides, so that no record is stored twice unless that was asked for."""
    kept = Kept()
    start(kept, logs_to=logs_to, endpoint="http://127.0.0.1:9")
    logs.get_logger().info("m")
    assert (len(lines()), len(kept.items)) == (stdout, otlp)


def test_without_an_endpoint_lines_stay_on_standard_output(start: Start, lines: Lines) -> None:
    """Logs that were meant for a backend that is not set are not lost."""
    start(Exporter(replace(resolve({"service": "shop"}).settings)), logs_to="otlp")
    logs.get_logger().info("m")
    assert len(lines()) == 1


def test_records_about_delivery_are_not_delivered(start: Start, lines: Lines) -> None:
    """What OpenTelemetry or obs say of their own work is written, and makes no more work for them."""
    kept = Kept()
    start(kept, logs_to="both", endpoint="http://127.0.0.1:9")
    for name in ("opentelemetry.sdk.trace", "obs", "obs.export", "observer"):
        logging.getLogger(name).warning("m")
    assert (len(lines()), len(kept.items)) == (4, 1)

"""A storm of one message is cut to a rate, and one line says how many were left out."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

import pytest

from obs import logs

Lines = Callable[[], list[dict[str, Any]]]
Start = Callable[..., logs.LogsRoom]


def awaited(lines: Lines, number: int) -> list[dict[str, Any]]:
    """The records that come, once there are as many."""
    records: list[dict[str, Any]] = []
    until = time.monotonic() + 30
    while len(records) < number:
        assert time.monotonic() < until, records
        records += lines()
        time.sleep(0.01)
    return records


@pytest.mark.parametrize("kind", ["structlog", "stdlib"])
def test_storm_is_cut_and_summed_up_when_it_ends(kind: str, start: Start, lines: Lines) -> None:
    """Values do not make another message; the summary comes although no further line does."""
    start(log_storm=10)
    log = logs.get_logger("shop") if kind == "structlog" else logging.getLogger("shop")
    for number in range(1000):
        log.warning("disk %d is slow", number)
    *kept, summary = awaited(lines, 11)
    assert [record["message"] for record in kept] == [f"disk {number} is slow" for number in range(10)]
    assert summary["message"] == "990 lines were left out like: disk %d is slow"
    assert (summary["left_out"], summary["log.level"], summary["log"]["logger"]) == (990, "warning", "shop")


def test_stop_sums_up_at_once(start: Start, lines: Lines) -> None:
    """What was left out is told before the process ends."""
    room = start(log_storm=3)
    for _ in range(5):
        logs.get_logger().info("m")
    room.stop(1)
    assert [record.get("left_out") for record in lines()] == [None, None, None, 2]


def test_errors_other_messages_and_access_lines_are_kept(start: Start, lines: Lines) -> None:
    """A storm costs nothing but its own lines; each request has its line, whatever their number."""
    start(log_storm=3)
    line = logs.AccessLine("info", "GET /items 200", {"http.request.method": "GET"})
    for number in range(20):
        logs.get_logger().error("failed")
        logs.get_logger(f"logger{number}").info("m")
        logs.access(line, "/items", 5, 1, 1, "r-1")
    assert len(lines()) == 60


def test_storms_can_be_let_through(start: Start, lines: Lines) -> None:
    """With 0 nothing is cut."""
    start(log_storm=0)
    for _ in range(6000):
        logs.get_logger().info("m")
    assert len(lines()) == 6000

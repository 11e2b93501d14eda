"""The lines for a person: readable, without what every line has, and harmless to the terminal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from obs import logs

Start = Callable[..., logs.LogsRoom]


def test_line_shows_the_id_that_a_caller_sent(start: Start, capsys: pytest.CaptureFixture[str]) -> None:
    """An id that was made is that of the trace, whose beginning is on the line already."""
    start(log_format="console")
    logs.access(logs.AccessLine("info", "GET 200", {}), "/", 5, 0xAB << 120, 0xCD, f"{0xAB << 120:032x}")
    logs.access(logs.AccessLine("info", "GET 200", {}), "/", 5, 0xAB << 120, 0xCD, "r-1")
    made, sent = capsys.readouterr().out.splitlines()
    assert "http.request.id" not in made
    assert "http.request.id=r-1" in sent


def test_line_shows_what_happened_and_not_what_every_line_has(start: Start, capsys: pytest.CaptureFixture[str]) -> None:
    """Time, level, message, logger, fields and the beginning of the trace id; no service, process or event id."""
    start(log_format="console")
    logs.current_ids, before = (lambda: (0xABCDEF << 104, 0xCD, "")), logs.current_ids
    try:
        logs.get_logger("shop").warning("paid", order_id=7, user={"id": "u1"}, password="hunter2", tags=["a", "b"])
    finally:
        logs.current_ids = before
    (line,) = capsys.readouterr().out.splitlines()
    for part in ("warning", "paid", "[shop]", "order_id=7", "user.id=u1", "password=[redacted]", "trace=abcdef00"):
        assert part in line
    for part in ("service", "event.id", "pid", "dataset", "ecs"):
        assert part not in line


def test_traceback_stands_below_its_line(start: Start, capsys: pytest.CaptureFixture[str]) -> None:
    """An exception's traceback keeps its lines and has no secrets."""
    start(log_format="console")
    try:
        raise ValueError("password=hunter2")
    except ValueError:
        logs.get_logger().exception("failed", order_id=7)
    shown = capsys.readouterr().out
    first, second, *_, last = shown.splitlines()
    assert "failed" in first
    assert "order_id=7" in first
    assert second == "Traceback (most recent call last):"
    assert last == "ValueError: password=[redacted]"


@pytest.mark.parametrize(
    "text", ["a\r\nFAKE level=error", "\x1b[2Jx", "\x9bx", "\u202ex", "\u2028x", "\x00x", "\x07\x7f"]
)
def test_control_characters_are_shown_and_not_obeyed(
    text: str, start: Start, capsys: pytest.CaptureFixture[str]
) -> None:
    """In message, key, value, list and exception, a character that a terminal acts upon is escaped; the line is one."""
    start(log_format="console")
    log: Any = logs.get_logger(text)
    log.info(text, value=text, many=[text], nested={text: text}, **{text: 1})
    try:
        raise ValueError(text)
    except ValueError:
        log.exception("failed")
    shown = capsys.readouterr().out
    assert all(char.isprintable() or char == "\n" for char in shown)
    # The two records; a traceback has lines of its own.
    assert len([line for line in shown.splitlines() if "[info" in line or "[error" in line]) == 2

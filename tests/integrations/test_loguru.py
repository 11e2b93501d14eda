"""loguru joins: what it logs is written once, as a record of obs with its fields, ids and exception."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from loguru import logger

import obs

Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str], initialised: None) -> Iterator[Lines]:
    """The records since the last call; nothing else may be in either stream."""

    def read() -> list[dict[str, Any]]:
        shown = capsys.readouterr()
        assert shown.err == ""
        return [json.loads(line) for line in shown.out.splitlines()]

    handlers = list(logging.getLogger().handlers)
    yield read
    obs.shutdown()
    logger.remove()
    logging.getLogger().handlers[:] = handlers


def begin() -> None:
    """Start obs where loguru prints to standard error, as it does of itself."""
    logger.remove()
    logger.add(sys.stderr)
    obs.init(service="shop", metrics_port=0)


def test_record_has_its_fields_its_logger_and_the_ids_of_the_span(lines: Lines) -> None:
    """Values of the call, of `bind` of either library, and the span's ids are in the one line of a message."""
    begin()
    with obs.span("pack") as span, obs.bind(order=7):
        logger.bind(buyer="bob").info("packed {}", 5, key=1, event="mine")
        trace_id = format(span.get_span_context().trace_id, "032x")
    (record,) = lines()
    assert (record["message"], record["log.level"], record["log"]["logger"]) == ("packed 5", "info", __name__)
    assert (record["key"], record["buyer"], record["order"], record["labels"]["event"]) == (1, "bob", 7, "mine")
    assert record["trace"]["id"] == trace_id


def test_exception_is_told_like_any_other(lines: Lines) -> None:
    """`logger.exception` gives type, message and stack, with secrets taken out."""
    begin()
    try:
        raise ValueError("password=hunter2")
    except ValueError:
        logger.exception("failed")
    (record,) = lines()
    assert (record["log.level"], record["error"]["type"]) == ("error", "ValueError")
    assert record["error"]["message"] == "password=[redacted]"
    assert "test_loguru.py" in record["error"]["stack_trace"]


def test_application_configures_its_handlers_later(lines: Lines, tmp_path: Path) -> None:
    """After `remove()`, `add(sys.stderr)` and `configure` a message is still one record; a file gets its own line."""
    begin()
    logger.remove()
    logger.add(sys.stderr, format="{message}")
    logger.add(tmp_path / "app.log", format="{message}")
    logger.info("one")
    logger.configure(handlers=[{"sink": sys.stdout, "serialize": True}])
    logger.info("two")
    assert [record["message"] for record in lines()] == ["one", "two"]
    assert (tmp_path / "app.log").read_text() == "one\n"


def test_standard_library_feeds_loguru_or_is_fed_by_it(lines: Lines) -> None:
    """The two usual recipes that join loguru and the standard library do not double a record."""

    class Intercept(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            logger.opt(depth=6, exception=record.exc_info).log(record.levelname, record.getMessage())

    class Propagate(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            logging.getLogger(record.name).handle(record)

    begin()
    before = list(logging.getLogger().handlers)
    logging.basicConfig(handlers=[Intercept()], level=0, force=True)
    logging.getLogger("shop").info("from the standard library")
    logging.basicConfig(handlers=before, level=0, force=True)
    alone = logging.getLogger("alone")
    alone.handlers, alone.propagate = [Intercept()], False
    alone.warning("only to loguru")
    alone.handlers, alone.propagate = [], True
    handler = logger.add(Propagate(), format="{message}")
    logger.info("from loguru")
    logger.remove(handler)
    assert [record["message"] for record in lines()] == ["from the standard library", "only to loguru", "from loguru"]


def test_level_follows(lines: Lines) -> None:
    """What obs does not write is not written, also after `set_level`."""
    begin()
    logger.debug("no")
    obs.set_level("debug")
    logger.debug("yes")
    obs.set_level("error", logger=__name__)
    logger.warning("no")
    logger.success("no")
    assert [record["message"] for record in lines()] == ["yes"]


def test_shutdown_gives_back_what_was_there(capsys: pytest.CaptureFixture[str], initialised: None) -> None:
    """Afterwards loguru prints as before, and has the handlers that it had."""
    logger.remove()
    logger.add(sys.stderr, format="{message}")
    before = repr(logger)
    for _ in range(3):
        obs.init(service="shop", metrics_port=0)
        obs.shutdown()
    assert repr(logger) == before
    logger.info("plain")
    assert capsys.readouterr() == ("", "plain\n")
    logger.remove()

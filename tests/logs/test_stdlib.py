"""The standard library's logging is joined: each line once, as a record, however and whenever it was configured."""

from __future__ import annotations

import io
import logging
import logging.config
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from obs import logs

Lines = Callable[[], list[dict[str, Any]]]
Start = Callable[..., logs.LogsRoom]

# What uvicorn and gunicorn give to `dictConfig` or set by hand, reduced to what matters.
SERVER = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "PLAIN %(message)s"}},
    "handlers": {
        "default": {"class": "logging.StreamHandler", "formatter": "plain", "stream": "ext://sys.stderr"},
        "access": {"class": "logging.StreamHandler", "formatter": "plain", "stream": "ext://sys.stdout"},
    },
    "loggers": {
        "uvicorn": {"handlers": ["default"], "level": "INFO", "propagate": False},
        "uvicorn.error": {"level": "INFO"},
        "uvicorn.access": {"handlers": ["access"], "level": "INFO", "propagate": False},
    },
}


@pytest.fixture(autouse=True)
def fresh_logging() -> Iterator[None]:
    """Loggers of servers are as they were before the test."""
    names = ("", "uvicorn", "uvicorn.error", "uvicorn.access", "gunicorn.error", "gunicorn.access", "own", "lib")
    before = {name: vars(logging.getLogger(name)).copy() for name in names}
    yield
    for name, state in before.items():
        known = logging.getLogger(name)
        known.handlers, known.propagate, known.disabled = state["handlers"], state["propagate"], state["disabled"]
        known.setLevel(state["level"])


def messages(lines: Lines) -> list[str]:
    """The messages that were written."""
    return [record["message"] for record in lines()]


def test_record_of_the_standard_library(start: Start, lines: Lines) -> None:
    """Level, logger, arguments, extra fields and exception of a LogRecord become those of the record."""
    start()
    try:
        raise ValueError("x")
    except ValueError:
        logging.getLogger("lib").exception("paid %d", 5, extra={"order_id": 7, "http": "GET", "password": "hunter2"})
    logging.getLogger().log(35, "between")
    first, second = lines()
    assert (first["log.level"], first["message"], first["log"]) == ("error", "paid 5", {"logger": "lib"})
    assert (first["order_id"], first["labels"], first["password"]) == (7, {"http": "GET"}, "[redacted]")
    assert first["error"]["type"] == "ValueError"
    assert second["log.level"] == "warning"
    assert "log" not in second
    assert {"args", "msg", "levelno", "lineno", "color_message"}.isdisjoint(first)


def test_console_handlers_are_set_aside_and_others_stay(
    start: Start, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A line is not printed twice; a file still gets what it got; after the stop all is as before."""
    root, own = logging.getLogger(), logging.getLogger("own")
    console, file = logging.StreamHandler(sys.stderr), logging.FileHandler(tmp_path / "app.log")
    handlers: list[logging.Handler] = [logging.StreamHandler(sys.stdout)]
    own.handlers, own.propagate = handlers, False
    room = start(handlers=(console, file))
    root.warning("one")
    own.warning("two")
    logging.getLogger("own.child").warning("three")
    out, err = capsys.readouterr()
    assert [line.count('"message"') for line in out.splitlines()] == [1, 1, 1]
    assert err == ""
    room.stop(1)
    assert root.handlers == [console, file]
    assert (own.handlers, own.propagate) == (handlers, False)
    file.close()
    assert (tmp_path / "app.log").read_text() == "one\n"


def test_level_of_the_root_logger_follows_the_settings(start: Start, lines: Lines) -> None:
    """Info is written although the standard library's own default is warning; the stop gives the level back."""
    before = logging.getLogger().level
    room = start()
    logging.getLogger("lib").info("shown")
    logging.getLogger("lib").debug("hidden")
    assert messages(lines) == ["shown"]
    room.stop(1)
    assert logging.getLogger().level == before


def test_later_basic_config_is_joined(
    start: Start, lines: Lines, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`basicConfig` finds no handler of obs in its way: a file is opened, a console handler is set aside."""
    room = start()
    logging.basicConfig(level=logging.DEBUG, format="PLAIN %(message)s")
    logging.getLogger("lib").info("a")
    logging.basicConfig(force=True, filename=tmp_path / "app.log", format="FILE %(message)s")
    logging.getLogger("lib").warning("b")
    out, err = capsys.readouterr()
    assert (out.count("\n"), "PLAIN" in out + err) == (2, False)
    assert (tmp_path / "app.log").read_text() == "FILE b\n"
    logging.getLogger().handlers[0].close()
    room.stop(1)


@pytest.mark.parametrize("moment", ["before", "after"])
def test_server_loggers_join_once_and_their_access_lines_are_silent(
    moment: str, start: Start, lines: Lines, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the configuration of uvicorn, made before or after the start: no double and no unformatted line."""
    if moment == "before":
        logging.config.dictConfig(SERVER)
    room = start()
    if moment == "after":
        logging.config.dictConfig(SERVER)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logging.getLogger(name).warning("from %s", name)
    out, err = capsys.readouterr()
    assert (err, "PLAIN" in out) == ("", False)
    assert out.count("from uvicorn") == 2
    assert not logging.getLogger("uvicorn.access").hasHandlers()
    room.stop(1)
    logging.getLogger("uvicorn.access").info("after")
    logging.getLogger("uvicorn.error").info("after")
    out, err = capsys.readouterr()
    assert (out + err).count("PLAIN after") == 2


def test_console_handler_that_is_added_later_is_set_aside(start: Start, capsys: pytest.CaptureFixture[str]) -> None:
    """Servers such as gunicorn add their handlers by hand, on loggers that do not propagate."""
    room = start()
    error = logging.getLogger("gunicorn.error")
    handler = logging.StreamHandler()
    error.propagate = False
    error.addHandler(handler)
    error.setLevel(logging.INFO)
    error.info("booted")
    logging.getLogger("gunicorn.access").addHandler(logging.StreamHandler(sys.stdout))
    logging.getLogger("gunicorn.access").info("GET /")
    out, err = capsys.readouterr()
    assert (out.count("booted"), err) == (1, "")
    assert "GET /" not in out
    room.stop(1)
    assert (error.handlers, error.propagate) == ([handler], False)


def test_handler_that_logs_does_not_recurse(start: Start, lines: Lines) -> None:
    """A handler of the application's that logs is not asked by what obs does, and obs is asked once for each record."""
    start()

    class Chatty(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.name != "chatty":
                logging.getLogger("chatty").info("saw %s", record.getMessage())

    logging.getLogger().addHandler(Chatty())
    logging.getLogger("lib").info("a")
    assert messages(lines) == ["a", "saw a"]


def test_standard_output_that_is_redirected_into_logging_ends(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """A common trick: what is printed is logged. A record is then logged once more and no further."""
    real = io.StringIO()

    class IntoLogging(io.TextIOBase):
        def write(self, text: str) -> int:
            if text.strip():
                logging.getLogger("printed").info(text.strip())
            return len(text)

    start()
    monkeypatch.setattr(sys, "__stdout__", real)
    monkeypatch.setattr(sys, "stdout", IntoLogging())
    logging.getLogger("lib").info("a")
    print("b")  # noqa: T201 - what the test is about
    assert real.getvalue().count("\n") == 2


def test_warnings_are_records(start: Start, lines: Lines) -> None:
    """`warnings.warn` is a record of level warning; the stop gives `warnings` back."""
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        before = warnings.showwarning
        room = start()
        warnings.warn("old thing", DeprecationWarning, stacklevel=1)
        (record,) = lines()
        assert "DeprecationWarning: old thing" in record["message"]
        assert (record["log.level"], record["log"]) == ("warning", {"logger": "py.warnings"})
        room.stop(1)
        assert warnings.showwarning is before


def test_warnings_are_records_after_a_configuration_that_disables_existing_loggers(start: Start, lines: Lines) -> None:
    """`dictConfig` disables every existing logger by default; warnings, which need none without obs, still arrive."""
    start()
    logging.config.dictConfig({"version": 1})
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("careful", UserWarning, stacklevel=1)
    (record,) = lines()
    assert "UserWarning: careful" in record["message"]


def test_exception_of_a_thread_is_a_record_and_the_previous_hook_is_called(
    start: Start, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What nobody caught in a thread is critical and names the thread."""
    called: list[Any] = []
    monkeypatch.setattr(threading, "excepthook", called.append)
    start()

    def fail() -> None:
        raise ValueError("password=hunter2")

    def leave() -> None:
        raise SystemExit

    for work in (fail, leave):
        thread = threading.Thread(target=work, name="worker-7")
        thread.start()
        thread.join()
    (record,) = lines()
    assert (record["log.level"], record["process"]["thread"]) == ("critical", {"name": "worker-7"})
    assert record["error"]["message"] == "password=[redacted]"
    assert len(called) == 2


def snapshot() -> dict[str, Any]:
    """Everything of the process that logs change."""
    loggers = [logging.getLogger(name) for name in ("", *logging.Logger.manager.loggerDict)]
    return {
        "loggers": [(one.name, one.handlers[:], one.level, one.propagate, one.disabled) for one in loggers],
        "logging": [
            logging.basicConfig,
            logging.config.dictConfig,
            logging.config.fileConfig,
            logging.Logger.addHandler,
        ],
        "structlog": [structlog.get_config(), structlog.is_configured(), structlog.configure, structlog.reset_defaults],
        "processors": list(structlog.get_config()["processors"]),
        "hooks": [sys.excepthook, threading.excepthook, warnings.showwarning],
        "levels": [(one.name, one.isEnabledFor(logging.INFO)) for one in loggers],
    }


@pytest.mark.parametrize("configured", [False, True])
def test_stop_gives_everything_back(configured: bool, start: Start) -> None:
    """After the stop every handler, level, hook and configuration is what it was, however often it is repeated."""
    handlers = (logging.StreamHandler(sys.stderr), logging.StreamHandler(io.StringIO())) if configured else ()
    start(handlers=handlers).stop(1)
    if configured:
        logging.config.dictConfig(SERVER)
        structlog.configure(processors=[structlog.processors.JSONRenderer()])
    before = snapshot()
    for _ in range(3):
        room = start(handlers=handlers)
        logging.getLogger("lib").warning("x")
        warnings.warn("x", UserWarning, stacklevel=1)
        assert snapshot() != before
        room.stop(1)
        assert snapshot() == before
    structlog.reset_defaults()


def test_start_while_started_replaces_what_runs(start: Start, lines: Lines) -> None:
    """A second start without a stop writes each line once, with the settings of the second."""
    start()
    second = start(log_level="warning")
    logs.get_logger().info("a")
    logs.get_logger().warning("b")
    logging.getLogger("lib").warning("c")
    assert messages(lines) == ["b", "c"]
    second.stop(1)

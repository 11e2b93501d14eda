"""Loggers of obs and of structlog follow every start and stop; the application's own configuration is joined."""

from __future__ import annotations

import asyncio
import io
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs

from obs import logs

Lines = Callable[[], list[dict[str, Any]]]
Start = Callable[..., logs.LogsRoom]


@pytest.fixture(autouse=True)
def fresh_structlog() -> Iterator[None]:
    """No test leaves its structlog configuration or bound fields to the next."""
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()
    yield
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def add_tenant(_logger: Any, _method: str, event: Any) -> Any:
    """A processor of the application's."""
    event["tenant"] = "acme"
    return event


def test_logger_that_was_made_at_import_follows_start_and_stop(
    start: Start, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before the start and after the stop a line goes where structlog sends it; in between it is a record."""
    log = logs.get_logger("shop")
    bound = log.bind(order_id=7)
    bound.info("before")
    assert "before" in capsys.readouterr().out
    for _ in range(2):
        room = start()
        bound.info("while")
        assert '"message":"while","order_id":7' in capsys.readouterr().out
        bound.debug("too low")
        room.stop(1)
        bound.debug("after")
        out = capsys.readouterr().out
        assert "after" in out
        assert '"message"' not in out


def test_loggers_of_structlog_itself_are_joined(start: Start, lines: Lines, capsys: pytest.CaptureFixture[str]) -> None:
    """`structlog.get_logger()` of a module that knows nothing of obs writes records, also once it is cached."""
    log = structlog.get_logger("lib", component="x")
    room = start()
    log.info("one")
    log.info("two")
    first, second = lines()
    assert first["log"] == {"logger": "lib"}
    assert second["component"] == "x"
    room.stop(1)
    log.info("after")
    assert '"message"' not in capsys.readouterr().out


@pytest.mark.parametrize("level", ["debug", "info", "warning", "error", "critical"])
def test_level_of_the_settings_decides(level: str, start: Start, lines: Lines) -> None:
    """Only the level that was asked for and those above are written, by every kind of logger."""
    order = ["debug", "info", "warning", "error", "critical"]
    start(log_level=level)
    for one in order:
        getattr(logs.get_logger(), one)(one)
        getattr(structlog.get_logger(), one)(one)
        getattr(logging.getLogger("x"), one)(one)
        logs.get_logger().log(getattr(logging, one.upper()), one)
        logs.access(logs.AccessLine(one, one, {}), "/", 5, int("ab" * 16, 16), int("cd" * 8, 16), "r-1")
    wanted = order[order.index(level) :]
    assert [record["message"] for record in lines()] == [one for one in wanted for _ in range(5)]
    assert logs.get_logger().is_enabled_for(logging.INFO) is (level in {"debug", "info"})


def test_every_method_of_a_structlog_logger_works(start: Start, lines: Lines) -> None:
    """The old names and the asynchronous ones are there too."""
    start()
    log: Any = logs.get_logger()
    log.warn("a")
    log.fatal("b")
    log.msg("c")
    log.new(x=1).unbind("x").try_unbind("y").info("d")

    async def later() -> None:
        await log.ainfo("e %s", 1)
        await log.alog(40, "f")
        await log.adebug("too low")

    asyncio.run(later())
    levels = [(record["message"], record["log.level"]) for record in lines()]
    assert levels == [
        ("a", "warning"),
        ("b", "critical"),
        ("c", "info"),
        ("d", "info"),
        ("e 1", "info"),
        ("f", "error"),
    ]


def test_stack_info_tells_where_the_caller_stands(start: Start, lines: Lines) -> None:
    """`stack_info=True` ends in the line that logged."""
    start()
    logs.get_logger().info("here", stack_info=True)
    logging.getLogger("x").info("here", stack_info=True)
    for record in lines():
        assert "test_loggers.py" in record["error"]["stack_trace"].splitlines()[-2]


def test_bound_fields_stand_in_every_record_until_they_are_taken_back(start: Start, lines: Lines) -> None:
    """`bind` works as a plain call and as a context manager, for every kind of logger and for structlog's own."""
    start()
    logs.bind(request="r1")
    with logs.bind(request="r2", order_id=7):
        assert logs.bound_fields() == {"request": "r2", "order_id": 7}
        logs.get_logger().info("a")
        logging.getLogger("x").info("b")
        structlog.get_logger().info("c", order_id="own")
    structlog.contextvars.bind_contextvars(theirs=True)
    logs.get_logger().info("d")
    seen = [(record.get("request"), record.get("order_id"), record.get("theirs")) for record in lines()]
    assert seen == [("r2", 7, None), ("r2", 7, None), ("r2", "own", None), ("r1", None, True)]


def test_bound_fields_end_with_their_task(start: Start, lines: Lines) -> None:
    """What one task binds is not seen by its neighbours."""
    start()

    async def work(number: int) -> None:
        logs.bind(number=number)
        await asyncio.sleep(0)
        logs.get_logger().info("done", expected=number)

    async def main() -> None:
        await asyncio.gather(*(work(number) for number in range(20)))

    asyncio.run(main())
    assert [record["number"] == record["expected"] for record in lines()] == [True] * 20


@pytest.mark.parametrize("moment", ["before", "after"])
def test_own_processors_keep_running(
    moment: str, start: Start, lines: Lines, capsys: pytest.CaptureFixture[str]
) -> None:
    """A configuration made before or after the start: its processors run, its renderer is replaced and given back."""
    renderer = structlog.processors.JSONRenderer()

    def configure() -> None:
        structlog.configure(
            processors=[
                structlog.processors.add_log_level,
                add_tenant,
                structlog.processors.TimeStamper(fmt="iso"),
                structlog.processors.format_exc_info,
                renderer,
            ],
            wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG),
            cache_logger_on_first_use=True,
        )

    log = structlog.get_logger("lib")
    if moment == "before":
        configure()
        log.info("cached before the start")
        capsys.readouterr()
    room = start()
    if moment == "after":
        configure()
    with logs.bind(request="r1"):
        log.info("theirs", password="hunter2")
    log.debug("below obs's level")
    logs.get_logger("own").info("own")
    try:
        raise ValueError("x")
    except ValueError:
        log.exception("failed")
    theirs, own, failed = lines()
    assert theirs["tenant"] == own["tenant"] == "acme"
    assert theirs["password"] == "[redacted]"
    assert theirs["request"] == "r1"
    assert "timestamp" not in theirs
    assert "level" not in theirs
    assert "ValueError: x" in failed["error"]["stack_trace"]
    room.stop(1)
    assert structlog.get_config()["processors"][-1] is renderer
    log.info("after")
    assert '"event": "after"' in capsys.readouterr().out


def test_processor_that_raises_costs_its_own_work_only(start: Start, lines: Lines) -> None:
    """The record is written and names the processor that failed."""

    def broken(_logger: Any, _method: str, _event: Any) -> Any:
        raise ValueError("x")

    start()
    structlog.configure(processors=[broken, add_tenant, structlog.processors.JSONRenderer()])
    logs.get_logger().info("m")
    structlog.get_logger().info("m")
    for record in lines():
        assert record["tenant"] == "acme"
        assert record["obs_processor_error"] == "broken: ValueError"


def test_processor_can_drop_an_event(start: Start, lines: Lines) -> None:
    """`DropEvent` means what it means in structlog."""

    def drop(_logger: Any, _method: str, _event: Any) -> Any:
        raise structlog.DropEvent

    start()
    structlog.configure(processors=[drop, structlog.processors.JSONRenderer()])
    logs.get_logger().info("m")
    structlog.get_logger().info("m")
    assert lines() == []


def test_structlog_over_the_standard_library_keeps_its_files(start: Start, lines: Lines) -> None:
    """The recipe of structlog's documentation: one record from obs, and the file handler writes as before."""
    file = io.StringIO()
    handler = logging.StreamHandler(file)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(processor=structlog.processors.JSONRenderer()))
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.add_logger_name,
            structlog.stdlib.add_log_level,
            add_tenant,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    start()
    logging.getLogger().addHandler(handler)
    structlog.get_logger("lib").info("paid %s", 5, order_id=7)
    structlog.get_logger("lib").debug("below")
    logs.get_logger("own").info("own")
    first, second = lines()
    assert (first["message"], first["order_id"], first["tenant"]) == ("paid 5", 7, "acme")
    assert first["log"] == {"logger": "lib"}
    assert (second["message"], second["tenant"]) == ("own", "acme")
    assert "obs_processor_error" not in second
    assert '"event": "paid 5"' in file.getvalue()


def test_structlog_that_renders_into_the_standard_library_keeps_its_files(start: Start, lines: Lines) -> None:
    """A chain that ends in a line of JSON for a logger: one record with its fields, and the same line in the file."""
    file = io.StringIO()
    structlog.configure(
        processors=[add_tenant, structlog.processors.JSONRenderer()],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    start()
    logging.getLogger().addHandler(logging.StreamHandler(file))
    structlog.get_logger("lib").info("paid", order_id=7)
    structlog.get_logger("lib").debug("below")
    (record,) = lines()
    assert (record["message"], record["order_id"], record["tenant"]) == ("paid", 7, "acme")
    assert file.getvalue() == '{"order_id": 7, "event": "paid", "tenant": "acme"}\n'


def test_capture_logs_of_structlog_works(start: Start, lines: Lines) -> None:
    """Tests of an application that capture structlog's events find them while obs runs."""
    start()
    log = structlog.get_logger("lib")
    log.info("cached")
    lines()
    with capture_logs() as captured:
        log.info("paid", order_id=7)
        logs.get_logger().info("own")
    assert [event["event"] for event in captured] == ["paid", "own"]
    assert lines() == []
    log.info("again")
    assert len(lines()) == 1


def test_logger_with_processors_of_its_own_is_left_alone(start: Start, lines: Lines) -> None:
    """`structlog.wrap_logger(..., processors=[...])` returns what its own processors make."""
    start()
    log = structlog.wrap_logger(structlog.testing.ReturnLogger(), processors=[structlog.processors.JSONRenderer()])
    assert log.info("m", x=1) == '{"x": 1, "event": "m"}'
    assert lines() == []


def test_access_line(start: Start, lines: Lines) -> None:
    """The line of a request: its fields nested, its ids, its secrets replaced, whatever the path holds."""
    start()
    fields = {"http.request.method": "GET", "http.route": "/items/{id}", "http.response.status_code": 200}
    line = logs.AccessLine("info", "GET /items/{id} 200", fields)
    for path in ("/items/1", "/reset?token=hunter2", "/\ud800", "/" + "x" * 100_000, "/%s%b\r\n"):
        logs.access(line, logs.redact_field("url.path", path), 5, int("ab" * 16, 16), int("cd" * 8, 16), "r-1")
    records = lines()
    assert [record["url"]["path"][:30] for record in records] == [
        "/items/1",
        "/reset?token=[redacted]",
        "/\ufffd",
        "/" + "x" * 29,
        "/%s%b\r\n",
    ]
    for record in records:
        assert record["http"] == {
            "request": {"id": "r-1", "method": "GET"},
            "route": "/items/{id}",
            "response": {"status_code": 200},
        }
        assert record["event"]["duration"] == 5
        assert record["event"]["dataset"] == "shop"
        assert len(record["event"]["id"]) == 32
        assert (record["trace"]["id"], record["span"]["id"]) == ("ab" * 16, "cd" * 8)
        assert record["message"] == "GET /items/{id} 200"


def test_ids_are_unique_even_where_the_application_seeds_chance(start: Start, lines: Lines) -> None:
    """A seeded global generator does not give two records one id."""
    import random

    start()
    for _ in range(50):
        random.seed(1)
        logs.get_logger().info("m")
    assert len({record["event"]["id"] for record in lines()}) == 50

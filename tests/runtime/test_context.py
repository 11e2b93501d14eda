"""Span and bound fields go along wherever work goes, and what nobody caught is told with its trace."""

from __future__ import annotations

import asyncio
import contextvars
import decimal
import gc
import json
import multiprocessing
import sys
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any

import pytest
import structlog
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

import obs

Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def lines(capfd: pytest.CaptureFixture[str], initialised: None) -> Lines:
    """The records that were written, after obs has started."""
    obs.init(metrics_port=0, log_format="json", sample=0.5)

    def read() -> list[dict[str, Any]]:
        return [json.loads(line) for line in capfd.readouterr().out.splitlines() if line.startswith("{")]

    return read


def ids_of(line: dict[str, Any]) -> tuple[str, str, object]:
    """Trace, span and bound field of a record."""
    return (
        line.get("trace", {}).get("id", ""),
        line.get("span", {}).get("id", ""),
        line.get("labels", line).get("order"),
    )


def here() -> tuple[str, str, object]:
    """What a record that is written here has to have."""
    from opentelemetry import trace

    context = trace.get_current_span().get_span_context()
    return f"{context.trace_id:032x}", f"{context.span_id:016x}", 7


def log() -> None:
    """Write a record."""
    obs.get_logger().info("here")


def by_thread() -> None:
    """Start a thread with a target."""
    thread = threading.Thread(target=log)
    thread.start()
    thread.join()


def by_class() -> None:
    """Start a thread of a class with a `run` of its own."""

    class Worker(threading.Thread):
        def run(self) -> None:
            log()

    worker = Worker()
    worker.start()
    worker.join()


def by_timer() -> None:
    """Start a timer."""
    timer = threading.Timer(0.001, log)
    timer.start()
    timer.join()


def by_executor() -> None:
    """Submit to a pool."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(log).result()


def by_map() -> None:
    """Map over a pool."""
    with ThreadPoolExecutor(1) as pool:
        list(pool.map(lambda _: log(), [0]))


def by_task() -> None:
    """Run a task, a thread and an executor of asyncio, one after the other."""

    async def main() -> None:
        async def work() -> None:
            log()

        await asyncio.create_task(work())
        await asyncio.to_thread(log)
        await asyncio.get_running_loop().run_in_executor(None, log)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(log)
        asyncio.get_running_loop().call_soon(done.set_result, None)
        await done

    asyncio.run(main())


@pytest.mark.parametrize("how", [by_thread, by_class, by_timer, by_executor, by_map, by_task])
def test_work_elsewhere_has_the_span_and_the_bound_fields(lines: Lines, how: Callable[[], None]) -> None:
    """A record that is written by a thread, a pool or a task stands in the trace of who gave the work."""
    with obs.span("work"), obs.bind(order=7):
        expected = here()
        how()
    written = lines()
    assert written
    assert [ids_of(line) for line in written] == [expected] * len(written)


def test_a_pool_s_thread_keeps_nothing_of_its_last_work(lines: Lines) -> None:
    """A thread that serves many has nothing of the first one's when work comes from nowhere."""
    with ThreadPoolExecutor(1) as pool:
        with obs.span("first"), obs.bind(order=7):
            pool.submit(log).result()
        pool.submit(log).result()
        with obs.span("second"):
            second = here()
            pool.submit(log).result()
    _, nothing, other = lines()
    assert ids_of(nothing) == ("", "", None)
    assert ids_of(other) == (*second[:2], None)


def test_a_pool_gives_results_errors_and_arguments_as_ever(lines: Lines) -> None:
    """Nothing of it is seen by whoever submits."""

    def fail() -> None:
        raise KeyError("x")

    with obs.span("work"), ThreadPoolExecutor(1) as pool:
        future: Future[int] = pool.submit(int, "11", base=2)
        assert future.result() == 3
        with pytest.raises(KeyError):
            pool.submit(fail).result()


def test_only_span_and_fields_are_carried(lines: Lines) -> None:
    """Other libraries' context stays where it is: a thread has a decimal context and variables of its own."""
    variable = contextvars.ContextVar("variable", default="none")
    seen: list[Any] = []
    with obs.span("work"), decimal.localcontext() as context:
        context.prec = 3
        variable.set("mine")
        thread = threading.Thread(target=lambda: seen.extend((variable.get(), decimal.getcontext().prec)))
        thread.start()
        thread.join()
    assert seen == ["none", 28]


def ids_elsewhere() -> tuple[str, object]:
    """The trace and the bound field of the process that it runs in."""
    return obs.current_trace_id(), structlog.contextvars.get_contextvars().get("order")


def refuse() -> None:
    """Fail in another process, in a span of its own."""
    with obs.span("elsewhere"):
        raise ValueError("nobody caught it")


def test_a_process_pool_carries_span_and_fields(lines: Lines) -> None:
    """Work in another process stands in the trace of who submitted it, and nothing stays for the next."""
    with obs.span("work"), obs.bind(order=7, held=threading.Lock()):
        expected = here()
        pool = ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("fork"))
        assert pool.submit(ids_elsewhere).result(60) == (expected[0], 7)
        assert list(pool.map(pow, [2, 3], [2, 2])) == [4, 9]
        with pytest.raises(ValueError, match="nobody caught it"):
            pool.submit(refuse).result(60)
    assert pool.submit(ids_elsewhere).result(60) == ("", None)
    pool.shutdown()


def test_a_thread_object_keeps_nothing_of_its_work(lines: Lines) -> None:
    """What was carried is gone when the thread has ended, though its object is kept."""

    class Held:
        pass

    held = Held()
    known = weakref.ref(held)
    with obs.span("work"), obs.bind(held=held):
        thread = threading.Thread(target=log)
        thread.start()
        thread.join()
    del held
    gc.collect()
    assert known() is None
    assert "run" not in vars(thread)


def test_a_background_task_has_the_span_and_the_bound_fields(lines: Lines) -> None:
    """What goes on after the answer stands in the request's trace."""
    expected: list[Any] = []

    def answer(_request: Request) -> PlainTextResponse:
        obs.bind(order=7)
        expected.append(here())
        return PlainTextResponse("ok", background=BackgroundTask(later))

    async def later() -> None:
        obs.get_logger().info("later")

    async def asynchronous(request: Request) -> PlainTextResponse:
        return answer(request)

    with TestClient(Starlette(routes=[Route("/", asynchronous)])) as client:
        client.get("/")
    (line,) = [line for line in lines() if line["message"] == "later"]
    assert ids_of(line) == expected[0]


def failing(expected: list[Any]) -> None:
    """Fail in a span."""
    with obs.span("inner"):
        expected.append(here()[:2])
        raise ValueError("nobody caught it")


@pytest.fixture
def hooks(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Hooks that an application has set before; what they were told, by name."""
    told: list[str] = []
    monkeypatch.setattr(sys, "excepthook", lambda *_: told.append("sys"))
    monkeypatch.setattr(threading, "excepthook", lambda _: told.append("threading"))
    monkeypatch.setattr(sys, "unraisablehook", lambda _: told.append("unraisable"))
    return told


def told_of(lines: Lines) -> dict[str, Any]:
    """The one record with an exception."""
    (line,) = [line for line in lines() if "error" in line]
    assert line["error"]["type"] == "ValueError"
    assert line["error"]["message"] == "nobody caught it"
    return line


def test_an_uncaught_exception_is_told_with_its_trace(hooks: list[str], lines: Lines) -> None:
    """`sys.excepthook` runs when every span has ended, and yet the record names the one that failed."""
    expected: list[Any] = []
    try:
        with obs.span("outer"):
            failing(expected)
    except ValueError:
        sys.excepthook(*sys.exc_info())
    assert ids_of(told_of(lines))[:2] == expected[0]
    assert hooks == ["sys"]


def test_a_thread_s_exception_is_told_with_its_trace(hooks: list[str], lines: Lines) -> None:
    """A thread that fails outside of any span of its own stands in the trace of who started it."""

    def fail() -> None:
        raise ValueError("nobody caught it")

    with obs.span("work"), obs.bind(order=7):
        expected = here()
        thread = threading.Thread(target=fail)
        thread.start()
        thread.join()
    assert ids_of(told_of(lines)) == expected
    assert hooks == ["threading"]


def test_an_exception_that_python_ignores_is_told_with_its_trace(hooks: list[str], lines: Lines) -> None:
    """A `__del__` that raises."""
    expected: list[Any] = []

    class Broken:
        def __del__(self) -> None:
            failing(expected)

    Broken()
    assert ids_of(told_of(lines))[:2] == expected[0]
    assert hooks == ["unraisable"]


@pytest.mark.parametrize("own", [False, True])
def test_an_exception_of_a_task_is_told_with_its_trace(lines: Lines, own: bool) -> None:
    """A task that nobody awaits is told once, with span and fields, whether or not the loop has a handler."""
    expected: list[Any] = []
    handled: list[dict[str, Any]] = []

    async def fail() -> None:
        raise ValueError("nobody caught it")

    async def main() -> None:
        if own:
            asyncio.get_running_loop().set_exception_handler(lambda _loop, context: handled.append(context))
        with obs.span("request"), obs.bind(order=7):
            expected.append(here())
            task = asyncio.create_task(fail())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        del task
        gc.collect()

    asyncio.run(main())
    line = told_of(lines)
    assert ids_of(line) == expected[0]
    assert line["message"].startswith("Task exception was never retrieved")
    assert len(handled) == own


def test_an_exception_logged_after_its_span_has_the_trace(lines: Lines) -> None:
    """A server that logs what an application raised does so when the request is over."""
    expected: list[Any] = []
    try:
        failing(expected)
    except ValueError:
        obs.get_logger().exception("failed")
    assert ids_of(told_of(lines))[:2] == expected[0]


def test_shutdown_gives_all_of_it_back(hooks: list[str]) -> None:
    """Every hook and method is what it was."""

    def found() -> list[Any]:
        return [
            sys.excepthook,
            threading.excepthook,
            sys.unraisablehook,
            threading.Thread.start,
            ThreadPoolExecutor.submit,
            ProcessPoolExecutor.submit,
            asyncio.BaseEventLoop.call_exception_handler,
            asyncio.BaseEventLoop.create_task,
        ]

    before = found()
    obs.init(metrics_port=0)
    assert all(one is not other for one, other in zip(found()[:7], before, strict=False))
    obs.shutdown()
    assert found() == before

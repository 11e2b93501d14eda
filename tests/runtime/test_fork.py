"""Children of fork deliver what is their own and never hang, whatever the parent's threads were doing."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest
from tests.forking import forked
from tests.runtime.locks import locks

import obs
from obs.metrics import store

pytestmark = [
    pytest.mark.usefixtures("initialised"),
    pytest.mark.skipif(not hasattr(os, "fork"), reason="forks"),
]


@contextmanager
def busy_threads() -> Iterator[Counter[str]]:
    """Threads that log and trace without a pause; what they have written in the end, by its name."""
    running = threading.Event()
    running.set()
    written: Counter[str] = Counter()

    def work(thread: int) -> None:
        number = 0
        while running.is_set() and number < 1500:
            number += 1
            name = f"thread {thread} {number}"
            with obs.span(name):
                obs.get_logger().info(name)
            written[name] += 1

    threads = [threading.Thread(target=work, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    try:
        yield written
    finally:
        running.clear()
        for thread in threads:
            thread.join()


def child(number: int) -> int:
    """What each child does."""
    with obs.span(f"child {number}"):
        obs.get_logger().info(f"child {number}")
    return number


def lines(capfd: pytest.CaptureFixture[str]) -> Counter[str]:
    """How often each line was written."""
    return Counter(json.loads(line)["message"] for line in capfd.readouterr().out.splitlines())


@pytest.mark.parametrize("number", [6, pytest.param(60, marks=pytest.mark.long)])
def test_each_child_of_multiprocessing_delivers_its_span_and_its_line_once(
    number: int, sink: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    """Children that are forked while threads log and trace: every span and line arrives once, and no child hangs."""
    obs.init(service="shop", endpoint=sink.url, metrics_port=0, log_format="json", log_storm=0)
    context = multiprocessing.get_context("fork")
    children = [context.Process(target=child, args=(one,)) for one in range(number)]
    with busy_threads() as written:
        for one in children:
            one.start()
        for one in children:
            one.join(60)
    obs.shutdown()
    assert [one.exitcode for one in children] == [0] * number
    expected = written + Counter(f"child {one}" for one in range(number))
    assert Counter(span.name for span in sink.spans) == expected
    assert lines(capfd) == expected


@pytest.mark.parametrize(
    "method", ["fork", *(pytest.param(one, marks=pytest.mark.long) for one in ("forkserver", "spawn"))]
)
def test_workers_of_an_executor_deliver(method: str, sink: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each task's span arrives once from the processes of a pool, however they are started."""
    monkeypatch.setenv("OBS_ENDPOINT", sink.url)
    init_worker()
    context = multiprocessing.get_context(method)
    initializer = None if method == "fork" else init_worker
    with ProcessPoolExecutor(2, mp_context=context, initializer=initializer) as pool:
        assert sorted(pool.map(child, range(10), timeout=60)) == list(range(10))
    obs.shutdown()
    assert Counter(span.name for span in sink.spans) == Counter(f"child {one}" for one in range(10))


def init_worker() -> None:
    """Start obs, as the processes that do not inherit it must."""
    obs.init(service="shop", metrics_port=0, log_level="warning")


def exit_code(pid: int) -> int:
    """How a child ended; one that hangs is killed, which is its code then."""
    deadline = time.monotonic() + 30
    while True:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.002)


def test_a_child_of_a_plain_fork_delivers_by_shutdown(sink: Any) -> None:
    """A child that leaves by `os._exit` delivers its own, and only that, when it has called `shutdown()`."""
    obs.init(service="shop", endpoint=sink.url, metrics_port=0, log_level="warning")

    def work() -> None:
        child(1)
        obs.shutdown()

    with obs.span("parent"):
        pass
    assert exit_code(forked(work)) == 0
    obs.shutdown()
    assert sorted(span.name for span in sink.spans) == ["child 1", "parent"]


@contextmanager
def held(lock: Any) -> Iterator[None]:
    """Another thread holds a lock meanwhile."""
    taken, done = threading.Event(), threading.Event()

    def hold() -> None:
        got = lock.acquire(timeout=0.05)
        taken.set()
        # That of the numbers is taken by the fork itself, which waits for it.
        done.wait(0.05 if lock is store.LOCK else None)
        if got:
            lock.release()

    thread = threading.Thread(target=hold)
    thread.start()
    taken.wait()
    try:
        yield
    finally:
        done.set()
        thread.join()


def free_port() -> int:
    """A port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize("times", [1, pytest.param(200, marks=pytest.mark.long)])
def test_no_child_waits_for_a_lock_that_a_thread_of_the_parent_holds(
    times: int, sink: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A child logs, traces, counts, starts anew and ends, whichever of obs's locks another thread held at the fork."""
    monkeypatch.setenv("OBS_ENDPOINT", sink.url)
    obs.init(service="shop", metrics_port=free_port(), logs_to="otlp", log_storm=1)
    counter = obs.counter("forks_survived", "Children that got to their end.")
    for number in range(3):
        child(number)

    def work(first: bool) -> None:
        child(7)
        child(7)
        counter.add()
        obs.set_level("debug")
        obs.shutdown()
        if first:
            obs.init(service="shop", metrics_port=0, logs_to="otlp")
            obs.shutdown()

    found = [lock for lock in locks().values() if hasattr(lock, "acquire")]
    assert len(found) >= 6
    codes: Counter[int] = Counter()
    while (forks := sum(codes.values())) < max(times, len(found)):
        with held(found[forks % len(found)]):
            pid = forked(partial(work, forks < len(found)))
        codes[exit_code(pid)] += 1
    obs.shutdown()
    assert set(codes) == {0}

"""A forked child delivers what is its own, and only that."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any

import pytest
from tests.forking import forked

from obs import traces

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")


def wait_for(pids: list[int]) -> list[int]:
    """The exit codes of children."""
    return [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]


def test_each_span_of_parent_and_children_arrives_once(sink: Any, start_traces: Callable[..., Any]) -> None:
    """Twenty children are forked while threads of the parent trace: no span is lost and none comes twice."""
    started = start_traces(sink.url)
    running = threading.Event()
    running.set()
    made: list[str] = []

    def trace_on(name: str) -> None:
        number = 0
        while running.is_set() and number < 2000:
            number += 1
            with traces.span(f"{name} {number}"):
                made.append(f"{name} {number}")

    def child(number: int) -> Callable[[], None]:
        def work() -> None:
            started.after_fork_in_child()
            with traces.span(f"child {number}"):
                pass
            assert started.exporter.flush(10)

        return work

    threads = [threading.Thread(target=trace_on, args=(f"thread {number}",)) for number in range(2)]
    for thread in threads:
        thread.start()
    with traces.span("before"):
        pass
    codes = wait_for([forked(child(number)) for number in range(20)])
    running.clear()
    for thread in threads:
        thread.join()
    assert started.flush()
    assert codes == [0] * 20
    assert sink.names == sorted(["before", *made, *(f"child {number}" for number in range(20))])


def test_children_have_other_ids_and_another_pid(sink: Any, start_traces: Callable[..., Any]) -> None:
    """A child's random ids are its own, and its resource names its process."""
    started = start_traces(sink.url)

    def work() -> None:
        started.after_fork_in_child()
        with traces.span("child"):
            pass
        assert started.exporter.flush(10)

    assert wait_for([forked(work), forked(work)]) == [0, 0]
    with traces.span("parent"):
        pass
    assert started.flush()
    assert len({span.trace_id for span in sink.spans}) == 3
    pids = [
        pair.value.int_value
        for group in sink.resources
        for pair in group.resource.attributes
        if pair.key == "process.pid"
    ]
    assert len(set(pids)) == 3

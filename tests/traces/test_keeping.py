"""Errors and slow requests are kept whole whatever the share says, within bounds, and honestly unsampled."""

from __future__ import annotations

import contextlib
import gc
import os
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from opentelemetry import propagate, trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
from starlette.testclient import TestClient

import obs
from obs import metrics, traces
from obs.signals import own_health
from obs.traces import keeping, sampled_ids


@contextmanager
def request(status: int = 200, error: BaseException | None = None) -> Iterator[Any]:
    """A request that ends with a status or an exception."""
    span = traces.begin_server(None, None, None, "GET", "/items/7")
    try:
        yield span
    finally:
        name = "GET /items/{item_id}"
        attributes: dict[str, object] = {"http.response.status_code": status}
        if error is None:
            span.finish_alike(traces.Alike(name, attributes, status >= 500), "/items/7")
        else:
            span.finish(name, attributes, failed=True, error=error)
        span.detach()


def kept(sink: Any, started: Any) -> dict[str, str]:
    """The names of the delivered spans, each with why it was kept."""
    assert started.flush()
    found = {}
    for span in sink.spans:
        attributes = {item.key: item.value for item in span.attributes}
        found[span.name] = attributes["obs.kept"].string_value if "obs.kept" in attributes else ""
    return found


def counted(metric: Any, *labels: str) -> float:
    """The value of one of obs's own counters or gauges."""
    return metrics.instrument(metric).child(*labels).cells[0]  # type: ignore[no-any-return]


def test_a_failed_request_is_kept_with_all_its_spans(sink: Any, start_traces: Callable[..., Any]) -> None:
    """Of requests that the ratio leaves out, the failed one arrives whole, its libraries' spans included."""
    started = start_traces(sink.url, sample=0.0)
    before = counted(own_health.TRACES_KEPT, "error")
    for status in (200, 404, 500):
        with request(status), traces.span(f"work {status}"):
            trace.get_tracer("lib").start_span(f"q {status}").end()
    why = kept(sink, started)
    assert why == {"GET /items/{item_id}": "error", "work 500": "error", "q 500": "error"}
    assert len({span.trace_id for span in sink.spans}) == 1
    server = next(span for span in sink.spans if span.kind == 2)
    inner = {span.name: span for span in sink.spans}
    assert inner["work 500"].parent_span_id == server.span_id
    assert inner["q 500"].parent_span_id == inner["work 500"].span_id
    assert counted(own_health.TRACES_KEPT, "error") == before + 1


def test_an_exception_is_kept_with_its_traceback(sink: Any, start_traces: Callable[..., Any]) -> None:
    """What a sampled request says of its failure, a kept one says too."""
    started = start_traces(sink.url, sample=0.0)
    with request(500, ValueError("no such item")):
        pass
    assert kept(sink, started) == {"GET /items/{item_id}": "error"}
    (event,) = sink.spans[0].events
    assert {item.key: item.value.string_value for item in event.attributes}["exception.message"] == "no such item"


def test_a_slow_request_is_kept(sink: Any, start_traces: Callable[..., Any]) -> None:
    """A request that takes as long as `slow` is kept; a quick one is not, nor is long work that is no request."""
    started = start_traces(sink.url, sample=0.0, slow=0.05)
    with traces.span("job"), traces.span("wait"):
        threading.Event().wait(0.06)
    with request():
        pass
    assert kept(sink, started) == {}
    with request(), traces.span("wait"):
        threading.Event().wait(0.06)
    assert kept(sink, started) == {"GET /items/{item_id}": "slow", "wait": "slow"}


def test_failed_work_without_a_request_is_kept(sink: Any, start_traces: Callable[..., Any]) -> None:
    """A script's own outermost span that fails takes its children along; a failure that it caught does not count."""
    started = start_traces(sink.url, sample=0.0)
    with traces.span("careful"), pytest.raises(OSError, match="gone"), traces.span("caught"):
        raise OSError("gone")
    with pytest.raises(OSError, match="gone"), traces.span("job"), traces.span("step"):
        raise OSError("gone")
    assert kept(sink, started) == {"job": "error", "step": "error"}


def test_a_kept_trace_is_unsampled_for_everybody_else(sink: Any, start_traces: Callable[..., Any]) -> None:
    """The flag that is sent on, the exemplar and other people's processors are told what the ratio decided."""
    started = start_traces(sink.url, sample=0.0)
    others = InMemorySpanExporter()
    provider = trace.get_tracer_provider()
    assert isinstance(provider, TracerProvider)
    provider.add_span_processor(SimpleSpanProcessor(others))
    headers: dict[str, str] = {}
    with request(500) as server, traces.span("call") as call:
        propagate.inject(headers)
        assert sampled_ids() == (0, 0)
        assert call.is_recording()
    assert headers["traceparent"] == f"00-{server.trace_hex}-{call.get_span_context().span_id:016x}-02"
    assert server.sampled is False
    assert set(kept(sink, started)) == {"GET /items/{item_id}", "call"}
    assert {span.flags & 1 for span in sink.spans} == {0}
    assert others.get_finished_spans() == ()


def test_an_exemplar_leads_to_a_kept_request(sink: Any, initialised: None) -> None:
    """A failed request that is kept is an example of its bucket; one that is left out is none."""
    obs.init(endpoint=sink.url, sample=0.0, metrics_port=0)

    def fail(_request: Request) -> PlainTextResponse:
        raise ValueError("no such item")

    works = Route("/works", lambda _request: PlainTextResponse("ok"))
    routes = [Route("/fails", fail), works, Mount("/metrics", obs.metrics_app())]
    client = TestClient(Starlette(routes=routes), raise_server_exceptions=False)
    assert [client.get(path).status_code for path in ("/fails", "/works")] == [500, 200]
    shown = client.get("/metrics/", headers={"Accept": "application/openmetrics-text; version=1.0.0"}).text
    obs.shutdown()
    (span,) = sink.spans
    examples = [line for line in shown.splitlines() if "http_server_request" in line and "# {" in line]
    assert [f'trace_id="{span.trace_id.hex()}"' in line for line in examples] == [True]


def test_a_sampled_trace_is_not_marked(sink: Any, start_traces: Callable[..., Any]) -> None:
    """`obs.kept` means that the ratio would have left it out."""
    started = start_traces(sink.url, sample=1.0)
    with request(500), traces.span("work"):
        pass
    assert kept(sink, started) == {"GET /items/{item_id}": "", "work": ""}


def test_nothing_is_kept_under_what_nobody_records(sink: Any, start_traces: Callable[..., Any]) -> None:
    """Work under an unsampled span that is no span of obs was switched off on purpose; that of a caller was not."""
    started = start_traces(sink.url, sample=0.0)
    for remote in (False, True):
        parent = trace.NonRecordingSpan(trace.SpanContext(1, 1, is_remote=remote))
        with trace.use_span(parent), contextlib.suppress(OSError), traces.span(f"remote {remote}"):
            raise OSError("gone")
    assert kept(sink, started) == {"remote True": "error"}


def test_keeping_can_be_turned_off(sink: Any, start_traces: Callable[..., Any]) -> None:
    """Without `keep`, the ratio alone decides, and spans are not even recorded."""
    started = start_traces(sink.url, sample=0.0, keep=False)
    with request(500), traces.span("work") as work:
        assert not work.is_recording()
    assert kept(sink, started) == {}


def test_a_hundred_errors_in_ten_thousand(sink: Any, start_traces: Callable[..., Any]) -> None:
    """At 1 %, each of the errors arrives whole and once."""
    started = start_traces(sink.url, sample=0.01)
    failed = set()
    for number in range(10_000):
        with request(500 if number % 100 == 0 else 200) as server, traces.span("one"), traces.span("two"):
            if number % 100 == 0:
                failed.add(server.trace_id)
    assert started.flush()
    spans: dict[int, list[str]] = {}
    for span in sink.spans:
        spans.setdefault(int.from_bytes(span.trace_id, "big"), []).append(span.name)
    assert failed <= set(spans)
    assert all(sorted(names) == ["GET /items/{item_id}", "one", "two"] for names in spans.values())
    # Six standard deviations around the hundred that the ratio keeps.
    assert 40 < len(spans) - len(failed) < 160


def test_work_after_the_answer_that_fails_keeps_the_request(sink: Any, start_traces: Callable[..., Any]) -> None:
    """A background task that fails shows the request that it came from; one that works is left out as ever."""
    started = start_traces(sink.url, sample=0.0)
    for failing in (False, True):
        server = traces.begin_server(None, None, None)
        with traces.span(f"answer {failing}"):
            pass
        server.finish("POST /orders", {}, failed=False)
        try:
            with traces.span(f"mail {failing}"), traces.span(f"connect {failing}"):
                if failing:
                    raise OSError("no route")
        except OSError:
            pass
        server.detach()
    assert kept(sink, started) == dict.fromkeys(("POST /orders", "answer True", "mail True", "connect True"), "error")


def test_a_thread_that_outlives_a_failed_request_is_kept_with_it(sink: Any, start_traces: Callable[..., Any]) -> None:
    """Spans that end after the decision follow it."""
    started = start_traces(sink.url, sample=0.0)
    tracer = trace.get_tracer("lib")
    with request(500):
        late = tracer.start_span("late")
    late.end()
    with request(200):
        late = tracer.start_span("late and forgotten")
    late.end()
    assert kept(sink, started) == {"GET /items/{item_id}": "error", "late": "error"}


def test_spans_of_many_threads_arrive_once(sink: Any, start_traces: Callable[..., Any]) -> None:
    """Threads that end their spans while the request is decided about lose none and double none."""
    started = start_traces(sink.url, sample=0.0)
    tracer = trace.get_tracer("lib")
    for _ in range(20):
        with request(500) as server:
            context = trace.set_span_in_context(trace.get_current_span())
            spans = [tracer.start_span("work", context) for _ in range(40)]
            threads = [
                threading.Thread(target=lambda part: [span.end() for span in part], args=(spans[start::4],))
                for start in range(4)
            ]
            for thread in threads:
                thread.start()
        for thread in threads:
            thread.join()
        assert server.trace_id
    assert started.flush()
    ids = [span.span_id for span in sink.spans]
    assert len(ids) == len(set(ids)) == 20 * 41


def test_a_trace_holds_a_bounded_number_of_spans(sink: Any, start_traces: Callable[..., Any]) -> None:
    """A request of too many spans is kept with those that fit, says how many are missing, and they are counted."""
    started = start_traces(sink.url, sample=0.0)
    before = counted(own_health.DROPPED, "traces", "not_held")
    with request(500):
        for number in range(keeping.MOST_SPANS + 10):
            with traces.span(str(number)):
                pass
    assert len(kept(sink, started)) == keeping.MOST_SPANS + 1
    server = next(span for span in sink.spans if span.kind == 2)
    assert {item.key: item.value.int_value for item in server.attributes}["obs.spans_missing"] == 10
    assert counted(own_health.DROPPED, "traces", "not_held") == before + 10


@pytest.mark.parametrize(
    ("bound", "value", "held"),
    [("MOST_BYTES", 100_000, 1), ("MOST_BYTES_OF_A_TRACE", 100_000, 2), ("MOST_TRACES", 1, 4)],
)
def test_what_is_held_is_bounded(
    sink: Any, start_traces: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, bound: str, value: int, held: int
) -> None:
    """Large spans of one request, and those of several at a time, take no more than their bounds."""
    monkeypatch.setattr(keeping, bound, value)
    started = start_traces(sink.url, sample=0.0)
    one, two = (traces.begin_server(None, None, None) for _ in range(2))
    two.detach()
    one.detach()
    tracer = trace.get_tracer("lib")
    for number in range(4):
        for server in (one, two):
            context = trace.set_span_in_context(server)  # type: ignore[arg-type]
            tracer.start_span(f"{number}", context, attributes={f"a{part}": "x" * 4000 for part in range(20)}).end()
    for server in (one, two):
        server.finish("GET", {}, failed=True)
    assert started.flush()
    assert len([span for span in sink.spans if span.kind != 2]) == held


def test_what_is_let_go_gives_back_its_room(sink: Any, start_traces: Callable[..., Any]) -> None:
    """After requests that succeeded, failed, or never ended, nothing is held."""
    start_traces(sink.url, sample=0.0)
    tracer = trace.get_tracer("lib")

    def fill(server: Any) -> None:
        tracer.start_span("big", attributes={f"a{part}": "x" * 4000 for part in range(30)}).end()
        assert counted(own_health.HELD_BYTES) > 0
        server.detach()

    for status in (200, 500):
        server = traces.begin_server(None, None, None)
        fill(server)
        server.finish("GET", {}, failed=status == 500)
        server.detach()
        # Although somebody still knows the request, such as a task that it has started.
        assert counted(own_health.HELD_BYTES) == 0
    fill(traces.begin_server(None, None, None))
    del server
    gc.collect()
    assert counted(own_health.HELD_BYTES) == 0


def test_tasks_that_start_their_successors_hold_no_chain(sink: Any, start_traces: Callable[..., Any]) -> None:
    """Work that begins the next of its kind inside itself, for ever, does not keep all that came before."""
    start_traces(sink.url, sample=0.0)
    tracer = trace.get_tracer("lib")
    span = tracer.start_span("tick", kind=SpanKind.SERVER)
    known: list[weakref.ref[trace.Span]] = []
    for _ in range(1000):
        known.append(weakref.ref(span))
        span.end()
        span = tracer.start_span("tick", trace.set_span_in_context(span))
    gc.collect()
    assert sum(one() is not None for one in known) <= 2


def test_a_span_that_ends_at_the_same_moment_is_kept(
    sink: Any, start_traces: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A request may fail in one thread just while another is putting a span of it aside."""
    started = start_traces(sink.url, sample=0.0)
    weigh = keeping._weight
    server = traces.begin_server(None, None, None)

    def weigh_while_it_fails(span: Any) -> int:
        server.finish("GET", {}, failed=True)
        return weigh(span)

    monkeypatch.setattr(keeping, "_weight", weigh_while_it_fails)
    with traces.span("work"):
        pass
    server.detach()
    assert kept(sink, started) == {"GET": "error", "work": "error"}


@pytest.mark.parametrize("holding", [False, True])
def test_a_forked_child_keeps_its_own_errors(sink: Any, start_traces: Callable[..., Any], holding: bool) -> None:
    """Forked in the middle of a request, a child's failed work arrives by itself, and the request once."""
    started = start_traces(sink.url, sample=0.0)
    with request(500) as server:
        if holding:
            trace.get_tracer("lib").start_span("held").end()
        child = os.fork()
        if not child:
            started.after_fork_in_child()
            with contextlib.suppress(OSError), traces.span("child"), traces.span("step"):
                raise OSError("gone")
            server.finish("GET in the child", {}, failed=True)
            started.flush()
            os._exit(0)
        os.waitpid(child, 0)
    assert sorted(kept(sink, started)) == sorted(
        ["GET /items/{item_id}", "child", "step", *(["held"] if holding else [])]
    )
    assert len(sink.spans) == 3 + holding

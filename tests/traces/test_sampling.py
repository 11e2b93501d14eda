"""Services agree on which traces are kept, and a caller cannot decide it for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import trace
from opentelemetry.sdk.trace._sampling_experimental import composable_traceid_ratio_based, composite_sampler
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.trace import SpanKind

from obs import metrics, traces
from obs.signals import own_health
from obs.traces.sampling import RatioSampler

TRACE_IDS = st.integers(1, (1 << 128) - 1)


@given(TRACE_IDS, st.sampled_from((0.0, 0.01, 0.1, 0.25, 0.5, 0.99, 1.0)))
def test_the_decision_is_that_of_consistent_sampling(trace_id: int, ratio: float) -> None:
    """OpenTelemetry's own consistent sampler keeps the same traces."""
    theirs = composite_sampler(composable_traceid_ratio_based(ratio)).should_sample(
        None, trace_id, "x", SpanKind.SERVER
    )
    assert RatioSampler(ratio).keeps(trace_id) is (theirs.decision is Decision.RECORD_AND_SAMPLE)


@given(TRACE_IDS, st.floats(0, 1), st.floats(0, 1))
def test_a_higher_ratio_keeps_all_that_a_lower_one_keeps(trace_id: int, one: float, other: float) -> None:
    """Traces stay whole between services with different ratios."""
    low, high = sorted((one, other))
    assert RatioSampler(high).keeps(trace_id) or not RatioSampler(low).keeps(trace_id)


@pytest.mark.parametrize(
    ("trust", "flags", "ratio", "sampled"),
    [
        (False, "01", 0.0, False),
        (False, "00", 1.0, True),
        (True, "01", 0.0, True),
        (True, "00", 1.0, False),
    ],
)
def test_a_remote_flag_counts_only_when_it_is_trusted(
    start_traces: Callable[..., Any], trust: bool, flags: str, ratio: float, sampled: bool
) -> None:
    """A client that sets the flag cannot switch tracing on or off, unless `trust_remote` says so."""
    start_traces(sample=ratio, trust_remote=trust)
    span = traces.begin_server(f"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-{flags}", None, None)
    span.finish("GET", {}, failed=False)
    span.detach()
    assert span.sampled is sampled


@pytest.mark.parametrize("ratio", [0.0, 1.0])
def test_children_follow_their_parent(start_traces: Callable[..., Any], ratio: float) -> None:
    """Within a process a trace is kept or dropped as a whole, the spans of other libraries included."""
    start_traces(sample=ratio)
    request = traces.begin_server(None, None, None)
    with traces.span("work") as work, trace.get_tracer("library").start_as_current_span("query") as query:
        ids = [span.get_span_context() for span in (work, query)]
    request.finish("GET", {}, failed=False)
    request.detach()
    assert {context.trace_id for context in ids} == {request.trace_id}
    assert {context.trace_flags.sampled for context in ids} == {request.sampled} == {ratio == 1.0}


def test_the_share_is_kept(start_traces: Callable[..., Any]) -> None:
    """About a tenth of many traces is kept at 0.1."""
    start_traces(sample=0.1)
    kept = 0
    for _ in range(5000):
        span = traces.begin_server(None, None, None)
        span.finish("GET", {}, failed=False)
        span.detach()
        kept += span.sampled
    # Six standard deviations around 500.
    assert 370 < kept < 630


def sampled(method: str, path: str, traceparent: str | None = None) -> bool:
    """Whether the trace of a request is sampled."""
    span = traces.begin_server(traceparent, None, None, method, path)
    span.finish("HTTP", {}, failed=False)
    span.detach()
    return span.sampled


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/items/7", True),
        ("GET", "/items/7/", False),
        ("POST", "/items/7", False),
        ("POST", "/orders/7/lines", True),
        ("GET", "/orders/a/b/lines", False),
        ("GET", "/static/js/app.js", True),
        ("GET", "/files/a/b/meta", True),
        ("GET", "/users/ada.json", True),
        ("GET", "/users/ada/more.json", False),
        ("GET", "/items/" + "7" * 3000, False),
        ("GET", "/", False),
    ],
)
def test_a_route_has_a_share_of_its_own(
    start_traces: Callable[..., Any], method: str, path: str, expected: bool
) -> None:
    """A request is matched by its method and path, in the templates of FastAPI and of Flask."""
    shares = {
        "GET /items/{item_id}": 1,
        "/orders/<int:order>/lines": 1,
        "/static/*": 1,
        "/files/{name:path}/meta": 1,
        "/users/{name}.json": 1,
    }
    start_traces(sample=0.0, sample_routes=shares)
    assert sampled(method, path) is expected


def test_the_first_route_that_matches_holds(start_traces: Callable[..., Any]) -> None:
    """A health route is switched off under a share for all, by its place in the table."""
    start_traces(sample=0.0, sample_routes={"/health": 0.0, "/*": 1.0})
    assert [sampled("GET", path) for path in ("/health", "/health/live", "/")] == [False, True, True]


def test_children_follow_the_share_of_the_route(start_traces: Callable[..., Any]) -> None:
    """The decision stands when the request begins, so the first of its spans knows it."""
    start_traces(sample=1.0, sample_routes={"/health": 0.0})
    request = traces.begin_server(None, None, None, "GET", "/health")
    with traces.span("check") as check:
        assert not check.get_span_context().trace_flags.sampled
    request.finish("GET", {}, failed=False)
    request.detach()


def test_services_agree_on_the_share_of_a_route() -> None:
    """The share of a route keeps the same traces as the same ratio elsewhere."""
    by_route = RatioSampler(1.0, routes={"/items/{item}": 0.25})
    for part in range(1000):
        trace_id = part * (1 << 56) // 1000
        assert by_route.begins(trace_id, "GET", "/items/1") is RatioSampler(0.25).keeps(trace_id)


def test_newly_sampled_traces_are_capped(start_traces: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever sends ids that every ratio keeps gets as many as the cap gives a second, and the rest is counted."""
    clock = [1000.0]
    monkeypatch.setattr("obs.traces.sampling.time.monotonic", lambda: clock[0])
    start_traces(sample=0.01, sample_per_second=5)
    capped = metrics.instrument(own_health.TRACES_CAPPED).child()
    before = capped.cells[0]
    chosen = f"00-{'f' * 32}-b7ad6b7169203331-01"

    def flood() -> int:
        return sum(sampled("GET", "/", chosen) for _ in range(100))

    assert flood() == 5
    assert capped.cells[0] == before + 95
    clock[0] += 0.4
    assert flood() == 2
    clock[0] += 60
    assert flood() == 5


def test_a_trusted_caller_is_followed_over_the_cap(start_traces: Callable[..., Any]) -> None:
    """Traces that another service has sampled stay whole."""
    start_traces(sample=0.0, sample_per_second=1, trust_remote=True)
    assert all(sampled("GET", "/", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01") for _ in range(10))


def test_a_queue_that_fills_up_lowers_the_share(sink: Any, start_traces: Callable[..., Any]) -> None:
    """While the backend refuses, fewer traces are sampled and errors still find room; when it recovers, all are."""
    share = metrics.instrument(own_health.SAMPLING_SHARE).child()
    answer = type(sink).take.__globals__["Answer"]
    sink.answers = [answer(503, {"Retry-After": "30"})]
    started = start_traces(sink.url)
    assert share.cells[0] == 1.0
    many = [sampled("GET", "/") for _ in range(20_000)]
    assert all(many[:6000])
    assert 0 < sum(many) < 12_000
    assert share.cells[0] < 0.2
    dropped = metrics.instrument(own_health.DROPPED).child("traces", "queue_full")
    before = dropped.cells[0]
    for _ in range(100):
        span = traces.begin_server(None, None, None)
        span.finish("failed", {}, failed=True)
        span.detach()
    assert dropped.cells[0] == before
    assert started.flush()
    assert sink.names.count("failed") == 100
    assert share.cells[0] == 1.0
    assert sampled("GET", "/")

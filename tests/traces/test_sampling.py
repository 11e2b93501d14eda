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

from obs import traces
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

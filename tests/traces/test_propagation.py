"""What other processes say of a trace is read strictly, and nothing that they say does harm."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import baggage as baggage_api
from opentelemetry import propagate, trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from obs import traces
from obs.traces.propagation import parse_baggage, parse_traceparent, parse_tracestate

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
VALID = f"00-{TRACE}-{SPAN}-01"


def test_a_valid_traceparent_continues_its_trace() -> None:
    """Trace, parent and flags are read."""
    assert parse_traceparent(VALID) == (int(TRACE, 16), int(SPAN, 16), 1)


@pytest.mark.parametrize(
    "header",
    [
        "",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-0A",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{TRACE}-{SPAN}",
        f"00-{TRACE[1:]}-{SPAN}-01",
        f"00-{TRACE}{TRACE}-{SPAN}-01",
        f"{VALID}\n",
        f" {VALID}",
        f"{VALID},{VALID}",
        f"00-{TRACE}-{SPAN}-0\N{ARABIC-INDIC DIGIT ONE}",
        f"01-{TRACE}-{SPAN}-01.x",
        f"01-{TRACE}-{SPAN}-01-" + "x" * 1000,
        "\x00" * 55,
    ],
)
def test_an_invalid_traceparent_begins_a_new_trace(header: str) -> None:
    """Anything that W3C does not allow is as if no header had come."""
    span = traces.begin_server(header, None, None)
    span.finish("GET", {}, failed=False)
    span.detach()
    assert parse_traceparent(header) is None
    assert span.trace_hex != TRACE
    assert span.trace_id != 0
    assert span.span_id != 0


def test_a_later_version_may_say_more() -> None:
    """What follows the flags in a version that is not known yet is ignored."""
    assert parse_traceparent(f"01-{TRACE}-{SPAN}-01-what-comes") == (int(TRACE, 16), int(SPAN, 16), 1)


@given(st.text(max_size=80))
def test_no_header_raises(text: str) -> None:
    """Whatever a client sends is read or ignored."""
    parent = parse_traceparent(text)
    assert parent is None or 0 < parent.trace_id < 1 << 128
    assert parse_tracestate(text) is None or "=" in text
    assert set(map(type, parse_baggage(text).values())) <= {str}


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("a=1,b=2", {"a": "1", "b": "2"}),
        ("a=1, \tb=2,", {"a": "1", "b": "2"}),
        ("fw529a3039@dt=FfAAA", {"fw529a3039@dt": "FfAAA"}),
        ("a=1,a=2", None),
        ("A=1", None),
        ("a=1,b", None),
        ("a=\x1b[31m", None),
        ("a=" + "x" * 600, None),
        (",".join(f"k{number}=1" for number in range(33)), None),
        ("", None),
    ],
)
def test_tracestate_is_all_or_nothing(header: str, expected: dict[str, str] | None) -> None:
    """A state that breaks a rule of W3C anywhere is dropped whole."""
    state = parse_tracestate(header)
    assert (dict(state) if state else None) == expected


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("user=alice,plan=gold;ttl=5", {"user": "alice", "plan": "gold"}),
        ("city=M%C3%BCnchen", {"city": "München"}),
        ("a=1,b c=2,=3,d", {"a": "1"}),
        ("a=\x1b", {}),
        ("a=" + "x" * 9000, {}),
        (",".join(f"k{number}=1" for number in range(200)), {}),
    ],
)
def test_baggage_is_bounded(header: str, expected: dict[str, str]) -> None:
    """Members that are not valid are left out; a header beyond W3C's limits is ignored."""
    assert parse_baggage(header) == expected


def test_what_came_in_goes_out(start_traces: Callable[..., Any]) -> None:
    """An outgoing request carries the trace, this span as parent, the state and the baggage on."""
    start_traces()
    span = traces.begin_server(VALID, "vendor=x", "user=alice")
    headers: dict[str, str] = {}
    propagate.inject(headers)
    user = baggage_api.get_baggage("user")
    span.finish("GET", {}, failed=False)
    span.detach()
    assert headers == {
        "traceparent": f"00-{TRACE}-{span.span_hex}-01",
        "tracestate": "vendor=x",
        "baggage": "user=alice",
    }
    assert user == "alice"
    assert trace.get_current_span() is trace.INVALID_SPAN
    assert baggage_api.get_all() == {}


def test_the_edge_begins_a_trace_and_links_the_callers(sink: Any, start_traces: Callable[..., Any]) -> None:
    """With `edge`, a stranger gives neither trace, state nor baggage; the link leads to where the request came from."""
    started = start_traces(sink.url, edge=True)
    span = traces.begin_server(VALID, "vendor=x", "user=alice")
    headers: dict[str, str] = {}
    propagate.inject(headers)
    span.finish("GET", {}, failed=False)
    span.detach()
    assert headers == {"traceparent": f"00-{span.trace_hex}-{span.span_hex}-03"}
    assert span.trace_hex != TRACE
    assert started.flush()
    (found,) = sink.spans
    (link,) = found.links
    assert (link.trace_id.hex(), link.span_id.hex(), link.trace_state) == (TRACE, SPAN, "vendor=x")
    assert found.parent_span_id == b""


def test_the_edge_holds_for_an_application_s_own_provider(start_traces: Callable[..., Any]) -> None:
    """A provider that obs has joined begins a trace with a link, too."""
    ended = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(ended))
    trace.set_tracer_provider(provider)
    started = start_traces(edge=True)
    span = traces.begin_server(VALID, None, "user=alice")
    assert baggage_api.get_all() == {}
    span.finish("GET", {}, failed=False)
    span.detach()
    started.stop(0)
    trace._TRACER_PROVIDER = None
    (found,) = ended.get_finished_spans()
    assert found.parent is None
    assert [f"{link.context.trace_id:032x}" for link in found.links] == [TRACE]


HOSTILE = {
    "empty": "",
    "zeros": f"00-{'0' * 32}-{'0' * 16}-00",
    "upper case": VALID.upper(),
    "version ff": f"ff-{TRACE}-{SPAN}-01",
    "100 kB": VALID + "-" + "a" * 100_000,
    "NUL": VALID.replace("-", "\0"),
    "trailing junk": f"{VALID}-junk",
    "escape": f"\x1b[31m{VALID}",
    "line break": f"{VALID}\r\nx-evil: 1",
}


@pytest.mark.parametrize("header", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("edge", [False, True])
def test_hostile_headers_begin_a_trace_and_write_nothing(
    start_traces: Callable[..., Any], capfd: pytest.CaptureFixture[str], header: str, edge: bool
) -> None:
    """Whatever a stranger sends as traceparent, tracestate and baggage leaves no trace of itself anywhere."""
    start_traces(edge=edge)
    bags = [
        "b" * 1_000_000,
        ",".join(f"k{number}=1" for number in range(1000)),
        "\x1b[31m=\x1b",
        "%00=%00\0",
        ",;=" * 2000,
    ]
    for bag in bags:
        span = traces.begin_server(header, header, bag)
        headers: dict[str, str] = {}
        propagate.inject(headers)
        span.finish("GET", {}, failed=False)
        span.detach()
        assert headers == {"traceparent": f"00-{span.trace_hex}-{span.span_hex}-03"}
        assert span.trace_hex != TRACE
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("header", [header for header in HOSTILE.values() if header])
def test_a_hostile_tracestate_leaves_a_valid_traceparent(start_traces: Callable[..., Any], header: str) -> None:
    """The trace goes on without the state."""
    start_traces()
    span = traces.begin_server(VALID, header, None)
    headers: dict[str, str] = {}
    propagate.inject(headers)
    span.finish("GET", {}, failed=False)
    span.detach()
    assert headers == {"traceparent": f"00-{TRACE}-{span.span_hex}-01"}


def test_a_flood_of_sampled_flags_changes_no_share(start_traces: Callable[..., Any]) -> None:
    """Callers that all say "sampled" get the ratio of this service."""
    start_traces(sample=0.1)
    kept = 0
    for number in range(5000):
        span = traces.begin_server(
            f"00-{number * 0x9E3779B97F4A7C15F39CC0605CEDC835 % 2**128:032x}-{SPAN}-01", None, None
        )
        span.finish("GET", {}, failed=False)
        span.detach()
        kept += span.sampled
    # Six standard deviations around 500.
    assert 370 < kept < 630

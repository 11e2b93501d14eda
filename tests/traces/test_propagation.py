"""What other processes say of a trace is read strictly, and nothing that they say does harm."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import baggage as baggage_api
from opentelemetry import propagate, trace

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
    parse_traceparent(text)
    parse_tracestate(text)
    parse_baggage(text)


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

"""A span is OpenTelemetry's to everybody who looks at it, and bears whatever it is given."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from obs import traces


class Hostile:
    """Breaks whoever looks at it."""

    def __init__(self, error: type[BaseException] = RuntimeError) -> None:
        self.error = error

    def __repr__(self) -> str:
        raise self.error("no")


class HostileMapping(dict[str, Any]):
    """A mapping that cannot be read."""

    def items(self) -> Any:
        raise RuntimeError("no")


@pytest.fixture
def ended(start_traces: Callable[..., Any]) -> InMemorySpanExporter:
    """The spans that have ended, as an exporter of the SDK gets them."""
    start_traces()
    exporter = InMemorySpanExporter()
    provider = trace.get_tracer_provider()
    assert isinstance(provider, TracerProvider)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return exporter


def last(exporter: InMemorySpanExporter) -> ReadableSpan:
    """The span that ended last."""
    return exporter.get_finished_spans()[-1]


def test_a_span_reads_like_one_of_the_sdk(ended: InMemorySpanExporter) -> None:
    """Everything that was said of a span is found where the SDK has it."""
    tracer = trace.get_tracer("library", "1.0", None, "https://schema", {"a": 1})
    linked = SpanContext(7, 8, True, TraceFlags(1))
    with tracer.start_as_current_span("outer") as outer:
        inner = tracer.start_span("inner", kind=SpanKind.CLIENT, attributes={"a": 1, "b": [1, 2]}, links=[Link(linked)])
        inner.set_attribute("c", True)
        inner.add_event("seen", {"x": 1.5}, timestamp=17)
        inner.set_status(StatusCode.ERROR, "broken")
        inner.update_name("renamed")
        inner.end()
    span = ended.get_finished_spans()[0]
    assert isinstance(span, ReadableSpan)
    assert (span.name, span.kind) == ("renamed", SpanKind.CLIENT)
    assert span.context == inner.get_span_context()
    assert span.parent == outer.get_span_context()
    assert dict(span.attributes or {}) == {"a": 1, "b": (1, 2), "c": True}
    assert [(event.name, event.timestamp, dict(event.attributes or {})) for event in span.events] == [
        ("seen", 17, {"x": 1.5})
    ]
    assert [link.context for link in span.links] == [linked]
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, "broken")
    assert span.resource.attributes["service.name"] == "shop"
    scope = span.instrumentation_scope
    assert scope is not None
    assert (scope.name, scope.version, scope.schema_url, scope.attributes) == (
        "library",
        "1.0",
        "https://schema",
        {"a": 1},
    )
    assert span.start_time is not None
    assert span.end_time is not None
    assert span.end_time >= span.start_time
    assert json.loads(span.to_json())["attributes"]["b"] == [1, 2]


def test_ids_of_a_span_are_the_ones_its_context_has(ended: InMemorySpanExporter) -> None:
    """Numbers, hexadecimal forms and OpenTelemetry's context agree."""
    span = traces.begin_server(None, None, None)
    context = trace.get_current_span().get_span_context()
    assert traces.current_ids() == traces.sampled_ids() == (span.trace_id, span.span_id)
    assert traces.current_trace_id() == span.trace_hex == trace.format_trace_id(context.trace_id)
    assert span.span_hex == trace.format_span_id(context.span_id)
    span.finish("GET", {}, failed=False)
    span.detach()
    assert traces.current_ids() == (0, 0)
    assert traces.current_trace_id() == ""


def test_a_request_has_its_name_attributes_and_failure(ended: InMemorySpanExporter) -> None:
    """What is known at the end of a request joins what was set during it."""
    span = traces.begin_server(None, None, None)
    span.set_attribute("user", "alice")
    span.finish("GET /items/{id}", {"url.path": "/items/3"}, True, ValueError("no such thing"))
    span.detach()
    found = last(ended)
    assert (found.name, found.kind) == ("GET /items/{id}", SpanKind.SERVER)
    assert dict(found.attributes or {}) == {"user": "alice", "url.path": "/items/3"}
    assert (found.status.status_code, found.status.description) == (StatusCode.ERROR, "ValueError: no such thing")
    (event,) = found.events
    assert (event.attributes or {})["exception.type"] == "ValueError"
    assert "no such thing" in str((event.attributes or {})["exception.stacktrace"])


def test_a_failed_answer_without_an_exception_is_an_error(ended: InMemorySpanExporter) -> None:
    """Status 500 alone fails the span."""
    span = traces.begin_server(None, None, None)
    span.finish("GET", {}, failed=True)
    span.detach()
    assert last(ended).status.status_code is StatusCode.ERROR
    assert not last(ended).events


def test_a_span_is_bounded(ended: InMemorySpanExporter) -> None:
    """What is too much is dropped and counted; what is too long is cut."""
    with traces.span("big") as span:
        for number in range(200):
            span.set_attribute(f"key{number}", "x" * 10_000)
            span.add_event("event", {f"key{key}": 1 for key in range(200)})
            span.add_link(SpanContext(1, 2, False))
        span.set_attribute("key0", "again")
    found = last(ended)
    assert (len(found.attributes or {}), len(found.events), len(found.links)) == (128, 128, 128)
    assert (found.dropped_attributes, found.dropped_events, found.dropped_links) == (72, 72, 72)
    assert (found.attributes or {})["key0"] == "again"
    assert {len(str(value)) for key, value in (found.attributes or {}).items() if key != "key0"} == {4096}
    assert len(found.events[0].attributes or {}) == 128


@pytest.mark.parametrize("error", [RuntimeError, SystemExit, GeneratorExit, RecursionError])
def test_hostile_values_become_text(ended: InMemorySpanExporter, error: type[BaseException]) -> None:
    """A value whose own methods raise costs its value, never the application's call."""
    with traces.span("work", value=Hostile(error)) as span:
        span.set_attribute("list", [Hostile(error), 1])  # type: ignore[list-item]
        span.set_attribute("map", {Hostile(error): 1})  # type: ignore[dict-item]
        span.add_event(Hostile(error))  # type: ignore[arg-type]
        span.set_status(Status(StatusCode.ERROR, "x"))
    attributes = last(ended).attributes or {}
    text = f"<unrepresentable Hostile: {error.__name__}>"
    assert (attributes["value"], attributes["list"], attributes["map"]) == (text, (text, 1), {text: 1})


def test_cyclic_and_huge_values_end(ended: InMemorySpanExporter) -> None:
    """A value without an end is cut after a thousand items in all."""
    cyclic: list[Any] = []
    cyclic += [cyclic] * 100
    with traces.span("work", cyclic=cyclic, long=list(range(5000))):
        pass
    attributes = last(ended).attributes or {}
    assert "…" in str(attributes["cyclic"])
    assert len(attributes["long"]) == 1000  # type: ignore[arg-type]


@given(st.dictionaries(st.one_of(st.text(), st.integers(), st.none()), st.one_of(st.none(), st.text(), st.binary())))
def test_no_attributes_raise(attributes: Any) -> None:
    """Whatever is given is taken or left."""
    with traces.span("work") as span:
        span.set_attributes(attributes)
        for key, value in attributes.items():
            span.set_attribute(key, value)
        span.add_event("event", attributes, timestamp=None)
        span.record_exception(ValueError("x"), attributes)


def test_what_cannot_be_read_as_attributes_is_left(ended: InMemorySpanExporter, swallowed: list[BaseException]) -> None:
    """A mapping that raises is kept from the application and counted."""
    with traces.span("work") as span:
        span.set_attributes(HostileMapping(a=1))
        span.set_attributes(None)  # type: ignore[arg-type]
        span.set_attribute("", 1)
        span.set_attribute("none", None)
    assert dict(last(ended).attributes or {}) == {}
    assert [str(error) for error in swallowed] == ["no"]
    swallowed.clear()


def test_an_ended_span_stays_as_it_is(ended: InMemorySpanExporter) -> None:
    """What is said after the end is not heard, and a second end changes nothing."""
    span = trace.get_tracer("library").start_span("work")
    span.end(end_time=10**18 * 3)
    span.set_attribute("late", 1)
    span.update_name("late")
    span.end()
    found = last(ended)
    assert (found.name, dict(found.attributes or {}), found.end_time) == ("work", {}, 3 * 10**18)
    assert len(ended.get_finished_spans()) == 1


def test_ok_is_final(ended: InMemorySpanExporter) -> None:
    """An error after OK does not fail the span, and UNSET takes nothing back."""
    with traces.span("work") as span:
        span.set_status(StatusCode.ERROR, "x")
        span.set_status(StatusCode.UNSET)
        span.set_status(StatusCode.OK)
        span.set_status(StatusCode.ERROR, "y")
    assert last(ended).status.status_code is StatusCode.OK


def test_a_given_start_time_is_kept(ended: InMemorySpanExporter) -> None:
    """A library that began earlier says when."""
    trace.get_tracer("library").start_span("work", start_time=5).end(end_time=9)
    assert (last(ended).start_time, last(ended).end_time) == (5, 9)


def test_before_the_start_spans_have_ids_and_go_nowhere() -> None:
    """Without `obs.init()` logs can be correlated all the same."""
    request = traces.begin_server("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", None, None)
    with traces.span("work") as span:
        assert traces.current_trace_id() == "0af7651916cd43dd8448eb211c80319c"
        assert not span.is_recording()
        assert traces.sampled_ids() == (0, 0)
    request.finish("GET", {}, failed=True, error=ValueError("x"))
    request.detach()
    assert request.sampled is False
    assert request.span_id != 0


def test_a_request_that_ends_in_another_context_is_no_error(
    ended: InMemorySpanExporter, caplog: pytest.LogCaptureFixture
) -> None:
    """A response body that another thread closes ends the span there."""
    import contextvars

    span = contextvars.copy_context().run(traces.begin_server, None, None, None)
    span.finish("GET", {}, failed=False)
    span.detach()
    assert last(ended).name == "GET"
    assert not caplog.records


def test_work_after_the_answer_belongs_to_the_trace(ended: InMemorySpanExporter) -> None:
    """A finished request stays the parent of what comes until it is detached, once."""
    request = traces.begin_server(None, None, None)
    request.finish("GET", {}, failed=False)
    with traces.span("later"):
        pass
    request.detach()
    with traces.span("other"):
        request.detach()
        assert traces.current_ids() != (0, 0)
    server, later, other = ended.get_finished_spans()
    assert later.parent == server.context
    assert other.parent is None

"""The bytes that leave the process mean what the spans say, by OpenTelemetry's own decoder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1 import trace_pb2
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, StatusCode, TraceFlags, TraceState

from obs.runtime.export_queue import joined
from obs.traces.otlp import encode, redact_with
from obs.traces.sampling import RatioSampler
from obs.traces.server import Alike, begin_fast
from obs.traces.tracer import Source, Tracer


@pytest.fixture(autouse=True, scope="module")
def nothing_redacted() -> None:
    """Another test's `obs.init()` may have set what takes secrets out, and made-up names can look like those of one."""
    redact_with(dict)


TEXT = st.text(max_size=40)
SCALARS = st.one_of(TEXT, st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False))
VALUES = st.one_of(SCALARS, st.lists(TEXT, max_size=3), st.lists(st.integers(0, 9), max_size=3))
ATTRIBUTES = st.dictionaries(st.text(min_size=1, max_size=20), VALUES, max_size=6)
TIMES = st.integers(1, 2**63)


def value_of(value: AnyValue) -> Any:
    """A decoded value in Python's types."""
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return tuple(value_of(item) for item in value.array_value.values)
    if kind == "kvlist_value":
        return {pair.key: value_of(pair.value) for pair in value.kvlist_value.values}
    return None if kind is None else getattr(value, kind)


def pairs(attributes: Any) -> dict[str, Any]:
    """Decoded attributes in Python's types; each key once."""
    found = [(pair.key, value_of(pair.value)) for pair in attributes]
    assert len(found) == len({key for key, _ in found})
    return dict(found)


def expected(attributes: Mapping[str, Any] | None) -> dict[str, Any]:
    """Attributes as the decoder gives them; a lone surrogate has become U+FFFD."""

    def clean(value: Any) -> Any:
        if isinstance(value, str):
            return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        return tuple(clean(item) for item in value) if isinstance(value, (list, tuple)) else value

    return {clean(key): clean(value) for key, value in (attributes or {}).items()}


def same(span: ReadableSpan, decoded: trace_pb2.Span) -> None:
    """Assert that a decoded span says what the span says."""
    context, parent = span.context, span.parent
    assert context is not None
    assert decoded.trace_id == context.trace_id.to_bytes(16, "big")
    assert decoded.span_id == context.span_id.to_bytes(8, "big")
    assert decoded.trace_state == context.trace_state.to_header()
    assert decoded.parent_span_id == (parent.span_id.to_bytes(8, "big") if parent else b"")
    remote = parent is not None and parent.is_remote
    assert decoded.flags == (int(context.trace_flags) | 0x100 | (0x200 if remote else 0))
    assert decoded.name == expected({"name": span.name})["name"]
    assert decoded.kind == span.kind.value + 1
    assert (decoded.start_time_unix_nano, decoded.end_time_unix_nano) == (span.start_time, span.end_time)
    assert pairs(decoded.attributes) == expected(span.attributes)
    assert [(event.name, event.time_unix_nano, pairs(event.attributes)) for event in decoded.events] == [
        (event.name, event.timestamp, expected(event.attributes)) for event in span.events
    ]
    assert [(link.trace_id, link.span_id, pairs(link.attributes)) for link in decoded.links] == [
        (link.context.trace_id.to_bytes(16, "big"), link.context.span_id.to_bytes(8, "big"), expected(link.attributes))
        for link in span.links
    ]
    assert decoded.status.code == {"UNSET": 0, "OK": 1, "ERROR": 2}[span.status.status_code.name]
    assert decoded.status.message == expected({"text": span.status.description or ""})["text"]
    dropped = (decoded.dropped_attributes_count, decoded.dropped_events_count, decoded.dropped_links_count)
    assert dropped == (span.dropped_attributes, span.dropped_events, span.dropped_links)


@st.composite
def fast_spans(draw: st.DrawFn) -> list[ReadableSpan]:
    """Spans of obs with anything in them, of two libraries."""
    ended: list[Any] = []
    source = Source(RatioSampler(1.0), Resource({"service.name": "shop"}), ended.append)
    tracers = [Tracer(source, InstrumentationScope(name, "1")) for name in ("one", "two")]
    for _ in range(draw(st.integers(0, 5))):
        remote = draw(st.booleans())
        state = draw(st.sampled_from((None, TraceState([("vendor", "x")]))))
        parent = SpanContext(
            draw(st.integers(0, 2**128 - 1)), draw(st.integers(0, 2**64 - 1)), remote, TraceFlags(1), state
        )
        kind = draw(st.sampled_from(SpanKind))
        span = draw(st.sampled_from(tracers)).child_of(parent, draw(TEXT), kind)
        span.set_attributes(draw(ATTRIBUTES))
        for name in draw(st.lists(st.sampled_from(("a", "b")), max_size=2)):
            span.add_event(name, draw(ATTRIBUTES), draw(TIMES))
        if draw(st.booleans()):
            span.add_link(SpanContext(1, 2, False, TraceFlags(0)), draw(ATTRIBUTES))
        span.set_status(draw(st.sampled_from(StatusCode)), draw(TEXT))
        span.end()
    return ended


@given(fast_spans())
def test_spans_of_obs_mean_the_same_decoded(spans: list[ReadableSpan]) -> None:
    """Every field of every span arrives, in the group of its resource and library."""
    request = ExportTraceServiceRequest.FromString(joined(map(encode, spans)))
    decoded = {}
    for resource in request.resource_spans:
        assert pairs(resource.resource.attributes) == {"service.name": "shop"}
        for scope in resource.scope_spans:
            decoded.update({span.span_id: (scope.scope.name, span) for span in scope.spans})
    assert len(decoded) == len(spans)
    for span in spans:
        assert span.context is not None
        name, found = decoded[span.context.span_id.to_bytes(8, "big")]
        assert span.instrumentation_scope is not None
        assert name == span.instrumentation_scope.name
        same(span, found)


HEADERS = ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "vendor=1")


@given(
    st.lists(st.one_of(TEXT, st.integers(90, 135).map("x".__mul__), st.text(min_size=5000, max_size=5000)), max_size=3),
    ATTRIBUTES,
    st.sampled_from(((None, None), HEADERS)),
    st.booleans(),
)
def test_requests_of_one_kind_mean_the_same_decoded(
    paths: list[str], own: dict[str, Any], headers: tuple[str | None, str | None], failed: bool
) -> None:
    """What they have in common is encoded once, and each has all of it, its own path and its own attributes."""
    ended: list[Any] = []
    source = Source(RatioSampler(1.0), Resource({}), ended.append)
    tracer = Tracer(source, InstrumentationScope("obs"))
    alike = Alike("GET /items/{id}", {"http.route": "/items/{id}", "http.response.status_code": 200}, failed)
    for path in paths:
        span = begin_fast(tracer, *headers, None)
        span.set_attributes({**own, "http.route": "/another"})
        span.finish_alike(alike, path)
        span.detach()
    for span, path in zip(ended, paths, strict=True):
        request = ExportTraceServiceRequest.FromString(joined([encode(span)]))
        assert span.attributes["url.path"] == path[:4096]
        assert span.attributes["http.route"] == "/items/{id}"
        same(span, request.resource_spans[0].scope_spans[0].spans[0])


@given(ATTRIBUTES, ATTRIBUTES, TEXT, st.sampled_from(SpanKind), TIMES)
def test_spans_of_the_sdk_mean_the_same_decoded(
    attributes: dict[str, Any], of_event: dict[str, Any], name: str, kind: SpanKind, start: int
) -> None:
    """A provider of the application's own loses nothing by going through obs."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider(resource=Resource({"service.name": "theirs"}, "https://resource"), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("library", "2", "https://scope", {"k": "v"})
    link = Link(SpanContext(3, 4, True, TraceFlags(1)), {"l": 1})
    span = tracer.start_span(name, kind=kind, attributes=attributes, start_time=start, links=[link])
    span.add_event("event", of_event, timestamp=start)
    span.set_status(StatusCode.ERROR, name)
    span.end(end_time=start + 5)
    (ended,) = exporter.get_finished_spans()
    (resource,) = ExportTraceServiceRequest.FromString(joined([encode(ended)])).resource_spans
    (scope,) = resource.scope_spans
    (decoded,) = scope.spans
    same(ended, decoded)
    assert (pairs(resource.resource.attributes), resource.schema_url) == (
        {"service.name": "theirs"},
        "https://resource",
    )
    assert (scope.scope.name, scope.scope.version, scope.schema_url) == ("library", "2", "https://scope")
    assert list(scope.scope.attributes) == [KeyValue(key="k", value=AnyValue(string_value="v"))]
    assert [one.flags for one in decoded.links] == [0x301]


def test_values_that_compare_equal_keep_their_type() -> None:
    """True, 1 and 1.0 are one key of a dictionary, and three values."""
    ended: list[Any] = []
    tracer = Tracer(Source(RatioSampler(1.0), None, ended.append), InstrumentationScope("x"))
    for value in (True, 1, 1.0):
        span = tracer.start_span("work", attributes={"v": value})
        span.end()
    (resource,) = ExportTraceServiceRequest.FromString(joined(map(encode, ended))).resource_spans
    kinds = [span.attributes[0].value.WhichOneof("value") for span in resource.scope_spans[0].spans]
    assert kinds == ["bool_value", "int_value", "double_value"]


def test_many_different_values_do_not_grow_the_memory_of_parts() -> None:
    """A hundred thousand different paths leave no more than the bound behind."""
    from obs.traces import otlp

    ended: list[Any] = []
    tracer = Tracer(Source(RatioSampler(1.0), None, ended.append), InstrumentationScope("x"))
    for number in range(20_000):
        tracer.start_span(f"GET /{number}", attributes={"url.path": f"/{number}"}).end()
        encode(ended.pop())
    assert len(otlp._pairs) <= 4096
    assert len(otlp._names) <= 4096

"""obs shares OpenTelemetry's global provider with the application and with every library."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, Decision, StaticSampler
from opentelemetry.util._once import Once

from obs import traces


@pytest.fixture(autouse=True)
def no_global_provider() -> Iterator[None]:
    """Each test begins and ends without a global provider."""
    yield
    trace._TRACER_PROVIDER = None
    trace._TRACER_PROVIDER_SET_ONCE = Once()


def application_provider(**options: Any) -> TracerProvider:
    """A provider as an application makes it."""
    return TracerProvider(resource=Resource({"service.name": "theirs"}), shutdown_on_exit=False, **options)


def one_request() -> traces.ServerSpan:
    """A request with a piece of work and a query in it."""
    request = traces.begin_server(None, None, None)
    with traces.span("work"), trace.get_tracer("library").start_as_current_span("query"):
        pass
    request.finish("GET", {"url.path": "/"}, failed=False)
    request.detach()
    return request


def test_spans_of_obs_and_of_libraries_arrive_as_one_trace(sink: Any, start_traces: Callable[..., Any]) -> None:
    """A library that asks OpenTelemetry for a tracer needs nothing else."""
    early = trace.get_tracer("early")
    started = start_traces(sink.url)
    request = traces.begin_server(None, None, None)
    with early.start_as_current_span("early"), traces.span("work"):
        trace.get_tracer("library").start_span("query").end()
    request.finish("GET", {}, failed=False)
    request.detach()
    assert started.flush()
    parents = {span.name: span.parent_span_id for span in sink.spans}
    ids = {span.name: span.span_id for span in sink.spans}
    assert parents == {"GET": b"", "early": ids["GET"], "work": ids["early"], "query": ids["work"]}
    assert {span.trace_id.hex() for span in sink.spans} == {request.trace_hex}


def test_the_resource_says_who_it_is(sink: Any, start_traces: Callable[..., Any]) -> None:
    """Service, version, environment, owner and instance are on every delivery, with what the settings add."""
    started = start_traces(sink.url, resource_attributes={"region": "eu", "service.name": "not this"})
    one_request()
    started.flush()
    (resource,) = {group.resource.SerializeToString(): group.resource for group in sink.resources}.values()
    found = {pair.key: pair.value.string_value for pair in resource.attributes}
    assert (
        found.items()
        >= {
            "service.name": "shop",
            "service.version": "1.2.3",
            "service.instance.id": "host-1234",
            "service.owner": "storefront",
            "deployment.environment.name": "test",
            "region": "eu",
            "telemetry.sdk.language": "python",
            "telemetry.sdk.name": "opentelemetry",
        }.items()
    )
    assert found["telemetry.sdk.version"]


def test_added_processors_see_all_our_spans(start_traces: Callable[..., Any]) -> None:
    """A processor of a third party gets each span at its start and at its end, and may add to it."""

    class Marker(SpanProcessor):
        def __init__(self) -> None:
            self.started: list[str] = []

        def on_start(self, span: Any, parent_context: Any = None) -> None:
            self.started.append(span.name)
            span.set_attribute("mark", 1)

    started = start_traces()
    provider = trace.get_tracer_provider()
    assert isinstance(provider, TracerProvider)
    marker, exporter = Marker(), InMemorySpanExporter()
    provider.add_span_processor(marker)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    one_request()
    started.flush()
    found = {span.name: dict(span.attributes or {}) for span in exporter.get_finished_spans()}
    assert found == {"GET": {"mark": 1, "url.path": "/"}, "work": {"mark": 1}, "query": {"mark": 1}}
    assert marker.started == ["HTTP", "work", "query"]


def test_a_processor_that_raises_harms_nobody(
    sink: Any, start_traces: Callable[..., Any], swallowed: list[BaseException]
) -> None:
    """The application goes on and the spans are delivered."""

    class Broken(SpanProcessor):
        def on_start(self, span: Any, parent_context: Any = None) -> None:
            raise RuntimeError("start")

        def on_end(self, span: Any) -> None:
            raise RuntimeError("end")

    started = start_traces(sink.url)
    trace.get_tracer_provider().add_span_processor(Broken())  # type: ignore[attr-defined]
    one_request()
    started.flush()
    assert sink.names == ["GET", "query", "work"]
    assert {str(error) for error in swallowed} == {"start", "end"}
    swallowed.clear()


def test_a_provider_of_the_application_is_joined(sink: Any, start_traces: Callable[..., Any]) -> None:
    """Its resource and processors hold for obs's spans, and obs delivers all of them."""
    provider, exporter = application_provider(), InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    started = start_traces(sink.url)
    request = traces.begin_server("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "vendor=x", "user=a")
    assert traces.current_ids() == (request.trace_id, request.span_id)
    assert request.sampled
    with traces.span("work", item="tea"):
        pass
    request.set_attribute("user", "alice")
    request.finish("GET /", {"url.path": "/"}, True, ValueError("x"))
    request.detach()
    started.flush()
    assert trace.get_tracer_provider() is provider
    assert sink.names == ["GET /", "work"]
    assert sorted(span.name for span in exporter.get_finished_spans()) == sink.names
    (server,) = [span for span in sink.spans if span.name == "GET /"]
    assert (server.trace_id.hex(), server.parent_span_id.hex()) == (
        "0af7651916cd43dd8448eb211c80319c",
        "b7ad6b7169203331",
    )
    assert (server.trace_id.hex(), server.span_id.hex()) == (request.trace_hex, request.span_hex)
    assert {pair.key for pair in server.attributes} == {"url.path", "user"}
    assert (server.trace_state, server.status.message, server.events[0].name) == (
        "vendor=x",
        "ValueError: x",
        "exception",
    )
    names = {pair.key: pair.value.string_value for pair in sink.resources[0].resource.attributes}
    assert names["service.name"] == "theirs"


@pytest.mark.parametrize("sampler", [ALWAYS_OFF, StaticSampler(Decision.RECORD_ONLY)])
def test_the_sampler_of_a_joined_provider_decides(
    sink: Any, start_traces: Callable[..., Any], sampler: StaticSampler
) -> None:
    """What the application drops, or keeps for itself, is not delivered by obs."""
    trace.set_tracer_provider(application_provider(sampler=sampler))
    started = start_traces(sink.url)
    assert one_request().sampled is False
    started.flush()
    assert sink.spans == []


def test_a_provider_that_is_set_later_wins(
    sink: Any, start_traces: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    """The application's provider takes the place of ours without a warning, and nothing is delivered twice or lost."""
    started = start_traces(sink.url)
    tracer = trace.get_tracer("library")
    one_request()
    provider, exporter = application_provider(), InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with caplog.at_level(logging.WARNING):
        trace.set_tracer_provider(provider)
    one_request()
    tracer.start_span("by an old tracer").end()
    started.flush()
    assert trace.get_tracer_provider() is provider
    assert not caplog.records
    assert sorted(span.name for span in exporter.get_finished_spans()) == ["GET", "by an old tracer", "query", "work"]
    assert sink.names == ["GET", "GET", "by an old tracer", "query", "query", "work", "work"]


def test_stop_gives_back_what_was_there(sink: Any, start_traces: Callable[..., Any]) -> None:
    """After stop no provider is set, and an application can set its own."""
    start_traces(sink.url).stop()
    assert trace._TRACER_PROVIDER is None
    provider = application_provider()
    trace.set_tracer_provider(provider)
    assert trace.get_tracer_provider() is provider


def test_stop_leaves_a_joined_provider_as_it_was(sink: Any, start_traces: Callable[..., Any]) -> None:
    """The application's provider stays set, and obs takes no further span of it."""
    provider = application_provider()
    trace.set_tracer_provider(provider)
    started = start_traces(sink.url)
    started.stop()
    trace.get_tracer("library").start_span("later").end()
    assert trace.get_tracer_provider() is provider
    assert provider._active_span_processor._span_processors == ()
    assert sink.spans == []


def test_traces_can_be_started_again(sink: Any, start_traces: Callable[..., Any]) -> None:
    """A second start delivers, also what a library makes by a tracer that it got in the first."""
    first = start_traces(sink.url)
    tracer = trace.get_tracer("library")
    tracer.start_span("first").end()
    first.stop()
    tracer.start_span("between").end()
    second = start_traces(sink.url)
    tracer.start_span("second").end()
    one_request()
    second.flush()
    assert sink.names == ["GET", "first", "query", "second", "work"]


def test_flush_of_the_provider_delivers(sink: Any, start_traces: Callable[..., Any]) -> None:
    """An application that flushes OpenTelemetry's provider flushes obs."""
    start_traces(sink.url)
    one_request()
    assert trace.get_tracer_provider().force_flush(10_000)  # type: ignore[attr-defined]
    assert sink.names == ["GET", "query", "work"]

"""What makes fast spans: for obs itself, and for every library that asks OpenTelemetry for a tracer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from opentelemetry import trace
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, Span, SpanContext, SpanKind
from opentelemetry.util._decorator import _agnosticcontextmanager

from obs.runtime.guard import Guard, swallow
from obs.traces.ids import new_ids, new_span_id
from obs.traces.sampling import RatioSampler
from obs.traces.span import FLAG_HELD, FLAG_RANDOM, FLAG_REMOTE, FLAG_SAMPLED, FastSpan
from obs.traces.values import safe_text

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import SpanProcessor

    from obs.traces.keeping import Keeper


class Source:
    """What all tracers of one provider share: who decides, who it is, and where spans go.

    Args:
        sampler: Which traces are kept.
        resource: The service.
        put: Takes a span that has ended and was sampled; must not block.
    """

    __slots__ = ("edge", "keeper", "processor", "put", "replaced", "resource", "sampler")

    def __init__(
        self, sampler: RatioSampler, resource: Resource | None, put: Callable[[FastSpan], object] | None
    ) -> None:
        self.sampler = sampler
        self.resource = resource
        self.put = put
        # Decides about unsampled traces at their end; None when nobody does.
        self.keeper: Keeper | None = None
        # Callers are strangers.
        self.edge = False
        # The processors that others have added to the provider, as one; None as long as there are none.
        self.processor: SpanProcessor | None = None
        # Another provider has taken the place of this one's, or none has: ask for the global one.
        self.replaced = False

    def started(self, span: FastSpan, context: Context | None) -> None:
        """Show a span that has begun to the added processors."""
        if self.processor is not None:
            with Guard("span_processor"):
                self.processor.on_start(span, context)  # type: ignore[arg-type]

    def ended(self, span: FastSpan) -> None:
        """Hand over a span that has ended."""
        try:
            if self.put is not None:
                self.put(span)
            processor = self.processor
            if processor is not None:
                processor.on_end(span)
        except Exception as error:  # noqa: BLE001 - telemetry never raises into the application
            swallow("span_processor", error)


class Tracer(trace.Tracer):
    """Makes fast spans for one instrumentation scope.

    Args:
        source: What it shares with the other tracers.
        scope: The library that asked for it.
    """

    def __init__(self, source: Source, scope: InstrumentationScope) -> None:
        self.source = source
        self.scope = scope
        self._heir: tuple[trace.TracerProvider | None, trace.Tracer] = (None, trace.NoOpTracer())

    def start_span(
        self,
        name: str,
        context: Context | None = None,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Mapping[str, Any] | None = None,
        links: Sequence[Link] | None = None,
        start_time: int | None = None,
        record_exception: bool = True,
        set_status_on_exception: bool = True,
    ) -> Span:
        """Begin a span as OpenTelemetry's API says; see `opentelemetry.trace.Tracer.start_span`."""
        if self.source.replaced:
            return self._find_heir().start_span(
                name, context, kind, attributes, links, start_time, record_exception, set_status_on_exception
            )
        span = self._begun(name, trace.get_current_span(context), kind)
        if span.is_recording():
            if start_time is not None:
                span.started_at(start_time)
            if attributes:
                span.set_attributes(attributes)
            for link in links or ():
                span.add_link(link.context, link.attributes)
            if span.sampled:
                self.source.started(span, context)
        return span

    def _find_heir(self) -> trace.Tracer:
        """The tracer of the provider that is set now: libraries keep the tracer that they once asked for."""
        provider = trace._TRACER_PROVIDER
        if provider is not self._heir[0]:
            scope = self.scope
            heir = provider.get_tracer(scope.name, scope.version, scope.schema_url) if provider else trace.NoOpTracer()
            of_a_stopped_start = isinstance(heir, Tracer) and heir.source.replaced
            self._heir = provider, trace.NoOpTracer() if of_a_stopped_start else heir
        return self._heir[1]

    def _begun(self, name: str, parent: Span, kind: SpanKind) -> FastSpan:
        name = name if type(name) is str else safe_text(name)
        if isinstance(parent, FastSpan):
            # The decision of the trace is made, and it is in this process.
            flags = parent.flags
            span = FastSpan(
                self, name, kind, parent.trace_id, new_span_id(), parent.span_id, flags, flags, parent.state
            )
            if flags & FLAG_HELD and self.source.keeper is not None:
                span._shelf = self.source.keeper.shelf_of(parent, span.span_id)
            return span
        return self.child_of(parent.get_span_context(), name, kind)

    def child_of(self, parent: SpanContext, name: str, kind: SpanKind) -> FastSpan:
        """Begin a span under a context of any origin; an invalid one begins a trace."""
        sampler = self.source.sampler
        held = FLAG_HELD if self.source.keeper is not None else 0
        if not parent.is_valid:
            trace_id, span_id = new_ids()
            flags = FLAG_RANDOM | (FLAG_SAMPLED if sampler.begins(trace_id) else held)
            return FastSpan(self, name, kind, trace_id, span_id, 0, 0, flags, None)
        remote, parent_flags = parent.is_remote, int(parent.trace_flags)
        kept = sampler.decide(parent.trace_id, parent_flags, remote=remote)
        # Under a span of this process that nobody records, nothing is recorded either.
        flags = parent_flags & FLAG_RANDOM | (FLAG_SAMPLED if kept else held if remote else 0)
        if remote:
            parent_flags |= FLAG_REMOTE
        return FastSpan(
            self, name, kind, parent.trace_id, new_span_id(), parent.span_id, parent_flags, flags, parent.trace_state
        )

    @_agnosticcontextmanager
    def start_as_current_span(
        self,
        name: str,
        context: Context | None = None,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Mapping[str, Any] | None = None,
        links: Sequence[Link] | None = None,
        start_time: int | None = None,
        record_exception: bool = True,
        set_status_on_exception: bool = True,
        end_on_exit: bool = True,
    ) -> Iterator[Span]:
        """Begin a span and make it current; see `opentelemetry.trace.Tracer.start_as_current_span`."""
        span = self.start_span(name, context, kind, attributes, links, start_time)
        with trace.use_span(span, end_on_exit, record_exception, set_status_on_exception):
            yield span


# Before `obs.init()` spans have ids, so that logs and headers correlate, and are kept by nobody.
IDLE = Tracer(Source(RatioSampler(0.0), None, None), InstrumentationScope("obs"))

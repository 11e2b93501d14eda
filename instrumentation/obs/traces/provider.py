"""OpenTelemetry's global TracerProvider: ours where there is none, the application's own where it has set one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, SynchronousMultiSpanProcessor, TracerProvider
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from obs.runtime.guard import Guard
from obs.traces.tracer import Source, Tracer

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import ReadableSpan, Span

    from obs.traces.sampling import RatioSampler

SCOPE = "obs"


class FastProvider(TracerProvider):
    """An SDK TracerProvider whose tracers make fast spans.

    Processors that somebody adds see every sampled span that any tracer of it makes, as with the SDK's own. What is
    kept of an unsampled trace goes to `put` alone.

    Args:
        sampler: Which traces are kept.
        resource: The service.
        put: Takes each span that has ended.
        flush: Delivers what was put; takes the most seconds it may last, and says whether all was delivered.
    """

    def __init__(
        self,
        sampler: RatioSampler,
        resource: Resource,
        put: Callable[[Any], object],
        flush: Callable[[float], bool],
    ) -> None:
        vars(self).update(_as_made_by_the_sdk())
        self.sampler, self._resource = sampler, resource
        self._active_span_processor = SynchronousMultiSpanProcessor()  # type: ignore[no-untyped-call]
        self.source = Source(sampler, resource, put)
        self._flush = flush

    def get_tracer(
        self,
        instrumenting_module_name: str,
        instrumenting_library_version: str | None = None,
        schema_url: str | None = None,
        attributes: Mapping[str, Any] | None = None,
    ) -> Tracer:
        """A tracer for a library."""
        version = instrumenting_library_version or ""
        if attributes is None:
            return Tracer(self.source, _scope(instrumenting_module_name or "", version, schema_url))
        return Tracer(
            self.source, InstrumentationScope(instrumenting_module_name or "", version, schema_url, attributes)
        )

    def add_span_processor(self, span_processor: SpanProcessor) -> None:
        """Show every further sampled span to a processor as well."""
        super().add_span_processor(span_processor)
        self.source.processor = self._active_span_processor

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Deliver what has ended, and have the added processors do the same."""
        delivered = self._flush(timeout_millis / 1000)
        return super().force_flush(timeout_millis) and delivered

    def replace_resource(self, resource: Resource) -> None:
        """Be another process from now on: that of a forked child."""
        self._resource = self.source.resource = resource


@lru_cache(maxsize=1)
def _as_made_by_the_sdk() -> Mapping[str, Any]:
    """The attributes of the SDK's own provider, made once: each one that it makes stays for ever in a hook of fork."""
    return vars(TracerProvider(shutdown_on_exit=False))


@lru_cache(maxsize=256)
def _scope(name: str, version: str, schema_url: str | None) -> InstrumentationScope:
    """A library's scope, the same object each time: some ask for a tracer at each call."""
    return InstrumentationScope(name, version, schema_url)


class JoinedProcessor(SpanProcessor):
    """Delivers the sampled spans of a provider that the application has set.

    Args:
        put: Takes each sampled span that has ended.
    """

    def __init__(self, put: Callable[[Any], object]) -> None:
        self._put: Callable[[Any], object] | None = put

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Do nothing yet."""

    def on_end(self, span: ReadableSpan) -> None:
        """Deliver it when its trace is kept."""
        put = self._put
        context = span.context
        if put is not None and context is not None and context.trace_flags.sampled:
            put(span)

    def force_flush(self, timeout_millis: int = 30000) -> bool:  # noqa: ARG002 - delivery has its own deadline
        """Say that nothing is held here: the exporter holds it."""
        return True

    def leave(self, provider: TracerProvider) -> None:
        """Take no further span, and stand no longer among the provider's processors where it has the SDK's list."""
        self._put = None
        with Guard("provider.leave"):
            holder = provider._active_span_processor
            kept = tuple(other for other in holder._span_processors if other is not self)
            holder._span_processors = kept


def global_provider() -> trace.TracerProvider | None:
    """The provider that is set, without the SDK's stand-in for none."""
    return trace._TRACER_PROVIDER


def set_global_provider(provider: trace.TracerProvider | None) -> None:
    """Set or take away the global provider, and leave open OpenTelemetry's "only once".

    An application that calls `opentelemetry.trace.set_tracer_provider` after `obs.init()` is thereby heard: its
    provider takes the place of ours, and obs joins it. A second one of its own is refused as ever.
    """
    trace._TRACER_PROVIDER = provider


def resource_of(attributes: Mapping[str, Any]) -> Resource:
    """The resource of a service; what is empty is left out."""
    return Resource({key: value for key, value in attributes.items() if value not in ("", None)})

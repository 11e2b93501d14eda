"""The traces of a started obs: what is set on start, followed while it runs, and given back on stop."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider

from obs import metrics
from obs.runtime.guard import Guard, swallow
from obs.runtime.resource import resource_attributes
from obs.signals import own_health
from obs.traces import otlp, server
from obs.traces.keeping import Keeper
from obs.traces.provider import SCOPE, FastProvider, JoinedProcessor, global_provider, set_global_provider
from obs.traces.sampling import RatioSampler
from obs.traces.tracer import IDLE, Tracer

if TYPE_CHECKING:
    from obs.runtime.export import Exporter
    from obs.runtime.target import Target
    from obs.settings import Settings

_share = metrics.instrument(own_health.SAMPLING_SHARE)
_capped = metrics.instrument(own_health.TRACES_CAPPED)

SIGNAL = "traces"
_PATH = "/v1/traces"


class TracesRoom:
    """What `start` made.

    Args:
        settings: `sample` and its neighbours, `keep`, `slow`, `edge` and the resource.
        target: Who the service is.
        exporter: What spans go to.
    """

    def __init__(self, settings: Settings, target: Target, exporter: Exporter) -> None:
        self._settings = settings
        # Callers are strangers.
        self.edge = settings.edge
        self._target = target
        self._exporter = exporter
        self._put = exporter.register(SIGNAL, _PATH, otlp.encode)
        self._sampler = RatioSampler(
            settings.sample,
            trust_remote=settings.trust_remote,
            routes=settings.sample_routes,
            per_second=settings.sample_per_second,
        )
        _capped.zero()
        self._relieve(1.0)
        exporter.relieve(SIGNAL, self._relieve)
        self._provider = FastProvider(self._sampler, self._resource(), self._put, exporter.flush)
        self._provider.source.edge = self.edge
        self._keep_errors(forked=False)
        self._joined: tuple[TracerProvider, JoinedProcessor] | None = None
        # What spans of obs's own are made by.
        self.tracer: trace.Tracer = self._provider.get_tracer(SCOPE)
        # The provider that was there when the room last looked.
        self.seen: trace.TracerProvider | None = self._provider
        found = global_provider()
        if isinstance(found, TracerProvider):
            self.follow(found)
        else:
            set_global_provider(self._provider)

    def _relieve(self, factor: float) -> None:
        """Sample fewer traces from now on, and show it."""
        self._sampler.relieve(factor)
        _share.child().set(self._settings.sample * factor)

    def _keep_errors(self, *, forked: bool) -> None:
        """Have errors and slow requests kept, where there is somewhere to send them."""
        settings = self._settings
        if settings.keep and settings.endpoint:
            self._provider.source.keeper = Keeper(self._put, settings.slow, forked=forked)

    def _resource(self) -> Resource:
        return Resource(resource_attributes(self._settings, self._target))

    def follow(self, provider: trace.TracerProvider | None) -> None:
        """Join the provider that the application has set; ours hands everything on to it.

        A provider that is not the SDK's is left to itself, since it takes no processor: obs's spans go on as before.
        """
        self._leave()
        self.seen = provider
        if isinstance(provider, TracerProvider) and provider is not self._provider:
            processor = JoinedProcessor(self._put)
            provider.add_span_processor(processor)
            self._joined = (provider, processor)
            self._provider.source.replaced = True
            self.tracer = provider.get_tracer(SCOPE)
        else:
            self._provider.source.replaced = False
            self.tracer = self._provider.get_tracer(SCOPE)

    def _leave(self) -> None:
        if self._joined is not None:
            provider, processor = self._joined
            self._joined = None
            processor.leave(provider)

    def flush(self, deadline: float) -> None:
        """Have the processors that were added by others deliver what they hold.

        Args:
            deadline: The most seconds it may last. What obs itself delivers, the exporter flushes.
        """
        provider = self._joined[0] if self._joined else self._provider
        if provider is self._provider and self._provider.source.processor is None:
            return
        with Guard("traces.flush"):
            TracerProvider.force_flush(provider, max(1, int(deadline * 1000)))

    def stop(self, deadline: float) -> None:
        """Deliver, and give back what was there before the start.

        Args:
            deadline: The most seconds it may last.
        """
        global _room
        until = time.monotonic() + deadline
        if _room is self:
            _room = None
        self.flush(max(0.0, until - time.monotonic()))
        self._exporter.flush(max(0.0, until - time.monotonic()))
        with Guard("traces.stop"):
            self._leave()
            if global_provider() is self._provider:
                set_global_provider(None)
        # Tracers that libraries hold go on to whatever is set later, and until then to nobody.
        self._provider.source.put = None
        self._provider.source.keeper = None
        self._provider.source.replaced = True

    def after_fork_in_child(self) -> None:
        """Be another process of the same target."""
        self._provider.replace_resource(self._resource())
        self._keep_errors(forked=True)


_room: TracesRoom | None = None


def start(settings: Settings, target: Target, exporter: Exporter) -> TracesRoom:
    """Start traces: set OpenTelemetry's global provider, or join the one that the application has set.

    Args:
        settings: `sample` and its neighbours, `keep`, `slow`, `edge` and the resource.
        target: Who the service is.
        exporter: What spans go to.

    Returns:
        The room, to flush and to stop.
    """
    global _room
    _room = TracesRoom(settings, target, exporter)
    return _room


def own_tracer() -> trace.Tracer:
    """What makes obs's own spans now: the provider that is set, or nobody's before the start."""
    room = _room
    if room is None:
        return IDLE
    if trace._TRACER_PROVIDER is not room.seen:
        with Guard("traces.follow"):
            room.follow(trace._TRACER_PROVIDER)
    return room.tracer


def begin_server(
    traceparent: str | None,
    tracestate: str | None,
    baggage: str | None,
    method: str = "",
    path: str = "",
    request_id: str = "",
) -> server.ServerSpan:
    """Begin the span of a request and make it current; never raises.

    Args:
        traceparent: The W3C header as it came, or None; one that is not valid begins a new trace.
        tracestate: The W3C header as it came, or None.
        baggage: The W3C header as it came, or None.
        method: The request's method.
        path: The path that was asked for.
        request_id: The request's id; empty: the trace's id becomes it.

    Returns:
        The span; it must be finished and detached. Before the start it has ids and is kept by nobody.
    """
    try:
        tracer = own_tracer()
        if type(tracer) is Tracer:
            return server.begin_fast(tracer, traceparent, tracestate, baggage, method, path, request_id)
        edge = _room is not None and _room.edge
        return server.begin_joined(tracer, traceparent, tracestate, baggage, request_id, edge=edge)
    except Exception as error:  # noqa: BLE001 - telemetry never raises into the application
        swallow("begin_server", error)
        return server.begin_fast(IDLE, None, None, None)

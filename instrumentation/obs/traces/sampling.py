"""Which traces are kept: decided from the trace id alone, so that services with the same ratio agree."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult
from opentelemetry.trace import get_current_span

from obs import metrics
from obs.settings.routes import read_route
from obs.signals import own_health

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import Link, SpanKind, TraceState
    from opentelemetry.util.types import Attributes

SAMPLED = 0x01

_ALL = 1 << 56
_RANDOM_BITS = _ALL - 1

# A longer path takes the general ratio: whoever asks for it shall not decide how long it is looked at.
_LONGEST_PATH = 2048

_capped = metrics.instrument(own_health.TRACES_CAPPED)


def _threshold(ratio: float) -> int:
    return round((1.0 - ratio) * _ALL)


class RatioSampler(Sampler):
    """Keeps a share of all traces.

    A trace is kept when the lower 56 bits of its id, which W3C Trace Context declares to be random, reach the rejection
    threshold `(1 - ratio) * 2^56`. A span whose parent is in this process follows its parent. What a remote parent
    decided is ignored unless it is trusted: whoever can send a header could otherwise switch tracing on or off.

    Source of the rule: OpenTelemetry specification, "TraceState: Probability Sampling", consistent with every sampler
    that implements it.

    Args:
        ratio: The share of traces that are kept, 0 to 1.
        trust_remote: Follow the sampled flag of a remote parent.
        routes: Other shares for the traces that begin with a request, by `[METHOD ]/path`; the first that matches
            holds.
        per_second: The most traces a second that this process newly samples; 0 is no limit. A caller can choose ids
            that every ratio keeps.

    Example:
        >>> RatioSampler(0.25).keeps(0xC0000000000000), RatioSampler(0.25).keeps(0xBFFFFFFFFFFFFF)
        (True, False)
    """

    def __init__(
        self,
        ratio: float,
        *,
        trust_remote: bool = False,
        routes: Mapping[str, float] | None = None,
        per_second: float = 0.0,
    ) -> None:
        self.ratio = ratio
        self.trust_remote = trust_remote
        self._routes = [(read_route(text), share) for text, share in (routes or {}).items()]
        self._cap = _Cap(per_second) if per_second else None
        self.relieve(1.0)

    def relieve(self, factor: float) -> None:
        """Lower every share for the traces to come, because they cannot be delivered as fast; 1 gives all back.

        Args:
            factor: What each share is multiplied by, 0 to 1.
        """
        self._thresholds = [(*route, _threshold(share * factor)) for route, share in self._routes]
        self.threshold = _threshold(self.ratio * factor)

    def keeps(self, trace_id: int) -> bool:
        """Whether a trace is kept by its id."""
        return trace_id & _RANDOM_BITS >= self.threshold

    def begins(self, trace_id: int, method: str = "", path: str = "") -> bool:
        """Whether a trace that this process decides about is sampled.

        Args:
            trace_id: The trace.
            method: The method of the request that it begins with; empty when it is none.
            path: The path of the request.
        """
        threshold = self.threshold
        if self._thresholds and path and len(path) <= _LONGEST_PATH:
            threshold = self._threshold_of(method, path)
        return trace_id & _RANDOM_BITS >= threshold and (self._cap is None or self._cap.admits())

    def _threshold_of(self, method: str, path: str) -> int:
        for wanted, pattern, threshold in self._thresholds:
            if (not wanted or wanted == method) and pattern.fullmatch(path):
                return threshold
        return self.threshold

    def decide(self, trace_id: int, parent_flags: int, *, remote: bool, method: str = "", path: str = "") -> bool:
        """Whether a span that has a parent is kept.

        Args:
            trace_id: The trace.
            parent_flags: The parent's W3C flags.
            remote: The parent is in another process.
            method: The method of the request that the span serves, if it serves one.
            path: The path of the request.
        """
        if remote and not self.trust_remote:
            return self.begins(trace_id, method, path)
        return bool(parent_flags & SAMPLED)

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,  # noqa: ARG002 - the SDK's interface
        kind: SpanKind | None = None,  # noqa: ARG002
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,  # noqa: ARG002
        trace_state: TraceState | None = None,  # noqa: ARG002
    ) -> SamplingResult:
        """Decide for the SDK."""
        parent = get_current_span(parent_context).get_span_context()
        if parent.is_valid:
            kept = self.decide(trace_id, parent.trace_flags, remote=parent.is_remote)
            state = parent.trace_state
        else:
            kept, state = self.begins(trace_id), None
        return SamplingResult(
            Decision.RECORD_AND_SAMPLE if kept else Decision.DROP, attributes if kept else None, state
        )

    def get_description(self) -> str:
        """Say what it does, for the SDK."""
        return f"RatioSampler{{{self.ratio}}}"


class _Cap:
    """A bucket of tokens that holds those of one second; two threads at once may take one too many.

    Args:
        per_second: How many come in a second.
    """

    def __init__(self, per_second: float) -> None:
        self._each = 1.0 / per_second
        # Full buckets differ from empty ones by a second; one of less than a token could never give any.
        self._holds = max(1.0, self._each)
        # Up to this moment the tokens are spent.
        self._spent = 0.0

    def admits(self) -> bool:
        """Take a token; False when there is none, which is counted."""
        now = time.monotonic()
        spent = max(self._spent, now - self._holds) + self._each
        # A rounding error is no token.
        if spent <= now + 1e-9:
            self._spent = spent
            return True
        _capped.child().add(1)
        return False

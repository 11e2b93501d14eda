"""Which traces are kept: decided from the trace id alone, so that services with the same ratio agree."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult
from opentelemetry.trace import get_current_span

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import Link, SpanKind, TraceState
    from opentelemetry.util.types import Attributes

SAMPLED = 0x01

_RANDOM_BITS = (1 << 56) - 1


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

    Example:
        >>> RatioSampler(0.25).keeps(0xC0000000000000), RatioSampler(0.25).keeps(0xBFFFFFFFFFFFFF)
        (True, False)
    """

    def __init__(self, ratio: float, *, trust_remote: bool = False) -> None:
        self.ratio = ratio
        self.trust_remote = trust_remote
        self.threshold = round((1.0 - ratio) * (1 << 56))

    def keeps(self, trace_id: int) -> bool:
        """Whether a trace is kept by its id."""
        return trace_id & _RANDOM_BITS >= self.threshold

    def decide(self, trace_id: int, parent_flags: int, *, remote: bool) -> bool:
        """Whether a span that has a parent is kept.

        Args:
            trace_id: The trace.
            parent_flags: The parent's W3C flags.
            remote: The parent is in another process.
        """
        if remote and not self.trust_remote:
            return trace_id & _RANDOM_BITS >= self.threshold
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
            kept, state = self.keeps(trace_id), None
        return SamplingResult(
            Decision.RECORD_AND_SAMPLE if kept else Decision.DROP, attributes if kept else None, state
        )

    def get_description(self) -> str:
        """Say what it does, for the SDK."""
        return f"RatioSampler{{{self.ratio}}}"

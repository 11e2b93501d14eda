"""What a service logs, traces and counts, for its own tests.

With pytest, a test takes the fixture `observed`; elsewhere, `with observe() as observed:` is the same.
"""

from obs.testing.capture import Observed, observe
from obs.testing.clock import Clock
from obs.testing.found import Found
from obs.testing.logs import Log, Logs
from obs.testing.metrics import Metrics
from obs.testing.spans import Event, Span, Spans
from obs.testing.swallowed import Swallowed

__all__ = ["Clock", "Event", "Found", "Log", "Logs", "Metrics", "Observed", "Span", "Spans", "Swallowed", "observe"]

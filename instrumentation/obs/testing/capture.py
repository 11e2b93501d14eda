"""Running obs with every output captured, and giving back all that was there before."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any, Unpack

import structlog
from opentelemetry import context as context_api
from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan

from obs.logs import pipeline, stamps
from obs.logs import room as logs_room
from obs.logs.pipeline import Record
from obs.requests import observation
from obs.runtime import guard
from obs.runtime import start as runtime
from obs.runtime.on_import import ImportHook
from obs.runtime.patcher import Patcher
from obs.runtime.target import Target
from obs.settings import Arguments, Resolved, Settings, resolve
from obs.testing.clock import Clock, counting_bits
from obs.testing.logs import Log, Logs, log_of
from obs.testing.metrics import Metrics
from obs.testing.spans import Span, Spans, span_of
from obs.testing.swallowed import Swallowed
from obs.traces import decorators, ids
from obs.traces.current import restore
from obs.traces.span import FastSpan

# What holds within a test, whatever the application says; and what holds unless the test says otherwise.
_NO_OUTPUT: dict[str, Any] = {
    "enabled": True,
    "logs_to": "stdout",
    "metrics_port": 0,
    "endpoint": "",
}
_NOTHING_BY_CHANCE: dict[str, Any] = {"log_storm": 0, "sample": 1.0, "sample_routes": {}, "sample_per_second": 0.0}


class Observed:
    """What was logged, traced and counted since the capture began.

    Attributes:
        metrics: The metrics, as differences.
        clock: The time that logs, spans and durations are made by; it stands still until a test moves it.
        swallowed: The errors that obs kept from the application, such as a label that the metric does not have. What is
            in it at the end fails the test; one that provokes an error takes it out.
    """

    metrics: Metrics

    def __init__(self) -> None:
        self.clock = Clock()
        self.swallowed = Swallowed()
        self._logs: list[Log] = []
        self._spans: list[Span] = []
        self._known: dict[tuple[str, str], Span] = {}

    @property
    def logs(self) -> Logs:
        """The records so far, in the order in which they were written."""
        return Logs(self._logs)

    @property
    def spans(self) -> Spans:
        """The spans so far, in the order in which they ended."""
        return Spans(self._spans)

    def advance(self, seconds: float) -> None:
        """Let time pass: what is running takes so much longer."""
        self.clock.advance(seconds)

    def clear(self) -> None:
        """Forget what was captured so far; metrics count from here on."""
        self._logs.clear()
        self._spans.clear()
        # Spans that a test still holds find their parents in the earlier one.
        self._known = {}
        self.metrics.begin()

    def render(self, record: Record) -> bytes:
        """Take a finished record in the place of what writes it."""
        self._logs.append(log_of(record))
        return b""

    def take(self, span: ReadableSpan) -> None:
        """Take a span that has ended and was sampled."""
        taken = span_of(span, self._known)
        self._known[taken.trace_id, taken.span_id] = taken
        self._spans.append(taken)


@contextmanager
def observe(**settings: Unpack[Arguments]) -> Iterator[Observed]:
    """Run obs with every output captured: no port, no network, no file, and nothing printed.

    What ran before is stopped, its settings hold, and it is started again at the end. An application that calls
    `obs.init()` within has its own settings, but for those of outputs and of sampling: see `docs/testing.md`.

    Args:
        settings: Options of `obs.init()`; they are stronger than those of the application, before and within.

    Yields:
        What was captured so far, at each moment.

    Raises:
        SettingError: A setting is unknown or wrong.
        AssertionError: At the end, where obs has kept an error from the application; see `Observed.swallowed`.

    Example:
        >>> import obs
        >>> with observe() as observed:
        ...     obs.get_logger().info("order placed", amount=12.5)
        >>> observed.logs.one("order placed").fields["amount"]
        12.5
    """
    earlier = runtime._asked
    resolve_in_test = partial(_resolve, settings)
    resolve_in_test(earlier)
    runtime.stop()
    patch, observed = Patcher(), Observed()
    try:
        with _outside_of_all():
            _capture(patch, observed)
            patch.set(runtime, "resolve", resolve_in_test)
            runtime.start(earlier or {})
            observed.metrics = Metrics()
            observed.clear()
            yield observed
    finally:
        runtime.stop()
        patch.restore()
        if earlier is not None:
            runtime.start(earlier)
    # pytest shows what is told, and not this function.
    __tracebackhide__ = True
    if observed.swallowed:
        raise AssertionError(str(observed.swallowed)) from observed.swallowed[0]


def _capture(patch: Patcher, observed: Observed) -> None:
    """Have everything that is started from now on end in `observed`."""
    patch.set(guard, "observed", observed.swallowed)
    patch.set(runtime, "find_target", _target)
    patch.set(runtime, "Exporter", lambda _settings: _Exporter(observed.take))
    patch.set(logs_room, "Outlet", _Outlet)
    patch.set(logs_room, "_renderer", lambda _log_format: observed.render)
    patch.set(ids, "_bits", counting_bits())
    patch.set(stamps, "_random_bits", counting_bits())
    _end_requests_of_werkzeug(patch)
    for module in (pipeline, observation, decorators):
        patch.set(module, "time", observed.clock)
    # `obs.traces.span` is the function.
    module_of_spans = sys.modules[FastSpan.__module__]
    patch.set(module_of_spans, "_now", observed.clock.time_ns)
    patch.set(module_of_spans, "_elapsed", observed.clock.perf_counter_ns)


@contextmanager
def _outside_of_all() -> Iterator[None]:
    """Begin with no span and no bound fields, and leave behind none."""
    token = context_api.attach(Context())
    bound = structlog.contextvars.get_contextvars()
    structlog.contextvars.clear_contextvars()
    try:
        yield
    finally:
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(**bound)
        restore(token)


def _end_requests_of_werkzeug(patch: Patcher) -> None:
    """Have Flask's test client read each answer at once; a request whose answer nobody reads would not end."""
    if "werkzeug.test" in sys.modules:
        _read_answers(patch)
        return
    hook = ImportHook({"werkzeug.test": partial(_read_answers, patch)})
    sys.meta_path.insert(0, hook)
    patch.on_restore(lambda: sys.meta_path.remove(hook))


def _read_answers(patch: Patcher) -> None:
    def make(run: Callable[..., Any]) -> Callable[..., Any]:
        def run_to_its_end(app: object, environ: object, buffered: bool = False) -> Any:  # noqa: ARG001 - werkzeug's signature
            return run(app, environ, buffered=True)

        return run_to_its_end

    patch.wrap(sys.modules["werkzeug.test"], "run_wsgi_app", make)


def _resolve(of_the_test: Mapping[str, object], arguments: Mapping[str, object] | None = None) -> Resolved:
    """The settings as they are, but for what makes an output, and what would leave a span or a line to chance.

    Args:
        of_the_test: Settings that are stronger than all others, but for outputs.
        arguments: Those of the application.
    """
    resolved = resolve({**(arguments or {}), **of_the_test})
    left_to_chance = {name: value for name, value in _NOTHING_BY_CHANCE.items() if name not in of_the_test}
    return replace(resolved, settings=replace(resolved.settings, **left_to_chance, **_NO_OUTPUT))


def _target(settings: Settings) -> Target:
    """A target that shares nothing with other processes, and is the same in each run."""
    return Target(
        service=settings.service,
        version=settings.version,
        environment=settings.environment,
        owner=settings.owner,
        instance_id="test-instance",
        root_pid=0,
        directory=None,
    )


class _Outlet:
    """Stands where lines are written, and writes none: `Observed.render` has taken the record."""

    def __init__(self, *_: object) -> None:
        pass

    def write(self, line: bytes) -> None:
        """Leave it."""

    def flush(self, deadline: float) -> bool:  # noqa: ARG002 - nothing waits
        """Say that nothing waits."""
        return True

    def after_fork_in_child(self) -> None:
        """Go on."""


class _Exporter:
    """Stands where spans are delivered from, and hands them over as they end.

    Args:
        take: Takes each span.
    """

    held = 0

    def __init__(self, take: Callable[[ReadableSpan], None]) -> None:
        self._take = take

    def register(self, *_: object) -> Callable[[ReadableSpan], None]:
        """Hand over what is put; only spans come this way, since logs are written."""
        return self._take

    def relieve(self, *_: object) -> None:
        """Never ask for less."""

    def flush(self, deadline: float) -> bool:  # noqa: ARG002 - nothing waits
        """Say that nothing waits."""
        return True

    def stop(self, deadline: float) -> None:
        """End."""

    def after_fork_in_child(self) -> None:
        """Go on."""

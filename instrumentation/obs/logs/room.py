"""Starting and stopping logs: what goes where, and giving back everything that was replaced."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from obs.logs import logger, redaction, uncaught
from obs.logs.outlet import Outlet
from obs.logs.pipeline import LEVELS, AccessLine, Pipeline, Service, Sink
from obs.logs.redaction import Redactor
from obs.logs.stdlib import StdlibJoin
from obs.logs.storms import Message, Storms
from obs.logs.structlog_join import StructlogJoin
from obs.runtime.guard import Guard
from obs.runtime.patcher import Patcher
from obs.signals import own_health

if TYPE_CHECKING:
    from obs.runtime.export import Exporter
    from obs.runtime.target import Target
    from obs.settings import Settings

Ids = Callable[[], tuple[int, int, str]]

_room: LogsRoom | None = None


class LogsRoom:
    """The logs of a started obs.

    Args:
        settings: The settings of `obs.init()`.
        target: Who this process is.
        exporter: Takes records for OTLP.
        ids: The current trace, span and request id.
    """

    def __init__(self, settings: Settings, target: Target, exporter: Exporter, ids: Ids) -> None:
        self._patch = Patcher()
        self._outlet = Outlet(_counter_of_losses(), settings.stdout_wait)
        redactor = Redactor(settings.redact_keys, settings.redact_patterns, settings.safe_keys)
        redaction.use(redactor)
        self._patch.on_restore(lambda: redaction.use(Redactor()))
        to_exporter = settings.logs_to != "stdout" and bool(settings.endpoint)
        # Logs that were meant for a backend which is not there still have to be somewhere.
        to_stdout = settings.logs_to != "otlp" or not to_exporter
        self.pipeline = Pipeline(
            service=Service(target.service, target.version, target.environment, target.instance_id),
            redactor=redactor,
            write=self._outlet.write if to_stdout else None,
            render=_renderer(settings.log_format) if to_stdout else None,
            sinks=(_sink(settings, target, exporter),) if to_exporter else (),
            count=_counters_of_levels(),
            ids=ids,
        )
        self._storms = (
            Storms(settings.log_storm, self._tell_of_a_storm, _count_left_out()) if settings.log_storm else None
        )
        self._stdlib: StdlibJoin | None = None
        self._join(LEVELS[settings.log_level], ids)

    def _join(self, threshold: int, ids: Ids) -> None:
        logger.running = logger.Running(self.pipeline, threshold, self._storms)
        logger.set_threshold(threshold)
        self._patch.on_restore(_stop_loggers)
        with Guard("logs.structlog"):
            StructlogJoin(self._patch)
        with Guard("logs.stdlib"):
            self._stdlib = StdlibJoin(self._patch, threshold)
        with Guard("logs.uncaught"):
            uncaught.join(self._patch, ids)

    def set_level(self, level: str, name: str = "") -> None:
        """Write from this level on.

        Args:
            level: One of `LEVELS`.
            name: The logger, with its descendants; empty for all that have no level of their own.
        """
        live = logger.running
        if live is None:
            return
        if name:
            live.levels = {**live.levels, name: LEVELS[level]}
        else:
            live.threshold = LEVELS[level]
        self._follow_levels(live)

    def _follow_levels(self, live: logger.Running) -> None:
        logger.set_threshold(live.least)
        if self._stdlib is not None:
            self._stdlib.set_levels(live.threshold, live.levels)
        for follow in logger.level_followers:
            with Guard("logs.levels"):
                follow(live.least)

    def reread(self, settings: Settings) -> None:
        """Follow the level and the redaction of other settings; levels that were set meanwhile give way to them."""
        redactor = Redactor(settings.redact_keys, settings.redact_patterns, settings.safe_keys)
        redaction.use(redactor)
        self.pipeline.redact_with(redactor)
        live = logger.running
        if live is not None:
            live.levels, live.threshold = {}, LEVELS[settings.log_level]
            self._follow_levels(live)

    def _tell_of_a_storm(self, message: Message, number: int) -> None:
        level, name, text = message
        self.pipeline.emit(level, name, f"{number} lines were left out like: {text}", {"left_out": number}, None)

    def flush(self, deadline: float) -> bool:
        """Wait until every line is written.

        Args:
            deadline: The most seconds to wait.
        """
        if self._storms is not None:
            self._storms.tell()
        return self._outlet.flush(deadline)

    def stop(self, deadline: float) -> None:
        """Write what is held and give back everything that was replaced.

        Args:
            deadline: The most seconds to wait.
        """
        global _room
        if _room is self:
            _room = None
        self._patch.restore()
        if self._storms is not None:
            self._storms.stop()
        self._outlet.flush(deadline)

    def after_fork_in_child(self) -> None:
        """Go on in a forked child: its own process id, and none of the parent's unwritten lines."""
        self._outlet.after_fork_in_child()
        if self._storms is not None:
            self._storms.renew()
        self.pipeline.renew()


def start(settings: Settings, target: Target, exporter: Exporter, ids: Ids) -> LogsRoom:
    """Start logs; those that were started before are stopped first."""
    global _room
    if _room is not None:
        _room.stop(0.0)
    _room = LogsRoom(settings, target, exporter, ids)
    return _room


def access(
    line: AccessLine,
    path: str,
    duration: int,
    trace_id: int,
    span_id: int,
    request_id: str,
    error: dict[str, Any] | None = None,
) -> None:
    """Write the one line that tells of a request; nothing before the start, or below the level that is written.

    Args:
        line: What it has in common with the other requests of its kind.
        path: The path that was asked for; its secrets are out already, see `redact_field`.
        duration: In nanoseconds.
        trace_id: The trace.
        span_id: The span.
        request_id: The request's id.
        error: Further fields by their dotted names, where an exception ended the request.
    """
    live = logger.running
    if live is not None and LEVELS[line.level] >= live.threshold:
        live.pipeline.access(line, path, duration, trace_id, span_id, request_id, error)


def set_level(level: str, name: str = "") -> None:
    """Write from this level on; nothing before the start."""
    if _room is not None:
        _room.set_level(level, name)


def _stop_loggers() -> None:
    logger.running = None
    logger.set_threshold(0)


def _renderer(log_format: str) -> Any:
    interactive = sys.stdout is not None and sys.stdout.isatty()
    if log_format == "json" or (log_format == "auto" and not interactive):
        return None
    from obs.logs.console import Console

    return Console(sys.stdout).render


def _sink(settings: Settings, target: Target, exporter: Exporter) -> Sink:
    from obs.logs.otlp import to_exporter

    return to_exporter(settings, target, exporter)


def _counters_of_levels() -> dict[str, Callable[[], None]]:
    from obs import metrics

    counter = metrics.instrument(own_health.LOG_RECORDS)
    return {level: counter.child(level).add for level in LEVELS}


def _count_left_out() -> Callable[[str], None]:
    from obs import metrics

    counter = metrics.instrument(own_health.LOGS_LEFT_OUT)
    children = {level: counter.child(level).add for level in own_health.CUT_LEVELS}
    return lambda level: children[level](1)


def _counter_of_losses() -> Callable[[int], None]:
    from obs import metrics

    return metrics.instrument(own_health.DROPPED).child("logs", "undelivered").add

"""Building what init() asks for out of the rooms, and taking it down again."""

from __future__ import annotations

import importlib.metadata
import os
import sys
import threading
import time
from collections.abc import Iterable, Mapping
from functools import partial

from obs import integrations, logs, metrics, traces
from obs.logs import logger
from obs.metrics.port import url_host
from obs.nearest_name import nearest_name
from obs.requests import left_out, observation
from obs.runtime import guard, lifecycle, process_pools, threads
from obs.runtime.exit_deadline import ExitDeadline
from obs.runtime.export import Exporter
from obs.runtime.hangup import on_hangup
from obs.runtime.on_import import ImportHook
from obs.runtime.patcher import Patcher
from obs.runtime.report import Report
from obs.runtime.target import find_target
from obs.settings import SettingError, Settings, resolve
from obs.signals import own_health
from obs.traces import otlp, request_id, work

_lock = threading.RLock()
_running: Running | None = None
# What the last `init()` was given, also where it started nothing; None after `shutdown()`.
_asked: Mapping[str, object] | None = None


class Running:
    """The parts of a started obs, in the order in which they depend on one another.

    Args:
        settings: What was asked for.
    """

    def __init__(self, settings: Settings, arguments: Mapping[str, object] | None = None) -> None:
        self.settings = settings
        self._arguments = dict(arguments or {})
        self.exit = ExitDeadline(settings.exit_deadline)
        self.report = Report(settings)
        self._patch = Patcher()
        target = find_target(settings)
        self.report.instance_id = target.instance_id
        self._metrics = metrics.start(settings, target)
        self._exporter = Exporter(settings)
        self._traces = traces.start(settings, target, self._exporter)
        self._logs = logs.start(settings, target, self._exporter)
        left_out.leave_out(settings.ignore_paths)
        metrics.current_trace = traces.sampled_ids
        metrics.warn = logs.get_logger("obs").warning
        logs.current_ids = traces.ids_of_a_line
        logs.annotate = traces.annotate
        logger.within = traces.within
        work.bound_fields = logs.bound_fields
        otlp.redact_with(logs.redact)
        self._count_internal_errors()
        self._describe()
        self._integrate()
        with guard.Guard("threads"):
            threads.carry(self._patch, logs.bound_fields)
            process_pools.carry(self._patch, logs.bound_fields)
        with guard.Guard("request_id"):
            request_id.carry(self._patch)
        on_hangup(self._patch, self.reread)

    def _count_internal_errors(self) -> None:
        counter = metrics.instrument(own_health.INTERNAL_ERRORS)
        guard.count = lambda where: counter.child(where).add(1)

    def _describe(self) -> None:
        settings, report = self.settings, self.report
        port = self._metrics.port
        if port is None:
            report.add("metrics", "enabled", "in the process; no port is served")
        else:
            report.metrics_url = f"http://{url_host(settings.metrics_host)}:{port}{settings.metrics_path}"
            report.add("metrics", "enabled", report.metrics_url)
        if settings.endpoint:
            report.add("traces", "enabled", f"to {settings.endpoint}")
        else:
            report.add("traces", "enabled", "ids in logs and headers; set `endpoint` to export them")
        report.add("logs", "enabled", f"to {settings.logs_to}")
        report.warnings.extend(self._metrics.warnings)

    def _integrate(self) -> None:
        waiting, found = {}, dict(integrations.found())
        self._tell_unknown(found)
        for name, integration in found.items():
            reason = self._why_not(name, integration.LIBRARY)
            if reason:
                self.report.add(name, "skipped", reason)
            elif integration.LIBRARY.module in sys.modules:
                self._install(name, integration)
            else:
                self.report.add(name, "waiting", f"begins when `{integration.LIBRARY.module}` is imported")
                waiting[integration.LIBRARY.module] = partial(self._install, name, integration)
        if waiting:
            hook = ImportHook(waiting)
            sys.meta_path.insert(0, hook)
            self._patch.on_restore(lambda: sys.meta_path.remove(hook))

    def _tell_unknown(self, known: Iterable[str]) -> None:
        """A misspelt name in `disable` would leave on what was to be off; one of a later version is no error."""
        names = tuple(known)
        for name in self.settings.disable:
            if name not in names:
                near = nearest_name(name, names)
                advice = f"did you mean {near}?" if near else f"there are {', '.join(names)}"
                self.report.warnings.append(f"disable: there is no integration {name!r}; {advice}")

    def _why_not(self, name: str, library: integrations.Library) -> str:
        if name in self.settings.disable:
            return "disabled by the setting `disable`"
        try:
            version = importlib.metadata.version(library.distribution)
        except importlib.metadata.PackageNotFoundError:
            return "not installed"
        if _numbers(version) < _numbers(library.minimum):
            return f"{library.distribution} {version} is older than {library.minimum}"
        if library.needs:
            try:
                importlib.metadata.version(library.needs[0])
            except importlib.metadata.PackageNotFoundError:
                return f"needs {library.needs[0]}: {library.needs[1]}"
        return ""

    def _install(self, name: str, integration: integrations.Integration) -> None:
        patch = Patcher()
        try:
            integration.install(patch)
        except Exception as error:  # noqa: BLE001 - whatever a library throws, the others go on
            patch.restore()
            self.report.add(name, "skipped", f"{type(error).__name__}: {error}")
            return
        self._patch.on_restore(patch.restore)
        self.report.add(name, "enabled", importlib.metadata.version(integration.LIBRARY.distribution))

    def reread(self) -> None:
        """Read the settings again, and follow those that can change while the process runs; wrong ones are told."""
        log = logs.get_logger("obs")
        try:
            settings = resolve(self._arguments).settings
        except SettingError as error:
            log.warning("the settings were read again, are wrong, and stay as they were", fault=str(error))
            return
        if _running is not self:
            return
        self._logs.reread(settings)
        log.info("the settings were read again", log_level=settings.log_level)

    def flush(self) -> None:
        """Deliver what is held, all signals within one deadline."""
        with self.exit.step() as until:
            for part in (self._logs, self._traces, self._exporter):
                with guard.Guard("flush"):
                    part.flush(max(0.0, until - time.monotonic()))
        with guard.Guard("flush"):
            self._metrics.flush()

    def stop(self) -> None:
        """Deliver what is held, undo every patch and give back what was replaced."""
        self._patch.restore()
        with self.exit.step() as until:
            for name, part in (("logs", self._logs), ("traces", self._traces), ("export", self._exporter)):
                with guard.Guard(f"stop.{name}"):
                    part.stop(max(0.0, until - time.monotonic()))
        guard.count = None
        with guard.Guard("stop.metrics"):
            self._metrics.stop()
        observation.forget()
        left_out.leave_out(())

    def after_fork_in_child(self) -> None:
        """Start empty in a forked child: the parent delivers what was the parent's."""
        for part in (self._metrics, self._exporter, self._traces, self._logs):
            with guard.Guard("fork"):
                part.after_fork_in_child()


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:3] if part.isdigit())


def start(arguments: Mapping[str, object]) -> Report:
    """Start obs with these settings; what was started before is taken down first.

    Raises:
        SettingError: A setting is unknown or wrong; nothing was changed.
    """
    global _running, _asked
    resolved = resolve(arguments)
    with _lock:
        stop()
        _asked = dict(arguments)
        if not resolved.settings.enabled:
            report = Report(resolved.settings)
            for signal in ("metrics", "traces", "logs"):
                report.add(signal, "skipped", f"`enabled` is false ({resolved.origins['enabled']})")
        else:
            _running = Running(resolved.settings, arguments)
            report = _running.report
            lifecycle.hold(_running)
        report.warnings[:0] = resolved.warnings
    for warning in report.warnings:
        logs.get_logger("obs").warning(warning)
    return report


def stop() -> None:
    """Take down what runs, if anything does."""
    global _running, _asked
    with _lock:
        running, _running = _running, None
        _asked = None
        if running is not None:
            lifecycle.hold(None)
            running.stop()


def _renew_lock() -> None:
    """In a child of fork: another thread of the parent may have held it, and does not live here to let it go."""
    global _lock
    _lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)

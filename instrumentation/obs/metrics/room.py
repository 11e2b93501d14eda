"""The metrics room from start to stop: the file of this worker, the registry it joins, and the server of /metrics."""

from __future__ import annotations

import atexit
import os
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from obs.metrics import port as ports
from obs.metrics import worker_files
from obs.metrics.app import MetricsApp
from obs.metrics.exposition import answer
from obs.metrics.garbage import GarbageWatch
from obs.metrics.instruments import instrument, limit_own_series
from obs.metrics.joined import JoinedRegistry
from obs.metrics.scrape import Scrape
from obs.metrics.server import MetricsServer
from obs.metrics.store import STORE
from obs.runtime.guard import Guard, swallow
from obs.runtime.target import Target, alone_in, claim_of, join, leave, say_leaving
from obs.signals import own_health

if TYPE_CHECKING:
    from obs.settings import Settings

_STILL_THERE_SECONDS = 2.0

_unstarted = Scrape()
_room: MetricsRoom | None = None


class MetricsRoom:
    """What `start` set up.

    Args:
        settings: The metrics_* settings and the service's name.
        target: The target.

    Attributes:
        target: The target, with the number that this process has in it now.
        port: The port of /metrics; None when there is no server.
        warnings: What the user should know.
    """

    def __init__(self, settings: Settings, target: Target) -> None:
        self._settings = settings
        self._pid = os.getpid()
        self.target = target
        self.port: int | None = None
        self.warnings = list(target.warnings)
        self._server: MetricsServer | None = None
        for signal in (own_health.BROKEN_FILES, own_health.SERIES_DROPPED):
            instrument(signal)  # shown at zero, so that the first increase is seen as one
        limit_own_series(settings.max_series)
        self._enter()
        self._joined = JoinedRegistry(self.target.directory)
        with Guard("metrics.joined"):
            self._joined.join()
        self._garbage = GarbageWatch(self.target.worker)
        self._garbage.start()
        self.scrape = Scrape(self.target, self._joined)
        self._serve()

    def flush(self) -> None:
        """Prepare for the end of the process; it may as well live on.

        No number waits here: each is where scrapes find it from the moment it is recorded. But a server such as uvicorn
        ends by a signal after this, with no later word: so the target is taken out of discovery, unless another worker
        of it lives, and put back where the process is still there after a moment.
        """
        if self._server:
            ports.withdraw(self.target)
            self._server.call_later(_STILL_THERE_SECONDS, self._announce)

    def stop(self) -> None:
        """Undo `start`; instruments stay usable, and the counts so far stay with the target's other workers."""
        global _room
        if _room is not self:
            return
        _room = None
        self._stop_serving()
        self._garbage.stop()
        self._joined.leave()
        if self.target.directory is not None:
            with Guard("metrics.stop"):
                STORE.detach()
            self._leave()

    def end(self) -> None:
        """Go out of the target as the process ends; the last one removes the file by which it is discovered."""
        self._stop_serving()
        self._leave()

    def after_fork_in_child(self) -> None:
        """Go on as a worker of its own, from zero; a second call does nothing."""
        if _room is not self or self._pid == os.getpid():
            return
        self._pid = os.getpid()
        if self._server:
            self._server.close_in_child()
            self._server = None
        self._joined.after_fork_in_child()
        told = len(self.warnings)
        self._enter()
        self._garbage.rename(self.target.worker)
        self.scrape = Scrape(self.target, self._joined)
        self._serve()
        # Nobody reads a child's warnings.
        for warning in self.warnings[told:]:
            swallow("metrics.fork", RuntimeError(warning))

    def _enter(self) -> None:
        """Move the numbers into a file that the target's other workers read."""
        directory = self.target.directory
        if directory is None:
            return
        try:
            self.target = join(self.target)
            claim = claim_of(self.target)
            with alone_in(directory):
                worker_files.fold(directory)
                if claim:
                    STORE.attach(worker_files.worker_file(directory, claim.worker), claim.worker, claim.token)
        except OSError as error:
            self.warnings.append(f"{directory} cannot be used ({error}); this process's metrics stand alone")
            self.target = replace(self.target, directory=None)

    def _announce(self) -> None:
        if self.port is not None:
            say_leaving(self.target, leaving=False)
            ports.announce(self._settings, self.target, self.port)

    def _leave(self) -> None:
        with Guard("metrics.stop"):
            leave(self.target)
            ports.withdraw(self.target)

    def _stop_serving(self) -> None:
        server, self._server = self._server, None
        if server:
            server.stop()

    def _serve(self) -> None:
        if self._settings.metrics_port == 0:
            return
        try:
            port = ports.listen(self._settings, self.target)
        except OSError as error:
            told = f"metrics_host {self._settings.metrics_host}, metrics_port {self._settings.metrics_port}"
            self.warnings.append(f"/metrics is not served: {told}: {error.strerror or error}")
            return
        self.port = port.number
        if port.warning:
            self.warnings.append(port.warning)
        self._server = MetricsServer(port.listener, self._settings.metrics_path, partial(answer, self.scrape))


def start(settings: Settings, target: Target) -> MetricsRoom:
    """Start the room; one that runs is stopped first."""
    global _room
    if _room is not None:
        _room.stop()
    _room = MetricsRoom(settings, target)
    atexit.unregister(_at_exit)
    atexit.register(_at_exit)
    return _room


def metrics_app() -> MetricsApp:
    """/metrics of the room that runs at the moment of a request, else of this process alone."""
    return MetricsApp(lambda: _room.scrape if _room else _unstarted)


def _at_exit() -> None:
    if _room is not None:
        with Guard("metrics.exit"):
            _room.end()


def _after_fork_in_child() -> None:
    if _room is not None:
        with Guard("metrics.fork"):
            _room.after_fork_in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)

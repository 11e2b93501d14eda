"""loguru: its records become records of obs, once each, and what printed them to the console is silent meanwhile."""

from __future__ import annotations

import contextlib
import logging
import sys
import threading
from typing import Any

from obs.integrations import Library
from obs.logs import logger as loggers
from obs.logs import stdlib
from obs.runtime.guard import Guard
from obs.runtime.patcher import Patcher

LIBRARY = Library("loguru", "loguru", "0.6")

# How many frames may lie between loguru's sink and the standard library, from where some applications feed loguru.
_FRAMES = 24

_handed_on = threading.local()


def install(patch: Patcher) -> None:
    """Add one sink, and keep it when the application removes and configures its own."""
    from loguru import _simple_sinks, logger

    joined = _Joined(logger)
    patch.on_restore(joined.leave)
    patch.wrap(type(logger), "remove", joined.staying)
    patch.wrap(_simple_sinks.StreamSink, "write", _silent_on_a_console)
    patch.wrap(_simple_sinks.StandardSink, "write", _marked)
    patch.set(stdlib, "is_anothers", _is_handed_on)
    loggers.level_followers.append(joined.follow)
    patch.on_restore(lambda: loggers.level_followers.remove(joined.follow))


class _Joined:
    """obs's sink among loguru's handlers.

    Args:
        logger: loguru's logger.
    """

    def __init__(self, logger: Any) -> None:
        self._logger = logger
        self._remove = type(logger).remove
        self._id: int | None = None
        self.follow(0 if loggers.running is None else loggers.running.least)

    def follow(self, threshold: int) -> None:
        """Take records from this level on; loguru does not even make those below the levels of all sinks."""
        before, self._id = self._id, None
        self._id = self._logger.add(_write, level=threshold, format=_unformatted, colorize=False, catch=False)
        self._drop(before)

    def leave(self) -> None:
        """Be no handler any more."""
        before, self._id = self._id, None
        self._drop(before)

    def _drop(self, handler: int | None) -> None:
        if handler is not None:
            with contextlib.suppress(ValueError):
                self._remove(self._logger, handler)

    def staying(self, original: Any) -> Any:
        """`remove()` without a handler removes all of the application's, as it would without obs."""

        def remove(logger: Any, handler_id: int | None = None) -> None:
            original(logger, handler_id)
            if handler_id is None and self._id is not None and loggers.running is not None:
                with Guard("loguru"):
                    self._id = None
                    self.follow(loggers.running.least)

        return remove


def _unformatted(_record: Any) -> str:
    """Nothing: what is taken is the record, not a text."""
    return ""


def _write(message: Any) -> None:
    live = loggers.running
    if live is None or _is_written_already():
        return
    with Guard("loguru"):
        record = message.record
        number = record["level"].no
        level = loggers.level_name(number)
        name = record["name"] or ""
        if number < live.threshold_of(name):
            return
        # Its place stands for the message, whose values are in it already.
        if live.storms is not None and not live.storms.passes(level, name, f"{record['function']}:{record['line']}"):
            return
        event = dict(record["extra"])
        if "event" in event:
            event["labels.event"] = event.pop("event")
        event["event"] = record["message"]
        if record["exception"] is not None:
            event["exc_info"] = tuple(record["exception"])
        loggers.write(live, level, name, loggers.merged_context(event))


def _is_written_already() -> bool:
    """Whether the record came by a handler of the standard library, beside which obs's own has it."""
    frame = sys._getframe(2)
    for _ in range(_FRAMES):
        if frame.f_code is _CALL_HANDLERS:
            return stdlib.reaches_obs(frame.f_locals["self"])
        if frame.f_back is None:
            return False
        frame = frame.f_back
    return False


_CALL_HANDLERS = logging.Logger.callHandlers.__code__


def _silent_on_a_console(original: Any) -> Any:
    def write(self: Any, message: Any) -> None:
        if loggers.running is None or not stdlib.is_console_stream(self._stream):
            original(self, message)

    return write


def _marked(original: Any) -> Any:
    """Some applications hand loguru's records on to the standard library; obs has them from loguru."""

    def write(self: Any, message: Any) -> None:
        _handed_on.extra = message.record["extra"]
        try:
            original(self, message)
        finally:
            _handed_on.extra = None

    return write


def _is_handed_on(record: logging.LogRecord) -> bool:
    extra = vars(record).get("extra")
    return extra is not None and extra is getattr(_handed_on, "extra", None)

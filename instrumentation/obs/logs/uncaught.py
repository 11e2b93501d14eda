"""What the interpreter tells by its hooks: exceptions that nobody caught, and warnings."""

from __future__ import annotations

import logging
import sys
import threading
import warnings
from types import TracebackType

from obs.logs import logger as loggers
from obs.logs.exceptions import describe
from obs.runtime.guard import Guard
from obs.runtime.patcher import Patcher


def join(patch: Patcher) -> None:
    """Log what nobody caught, then call the hook that was there; send warnings to logging.

    Args:
        patch: Remembers what was replaced.
    """
    _join_excepthook(patch)
    _join_thread_excepthook(patch)
    _join_warnings(patch)


def _join_excepthook(patch: Patcher) -> None:
    previous = sys.excepthook

    def excepthook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if not issubclass(kind, KeyboardInterrupt):
            _write("uncaught exception", error, trace, {})
        previous(kind, error, trace)

    patch.set(sys, "excepthook", excepthook)


def _join_thread_excepthook(patch: Patcher) -> None:
    previous = threading.excepthook

    def excepthook(found: threading.ExceptHookArgs) -> None:
        if found.exc_value is not None and not issubclass(found.exc_type, SystemExit):
            thread = {"process.thread.name": found.thread.name} if found.thread is not None else {}
            _write("uncaught exception in a thread", found.exc_value, found.exc_traceback, thread)
        previous(found)

    patch.set(threading, "excepthook", excepthook)


def _write(message: str, error: BaseException, trace: TracebackType | None, fields: dict[str, str]) -> None:
    live = loggers.running
    if live is not None:
        with Guard("logs.uncaught"):
            live.pipeline.emit("critical", "", message, loggers.merged_context(fields), describe(error, trace))


def _join_warnings(patch: Patcher) -> None:
    captured = logging.getLogger("py.warnings")
    handlers = list(captured.handlers)
    before = warnings.showwarning
    logging.captureWarnings(capture=True)
    if warnings.showwarning is before:
        return  # the application captures them already

    def restore() -> None:
        logging.captureWarnings(capture=False)
        captured.handlers = handlers

    patch.on_restore(restore)

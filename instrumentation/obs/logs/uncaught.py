"""What the interpreter tells by its hooks: exceptions that nobody caught, and warnings."""

from __future__ import annotations

import logging
import sys
import threading
import warnings
from collections.abc import Callable
from types import TracebackType

from obs.logs import logger as loggers
from obs.logs import uncaught_tasks
from obs.logs.exceptions import describe
from obs.runtime.guard import Guard
from obs.runtime.patcher import Patcher


def join(patch: Patcher, ids: Callable[[], tuple[int, int, str]]) -> None:
    """Log what nobody caught, then call the hook that was there; send warnings to logging.

    Args:
        patch: Remembers what was replaced.
        ids: Gives the ids of the current trace, span and request.
    """
    _join_excepthook(patch)
    _join_thread_excepthook(patch)
    _join_unraisablehook(patch)
    uncaught_tasks.join(patch, _write_from_task, ids)
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


def _join_unraisablehook(patch: Patcher) -> None:
    previous = sys.unraisablehook

    def unraisablehook(found: sys.UnraisableHookArgs) -> None:
        if found.exc_value is not None:
            message = (found.err_msg or "exception ignored").strip()
            _write(message, found.exc_value, found.exc_traceback, {}, level="error")
        previous(found)

    patch.set(sys, "unraisablehook", unraisablehook)


def _write_from_task(message: str, error: BaseException | None, fields: dict[str, str]) -> None:
    if error is not None:
        _write(message, error, error.__traceback__, fields, level="error")
    elif (live := loggers.running) is not None:
        live.pipeline.emit("error", "", message, loggers.merged_context(fields), None)


def _write(
    message: str,
    error: BaseException,
    trace: TracebackType | None,
    fields: dict[str, str],
    *,
    level: str = "critical",
) -> None:
    live = loggers.running
    if live is not None:
        with Guard("logs.uncaught"), loggers.within(error):
            live.pipeline.emit(level, "", message, loggers.merged_context(fields), describe(error, trace))


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

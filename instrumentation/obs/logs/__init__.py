"""Logs: every line of the process, whoever writes it, in one schema, redacted, correlated, and to the same outputs."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self

import structlog

from obs.logs import room
from obs.logs.logger import get_logger
from obs.logs.pipeline import AccessLine
from obs.logs.redaction import redact, redact_field, redact_text
from obs.logs.room import LogsRoom, access
from obs.settings.resolve import checked

if TYPE_CHECKING:
    from obs.runtime.export import Exporter
    from obs.runtime.target import Target
    from obs.settings import Settings

__all__ = [
    "AccessLine",
    "LogsRoom",
    "access",
    "annotate",
    "bind",
    "bound_fields",
    "current_ids",
    "get_logger",
    "redact",
    "redact_field",
    "redact_text",
    "set_level",
    "start",
]


def _no_ids() -> tuple[int, int, str]:
    return 0, 0, ""


# Where ordinary lines find the trace, the span and the request they belong to; the runtime sets it.
current_ids: Callable[[], tuple[int, int, str]] = _no_ids


def _current_ids() -> tuple[int, int, str]:
    return current_ids()


def _no_span(_fields: dict[str, Any]) -> None:
    return None


# Gives bound fields to the span that is current; the runtime sets it.
annotate: Callable[[dict[str, Any]], None] = _no_span


def start(settings: Settings, target: Target, exporter: Exporter) -> LogsRoom:
    """Start logs for this process; what was started before is stopped first.

    Args:
        settings: The settings of `obs.init()`.
        target: Who this process is: service, version, environment and instance.
        exporter: Takes records for OTLP.

    Returns:
        What flushes and stops them.
    """
    return room.start(settings, target, exporter, _current_ids)


Level = Literal["debug", "info", "warning", "error", "critical"]


def set_level(level: Level, *, logger: str = "") -> None:
    """Change the lowest level that is logged, while the process runs; does nothing before `obs.init()`.

    It holds for every kind of logger, stays through later configurations of the standard library's logging, and ends
    with the next `obs.init()` and when SIGHUP has the settings read again.

    Args:
        level: The lowest level that is logged.
        logger: The name of one logger, with its descendants, such as ``sqlalchemy``; without one, all loggers that have
            no level of their own.

    Raises:
        SettingError: There is no such level; the message offers the nearest one.

    Example:
        >>> set_level("warning", logger="sqlalchemy")
    """
    room.set_level(checked("log_level", level, "level of set_level()"), logger)


class Bound:
    """What `bind` returns; as a context manager it takes the fields back at its end."""

    __slots__ = ("_fields", "_tokens")

    def __init__(self, fields: dict[str, Any]) -> None:
        self._fields = fields
        self._tokens = structlog.contextvars.bind_contextvars(**fields)
        annotate(fields)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            structlog.contextvars.reset_contextvars(**self._tokens)
        except (ValueError, RuntimeError):
            # Entered in one task and left in another, or left twice: the earlier values are not to be had there.
            with contextlib.suppress(Exception):
                structlog.contextvars.unbind_contextvars(*self._fields)


def bind(**fields: Any) -> Bound:
    """Add fields to every record and span of the current task or thread from here on.

    Args:
        fields: What to add; a later value for a name replaces the earlier one.

    Returns:
        A context manager that takes the fields back at its end; a plain call keeps them until the task ends.

    Example:
        >>> with bind(order_id=7):
        ...     bound_fields()
        {'order_id': 7}
    """
    return Bound(fields)


def bound_fields() -> dict[str, Any]:
    """The fields that are bound to the current task or thread."""
    return structlog.contextvars.get_contextvars()

"""The logger that applications hold: one structlog class whose methods change when obs starts and stops.

A logger that was created, bound or cached earlier follows, because what changes are the methods of its class and the
pipeline they find, never the object.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, cast

import structlog
from structlog.typing import FilteringBoundLogger, Processor

from obs.logs.exceptions import current_stack, describe, exception_of
from obs.logs.pipeline import LEVELS, Pipeline
from obs.logs.storms import Storms
from obs.logs.values import foreign_code, interrupted, noted, pass_on, represent, type_name
from obs.runtime.guard import Guard

# What each method of a logger is called, and the level of what it writes.
_METHODS = {
    **{level: level for level in LEVELS},
    "exception": "error",
    "fatal": "critical",
    "warn": "warning",
    "msg": "info",
    "notset": "debug",
}
_guard = Guard("logs")
# What structlog says of an event apart from its fields.
_APART = frozenset({"event", "exc_info", "stack_info"})
_OWN_FRAMES = ("obs.", "structlog.", "logging")


class Running:
    """What the loggers of a started obs write to.

    Args:
        pipeline: Where records go.
        threshold: The number of the lowest level that is written.
        storms: Cuts storms of one message; None when they are not cut.

    Attributes:
        levels: The lowest levels of loggers that have another one; it holds for their descendants too.
    """

    def __init__(self, pipeline: Pipeline, threshold: int, storms: Storms | None = None) -> None:
        self.pipeline = pipeline
        self.threshold = threshold
        self.storms = storms
        self.levels: Mapping[str, int] = {}

    @property
    def least(self) -> int:
        """The lowest level that any logger writes."""
        return min(self.threshold, *self.levels.values()) if self.levels else self.threshold

    def threshold_of(self, logger: str) -> int:
        """The lowest level that a logger writes."""
        levels = self.levels
        while levels and logger:
            if logger in levels:
                return levels[logger]
            logger = logger.rpartition(".")[0]
        return self.threshold


# None before the start and after the stop.
running: Running | None = None


def _anywhere(_error: BaseException) -> AbstractContextManager[None]:
    return nullcontext()


# Has the span that an exception has left be current, where no other one is; the runtime sets it.
within: Callable[[BaseException], AbstractContextManager[None]] = _anywhere
# Called with the lowest level that any logger writes, when it has changed.
level_followers: list[Callable[[int], None]] = []


class NamedLogger(structlog.PrintLogger):
    """What structlog wraps: it knows its name; it prints only for whoever renders to text by processors of their own.

    Args:
        name: The logger's name; empty when it has none.
    """

    disabled = False

    def __init__(self, name: str = "") -> None:
        super().__init__(sys.stdout)
        self.name = name

    def isEnabledFor(self, level: int) -> bool:  # noqa: N802 - structlog's filter_by_level asks for it
        """Whether a record of this level is written."""
        return level >= self.getEffectiveLevel()

    def getEffectiveLevel(self) -> int:  # noqa: N802 - newer versions of filter_by_level ask for this
        """The number of the lowest level that is written."""
        return 0 if running is None else running.threshold_of(self.name)


def named_logger(*names: object) -> NamedLogger:
    """Make a logger for structlog: `structlog.get_logger("shop")` is named `shop`."""
    return NamedLogger(str(names[0]) if names and names[0] else "")


def merged_context(context: Mapping[str, Any]) -> dict[str, Any]:
    """The fields bound to the context of this task or thread, under those bound to the logger."""
    if not _CONTEXT_VARIABLES:
        return dict(context)
    event = {}
    for name, variable in _CONTEXT_VARIABLES.copy().items():
        value = variable.get(Ellipsis)
        if value is not Ellipsis:
            event[name[_PREFIX:]] = value
    event.update(context)
    return event


_PREFIX = len(structlog.contextvars.STRUCTLOG_KEY_PREFIX)
# structlog's public function walks over every context variable of the process; these are its own, by their names.
_CONTEXT_VARIABLES: dict[str, Any] = structlog.contextvars._CONTEXT_VARS


def write(live: Running, level: str, logger: str, event: dict[str, Any]) -> None:
    """Write an event dictionary of structlog, whose `event` is the message."""
    message = event.pop("event", "")
    error: dict[str, Any] | None = None
    caught: BaseException | None = None
    exc_info = event.pop("exc_info", None)
    if exc_info is not None and exc_info is not False:
        caught = exception_of(exc_info)
        if caught is not None:
            error = describe(caught, exc_info[2] if isinstance(exc_info, tuple) else None)
    stack = event.pop("stack_info", None)
    if stack and error is None:
        error = {"stack_trace": stack if isinstance(stack, str) else current_stack(_OWN_FRAMES)}
    if caught is None:
        live.pipeline.emit(level, logger, message, event, error)
    else:
        with within(caught):
            live.pipeline.emit(level, logger, message, event, error)
    if interrupted:
        pass_on()


class Final:
    """The last processor of a chain: writes the event in the place of the application's renderer.

    Args:
        replaced: The renderer whose place it took, if it took one.
    """

    def __init__(self, replaced: Processor | None = None) -> None:
        self.replaced = replaced

    def __call__(self, logger: Any, method: str, event: Any) -> Any:
        """Write the event; the wrapped logger is not called, unless it has handlers of the application's own."""
        live = running
        if live is None:
            render = self.replaced or structlog.dev.ConsoleRenderer()
            return render(logger, method, event)
        level = _METHODS.get(method, "info")
        number = LEVELS[level]
        name = _name_of(logger, event)
        if number < live.threshold_of(name) or not _enabled(logger, number):
            raise structlog.DropEvent
        if live.storms is not None and not live.storms.passes(level, name, event.get("event")):
            raise structlog.DropEvent
        with Guard("logs.structlog"):
            own = without_what_others_added(dict(event), level)
            write(live, level, name, merged_context(own))
        if self.replaced is not None and isinstance(logger, logging.Logger):
            # The handlers that the application gave its standard-library loggers, such as files, go on as before.
            rendered = self.replaced(logger, method, event)
            return Rendered(rendered) if isinstance(rendered, str) else rendered
        raise structlog.DropEvent


class Rendered(str):
    """A line of the application's own renderer, for its own handlers: the record was written already."""

    __slots__ = ()


def _enabled(logger: Any, number: int) -> bool:
    ask = getattr(logger, "isEnabledFor", None)
    return ask is None or bool(ask(number))


def _name_of(logger: Any, event: Mapping[str, Any]) -> str:
    name = getattr(logger, "name", "") or event.get("logger", "")
    return name if isinstance(name, str) else ""


def without_what_others_added(event: dict[str, Any], level: str) -> dict[str, Any]:
    """What structlog's own processors add and the record has anyway: level, logger, rendered exception, time."""
    if _METHODS.get(str(event.get("level", ""))) == level:
        del event["level"]
    event.pop("logger", None)
    if isinstance(event.get("timestamp"), str):
        del event["timestamp"]
    if isinstance(event.get("exception"), str) and not event.get("exc_info"):
        event["error.stack_trace"] = event.pop("exception")
    if isinstance(event.get("stack"), str):
        event["error.stack_trace"] = event.pop("stack")
    if "positional_args" in event:
        event["event"] = interpolated(event.get("event", ""), tuple(event.pop("positional_args")))
    return event


def interpolated(message: Any, values: tuple[Any, ...]) -> Any:
    """The message with `%` values filled in; with the values behind it where they do not fit.

    One mapping fills in by name, as in the standard library.
    """
    with foreign_code() as nested:
        if not nested:
            try:
                first = values[0]
                by_name = len(values) == 1 and issubclass(type(first), Mapping) and first
                return message % (first if by_name else values)
            except BaseException as error:  # noqa: BLE001 - wrong values, or a `__str__` that raises
                noted(error)
    text = message if type(message) is str else represent(message, str)
    return f"{text} {' '.join(map(represent, values))}"


FINAL = Final()
# The processors of a structlog that the application has not configured; the same list in every start.
OWN_PROCESSORS: list[Processor] = [FINAL]
# The processors of the application's own configuration once it was joined.
joined_processors: list[Processor] = OWN_PROCESSORS


class Logger(structlog.BoundLoggerBase):
    """A structlog logger of obs; its level methods are set by `start` and `stop`."""

    def _proxy_to_logger(self, method_name: str, event: str | None = None, **event_kw: Any) -> Any:
        """Where structlog's own base class sends everything that is not one of the methods below."""
        return _emit(self, method_name, event, (), event_kw)

    def log(self, level: int, event: Any = "", /, *values: Any, **fields: Any) -> Any:
        """Write at a numeric level of the standard library."""
        live = running
        if live is None or level >= live.threshold_of(_name_of(self._logger, {})):
            return _emit(self, level_name(level), event, values, fields)
        return None

    async def alog(self, level: int, event: Any = "", /, *values: Any, **fields: Any) -> Any:
        """Write at a numeric level of the standard library."""
        return self.log(level, event, *values, **fields)

    def is_enabled_for(self, level: int) -> bool:
        """Whether a record of this level is written."""
        return running is None or level >= running.threshold_of(_name_of(self._logger, {}))

    isEnabledFor = is_enabled_for  # noqa: N815 - the standard library's spelling

    def get_effective_level(self) -> int:
        """The number of the lowest level that is written."""
        return 0 if running is None else running.threshold_of(_name_of(self._logger, {}))


def level_name(number: int) -> str:
    """The level that a number of the standard library belongs to."""
    for name, least in reversed(LEVELS.items()):
        if number >= least:
            return name
    return "debug"


def _emit(  # noqa: C901 - one function without a call more: every line goes through it
    logger: Logger, method: str, message: Any, values: tuple[Any, ...], fields: dict[str, Any]
) -> Any:
    live = running
    if live is None:
        return _emit_without_obs(logger, method, message, values, fields)
    level = _METHODS[method]
    if live.levels and LEVELS[level] < live.threshold_of(_name_of(logger._logger, {})):
        return None
    processors: Any = logger._processors
    if processors is OWN_PROCESSORS:
        processors = joined_processors
    alone = len(processors) == 1 and processors[0] is FINAL
    if alone and live.storms is not None and not live.storms.passes(level, logger._logger.name, message):
        return None
    if values:
        message = interpolated(message, values)
    if method == "exception":
        fields.setdefault("exc_info", True)
    if "event" in fields:
        fields["labels.event"] = fields.pop("event")
    if alone:
        event = merged_context(logger._context)
        event.update(fields)
        if not event.keys().isdisjoint(_APART):
            event["event"] = message
            with _guard:
                write(live, level, logger._logger.name, event)
            return None
        live.pipeline.emit(level, logger._logger.name, message, event, None)
        if interrupted:
            pass_on()
        return None
    return _run(processors, logger._logger, method, {**logger._context, **fields, "event": message})


def _run(processors: Any, wrapped: Any, method: str, event: dict[str, Any]) -> Any:
    """Run the application's own processors; one that fails costs its own work and not the record."""
    name = "error" if method == "exception" else method
    result: Any = event
    for processor in processors:
        try:
            result = processor(wrapped, name, result)
        except structlog.DropEvent:
            return None
        except Exception as error:  # noqa: BLE001 - the application's processor must not end the application's call
            if not isinstance(result, dict):
                return None
            named = getattr(processor, "__name__", type_name(processor))
            result["obs_processor_error"] = f"{named}: {type_name(error)}"
    arguments, options = _arguments(result)
    return getattr(wrapped, name)(*arguments, **options)


def _arguments(result: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """What the last processor's result means to the wrapped logger, by structlog's rules."""
    if isinstance(result, (str, bytes, bytearray)):
        return (result,), {}
    if isinstance(result, tuple):
        return result[0], result[1]
    return (), result


def _emit_without_obs(
    logger: Logger, method: str, message: Any, values: tuple[Any, ...], fields: dict[str, Any]
) -> Any:
    """Before the start and after the stop the line goes where structlog's configuration sends it."""
    wrapped = logger._logger
    with Guard("logs.stopped"):
        if logger._processors is not OWN_PROCESSORS and not any(isinstance(one, Final) for one in logger._processors):
            message = interpolated(message, values) if values else message
            return _run(logger._processors, wrapped, method, {**logger._context, **fields, "event": message})
        config = structlog.get_config()
        if config["wrapper_class"] is Logger:
            plain: Any = structlog.wrap_logger(None, wrapper_class=structlog.make_filtering_bound_logger(0))
        else:
            name = getattr(wrapped, "name", "")
            plain = structlog.get_logger(*([name] if name else []))
        return getattr(plain.bind(**logger._context), method)(message, *values, **fields)
    return None


def _written(method: str) -> Any:
    def write_event(self: Logger, event: Any = "", /, *values: Any, **fields: Any) -> Any:
        return _emit(self, method, event, values, fields)

    write_event.__name__ = method
    return write_event


def _written_async(method: str) -> Any:
    async def write_event(self: Logger, event: Any = "", /, *values: Any, **fields: Any) -> Any:
        return getattr(self, method)(event, *values, **fields)

    write_event.__name__ = f"a{method}"
    return write_event


def _filtered_out(_self: Logger, /, *_values: Any, **_fields: Any) -> None:
    """What a method does whose level is not written."""


def set_threshold(number: int) -> None:
    """Make the methods below this level do nothing; 0 makes all of them write."""
    for method, level in _METHODS.items():
        setattr(Logger, method, _WRITTEN[method] if LEVELS[level] >= number else _filtered_out)


_WRITTEN = {method: _written(method) for method in _METHODS}
for _method in _METHODS:
    setattr(Logger, f"a{_method}", _written_async(_method))
set_threshold(0)


def get_logger(name: str | None = None, **fields: Any) -> FilteringBoundLogger:
    """A logger that can be had at import, before `obs.init()`, and follows every later start and stop.

    Args:
        name: Shown as `log.logger`; usually ``__name__``.
        fields: Shown in every record of this logger.

    Returns:
        A structlog logger: `log.info("order placed", order_id=7)`, `log.bind(order_id=7)`, `log.exception("failed")`.

    Example:
        >>> log = get_logger("shop.orders")
        >>> log.bind(order_id=7).is_enabled_for(50)
        True
    """
    return cast(FilteringBoundLogger, Logger(named_logger(name), OWN_PROCESSORS, dict(fields)))

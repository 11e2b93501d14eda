"""Joining the standard library's logging: one handler on the root logger, and no line twice or unformatted.

Handlers that print to the console are set aside while obs runs, on whichever logger they are; files, queues and all
others stay. Every way in which an application or a server configures logging later is let through to what it would
find without obs, and joined again afterwards.
"""

from __future__ import annotations

import logging
import logging.config
import sys
from collections.abc import Callable, Mapping
from typing import Any

from obs.logs import logger as loggers
from obs.logs.logger import Rendered, interpolated, level_name, merged_context
from obs.logs.pipeline import LEVELS
from obs.logs.values import noted, represent
from obs.runtime.guard import Guard
from obs.runtime.patcher import Patcher

# obs writes the access line itself, once for each request.
_ACCESS_LOGGERS = ("uvicorn.access", "gunicorn.access", "hypercorn.access")
_WARNINGS_LOGGER = "py.warnings"

# What every LogRecord has; whatever else stands in one is a field of the caller's. `color_message` is uvicorn's copy of
# the message, `message` and `asctime` are left behind by other handlers' formatters.
_OF_EVERY_RECORD = frozenset(vars(logging.makeLogRecord({}))) | {
    "asctime",
    "color_message",
    "message",
    "stack_info",
    "taskName",
}
# What structlog adds when it hands an event on to the standard library.
_OF_STRUCTLOG = frozenset({"_logger", "_name", "_record", "_from_structlog"})


def _is_nobodys(_record: logging.LogRecord) -> bool:
    return False


# Whether a record with a field `extra` was written already, by another library's join, whose integration sets it.
is_anothers: Callable[[logging.LogRecord], bool] = _is_nobodys

_LEVEL_NAMES = {number: name for name, number in LEVELS.items()}


class ObsHandler(logging.Handler):
    """Writes records of the standard library as obs's own.

    Args:
        level: The number of the lowest level that is written.
    """

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record; never raises, whatever its arguments are."""
        live = loggers.running
        if live is None or type(record.msg) is Rendered or ("extra" in vars(record) and is_anothers(record)):
            return
        with Guard("logs.stdlib"):
            level = _LEVEL_NAMES.get(record.levelno) or level_name(record.levelno)
            name = "" if record.name == "root" else record.name
            if live.levels and record.levelno < live.threshold_of(name):
                return
            if live.storms is None or live.storms.passes(level, name, _text_of(record.msg)):
                loggers.write(live, level, name, _event_of(record, level))

    def handle(self, record: logging.LogRecord) -> bool:
        """Write one record unless a filter says no.

        It takes no lock: the outlet keeps lines whole, and a record that is logged while another one is being written
        must not wait for itself.
        """
        kept = self.filter(record)
        if kept:
            self.emit(record if isinstance(kept, bool) else kept)
        return bool(kept)

    def createLock(self) -> None:  # noqa: N802 - the standard library's name
        """Have no lock."""
        self.lock = None


def _text_of(message: object) -> object:
    """What a message is before its values are put in; structlog hands on a whole event."""
    return message.get("event") if type(message) is dict else message


def _event_of(record: logging.LogRecord, level: str) -> dict[str, Any]:
    fields = {name: value for name, value in vars(record).items() if name not in _OF_EVERY_RECORD}
    if type(record.msg) is dict and "_name" in fields:
        # An event that structlog's `wrap_for_formatter` handed on; other handlers read the same dict.
        event = {**record.msg, **{name: value for name, value in fields.items() if name not in _OF_STRUCTLOG}}
        event = loggers.without_what_others_added(event, level)
    else:
        if "event" in fields:
            fields["labels.event"] = fields.pop("event")
        event = {**fields, "event": _message_of(record), "stack_info": record.stack_info}
    event.setdefault("exc_info", record.exc_info)
    return merged_context(event)


def _message_of(record: logging.LogRecord) -> object:
    if not record.args:
        return record.msg.strip() if record.name == _WARNINGS_LOGGER and isinstance(record.msg, str) else record.msg
    arguments = record.args if isinstance(record.args, tuple) else (record.args,)
    if type(record.msg) is str:
        return interpolated(record.msg, arguments)
    # Some libraries log an object that makes its text only here.
    return interpolated(represent(record.msg, str), arguments)


def is_console(handler: logging.Handler) -> bool:
    """Whether a handler prints to standard output or standard error."""
    if isinstance(handler, (logging.FileHandler, ObsHandler)) or not isinstance(handler, logging.StreamHandler):
        return False
    return is_console_stream(handler.stream)


def is_console_stream(stream: object) -> bool:
    """Whether a stream is standard output or standard error."""
    return any(stream is known for known in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__))


def reaches_obs(known: logging.Logger) -> bool:
    """Whether a record of this logger comes to obs's handler."""
    one: logging.Logger | None = known
    while one is not None:
        if any(isinstance(handler, ObsHandler) for handler in one.handlers):
            return True
        one = one.parent if one.propagate else None
    return False


class StdlibJoin:
    """Joins logging now, and anew after every later configuration.

    Args:
        patch: Remembers what was replaced.
        threshold: The number of the lowest level that is written.
    """

    def __init__(self, patch: Patcher, threshold: int) -> None:
        self._threshold = threshold
        self._handler = ObsHandler(threshold)
        # Further levels by the names of loggers, and what each logger had and has now.
        self._levels: Mapping[str, int] = {}
        self._levels_before: dict[logging.Logger, int] = {}
        self._levels_now: dict[logging.Logger, int] = {}
        self._undo: list[Callable[[], None]] = []
        patch.on_restore(self.leave)
        self.join()
        for owner, name in (
            (logging, "basicConfig"),
            (logging.config, "dictConfig"),
            (logging.config, "fileConfig"),
        ):
            patch.wrap(owner, name, self._rejoining)
        patch.wrap(logging.Logger, "addHandler", self._setting_aside)
        patch.wrap(logging.Logger, "makeRecord", _total)

    def join(self) -> None:
        """Put the handler on the root logger and set others aside."""
        root = logging.getLogger()
        self._set_handlers(root, [*(handler for handler in root.handlers if not is_console(handler)), self._handler])
        self._set_levels()
        for known in list(logging.Logger.manager.loggerDict.values()):
            if isinstance(known, logging.Logger) and any(map(is_console, known.handlers)):
                self._set_handlers(known, self._without_console(known))
        # A later `dictConfig` disables every logger that exists, this one only because warnings were sent to it.
        self._set(logging.getLogger(_WARNINGS_LOGGER), "disabled", False)
        for name in _ACCESS_LOGGERS:
            access = logging.getLogger(name)
            # uvicorn asks for handlers before it makes a line at all.
            self._set_handlers(access, [])
            self._set(access, "propagate", False)
            self._set(access, "disabled", True)

    def set_levels(self, threshold: int, levels: Mapping[str, int]) -> None:
        """Write from these levels on, now and after every later configuration.

        Args:
            threshold: The number of the lowest level that is written.
            levels: Those of loggers that have another one.
        """
        self._threshold, self._levels = threshold, dict(levels)
        self._set_levels()

    def _set_levels(self) -> None:
        root = logging.getLogger()
        wanted = {logging.getLogger(name): number for name, number in self._levels.items()}
        # The root's own default would hide info; a lower level that the application chose stays.
        wanted[root] = min(self._levels_before.get(root, root.level), self._threshold)
        for known in self._levels_now.keys() - wanted.keys():
            self._give_level_back(known)
        for known, number in wanted.items():
            self._levels_before.setdefault(known, known.level)
            self._levels_now[known] = number
            known.setLevel(number)
        self._handler.setLevel(min(self._threshold, *self._levels.values()) if self._levels else self._threshold)

    def _give_level_back(self, known: logging.Logger) -> None:
        before, now = self._levels_before.pop(known), self._levels_now.pop(known)
        if known.level == now:
            known.setLevel(before)

    def _without_console(self, known: logging.Logger) -> list[logging.Handler]:
        """The handlers of a logger that is not the root; obs's own stands in for a console that was its way out."""
        kept = [handler for handler in known.handlers if not is_console(handler)]
        return kept if known.propagate or self._handler in kept else [*kept, self._handler]

    def _set(self, known: logging.Logger, name: str, value: Any) -> None:
        """Change a logger; what the application changes meanwhile stays when it is given back."""
        before = getattr(known, name)

        def give_back() -> None:
            if getattr(known, name) == value:
                setattr(known, name, before)
                _forget_levels(known)

        setattr(known, name, value)
        _forget_levels(known)
        self._undo.append(give_back)

    def _set_handlers(self, known: logging.Logger, handlers: list[logging.Handler]) -> None:
        before = list(known.handlers)

        def give_back() -> None:
            now = known.handlers
            removed = [handler for handler in handlers if handler not in now]
            added = [handler for handler in now if handler not in before and handler is not self._handler]
            known.handlers = [handler for handler in before if handler not in removed] + added

        known.handlers = handlers
        self._undo.append(give_back)

    def leave(self) -> None:
        """Give every logger back as it would be without obs."""
        for known in list(self._levels_now):
            self._give_level_back(known)
        while self._undo:
            self._undo.pop()()

    def _rejoining(self, original: Callable[..., None]) -> Callable[..., None]:
        def configure(*arguments: Any, **options: Any) -> None:
            with Guard("logs.stdlib"):
                self.leave()
            try:
                original(*arguments, **options)
            finally:
                with Guard("logs.stdlib"):
                    self.join()

        return configure

    def _setting_aside(self, original: Callable[..., None]) -> Callable[..., None]:
        def add_handler(known: logging.Logger, handler: logging.Handler) -> None:
            original(known, handler)
            with Guard("logs.stdlib"):
                if loggers.running is not None and self._undo and is_console(handler):
                    self._set_aside(known, handler)

        return add_handler

    def _set_aside(self, known: logging.Logger, handler: logging.Handler) -> None:
        if known is logging.getLogger() or known.name in _ACCESS_LOGGERS:
            self._set_handlers(known, [other for other in known.handlers if other is not handler])
        else:
            self._set_handlers(known, self._without_console(known))


def _total(original: Callable[..., logging.LogRecord]) -> Callable[..., logging.LogRecord]:
    """A record also of arguments that the standard library cannot look at, and of fields whose names it reserves."""

    def make_record(
        self: logging.Logger, name: str, level: int, fn: str, lno: int, msg: object, args: Any, exc_info: Any,
        func: str | None = None, extra: Mapping[str, object] | None = None, sinfo: str | None = None,
    ) -> logging.LogRecord:  # fmt: skip
        try:
            return original(self, name, level, fn, lno, msg, args, exc_info, func, extra, sinfo)
        except BaseException as error:  # noqa: BLE001 - a value's own `__class__`, `__bool__` or `__len__` can raise
            noted(error)
            record = original(self, name, level, fn, lno, msg, (), exc_info, func, None, sinfo)
            record.args = tuple(map(represent, args))
            for key, value in dict(extra or {}).items():
                vars(record)[f"labels.{key}" if key in _OF_EVERY_RECORD else key] = value
            return record

    return make_record


def _forget_levels(known: logging.Logger) -> None:
    """Loggers remember which levels are enabled; `setLevel` is the public way to make them forget."""
    known.setLevel(known.level)

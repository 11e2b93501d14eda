"""Joining structlog: the application's own processors keep running, and only its final renderer is replaced by obs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import structlog
from structlog import _config as configuration

from obs.logs import logger
from obs.logs.logger import FINAL, OWN_PROCESSORS, Final, Logger, named_logger
from obs.runtime.guard import Guard
from obs.runtime.patcher import Patcher

# These hand the event on to the standard library as it is, where obs's handler reads it.
_HAND_ON = frozenset(
    {
        structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        structlog.stdlib.render_to_log_kwargs,
        getattr(structlog.stdlib, "render_to_log_args_and_kwargs", structlog.stdlib.render_to_log_kwargs),
    }
)


class StructlogJoin:
    """Puts obs at the end of structlog's processors, now and after every later `structlog.configure`.

    Args:
        patch: Remembers what was replaced.
    """

    def __init__(self, patch: Patcher) -> None:
        self._undo: Callable[[], None] = _nothing
        self._join()
        for name in ("configure", "reset_defaults"):
            own = self._rejoining(getattr(configuration, name))
            patch.set(configuration, name, own)
            patch.set(structlog, name, own)
        own_once = self._rejoining(configuration.configure_once)
        patch.set(structlog, "configure_once", own_once)
        patch.on_restore(self._leave)

    def _rejoining(self, original: Callable[..., None]) -> Callable[..., None]:
        """The application configures what it would find without obs, then obs joins anew."""

        def configure(*arguments: Any, **options: Any) -> None:
            self._leave()
            try:
                original(*arguments, **options)
            finally:
                with Guard("logs.structlog"):
                    self._join()

        return configure

    def _leave(self) -> None:
        self._undo()
        self._undo = _nothing

    def _join(self) -> None:
        settings = vars(configuration._CONFIG).copy()
        processors, undo_list = OWN_PROCESSORS, _nothing
        if structlog.is_configured():
            processors, undo_list = _with_obs_at_the_end(structlog.get_config()["processors"])
            logger.joined_processors = processors
            if not isinstance(processors[-1], Final):
                logger.joined_processors = [*processors[:-1], FINAL]
        self._undo = lambda: _restore(settings, undo_list)
        self._apply(processors)

    def _apply(self, processors: list[Any]) -> None:
        config = structlog.get_config()
        current = configuration._CONFIG
        current.default_processors = processors
        own_wrapper = config["wrapper_class"] is not configuration._BUILTIN_DEFAULT_WRAPPER_CLASS
        own_factory = config["logger_factory"] is not configuration._BUILTIN_DEFAULT_LOGGER_FACTORY
        if not own_factory:
            current.logger_factory = named_logger
        if not own_wrapper and not own_factory:
            current.default_wrapper_class = Logger
        if not current.is_configured:
            current.cache_logger_on_first_use = True
            current.is_configured = True


def _with_obs_at_the_end(processors: Any) -> tuple[list[Any], Callable[[], None]]:
    """The processors with obs in the place of the last, changed in place: loggers that are cached hold this very list.

    A chain that hands its events on to the standard library is left alone; obs's own loggers get its beginning.
    """
    if not isinstance(processors, list):
        processors = list(processors)
    if not processors:
        return OWN_PROCESSORS, _nothing
    last = processors[-1]
    if isinstance(last, Final):
        return processors, _nothing
    if last in _HAND_ON and isinstance(structlog.get_config()["logger_factory"], structlog.stdlib.LoggerFactory):
        return processors, _nothing
    final = Final(last)
    processors[-1] = final

    def undo() -> None:
        if processors and processors[-1] is final:
            processors[-1] = last

    return processors, undo


def _restore(settings: dict[str, Any], undo_list: Callable[[], None]) -> None:
    undo_list()
    logger.joined_processors = OWN_PROCESSORS
    current = vars(configuration._CONFIG)
    current.clear()
    current.update(settings)


def _nothing() -> None:
    """Nothing was changed."""

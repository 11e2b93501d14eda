"""What asyncio tells of exceptions that nobody awaited, with the trace of the task that they come from."""

from __future__ import annotations

import sys
import weakref
from asyncio import base_events
from collections.abc import Callable
from contextvars import Context, copy_context
from typing import Any

from obs.runtime.guard import Guard
from obs.runtime.on_import import after_import
from obs.runtime.patcher import Patcher

Write = Callable[[str, BaseException | None, dict[str, str]], None]

# Before 3.12 a task does not say in which context it runs.
_contexts: weakref.WeakKeyDictionary[Any, Context] = weakref.WeakKeyDictionary()


def join(patch: Patcher, write: Write, ids: Callable[[], tuple[int, int, str]]) -> None:
    """Have each event loop's exceptions told in the context of their task, then call the handler that was there.

    Without a handler of the application, asyncio logs by itself, which becomes the one line; with one, obs writes it.
    Loops of asyncio and of uvloop are watched.

    Args:
        patch: Remembers what was replaced.
        write: Writes a line: the message, the exception if there is one, further fields.
        ids: Gives the ids of the current trace, span and request.
    """

    def telling(original: Any) -> Any:
        def call_exception_handler(self: Any, context: dict[str, Any]) -> None:
            if self.get_exception_handler() is None:
                _run_in(_context_of(context), original, self, context)
                return
            with Guard("logs.uncaught"):
                message = str(context.get("message") or "unhandled exception in an event loop")
                _run_in(_context_of(context), write, message, context.get("exception"), {})
            original(self, context)

        return call_exception_handler

    def remembering(original: Any) -> Any:
        def create_task(self: Any, coroutine: Any, *args: Any, **kwargs: Any) -> Any:
            task = original(self, coroutine, *args, **kwargs)
            if ids()[0]:
                with Guard("logs.uncaught"):
                    _contexts[task] = kwargs.get("context") or copy_context()
            return task

        return create_task

    def watch(loop: Any) -> None:
        patch.wrap(loop, "call_exception_handler", telling)
        if sys.version_info < (3, 12):
            patch.wrap(loop, "create_task", remembering)

    watch(base_events.BaseEventLoop)
    after_import(patch, "uvloop", lambda: watch(sys.modules["uvloop"].Loop))


def _context_of(told: dict[str, Any]) -> Context | None:
    for key in ("task", "future", "handle"):
        thing = told.get(key)
        if thing is None:
            continue
        with Guard("logs.uncaught"):
            ask = getattr(thing, "get_context", None)
            found = ask() if ask is not None else _contexts.get(thing) or getattr(thing, "_context", None)
            if isinstance(found, Context):
                return found
    return None


def _run_in(context: Context | None, function: Callable[..., object], *arguments: Any) -> None:
    if context is None:
        function(*arguments)
    else:
        # A copy: the context itself may be the one that runs.
        context.copy().run(function, *arguments)

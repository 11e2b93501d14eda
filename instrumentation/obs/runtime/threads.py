"""Threads and executors go on with the span and the bound fields of whoever gave them their work.

Only these two are carried, not the whole context: a thread that took over another library's context variables would
behave as another thread than it is, and share objects with the first one, such as decimal's context.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import thread as pools
from typing import Any

import structlog
from opentelemetry import context as context_api
from opentelemetry.context import Context

from obs.runtime.guard import Guard, swallow
from obs.runtime.patcher import Patcher
from obs.traces.current import restore

# Threads that serve whoever comes must not stay with the first who came: those of obs, of pools, and of anyio, which
# runs each piece of work in its caller's context.
_OWN = "obs-"
_SERVING_MODULES = ("anyio",)


class Carried:
    """A function that runs with the span and the bound fields of the moment when this was made.

    Args:
        function: What runs.
        context: OpenTelemetry's context.
        fields: The bound fields.
        until_end: They stay after the function has ended, for the thread ends with it, and an exception is still told.
    """

    __slots__ = ("_context", "_fields", "_function", "_until_end")

    def __init__(
        self, function: Callable[..., Any], context: Context, fields: dict[str, Any], *, until_end: bool = False
    ) -> None:
        self._function = function
        self._context = context
        self._fields = fields
        self._until_end = until_end

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the function."""
        token = context_api.attach(self._context)
        bound = structlog.contextvars.bind_contextvars(**self._fields)
        try:
            return self._function(*args, **kwargs)
        finally:
            if not self._until_end:
                with Guard("threads"):
                    structlog.contextvars.reset_contextvars(**bound)
                restore(token)


def carry(patch: Patcher, bound_fields: Callable[[], dict[str, Any]]) -> None:
    """Have threads and thread pools carry span and bound fields from now on.

    Args:
        patch: Remembers what was replaced.
        bound_fields: Gives the fields that are bound now.
    """

    def carried(function: Callable[..., Any], *, until_end: bool = False) -> Callable[..., Any]:
        context, fields = context_api.get_current(), bound_fields()
        if not context and not fields:
            return function
        return Carried(function, context, fields, until_end=until_end)

    def starting(original: Any) -> Any:
        def start(self: threading.Thread) -> None:
            if _serves_anybody(self):
                original(self)
                return
            with Guard("threads"):
                run = self.run
                carrying = carried(run, until_end=True)
                if carrying is not run:
                    _run_once(self, carrying)
            original(self)

        return start

    def submitting(original: Any) -> Any:
        def submit(self: Any, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
            try:
                fn = carried(fn)
            except Exception as error:  # noqa: BLE001 - telemetry never raises into the application
                swallow("threads", error)
            return original(self, fn, *args, **kwargs)

        return submit

    patch.wrap(threading.Thread, "start", starting)
    patch.wrap(pools.ThreadPoolExecutor, "submit", submitting)


def _serves_anybody(thread: threading.Thread) -> bool:
    return (
        getattr(thread, "_target", None) is pools._worker
        or thread.name.startswith(_OWN)
        or type(thread).__module__.partition(".")[0] in _SERVING_MODULES
    )


def _run_once(thread: threading.Thread, carrying: Callable[..., Any]) -> None:
    """Have a thread run this instead of its `run`, whichever class that comes from."""

    def run() -> None:
        # The thread object outlives the work, and would hold what was carried.
        del thread.__dict__["run"]
        carrying()

    thread.run = run  # type: ignore[method-assign]

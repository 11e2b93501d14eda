"""Records for a person at a terminal: time, level, message, fields, a short trace id, and the traceback below."""

from __future__ import annotations

import importlib.util
import os
import sys
import time
from typing import Any

import orjson
import structlog

from obs.logs.flat import flattened
from obs.logs.pipeline import Record

# What every line has, or what the line itself shows in another way.
_REQUEST_ID = "http.request.id"
_UNSEEN = frozenset({"event.id", "event.dataset", "error.stack_trace"})
_SHORT_ID = 8


class Console:
    """Makes a line for a person out of a record.

    Args:
        stream: Where the lines are shown; colours follow it, `NO_COLOR` and `FORCE_COLOR`.
    """

    def __init__(self, stream: Any) -> None:
        colors = _wants_colors(stream)
        self._renderer = structlog.dev.ConsoleRenderer(colors=colors, force_colors=colors, sort_keys=False)

    def render(self, record: Record) -> bytes:
        """The record in one line; an exception's traceback stands in the lines below it."""
        fields: dict[str, Any] = orjson.loads(record.body)
        event = {
            "timestamp": _local_time(record.nanoseconds),
            "level": record.level,
            "event": visible(str(fields.pop("message", ""))),
        }
        if record.logger:
            event["logger"] = visible(record.logger)
        pairs = dict(flattened(fields))
        stack = pairs.get("error.stack_trace")
        shown = {visible(name): _visible_value(value) for name, value in pairs.items() if name not in _UNSEEN}
        if stack:
            # The traceback ends in them.
            shown.pop("error.type", None)
            shown.pop("error.message", None)
        if record.trace_id:
            trace_id = record.trace_id.decode()
            shown["trace"] = trace_id[:_SHORT_ID]
            if shown.get(_REQUEST_ID) == trace_id:
                # The caller sent none.
                del shown[_REQUEST_ID]
        line = self._renderer(None, record.level, {**shown, **event})
        if stack:
            line += "\n" + visible(str(stack), keep="\n\t")
        return f"{line}\n".encode("utf-8", "replace")


def visible(text: str, keep: str = "") -> str:
    r"""The text with every character that a terminal would act upon in its escaped form.

    A carriage return forges a line, an escape sequence rewrites the screen, a bidirectional mark turns words around.

    Args:
        text: Any text.
        keep: Characters that stay as they are.

    Example:
        >>> visible("paid\r\nFAKE \x1b[2J")
        'paid\\r\\nFAKE \\x1b[2J'
    """
    if text.isprintable():
        return text
    return "".join(
        [char if char.isprintable() or char in keep else char.encode("unicode_escape").decode() for char in text]
    )


def _visible_value(value: Any) -> Any:
    if type(value) is str:
        return visible(value)
    if type(value) is list:
        return visible(orjson.dumps(value).decode())
    return value


def _local_time(nanoseconds: int) -> str:
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    return f"{time.strftime('%H:%M:%S', time.localtime(seconds))}.{rest // 1_000_000:03d}"


def _wants_colors(stream: Any) -> bool:
    if os.environ.get("NO_COLOR"):
        return False
    if sys.platform == "win32" and importlib.util.find_spec("colorama") is None:
        return False
    return bool(os.environ.get("FORCE_COLOR")) or bool(stream is not None and stream.isatty())

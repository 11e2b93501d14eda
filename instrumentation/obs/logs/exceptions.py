"""What a record tells of an exception; whatever the exception does when it is asked, nothing is raised."""

from __future__ import annotations

import sys
import traceback
from types import TracebackType
from typing import Any

from obs.logs.values import cut, foreign_code, represent, type_name, well_formed

# Both ends of a long traceback matter: where it began, and what was raised.
_HEAD, _TAIL = 8 * 1024, 22 * 1024

ExcInfo = tuple[type[BaseException] | None, BaseException | None, TracebackType | None]


def exception_of(exc_info: object) -> BaseException | None:
    """The exception that `exc_info=` means: itself, a tuple, or True for the one being handled."""
    if isinstance(exc_info, BaseException):
        return exc_info
    if isinstance(exc_info, tuple):
        return exc_info[1] if len(exc_info) == 3 and isinstance(exc_info[1], BaseException) else None
    return sys.exc_info()[1] if exc_info else None


def describe(error: BaseException, trace: TracebackType | None = None) -> dict[str, Any]:
    """The fields of ECS's `error` for an exception.

    Args:
        error: The exception.
        trace: Its traceback, when it is another than the exception's own.
    """
    kind = type(error)
    name = getattr(kind, "__qualname__", type_name(error))
    module = getattr(kind, "__module__", "")
    return {
        "type": name if module in {"builtins", "__main__"} else f"{module}.{name}",
        "message": represent(error, str),
        "stack_trace": _stack_trace(error, trace or error.__traceback__),
    }


def _stack_trace(error: BaseException, trace: TracebackType | None) -> str:
    with foreign_code() as nested:
        if nested:
            return ""
        try:
            text = "".join(traceback.format_exception(type(error), error, trace))
        except BaseException as failure:  # noqa: BLE001 - formatting asks every exception of the chain for its words
            return f"<unrepresentable {type_name(error)}: {type_name(failure)}>"
    return shorten(well_formed(text.rstrip("\n")))


def shorten(text: str) -> str:
    """A long text with its middle left out."""
    if len(text) <= _HEAD + _TAIL:
        return text
    return f"{text[:_HEAD]}\n…<{len(text) - _HEAD - _TAIL} characters>…\n{text[-_TAIL:]}"


def current_stack(skip: tuple[str, ...]) -> str:
    """Where the caller stands.

    Args:
        skip: Modules whose frames are left out, by the beginning of their names.
    """
    frame = sys._getframe(1)
    while frame.f_back is not None and str(frame.f_globals.get("__name__", "")).startswith(skip):
        frame = frame.f_back
    return cut("Stack (most recent call last):\n" + "".join(traceback.format_stack(frame, limit=100)).rstrip("\n"))

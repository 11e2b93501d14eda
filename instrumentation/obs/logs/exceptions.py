"""What a record tells of an exception; whatever the exception does when it is asked, nothing is raised."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable
from types import TracebackType
from typing import Any

from obs.logs.values import cut, foreign_code, noted, represent, type_name, well_formed

# Both ends of a long traceback matter: where it began, and what was raised.
_HEAD, _TAIL = 8 * 1024, 22 * 1024

# A tree of groups with more members is only summed up.
_MOST_EXCEPTIONS = 1000
_INNER_SHOWN = 15

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
        "stack_trace": _stack_trace(error, trace or _TRACEBACK(error)),
    }


def _stack_trace(error: BaseException, trace: TracebackType | None) -> str:
    with foreign_code() as nested:
        if nested:
            return ""
        try:
            text = "".join(_lines(error, trace))
        except BaseException as failure:  # noqa: BLE001 - formatting asks every exception of the chain for its words
            return f"<unrepresentable {type_name(error)}: {noted(failure)}>"
    return shorten(well_formed(text.rstrip("\n")))


def _lines(error: BaseException, trace: TracebackType | None) -> list[str]:
    """The interpreter's own lines; short ones of a tree of exceptions that it would take too long to walk through."""
    if _fits(error):
        return traceback.format_exception(type(error), error, trace)
    lines = ["Traceback (most recent call last):\n", *traceback.format_tb(trace)]
    inner = _EXCEPTIONS(error) if isinstance(error, BaseExceptionGroup) else ()
    lines.extend(f"{type_name(one)}: {represent(one, str)}\n" for one in (error, *inner[:_INNER_SHOWN]))
    lines.append(f"…<a tree of more than {_MOST_EXCEPTIONS} exceptions>…\n")
    return lines


def _fits(error: BaseException) -> bool:
    """Whether the members of groups below an exception are few; one that is in many groups counts in each."""
    waiting, chained, members = [error], {id(error)}, 0
    while waiting:
        one = waiting.pop()
        if isinstance(one, BaseExceptionGroup):
            inner = _EXCEPTIONS(one)
            members += len(inner)
            if members > _MOST_EXCEPTIONS:
                return False
            waiting.extend(inner)
        for before in (_CAUSE(one), _CONTEXT(one)):
            if before is not None and id(before) not in chained:
                chained.add(id(before))
                waiting.append(before)
    return True


# By the classes' own attributes: a descendant may have others of these names.
_any: Any = BaseException
_any_group: Any = BaseExceptionGroup
_EXCEPTIONS: Callable[[BaseException], tuple[BaseException, ...]] = _any_group.exceptions.__get__
_CAUSE: Callable[[BaseException], BaseException | None] = _any.__cause__.__get__
_TRACEBACK: Callable[[BaseException], TracebackType | None] = _any.__traceback__.__get__
_CONTEXT: Callable[[BaseException], BaseException | None] = _any.__context__.__get__


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

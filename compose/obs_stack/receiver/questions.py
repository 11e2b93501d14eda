"""What a request asks for: the parameters of an address as typed filters, or one clear error."""

from __future__ import annotations

import math
import re
import time
from typing import Literal

from starlette.datastructures import QueryParams

from obs_stack.receiver.lucene import translate
from obs_stack.receiver.moments import moment
from obs_stack.receiver.storage.logs import LogFilter
from obs_stack.receiver.storage.traces import TraceFilter

MOST = 1000

_TRACE_ID = re.compile(r"[0-9a-f]{32}")
_YES, _NO = frozenset({"true", "1", "yes"}), frozenset({"false", "0", "no"})


class QuestionError(ValueError):
    """A parameter that is not understood; the message names it and what is allowed."""


def log_filter(parameters: QueryParams) -> LogFilter:
    """Read ``q``, ``trace_id``, ``service``, ``level`` (several with commas), ``since`` and ``until``.

    Raises:
        QuestionError: One of them is not understood.
        LuceneError: The query is not.
    """
    now = time.time_ns()
    trace = parameters.get("trace_id", "").strip().lower()
    return LogFilter(
        condition=translate(parameters.get("q", ""), now=now),
        trace_id=trace_id(trace) if trace else "",
        service=parameters.get("service", ""),
        levels=tuple(level.strip().lower() for level in parameters.get("level", "").split(",") if level.strip())[:10],
        since=_moment(parameters, "since", now),
        until=_moment(parameters, "until", now),
    )


def trace_filter(parameters: QueryParams) -> TraceFilter:
    """Read ``service``, ``name``, ``min_duration_ms``, ``error`` and ``since``.

    Raises:
        QuestionError: One of them is not understood.
    """
    error = parameters.get("error", "").lower()
    if error and error not in _YES | _NO:
        raise QuestionError(f"error: {error[:40]!r} is neither true nor false")
    return TraceFilter(
        service=parameters.get("service", ""),
        name=parameters.get("name", ""),
        min_duration_ms=_milliseconds(parameters.get("min_duration_ms", "")),
        error=error in _YES if error else None,
        since=_moment(parameters, "since", time.time_ns()),
    )


def limit(parameters: QueryParams, default: int = 100) -> int:
    """Read ``limit``: 1 to 1000.

    Raises:
        QuestionError: It is no such number.
    """
    text = parameters.get("limit", "")
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= MOST and len(text) <= 9):
        raise QuestionError(f"limit: {text[:40]!r} is no number from 1 to {MOST}")
    return int(text)


def order(parameters: QueryParams) -> Literal["asc", "desc"]:
    """Read ``order``: ``desc``, the newest first, or ``asc``.

    Raises:
        QuestionError: It is neither.
    """
    match parameters.get("order", "desc"):
        case "desc":
            return "desc"
        case "asc":
            return "asc"
        case other:
            raise QuestionError(f"order: {other[:40]!r} is neither asc nor desc")


def trace_id(text: str) -> str:
    """Read a trace id.

    Raises:
        QuestionError: It is none.
    """
    if not _TRACE_ID.fullmatch(text.lower()):
        raise QuestionError(f"trace_id: {text[:40]!r} is no trace id of 32 hexadecimal digits")
    return text.lower()


def _moment(parameters: QueryParams, name: str, now: int) -> int:
    text = parameters.get(name, "")
    if not text:
        return 0
    try:
        return moment(text, now)
    except ValueError as error:
        raise QuestionError(f"{name}: {error}") from None


def _milliseconds(text: str) -> float:
    if not text:
        return 0.0
    try:
        read = float(text)
    except ValueError:
        read = math.nan
    if not 0 <= read <= 1e12:
        raise QuestionError(f"min_duration_ms: {text[:40]!r} is no number of milliseconds")
    return read

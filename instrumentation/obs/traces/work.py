"""Spans of the application's own work: `with span(...)` and `@traced`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import Token
from types import TracebackType
from typing import Any, overload

from opentelemetry.context import Context
from opentelemetry.trace import INVALID_SPAN, Span, StatusCode, get_current_span

from obs.runtime.guard import Guard, swallow
from obs.traces.current import make_current, restore
from obs.traces.functions import F, is_function, name_of, watched
from obs.traces.room import own_tracer
from obs.traces.span import FastSpan
from obs.traces.values import safe_text


def _nothing() -> Mapping[str, Any]:
    return {}


# The fields that the application has bound; the runtime points it at the logs room.
bound_fields: Callable[[], Mapping[str, Any]] = _nothing


def annotate(fields: Mapping[str, Any]) -> None:
    """Set attributes on the span that is current, if there is one; never raises."""
    with Guard("annotate"):
        get_current_span().set_attributes(fields)


class span:  # noqa: N801 - it is used as a verb: `with obs.span("charge card"):`
    """A piece of work as a span: current while it lasts, failed when an exception leaves it.

    Works in `with` and in `async with`; what it gives is OpenTelemetry's span. Never raises by itself.

    Args:
        name: What the work is, such as ``charge card``; no ids, they belong into attributes.
        attributes: What is known of it.

    Example:
        >>> with span("charge card", amount=12) as work:
        ...     work.set_attribute("currency", "EUR")
    """

    __slots__ = ("_attributes", "_name", "_span", "_token")

    def __init__(self, name: str, /, **attributes: Any) -> None:
        self._name = name
        self._attributes = attributes
        self._span: Span = INVALID_SPAN
        self._token: Token[Context] | None = None

    def __enter__(self) -> Span:
        self.begin()
        self.resume()
        return self._span

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.pause()
        self.end(error)

    async def __aenter__(self) -> Span:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, trace)

    def begin(self) -> span:
        """Begin the span."""
        try:
            work = self._span = own_tracer().start_span(self._name)
            if work.is_recording():
                work.set_attributes({**bound_fields(), **self._attributes})
        except Exception as error:  # noqa: BLE001 - telemetry never raises into the application
            swallow("span", error)
        return self

    def resume(self) -> None:
        """Make the span current."""
        try:
            self._token = make_current(self._span)
        except Exception as error:  # noqa: BLE001 - telemetry never raises into the application
            swallow("span", error)

    def pause(self) -> None:
        """Make what was current before current again."""
        token, self._token = self._token, None
        if token is not None:
            restore(token)

    def end(self, error: BaseException | None) -> None:
        """End the span; only an `Exception` makes it failed, for by others a function is told to stop."""
        try:
            work = self._span
            if isinstance(error, Exception):
                _fail(work, error)
            work.end()
        except Exception as failure:  # noqa: BLE001 - telemetry never raises into the application
            swallow("span", failure)


def _fail(work: Span, error: Exception) -> None:
    if isinstance(work, FastSpan):
        work.fail(error)
    else:
        work.record_exception(error, escaped=True)
        work.set_status(StatusCode.ERROR, f"{type(error).__name__}: {safe_text(error)}")


@overload
def traced(function: F, /) -> F: ...
@overload
def traced(name: str | None = None, /, **attributes: Any) -> Callable[[F], F]: ...
def traced(name: Any = None, /, **attributes: Any) -> Any:
    """Make each call of a function a span.

    Works for functions, methods, coroutines, generators and asynchronous generators; name and signature stay.

    Args:
        name: The span's name; without one, the function's qualified name. `@traced` alone, without brackets, works too.
        attributes: Set on each span.

    Returns:
        The decorator, or the wrapped function.

    Raises:
        TypeError: The name is no text, or a class is decorated.

    Example:
        >>> @traced("charge card", provider="acme")
        ... def charge(amount: int) -> int:
        ...     return amount
        >>> charge(3)
        3
    """
    if not (name is None or isinstance(name, str) or is_function(name)):
        raise TypeError(f'@obs.traced takes the name of its spans, not {name!r}: write @obs.traced("charge card")')

    def decorate(function: F) -> F:
        called = name if isinstance(name, str) and name else name_of(function)
        return watched(function, lambda: span(called, **attributes).begin())

    return decorate(name) if is_function(name) else decorate

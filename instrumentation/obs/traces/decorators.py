"""Metrics of a function's calls: `@timed` and `@counted`, right for coroutines and generators too."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any, overload

from obs import metrics
from obs.metrics import Counter, Histogram
from obs.traces.functions import F, is_function, name_of, watched

_OK, _ERROR = "ok", "error"

# What stands between two words of a metric: one `_`, also where a word begins in a class's name.
_BETWEEN_WORDS = re.compile(r"_+|(?<=[a-z0-9])(?=[A-Z])")


@overload
def timed(function: F, /) -> F: ...
@overload
def timed(name: str = "", help: str = "") -> Callable[[F], F]: ...
def timed(name: Any = "", help: str = "") -> Any:  # noqa: A002 - Prometheus's own word
    """Measure how long each call of a function takes, in a histogram in seconds with the label `outcome`.

    A coroutine is measured until it has been awaited, a generator from its first value until it is exhausted or closed.

    Args:
        name: The metric, without unit: `checkout` becomes `checkout_seconds`. Without one, and for `@timed` alone, it
            is the function's: `Cart.check_out` becomes `cart_check_out_seconds`, which functions of one name share.
        help: What is measured, one sentence.

    Returns:
        The decorator, or the wrapped function; the function's name and signature stay.

    Raises:
        ValueError: The name is not one of a metric, or belongs to another one.
        TypeError: The name is no text.

    Example:
        >>> @timed("doc_checkout")
        ... def check_out(order: int) -> int:
        ...     return order
    """

    def measuring(name: str) -> Callable[[F], F]:
        histogram = metrics.histogram(name, help or f"How long {name} takes.", labels=("outcome",), unit="s")
        return lambda function: watched(function, lambda: _Timing(histogram))

    return _decorator(name, "timed", measuring)


@overload
def counted(function: F, /) -> F: ...
@overload
def counted(name: str = "", help: str = "") -> Callable[[F], F]: ...
def counted(name: Any = "", help: str = "") -> Any:  # noqa: A002 - Prometheus's own word
    """Count the calls of a function, with the label `outcome`: `ok`, or `error` when an exception left it.

    Args:
        name: The metric, without `_total`: `checkout` becomes `checkout_total`. Without one, and for `@counted` alone,
            it is the function's: `Cart.check_out` becomes `cart_check_out_total`, which functions of one name share.
        help: What is counted, one sentence.

    Returns:
        The decorator, or the wrapped function; the function's name and signature stay.

    Raises:
        ValueError: The name is not one of a metric, or belongs to another one.
        TypeError: The name is no text.

    Example:
        >>> @counted("doc_checkouts")
        ... def check_out_again(order: int) -> int:
        ...     return order
    """

    def counting(name: str) -> Callable[[F], F]:
        counter = metrics.counter(name, help or f"Calls of {name}.", labels=("outcome",))
        counter.zero(_OK)
        counter.zero(_ERROR)
        return lambda function: watched(function, lambda: _Counting(counter))

    return _decorator(name, "counted", counting)


def _decorator(given: object, called: str, make: Callable[[str], Callable[[Any], Any]]) -> Any:
    """The decorator, or what it makes at once of the function that it was given without brackets.

    Args:
        given: A name, which may be empty, or the function.
        called: What the user wrote.
        make: Makes the decorator of a metric with a name.

    Raises:
        TypeError: What was given is neither a name nor a function.
    """
    if is_function(given):
        return make(_metric_of(given))(given)
    if not isinstance(given, str):
        raise TypeError(f'@obs.{called} takes the name of its metric, not {given!r}: write @obs.{called}("checkout")')
    return make(given) if given else lambda function: make(_metric_of(function))(function)


def _metric_of(function: object) -> str:
    """The metric of a function that has no other name, from those of its class and its own."""
    name = name_of(function).rpartition("<locals>.")[2].replace(".", "_")
    return _BETWEEN_WORDS.sub("_", name).lower().strip("_")


class _Counting:
    """Counts one call."""

    __slots__ = ("_counter",)

    def __init__(self, counter: Counter) -> None:
        self._counter = counter

    def resume(self) -> None:
        """Nothing is current while counting."""

    def pause(self) -> None:
        """Nothing is current while counting."""

    def end(self, error: BaseException | None) -> None:
        self._counter.add(outcome=_OK if error is None else _ERROR)


class _Timing:
    """Measures one call."""

    __slots__ = ("_began", "_histogram")

    def __init__(self, histogram: Histogram) -> None:
        self._histogram = histogram
        self._began = time.perf_counter()

    def resume(self) -> None:
        """A generator's time includes that of whoever iterates over it."""

    def pause(self) -> None:
        """A generator's time includes that of whoever iterates over it."""

    def end(self, error: BaseException | None) -> None:
        self._histogram.record(time.perf_counter() - self._began, outcome=_OK if error is None else _ERROR)

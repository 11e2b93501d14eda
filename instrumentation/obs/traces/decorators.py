"""Metrics of a function's calls: `@timed` and `@counted`, right for coroutines and generators too."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

from obs import metrics
from obs.metrics import Counter, Histogram
from obs.traces.functions import watched

F = TypeVar("F", bound=Callable[..., Any])

_OK, _ERROR = "ok", "error"


def _need_a_name(name: object, decorator: str) -> None:
    """Refuse a decorator that was written without its brackets, and whatever else is no text."""
    if not isinstance(name, str):
        raise TypeError(f'@obs.{decorator} needs the name of its metric: write @obs.{decorator}("checkout")')


def timed(name: str, help: str = "") -> Callable[[F], F]:  # noqa: A002 - Prometheus's own word
    """Measure how long each call of a function takes, in a histogram in seconds with the label `outcome`.

    A coroutine is measured until it has been awaited, a generator from its first value until it is exhausted or closed.

    Args:
        name: The metric, without unit: `checkout` becomes `checkout_seconds`.
        help: What is measured, one sentence.

    Returns:
        The decorator; the function's name and signature stay.

    Raises:
        ValueError: The name is not one of a metric, or belongs to another one.
        TypeError: There is no name, as when the brackets were left out.

    Example:
        >>> @timed("doc_checkout")
        ... def check_out(order: int) -> int:
        ...     return order
    """
    _need_a_name(name, "timed")
    histogram = metrics.histogram(name, help or f"How long {name} takes.", labels=("outcome",), unit="s")

    def decorate(function: F) -> F:
        return watched(function, lambda: _Timing(histogram))  # type: ignore[return-value]

    return decorate


def counted(name: str, help: str = "") -> Callable[[F], F]:  # noqa: A002 - Prometheus's own word
    """Count the calls of a function, with the label `outcome`: `ok`, or `error` when an exception left it.

    Args:
        name: The metric, without `_total`: `checkout` becomes `checkout_total`.
        help: What is counted, one sentence.

    Returns:
        The decorator; the function's name and signature stay.

    Raises:
        ValueError: The name is not one of a metric, or belongs to another one.
        TypeError: There is no name, as when the brackets were left out.

    Example:
        >>> @counted("doc_checkouts")
        ... def check_out_again(order: int) -> int:
        ...     return order
    """
    _need_a_name(name, "counted")
    counter = metrics.counter(name, help or f"Calls of {name}.", labels=("outcome",))
    counter.zero(_OK)
    counter.zero(_ERROR)

    def decorate(function: F) -> F:
        return watched(function, lambda: _Counting(counter))  # type: ignore[return-value]

    return decorate


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

"""Watching a function of any kind: plain, coroutine, generator or asynchronous generator."""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncGenerator, Callable, Generator
from typing import Any, ParamSpec, Protocol, TypeVar, cast

P = ParamSpec("P")
R = TypeVar("R")


class Watch(Protocol):
    """What watches one call. None of its methods may raise."""

    def resume(self) -> None:
        """The function's own code runs from here on."""

    def pause(self) -> None:
        """The function's own code stops here: it gave a value to whoever iterates, or it is done."""

    def end(self, error: BaseException | None) -> None:
        """The call is over, and this is what ended it."""


def watched(function: Callable[P, R], begin: Callable[[], Watch]) -> Callable[P, R]:
    """Wrap a function so that each call is watched from its start to its true end.

    The end is when a coroutine has been awaited and when a generator is exhausted or closed. A generator is watched
    from its first value on, and what it makes current is not current in the code that iterates over it.

    Args:
        function: What is wrapped; its name, signature and kind stay.
        begin: Makes the watch of one call.
    """
    if inspect.isasyncgenfunction(function):
        wrapper: Callable[..., Any] = _async_generator(function, begin)
    elif inspect.iscoroutinefunction(function):
        wrapper = _coroutine(function, begin)
    elif inspect.isgeneratorfunction(function):
        wrapper = _generator(function, begin)
    else:
        wrapper = _plain(function, begin)
    return cast("Callable[P, R]", functools.wraps(function)(wrapper))


def _plain(function: Callable[..., Any], begin: Callable[[], Watch]) -> Callable[..., Any]:
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        watch = begin()
        watch.resume()
        try:
            result = function(*args, **kwargs)
        except BaseException as error:
            watch.pause()
            watch.end(error)
            raise
        watch.pause()
        watch.end(None)
        return result

    return wrapper


def _coroutine(function: Callable[..., Any], begin: Callable[[], Watch]) -> Callable[..., Any]:
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        watch = begin()
        watch.resume()
        try:
            result = await function(*args, **kwargs)
        except BaseException as error:
            watch.pause()
            watch.end(error)
            raise
        watch.pause()
        watch.end(None)
        return result

    return wrapper


def _generator(
    function: Callable[..., Generator[Any, Any, Any]], begin: Callable[[], Watch]
) -> Callable[..., Generator[Any, Any, Any]]:
    def wrapper(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        watch = begin()
        inner = function(*args, **kwargs)
        step: Callable[[Any], Any] = inner.send
        value: Any = None
        try:
            while True:
                watch.resume()
                try:
                    item = step(value)
                except StopIteration as stop:
                    watch.end(None)
                    return stop.value
                finally:
                    watch.pause()
                try:
                    step, value = inner.send, (yield item)
                except GeneratorExit:
                    watch.resume()
                    try:
                        inner.close()
                    finally:
                        watch.pause()
                    raise
                except BaseException as error:  # noqa: BLE001 - whatever is thrown in belongs to the function
                    step, value = inner.throw, error
        except GeneratorExit:
            watch.end(None)
            raise
        except BaseException as error:
            watch.end(error)
            raise

    return wrapper


def _async_generator(
    function: Callable[..., AsyncGenerator[Any, Any]], begin: Callable[[], Watch]
) -> Callable[..., AsyncGenerator[Any, Any]]:
    async def wrapper(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        watch = begin()
        inner = function(*args, **kwargs)
        step: Callable[[Any], Any] = inner.asend
        value: Any = None
        try:
            while True:
                watch.resume()
                try:
                    item = await step(value)
                except StopAsyncIteration:
                    watch.end(None)
                    return
                finally:
                    watch.pause()
                try:
                    step, value = inner.asend, (yield item)
                except GeneratorExit:
                    watch.resume()
                    try:
                        await inner.aclose()
                    finally:
                        watch.pause()
                    raise
                except BaseException as error:  # noqa: BLE001 - whatever is thrown in belongs to the function
                    step, value = inner.athrow, error
        except GeneratorExit:
            watch.end(None)
            raise
        except BaseException as error:
            watch.end(error)
            raise

    return wrapper

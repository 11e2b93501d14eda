"""Watching a function of any kind: plain, coroutine, generator or asynchronous generator."""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from types import CoroutineType
from typing import Any, Protocol, TypeGuard, TypeVar, cast

# What a decorator gives back is of the type that it was given.
F = TypeVar("F", bound="Callable[..., Any] | classmethod[Any, ..., Any]")


class Watch(Protocol):
    """What watches one call. None of its methods may raise."""

    def resume(self) -> None:
        """The function's own code runs from here on."""

    def pause(self) -> None:
        """The function's own code stops here: it gave a value to whoever iterates, or it is done."""

    def end(self, error: BaseException | None) -> None:
        """The call is over, and this is what ended it."""


def is_function(given: object) -> TypeGuard[Callable[..., Any]]:
    """Whether a decorator was written without brackets, and so was given what it decorates."""
    return callable(given) or isinstance(given, classmethod)


def name_of(function: object) -> str:
    """The qualified name of a function, or that of an object's class."""
    if isinstance(function, (classmethod, staticmethod)):
        function = function.__func__
    return str(getattr(function, "__qualname__", type(function).__qualname__))


def watched(function: F, begin: Callable[[], Watch]) -> F:
    """Wrap a function so that each call is watched from its start to its true end.

    The end is when a coroutine has been awaited and when a generator is exhausted or closed. A generator is watched
    from its first value on, and what it makes current is not current in the code that iterates over it.

    Args:
        function: What is wrapped; its name, signature and kind stay. A class method or static method stays one.
        begin: Makes the watch of one call.

    Raises:
        TypeError: It is a class, which would be one no longer.
    """
    if isinstance(function, (classmethod, staticmethod)):
        return cast("F", type(function)(watched(function.__func__, begin)))
    if isinstance(function, type):
        raise TypeError(f"{function.__qualname__} is a class; decorate its methods")
    return cast("F", functools.wraps(function)(_kind_of(function)(function, begin)))


def _kind_of(function: Callable[..., Any]) -> Callable[[Any, Callable[[], Watch]], Callable[..., Any]]:
    """What wraps a function of this kind; an object is of the kind of what calling it runs."""
    is_object = not (inspect.isroutine(function) or isinstance(function, functools.partial))
    called = type(function).__call__ if is_object else function
    if inspect.isasyncgenfunction(called):
        return _async_generator
    if inspect.iscoroutinefunction(called):
        return _coroutine
    return _generator if inspect.isgeneratorfunction(called) else _plain


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
        if type(result) is CoroutineType:
            # A coroutine function within a decorator that hides it.
            return _awaited(result, watch)
        watch.end(None)
        return result

    return wrapper


async def _awaited(work: Coroutine[Any, Any, Any], watch: Watch) -> Any:
    watch.resume()
    try:
        result = await work
    except BaseException as error:
        watch.pause()
        watch.end(error)
        raise
    watch.pause()
    watch.end(None)
    return result


def _coroutine(function: Callable[..., Any], begin: Callable[[], Watch]) -> Callable[..., Any]:
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        return await _awaited(function(*args, **kwargs), begin())

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

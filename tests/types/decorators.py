"""What type checkers make of a decorated function: the type that it had. They read this file, nothing runs it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator
from typing import TypeVar, assert_type, overload

import obs

T = TypeVar("T")


@obs.traced
@obs.timed
@obs.counted
def bare(order: int, *, currency: str = "EUR") -> float:
    """All three without brackets."""
    return order


@obs.traced("charge card", provider="acme")
@obs.timed("charge")
@obs.counted("charges", "Charges.")
def named(order: int, *, currency: str = "EUR") -> float:
    """All three with their arguments."""
    return order


@obs.traced()
@obs.timed()
@obs.counted()
def with_brackets(order: int, *, currency: str = "EUR") -> float:
    """All three with empty brackets."""
    return order


assert_type(bare(1), float)
assert_type(named(1, currency="USD"), float)
assert_type(with_brackets(1, currency="USD"), float)
bare("one")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
named(1, curency="USD")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
with_brackets()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


@obs.traced
@obs.timed("later")
async def later(order: int) -> str:
    """A coroutine."""
    return str(order)


@obs.traced
@obs.timed("numbers")
def numbers(most: int) -> Iterator[int]:
    """A generator."""
    yield from range(most)


@obs.traced("echo")
@obs.counted
def echo() -> Generator[int, str, bytes]:
    """A generator that takes and returns something."""
    yield len((yield 1))
    return b""


@obs.traced
@obs.timed
async def stream(most: int) -> AsyncIterator[int]:
    """An asynchronous generator."""
    for number in range(most):
        yield number


@obs.traced
@obs.counted
def first(items: list[T]) -> T:
    """A generic function."""
    return items[0]


@overload
def either(value: int) -> int: ...
@overload
def either(value: str) -> str: ...
@obs.timed
def either(value: int | str) -> int | str:
    """An overloaded function."""
    return value


assert_type(numbers(1), Iterator[int])
assert_type(echo(), Generator[int, str, bytes])
assert_type(stream(1), AsyncIterator[int])
assert_type(first([1]), int)
assert_type(either(1), int)
assert_type(either("a"), str)


class Cart:
    """Methods of each kind."""

    @obs.traced
    @obs.timed("pack")
    def pack(self, item: str) -> Cart:
        """A method."""
        return self

    @classmethod
    @obs.traced
    @obs.counted("made")
    def make(cls, size: int) -> Cart:
        """A method of the class."""
        return cls()

    @staticmethod
    @obs.traced("weigh")
    @obs.timed
    def weigh(item: str) -> float:
        """A static method."""
        return 1.0

    @obs.traced
    @obs.timed()
    @classmethod
    def above(cls, size: int) -> Cart:
        """A method of the class, decorated above."""
        return cls()

    @obs.traced
    async def pay(self, amount: float) -> bool:
        """A coroutine."""
        return amount > 0

    @property
    @obs.traced
    def size(self) -> int:
        """A property."""
        return 1


assert_type(Cart().pack("tea"), Cart)
assert_type(Cart.make(1), Cart)
assert_type(Cart.above(1), Cart)
assert_type(Cart.weigh("tea"), float)
assert_type(Cart().size, int)
Cart().pack(1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
Cart.make("large")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def awaited() -> None:
    """What comes out of the asynchronous ones."""
    assert_type(await later(1), str)
    assert_type(await Cart().pay(1.0), bool)
    async for number in stream(1):
        assert_type(number, int)


# What takes functions takes decorated ones.
handler: Callable[[int], Awaitable[str]] = later
source: Callable[[int], Iterator[int]] = numbers

obs.traced(7)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]
obs.timed(7)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]
obs.counted("a", labels=("b",))  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]

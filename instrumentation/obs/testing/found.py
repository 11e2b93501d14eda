"""A list that says what is in it when it does not hold what a test looks for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Generic, TypeVar, overload

# More would hide the message at its top.
_MOST_SHOWN = 50

Item = TypeVar("Item")


class Found(Sequence[Item], Generic[Item]):
    """Captured logs or spans, in the order in which they were written or ended.

    Args:
        items: They.
    """

    # What one item is called in a message.
    noun = "item"

    def __init__(self, items: Sequence[Item]) -> None:
        self._items = tuple(items)

    @overload
    def __getitem__(self, index: int) -> Item: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Item]: ...
    def __getitem__(self, index: int | slice) -> Item | Sequence[Item]:
        return self._items[index]

    def __len__(self) -> int:
        return len(self._items)

    def __repr__(self) -> str:
        lines = [f"  {item}" for item in self._items[:_MOST_SHOWN]]
        if len(self) > _MOST_SHOWN:
            lines.append(f"  and {len(self) - _MOST_SHOWN} more")
        return "\n".join([f"{len(self)} {self.noun}{'' if len(self) == 1 else 's'}", *lines])

    def _matching(
        self, wanted: Mapping[str, object], details: Mapping[str, object], has: Callable[[Item, str, object], bool]
    ) -> list[Item]:
        """Those whose attributes of Python have these values, None being any, and that have all details."""
        asked = {name: value for name, value in wanted.items() if value is not None}
        return [
            item
            for item in self._items
            if all(getattr(item, name) == value for name, value in asked.items())
            and all(has(item, name, value) for name, value in details.items())
        ]

    def _only(self, found: Sequence[Item], wanted: Mapping[str, object], details: Mapping[str, object]) -> Item:
        """The one that was found.

        Raises:
            AssertionError: There is none or there are several.
        """
        if len(found) == 1:
            return found[0]
        asked = {**{name: value for name, value in wanted.items() if value is not None}, **details}
        text = ", ".join(f"{name}={value!r}" for name, value in asked.items()) or "anything"
        number = f"{len(found)} {self.noun}s have" if found else f"no {self.noun} has"
        raise AssertionError(f"{number} {text}; there are {self!r}" if self else f"{number} {text}; there are none")
